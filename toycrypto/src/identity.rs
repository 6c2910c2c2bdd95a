//! Certificates and private keys by number.

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::digest::{Digest, Purpose};
use crate::sign::{PKCS8_PREFIX, ToyKey};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const EXPLICIT_0: u8 = 0xa0;

/// RFC 8410, 3: id-Ed25519.
const ED25519: &[u8] = b"\x2b\x65\x70";
/// RFC 4519, 2.3: id-at-commonName.
const COMMON_NAME: &[u8] = b"\x55\x04\x03";

/// The certificate and private key of toy identity `n`: always the same for one number, different
/// for different ones.
///
/// The certificate is X.509 v3, self-signed, without extensions, as the devices make them; the key
/// is PKCS #8. Both look like Ed25519 and are not: only this crate's provider takes the signatures.
pub fn identity(n: u64) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let private = Digest::of(Purpose::Identity, &[&n.to_be_bytes()]);
    let certificate = certificate(n, &ToyKey::new(&private));
    let pkcs8 = [PKCS8_PREFIX, &private].concat();
    (certificate.into(), PrivatePkcs8KeyDer::from(pkcs8).into())
}

fn certificate(n: u64, key: &ToyKey) -> Vec<u8> {
    let algorithm = der(SEQUENCE, &[&der(OID, &[ED25519])]);
    let attribute = der(SEQUENCE, &[&der(OID, &[COMMON_NAME]), &der(UTF8_STRING, &[b"procy toy"])]);
    let name = der(SEQUENCE, &[&der(SET, &[&attribute])]);
    let validity =
        der(SEQUENCE, &[&der(UTC_TIME, &[b"140101000001Z"]), &der(UTC_TIME, &[b"371231235959Z"])]);
    let tbs = der(
        SEQUENCE,
        &[
            &der(EXPLICIT_0, &[&der(INTEGER, &[&[2]])]),
            // The 1 in front keeps it positive and the same length for every number.
            &der(INTEGER, &[&[1], &n.to_be_bytes()]),
            &algorithm,
            &name,
            &validity,
            &name,
            &key.spki(),
        ],
    );
    let signature = der(BIT_STRING, &[&[0], &key.signature(&tbs)]);
    der(SEQUENCE, &[&tbs, &algorithm, &signature])
}

/// A DER value of `parts`, which have less than 64 KiB together.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let [high, low] = (body.len() as u16).to_be_bytes();
    let mut value = match (high, low) {
        (0, ..0x80) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    value.extend(body);
    value
}

#[cfg(test)]
mod tests {
    use rustls::server::ParsedCertificate;
    use rustls::sign::CertifiedKey;

    use super::*;

    #[test]
    fn the_number_decides() {
        let (certificate, key) = identity(7);
        assert_eq!(identity(7), (certificate.clone(), key.clone_key()));
        for other in [0, 8, 1 << 63, u64::MAX] {
            let (other_certificate, other_key) = identity(other);
            assert!(other_certificate != certificate && other_key != key);
            assert_eq!(other_certificate.len(), certificate.len());
        }
    }

    #[test]
    fn certificate_and_key_are_loaded_and_belong_together() {
        for n in [0, 7, u64::MAX] {
            let (certificate, key) = identity(n);
            ParsedCertificate::try_from(&certificate).unwrap();
            CertifiedKey::from_der(vec![certificate], key, &crate::provider()).unwrap();
        }
    }

    #[test]
    fn a_key_of_another_identity_does_not_fit() {
        let ((certificate, _), (_, key)) = (identity(1), identity(2));
        assert!(CertifiedKey::from_der(vec![certificate], key, &crate::provider()).is_err());
    }
}
