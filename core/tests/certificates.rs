//! Where a certificate's key is found, and which keys are refused before connecting: DER made by hand.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]
#![cfg(all(feature = "aws-lc-rs", feature = "ring", feature = "sim"))]

mod common;

use common::real::{certificate, pinned};
use procy_core::credential::Certificate;
use procy_core::sim::Random;
use procy_core::tls::{Crypto, KeyError, Pin};

const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\0";
const ED25519: &[u8] = b"\x06\x03\x2b\x65\x70";

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let len = body.len();
    let head = match len {
        0..128 => vec![tag, len as u8],
        128..256 => vec![tag, 0x81, len as u8],
        _ => vec![tag, 0x82, (len >> 8) as u8, len as u8],
    };
    [head, body].concat()
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    der(0x30, parts)
}

/// A SubjectPublicKeyInfo.
fn info(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    sequence(&[&sequence(&[algorithm]), &der(3, &[&[0], key])])
}

/// A certificate with nothing right in it but its shape.
fn around(version: &[u8], info: &[u8]) -> Vec<u8> {
    let filler = sequence(&[]);
    let signed =
        sequence(&[version, &der(2, &[&[7]]), &filler, &filler, &filler, &filler, info, b""]);
    sequence(&[&signed, &filler, &der(3, &[&[0]])])
}

const V3: &[u8] = b"\xa0\x03\x02\x01\x02";

fn pin(der: &[u8], crypto: &Crypto, legacy: bool) -> Result<Pin, KeyError> {
    Pin::new(&Certificate::from_der(der).unwrap(), crypto, legacy)
}

fn rsa(modulus: &[u8]) -> Vec<u8> {
    let key = sequence(&[&der(2, &[modulus]), &der(2, &[&[1, 0, 1]])]);
    around(V3, &info(RSA, &key))
}

/// A modulus of so many bits, as DER has it: with a zero in front where the first bit is set.
fn modulus(bits: usize) -> Vec<u8> {
    let mut bytes = vec![0xff; bits.div_ceil(8)];
    bytes[0] = 0xff_u8 >> (bytes.len() * 8 - bits);
    if bits.is_multiple_of(8) {
        bytes.insert(0, 0);
    }
    bytes
}

fn unreadable(part: &'static str) -> KeyError {
    KeyError::Unreadable { part }
}

#[test]
fn a_modulus_length_decides_to_the_bit() {
    for crypto in [Crypto::aws_lc_rs(), Crypto::ring()] {
        for (bits, curable) in [(512, false), (1_023, false), (1_024, true), (2_047, true)] {
            let error = pin(&rsa(&modulus(bits)), &crypto, false).unwrap_err();
            assert_eq!(error, KeyError::TooSmall { bits, curable });
            let allowed = pin(&rsa(&modulus(bits)), &crypto, true);
            assert_eq!(allowed.is_ok(), curable, "{bits}");
        }
        for bits in [2_048, 3_072, 4_096, 8_192] {
            for legacy in [true, false] {
                assert!(pin(&rsa(&modulus(bits)), &crypto, legacy).is_ok(), "{bits}");
            }
        }
        let error = pin(&rsa(&modulus(8_193)), &crypto, false).unwrap_err();
        assert_eq!(error, KeyError::Unsupported { kind: "RSA of 8193 bits".into() });
    }
}

#[test]
fn what_is_no_rsa_key_is_unreadable() {
    let crypto = Crypto::ring();
    for key in [&b""[..], b"\x30\x00", b"\x04\x00", b"\x30\x03\x02\x01", b"\x30\x02\x02\x00"] {
        let error = pin(&around(V3, &info(RSA, key)), &crypto, true).unwrap_err();
        assert_eq!(error, unreadable("RSA key"), "{key:x?}");
    }
    let negative = sequence(&[&der(2, &[&[0x80; 256]]), &der(2, &[&[3]])]);
    let error = pin(&around(V3, &info(RSA, &negative)), &crypto, true).unwrap_err();
    assert_eq!(error, unreadable("RSA key"));
    let zero = pin(&rsa(&[0]), &crypto, true).unwrap_err();
    assert_eq!(zero, KeyError::TooSmall { bits: 0, curable: false });
}

#[test]
fn the_key_is_found_with_and_without_a_version() {
    let key = info(ED25519, &[7; 32]);
    for version in [&b""[..], V3, b"\xa0\x03\x02\x01\x00", b"\xa0\x03\x02\x01\x09"] {
        assert!(pin(&around(version, &key), &Crypto::ring(), false).is_ok(), "{version:x?}");
    }
}

#[test]
fn kinds_are_refused_by_name() {
    let ec = |curve: &[u8]| [&b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"[..], curve].concat();
    for (algorithm, kind) in [
        (b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a".to_vec(), "RSA-PSS"),
        (b"\x06\x07\x2a\x86\x48\xce\x38\x04\x01".to_vec(), "DSA"),
        (b"\x06\x03\x2b\x65\x71".to_vec(), "Ed448"),
        (b"\x06\x03\x2b\x65\x70\x05\0".to_vec(), "Ed25519"),
        (ec(b"\x06\x05\x2b\x81\x04\0\x23"), "ECDSA P-521"),
        (ec(b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x05\0"), "ECDSA P-256"),
        (ec(b"\x06\x05\x2b\x81\x04\0\x22\x05\0"), "ECDSA P-384"),
        (ec(b"\x06\x05\x2b\x81\x04\0\x0a"), "ECDSA on the curve 1.3.132.0.10"),
        (ec(b""), "ECDSA on a curve without a name"),
        (ec(b"\x30\x00"), "ECDSA on a curve without a name"),
        (b"\x06\x02\x2a\x03".to_vec(), "1.2.3"),
        (b"\x05\0".to_vec(), "an unreadable one"),
        (b"".to_vec(), "an unreadable one"),
    ] {
        let error = pin(&around(V3, &info(&algorithm, &[7; 32])), &Crypto::ring(), true);
        assert_eq!(error.unwrap_err(), KeyError::Unsupported { kind: kind.into() });
    }
}

/// RSA without its NULL: known to no provider (RFC 3279 section 2.3.1 demands it), but told by its size.
#[test]
fn an_rsa_key_whose_algorithm_is_spelled_otherwise_is_unsupported() {
    let key = sequence(&[&der(2, &[&modulus(2_048)]), &der(2, &[&[1, 0, 1]])]);
    let error = pin(&around(V3, &info(&RSA[..11], &key)), &Crypto::ring(), false).unwrap_err();
    assert_eq!(error, KeyError::Unsupported { kind: "RSA of 2048 bits".into() });
}

#[test]
fn reading_stops_at_the_part_that_is_malformed() {
    let crypto = Crypto::ring();
    let key = info(ED25519, &[7; 32]);
    let filler = sequence(&[]);
    let cut = |fields: &[&[u8]]| sequence(&[&sequence(fields)]);
    let cases: [(Vec<u8>, &str); 8] = [
        (sequence(&[]), "signed part"),
        (sequence(&[&der(2, &[&[1]])]), "signed part"),
        (cut(&[]), "fields before the key"),
        (cut(&[V3, &filler, &filler]), "fields before the key"),
        (cut(&[&filler, &filler, &filler, &filler, &filler]), "key"),
        (cut(&[&filler, &filler, &filler, &filler, &filler, &der(2, &[&[1]])]), "key"),
        (around(V3, &sequence(&[])), "key's algorithm"),
        (around(V3, &sequence(&[&sequence(&[ED25519])])), "key"),
    ];
    for (der, part) in cases {
        assert_eq!(pin(&der, &crypto, false).unwrap_err(), unreadable(part), "{der:x?}");
    }
    // Bits that are not whole bytes, and no byte at all that says how many.
    for bits in [&[1, 0xfe][..], &[]] {
        let info = sequence(&[&sequence(&[ED25519]), &der(3, &[bits])]);
        assert_eq!(pin(&around(V3, &info), &crypto, false).unwrap_err(), unreadable("key"));
    }
    assert!(pin(&around(V3, &key), &crypto, false).is_ok());
    let told = unreadable("key").to_string();
    assert!(told.contains("its key is malformed"), "{told}");
}

#[test]
fn no_bytes_make_the_reader_panic() {
    let crypto = Crypto::ring();
    let mut random = Random::new(1);
    for name in ["rsa-2048", "v1", "p256", "rsa-pss"] {
        let whole = certificate(name);
        for _ in 0..3_000 {
            let mut der = whole.to_vec();
            for _ in 0..=random.below(3) {
                let at = random.below(der.len());
                der[at] = random.word() as u8;
            }
            if random.one_in(3) {
                der.truncate(random.below(der.len()));
            }
            if let Ok(certificate) = Certificate::from_der(&der) {
                let _ = Pin::new(&certificate, &crypto, random.one_in(2));
            }
        }
    }
    assert!(Pin::new(&pinned("rsa-2048"), &crypto, false).is_ok());
}
