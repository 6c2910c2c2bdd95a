//! The console's part: TLS as client, pin, command, hello.

use alloc::sync::Arc;

use super::Bounds;
use crate::credential::{Fingerprint, Password};
use crate::procycmd::Style;
use crate::rfb::HelloScanner;
use crate::timer::Instant;
use crate::tls::Crypto;

/// How console sessions are made; share one among all.
#[derive(Clone, Debug)]
pub struct Config {
    /// The cryptography to use.
    pub crypto: Crypto,
    /// How the command is spelled.
    pub style: Style,
    /// Whether RSA keys of 1,024 to 2,047 bits may pass (TLS 1.2 with PKCS #1; possession is proven all the same).
    pub allow_legacy_keys: bool,
    /// Leave the viewer as it is, untold and unclosed, if the device closes before its hello: the
    /// host may then try once more with another session over the same stream (another spelling, a
    /// fresh password).
    pub retriable: bool,
    /// How long and how much.
    pub bounds: Bounds,
}

impl Config {
    /// The documented spelling, modern keys, default bounds.
    #[must_use]
    pub fn new(crypto: Crypto) -> Self {
        Self {
            crypto,
            style: Style::default(),
            allow_legacy_keys: false,
            retriable: false,
            bounds: Bounds::default(),
        }
    }
}

/// A console session's state until it relays.
#[derive(Debug)]
pub(crate) struct Prologue {
    pub(crate) config: Arc<Config>,
    /// Taken once, when the command is sealed.
    pub(crate) password: Option<Password>,
    /// When the password's five minutes are over.
    pub(crate) expires: Option<Instant>,
    /// Of the pinned certificate.
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) hello: HelloScanner,
}

impl Prologue {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        Self {
            config,
            password: None,
            expires: None,
            fingerprint: None,
            hello: HelloScanner::new(),
        }
    }
}
