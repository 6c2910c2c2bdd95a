//! What must fail as it would with real cryptography.

use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, Error, SupportedProtocolVersion};

use crate::pair::{Pair, Way};

const CHANGE_CIPHER: u8 = 20;
const APPLICATION_DATA: u8 = 23;
const HEADER_LEN: usize = 5;

/// The records of one handshake and one piece of data each way, and which of them are protected.
fn reference(version: &'static SupportedProtocolVersion) -> Vec<(Vec<u8>, bool)> {
    let mut pair = exchange(version, None);
    assert!(pair.is_established() && pair.server.heard == b"ping" && pair.client.heard == b"pong");
    let mut changed = [false; 2];
    let mut judge = |(way, record): (Way, Vec<u8>)| {
        let changed = &mut changed[usize::from(way == Way::ToClient)];
        let protected = record[0] == APPLICATION_DATA || (*changed && version == &TLS12);
        *changed |= record[0] == CHANGE_CIPHER;
        (record, protected)
    };
    pair.wire.drain(..).map(&mut judge).collect()
}

/// The exchange of [`reference`] with one bit of one record changed on its way.
fn exchange(version: &'static SupportedProtocolVersion, flip: Option<(usize, usize, u8)>) -> Pair {
    procy_toycrypto::seed_thread(9);
    let mut pair = Pair::new(version);
    pair.client.send(b"ping");
    pair.server.send(b"pong");
    pair.run_with(|_, number, record| {
        if let Some((flipped, at, mask)) = flip
            && flipped == number
        {
            record[at] ^= mask;
        }
    });
    pair
}

#[test]
fn a_changed_bit_in_any_protected_record_is_a_decrypt_error() {
    for version in [&TLS13, &TLS12] {
        let mut tried = 0;
        for (number, (record, protected)) in reference(version).iter().enumerate() {
            for at in (HEADER_LEN..record.len()).filter(|_| *protected) {
                // Every bit of short records, one of each byte of long ones.
                let bits = if record.len() < 60 { 0..8 } else { at % 8..at % 8 + 1 };
                for bit in bits {
                    let pair = exchange(version, Some((number, at, 1 << bit)));
                    assert_eq!(pair.error(), Some(&Error::DecryptError), "{number} {at} {bit}");
                    tried += 1;
                }
            }
        }
        assert!(tried > 500, "{tried}");
    }
}

#[test]
fn a_changed_bit_in_any_unprotected_record_ends_the_handshake() {
    for version in [&TLS13, &TLS12] {
        let mut tried = 0;
        for (number, (record, protected)) in reference(version).iter().enumerate() {
            for at in (HEADER_LEN..record.len()).filter(|_| !*protected) {
                let pair = exchange(version, Some((number, at, 1 << (at % 8))));
                // A changed length may leave a side waiting for more; none may come through.
                assert!(!pair.is_established(), "{number} {at}");
                tried += 1;
            }
        }
        assert!(tried > 200, "{tried}");
    }
}

#[test]
fn a_signature_by_another_key_is_refused() {
    for version in [&TLS13, &TLS12] {
        procy_toycrypto::seed_thread(1);
        let mut pair = Pair::with_server(version, 1, 2);
        pair.run();
        let expected = Error::InvalidCertificate(CertificateError::BadSignature);
        assert_eq!(pair.client.error, Some(expected));
        assert!(!pair.server.established);
    }
}

#[test]
fn another_certificate_is_refused_by_a_pin() {
    for version in [&TLS13, &TLS12] {
        procy_toycrypto::seed_thread(1);
        let mut pair = Pair::with_server(version, 2, 2);
        pair.run();
        let expected = Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);
        assert_eq!(pair.client.error, Some(expected));
    }
}

#[test]
fn a_record_of_another_connection_is_a_decrypt_error() {
    for version in [&TLS13, &TLS12] {
        let [mut first, mut second] = [1, 2].map(|seed| {
            procy_toycrypto::seed_thread(seed);
            let mut pair = Pair::new(version);
            pair.run();
            pair
        });
        first.client.send(b"ping");
        first.client.run();
        second.server.incoming.append(&mut first.client.outgoing);
        second.server.run();
        assert_eq!(second.server.error, Some(Error::DecryptError));
    }
}

#[test]
fn a_record_that_comes_twice_is_a_decrypt_error() {
    for version in [&TLS13, &TLS12] {
        procy_toycrypto::seed_thread(1);
        let mut pair = Pair::new(version);
        pair.run();
        pair.client.send(b"ping");
        pair.client.run();
        let record = std::mem::take(&mut pair.client.outgoing);
        pair.server.incoming = [&record[..], &record].concat();
        pair.server.run();
        assert_eq!(pair.server.heard, b"ping");
        assert_eq!(pair.server.error, Some(Error::DecryptError));
    }
}
