//! What the tests of whole sessions share.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::Arc;

use procy_core::credential::Certificate;
use procy_core::prologue::{console, device};
use procy_core::sim::Cast;
use procy_core::tls::Crypto;

/// Players with the toy provider: fast, and repeatable once the thread is seeded.
pub fn toy_cast() -> Cast {
    procy_toycrypto::seed_thread(0);
    let crypto = Crypto::from(Arc::new(procy_toycrypto::provider()));
    let (certificate, key) = procy_toycrypto::identity(1);
    let (stranger, strangers_key) = procy_toycrypto::identity(2);
    let certificate = Certificate::from_der(&certificate).unwrap();
    let stranger = Certificate::from_der(&stranger).unwrap();
    let make = |certificate: &Certificate, key| {
        let mut config = device::Config::new(certificate, key, &crypto).unwrap();
        config.bounds = Cast::bounds();
        config
    };
    let mut console = console::Config::new(crypto.clone());
    console.bounds = Cast::bounds();
    Cast {
        device: make(&certificate, &key),
        stranger: make(&stranger, &strangers_key),
        impostor: make(&certificate, &strangers_key),
        console: Arc::new(console),
        certificate,
    }
}
