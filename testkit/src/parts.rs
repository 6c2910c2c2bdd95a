//! What the runtimes' own tests are made of, whichever the runtime: the two ends' configurations, which fit each other, and
//! bytes to send between them.

#![allow(clippy::expect_used, reason = "only tests are made of this, of constants")]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use procy_core::credential::{Certificate, Credential, Password};
use procy_core::event::Outcome;
use procy_core::prologue::{console, device};
use procy_core::tls::{Crypto, TlsVersion};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::certificates::{Identity, Kind, identity};

/// What a VNC server says first.
pub const HELLO: &[u8; 12] = b"RFB 003.008\n";

/// The password of [`credential`].
pub const PASSWORD: &str = "01234567-89ab-cdef-0123-456789abcdef";

/// A bound on what a test waits for; never reached by a test that passes.
pub const LONG: Duration = Duration::from_secs(60);

static IDENTITY: LazyLock<Identity> = LazyLock::new(|| identity(Kind::P256));

fn certificate() -> Certificate {
    Certificate::from_der(&IDENTITY.certificate_der).expect("it is one")
}

/// What UMS has for the device of [`device_config`].
#[must_use]
pub fn credential() -> Credential {
    let password = Password::parse(PASSWORD).expect("it is one");
    Credential { certificate: certificate(), password }
}

/// A console that speaks TLS 1.3 and 1.2.
#[must_use]
pub fn console_config() -> console::Config {
    console::Config::new(Crypto::aws_lc_rs())
}

/// A device that speaks TLS 1.3.
#[must_use]
pub fn device_config() -> device::Config {
    device_config_of(TlsVersion::Tls13)
}

/// A device that knows nothing but this version.
#[must_use]
pub fn device_config_of(version: TlsVersion) -> device::Config {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    let wanted = match version {
        TlsVersion::Tls12 => &rustls::version::TLS12,
        TlsVersion::Tls13 => &rustls::version::TLS13,
    };
    provider.cipher_suites.retain(|suite| suite.version() == wanted);
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(IDENTITY.key_pkcs8_der.clone()));
    device::Config::new(&certificate(), &key, &Arc::new(provider).into())
        .expect("they belong together")
}

/// An outcome in a word: an error's code, or `ended`.
#[must_use]
pub fn code(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Failed(error) => error.code(),
        Outcome::Ended(_) => "ended",
    }
}

/// Bytes that repeat nowhere near: a lost, doubled or moved one shows. They begin as a viewer does ("RFB"): what could be
/// a terminator of the command, a device takes for one.
#[must_use]
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    if let Some(first) = bytes.first_mut() {
        *first = b'R';
    }
    bytes
}
