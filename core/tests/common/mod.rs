//! What the tests of whole sessions share: players, a host in memory, and TLS peers that are not ours.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test file uses its part")]

pub mod bench;
pub mod forge;
pub mod host;
pub mod peer;
pub mod real;

use std::sync::Arc;

use procy_core::credential::{Certificate, Credential, Password};
use procy_core::prologue::{console, device};
#[cfg(feature = "sim")]
use procy_core::sim::Cast;
use procy_core::tls::Crypto;
use rustls::pki_types::PrivateKeyDer;

pub use bench::{Bench, Stage};
pub use host::{Host, Wire};
pub use peer::Peer;

/// The password of every session here.
pub const PASSWORD: &str = "6ce714ad-6629-4296-a676-1c0ca5f4689c";

/// The command that carries it, as documented.
pub const COMMAND: &[u8] = b"PROCYCMD PW_6ce714ad-6629-4296-a676-1c0ca5f4689c";

/// What a device says first.
pub const HELLO: &[u8] = b"RFB 003.008\n";

/// The fast and repeatable provider. The thread is seeded, so that every test is the same each time.
pub fn toy() -> Crypto {
    procy_toycrypto::seed_thread(0);
    Crypto::from(Arc::new(procy_toycrypto::provider()))
}

/// Toy identity `n`.
pub fn identity(n: u64) -> (Certificate, PrivateKeyDer<'static>) {
    let (certificate, key) = procy_toycrypto::identity(n);
    (Certificate::from_der(&certificate).unwrap(), key)
}

/// What UMS has for the device with toy identity 1.
pub fn credential() -> Credential {
    Credential { certificate: identity(1).0, password: Password::parse(PASSWORD).unwrap() }
}

/// A device with toy identity 1.
pub fn device_config() -> device::Config {
    let (certificate, key) = identity(1);
    device::Config::new(&certificate, &key, &toy()).unwrap()
}

/// Players with the toy provider: fast, and repeatable once the thread is seeded.
#[cfg(feature = "sim")]
pub fn toy_cast() -> Cast {
    Cast::new(&toy(), identity(1), identity(2)).unwrap()
}

/// Players with real keys and real cryptography, which no seed repeats.
#[cfg(all(feature = "sim", feature = "aws-lc-rs"))]
pub fn real_cast() -> Cast {
    let player = |name| (real::pinned(name), real::key(name));
    Cast::new(&Crypto::aws_lc_rs(), player("rsa-2048"), player("twin")).unwrap()
}

/// Bytes of which each follows from its position, so that loss, doubling and mix-ups show; the first is no
/// terminator of a command.
pub fn pattern(len: usize) -> Vec<u8> {
    (1..=len as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}
