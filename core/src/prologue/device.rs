//! The device's part, the other side of the same wire: TLS as server, command, verdict, local VNC server.

use alloc::vec::Vec;
use core::fmt;

pub use rustls::pki_types::PrivateKeyDer;

use super::Bounds;
use crate::credential::Certificate;
use crate::error::Error;
use crate::procycmd::{Decoder, Trailer};
use crate::tls::{Crypto, ServerConfig, server_config};

/// How device sessions are made; share one among all.
#[derive(Clone)]
pub struct Config {
    pub(crate) tls: ServerConfig,
    /// How long and how much.
    pub bounds: Bounds,
}

impl Config {
    /// A device that shows `certificate` and holds its `key`.
    ///
    /// # Errors
    /// [`Error::Setup`] if the provider cannot use the key.
    pub fn new(
        certificate: &Certificate,
        key: &PrivateKeyDer<'static>,
        crypto: &Crypto,
    ) -> Result<Self, Error> {
        Ok(Self { tls: server_config(certificate.der(), key, crypto)?, bounds: Bounds::default() })
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

/// A device session's state until it relays.
pub(crate) struct Prologue {
    pub(crate) decoder: Decoder,
    pub(crate) trailer: Trailer,
    /// What the console sent after the command, for the local VNC server.
    pub(crate) early: Vec<u8>,
}

impl Prologue {
    pub(crate) fn new() -> Self {
        Self { decoder: Decoder::new(), trailer: Trailer::new(), early: Vec::new() }
    }

    /// Takes what follows the command: at most one terminator falls away. False if it is more than `limit` bytes.
    pub(crate) fn follow(&mut self, content: &[u8], limit: usize) -> bool {
        let skip = self.trailer.strip(content);
        self.early.extend_from_slice(&content[skip..]);
        self.early.len() <= limit
    }
}

impl fmt::Debug for Prologue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prologue").field("early", &self.early.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_words_are_counted_and_not_shown() {
        let mut prologue = Prologue::new();
        assert!(prologue.follow(b"RFB", 3));
        assert!(!prologue.follow(b"!", 3), "more than the limit");
        assert_eq!(alloc::format!("{prologue:?}"), "Prologue { early: 4, .. }");
    }
}
