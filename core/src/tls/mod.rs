//! TLS as this project uses it: rustls' unbuffered API behind a vocabulary of our own.
//!
//! Outside this module rustls is named only where a host hands something in: the [`CryptoProvider`] that a [`Crypto`] takes, its
//! groups, and a device's private key.

mod engine;
mod pin;
mod plain;
mod record;
mod seal;
mod traffic;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use rustls::SignatureScheme;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::SignatureVerificationAlgorithm;

pub(crate) use engine::{Engine, ServerConfig, Step, sealable, sealed_len, server_config};
pub use pin::{KeyError, Pin};
use seal::Sealing;

/// The cryptography that the host has chosen.
#[derive(Clone)]
pub struct Crypto {
    pub(crate) provider: Arc<CryptoProvider>,
    pub(crate) legacy: &'static [(SignatureScheme, &'static dyn SignatureVerificationAlgorithm)],
    sealing: Sealing,
}

impl Crypto {
    /// AWS-LC, the fastest; needs a C compiler to build.
    #[cfg(feature = "aws-lc-rs")]
    #[must_use]
    pub fn aws_lc_rs() -> Self {
        Self {
            provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
            legacy: pin::legacy::AWS_LC_RS,
            sealing: Sealing::AwsLcRs,
        }
    }

    /// *ring*, the most portable. It knows no P-521.
    #[cfg(feature = "ring")]
    #[must_use]
    pub fn ring() -> Self {
        Self {
            provider: Arc::new(rustls::crypto::ring::default_provider()),
            legacy: pin::legacy::RING,
            sealing: Sealing::Provider,
        }
    }

    /// This crypto, with nothing but the key exchange groups that `keep` says yes to.
    #[must_use]
    pub fn with_groups(mut self, keep: impl Fn(rustls::NamedGroup) -> bool) -> Self {
        Arc::make_mut(&mut self.provider).kx_groups.retain(|group| keep(group.name()));
        self
    }

    /// This crypto, with every record left to rustls, which copies each: slower by a third, and what the faster way is
    /// tested against. A provider whose traffic secrets cannot be had is used so in any case.
    #[must_use]
    pub fn with_plain_records(mut self) -> Self {
        self.sealing = Sealing::Plain;
        self
    }
}

/// Any other provider; it can prove no legacy keys.
impl From<Arc<CryptoProvider>> for Crypto {
    fn from(provider: Arc<CryptoProvider>) -> Self {
        Self { provider, legacy: &[], sealing: Sealing::Provider }
    }
}

impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto").field("legacy", &self.legacy.len()).finish_non_exhaustive()
    }
}

/// The TLS version that a session agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tls12 => "TLS 1.2",
            Self::Tls13 => "TLS 1.3",
        })
    }
}

/// How TLS failed with a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// Instead of TLS, a VNC server's hello came.
    #[error("plain VNC, without TLS, answers there")]
    PlainVnc,
    /// What came is no TLS.
    #[error("what answers there is no TLS; it began with \"{}\"", .shown.escape_ascii())]
    NotTls {
        /// The first five bytes.
        shown: Vec<u8>,
    },
    /// The peer speaks neither TLS 1.2 nor TLS 1.3.
    #[error("it speaks neither TLS 1.2 nor TLS 1.3")]
    Version,
    /// No cipher suite, group or signature scheme suits both.
    #[error("it has no TLS parameters in common with us: {0}")]
    Parameters(String),
    /// The certificate is the pinned one, but the peer could not prove that it holds its key.
    #[error("it showed the pinned certificate, but could not prove that it holds its key")]
    KeyNotProven,
    /// The peer wants a certificate of ours.
    #[error("it asks for a client certificate")]
    ClientCertificate,
    /// The peer sent a fatal alert.
    #[error("it ended TLS with the alert {0}")]
    Alert(String),
    /// A TLS 1.2 connection has protected as many records as its keys may (RFC 9325 section 4.4).
    #[error("its TLS 1.2 connection has used up its keys")]
    Exhausted,
    /// The peer broke TLS's rules, or somebody changed bytes on their way.
    #[error("it broke the rules of TLS: {0}")]
    Protocol(String),
}

impl TlsFault {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::PlainVnc => "plain-vnc",
            Self::NotTls { .. } => "not-tls",
            Self::Version => "tls-version",
            Self::Parameters(_) => "tls-parameters",
            Self::KeyNotProven => "key-not-proven",
            Self::ClientCertificate => "tls-client-certificate",
            Self::Alert(_) => "tls-alert",
            Self::Exhausted => "tls-exhausted",
            Self::Protocol(_) => "tls-protocol",
        }
    }

    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::PlainVnc => {
                "Secure mode is off on this device: switch it on in its profile (System > Remote Access > Shadow > Secure \
                 mode), then reboot the device."
            }
            Self::NotTls { .. } => "Something else listens there: check address and port.",
            Self::Version => {
                "The device's firmware is too old for Secure VNC over TLS 1.2: update it."
            }
            Self::Parameters(_) => {
                "The device's firmware offers outdated cryptography only: update it."
            }
            Self::KeyNotProven => {
                "Do not trust what answers there: it may have copied the device's certificate."
            }
            Self::ClientCertificate => {
                "What answers there is no IGEL device's VNC port: check address and port."
            }
            Self::Exhausted => "Connect again.",
            Self::Alert(_) | Self::Protocol(_) => {
                "Try again; if it persists, look at the device's log."
            }
        }
    }
}
