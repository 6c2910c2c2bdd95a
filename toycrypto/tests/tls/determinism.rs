//! The seed decides every byte on the wire.

use std::sync::Arc;

use rustls::version::{TLS12, TLS13};
use rustls::{Error, SupportedProtocolVersion};

use crate::pair::{Pair, Way, client};

fn wire(version: &'static SupportedProtocolVersion, seed: u64) -> Vec<(Way, Vec<u8>)> {
    procy_toycrypto::seed_thread(seed);
    let mut pair = Pair::new(version);
    pair.client.send(b"ping");
    pair.server.send(b"pong");
    pair.run();
    assert!(pair.is_established(), "{:?}", pair.error());
    pair.wire
}

#[test]
fn one_seed_gives_the_same_bytes_every_time_and_on_every_thread() {
    for version in [&TLS13, &TLS12] {
        let first = wire(version, 5);
        assert!(first == wire(version, 5));
        assert!(std::thread::spawn(|| wire(version, 5)).join().unwrap() == first);
    }
}

#[test]
fn another_seed_gives_other_bytes_in_every_kind_of_record() {
    for version in [&TLS13, &TLS12] {
        let (first, second) = (wire(version, 5), wire(version, 6));
        assert_eq!(first.len(), second.len());
        for ((way, a), (_, b)) in first.iter().zip(&second) {
            // All but the change of cipher, which is the one byte 1.
            assert!(a[0] == 20 || a != b, "{way:?} {a:?}");
        }
    }
}

#[test]
fn a_thread_without_a_seed_cannot_begin() {
    let begin = || client(&Arc::new(procy_toycrypto::provider()), &TLS13).err();
    let error = std::thread::spawn(begin).join().unwrap();
    assert_eq!(error, Some(Error::FailedToGetRandomBytes));
}
