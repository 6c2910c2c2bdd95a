//! Each committed certificate has the shape that its name promises.

use der::asn1::{ObjectIdentifier, UintRef};
use der::{Decode, Encode, Sequence};
use procy_testkit::certificates::{Kind, TlsVersions, fresh, identity};
use x509_cert::Certificate;
use x509_cert::certificate::Version;

const RSA: &str = "1.2.840.113549.1.1.1";
const RSA_PSS: &str = "1.2.840.113549.1.1.10";
const EC: &str = "1.2.840.10045.2.1";
const ED25519: &str = "1.3.101.112";

/// Key algorithm; for RSA bits and exponent, for EC the curve; signature algorithm.
fn promised(kind: Kind) -> (&'static str, Key, &'static str) {
    match kind {
        Kind::Rsa2048 | Kind::Twin | Kind::Renewed | Kind::V1 | Kind::Expired | Kind::WrongName => {
            (RSA, Key::Rsa(2048, 65537), "1.2.840.113549.1.1.11")
        }
        Kind::Rsa4096 => (RSA, Key::Rsa(4096, 65337), "1.2.840.113549.1.1.13"),
        Kind::Rsa1024Md5 => (RSA, Key::Rsa(1024, 65337), "1.2.840.113549.1.1.4"),
        Kind::Rsa1024Sha1 => (RSA, Key::Rsa(1024, 65337), "1.2.840.113549.1.1.5"),
        Kind::RsaPss => (RSA_PSS, Key::Rsa(2048, 65537), RSA_PSS),
        Kind::P256 => (EC, Key::Curve("1.2.840.10045.3.1.7"), "1.2.840.10045.4.3.2"),
        Kind::P384 => (EC, Key::Curve("1.3.132.0.34"), "1.2.840.10045.4.3.3"),
        Kind::P521 => (EC, Key::Curve("1.3.132.0.35"), "1.2.840.10045.4.3.4"),
        Kind::Ed25519 => (ED25519, Key::Plain, ED25519),
    }
}

#[derive(Debug, PartialEq)]
enum Key {
    Rsa(usize, u64),
    Curve(&'static str),
    Plain,
}

#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

#[test]
fn every_fixture_has_the_shape_that_its_name_promises() {
    for kind in Kind::ALL {
        let der = identity(kind).certificate_der;
        let certificate = Certificate::from_der(&der).unwrap();
        let tbs = certificate.tbs_certificate();
        let (algorithm, key, signature) = promised(kind);

        let version = if kind == Kind::V1 { Version::V1 } else { Version::V3 };
        assert_eq!(tbs.version(), version, "{kind:?}");
        assert!(tbs.extensions().is_none(), "{kind:?} has extensions");
        assert_eq!(tbs.subject(), tbs.issuer(), "{kind:?} is not self-signed");
        let wrong = kind == Kind::WrongName;
        let subject = if wrong { "CN=not-this-device.invalid" } else { "O=IGEL,L=Bremen,C=DE" };
        assert_eq!(tbs.subject().to_string(), subject, "{kind:?}");
        assert_eq!(certificate.signature_algorithm().oid.to_string(), signature, "{kind:?}");
        assert_eq!(tbs.signature(), certificate.signature_algorithm(), "{kind:?}");
        let end = tbs.validity().not_after.to_date_time().year();
        assert_eq!(end, if kind == Kind::Expired { 2015 } else { 2099 }, "{kind:?}");

        let spki = tbs.subject_public_key_info();
        assert_eq!(spki.algorithm.oid.to_string(), algorithm, "{kind:?}");
        match key {
            Key::Rsa(bits, exponent) => {
                let rsa = RsaPublicKey::from_der(spki.subject_public_key.raw_bytes()).unwrap();
                assert_eq!(rsa.modulus.as_bytes().len() * 8, bits, "{kind:?}");
                let found = rsa.exponent.as_bytes().iter().fold(0, |n, b| n << 8 | u64::from(*b));
                assert_eq!(found, exponent, "{kind:?}");
            }
            Key::Curve(curve) => {
                let parameters = spki.algorithm.parameters.as_ref().unwrap();
                let found = parameters.decode_as::<ObjectIdentifier>().unwrap();
                assert_eq!(found.to_string(), curve, "{kind:?}");
            }
            Key::Plain => assert!(spki.algorithm.parameters.is_none()),
        }
    }
}

#[test]
fn renewed_is_another_certificate_over_the_same_key_and_twin_is_another_key_of_the_same_name() {
    let parts = |kind| {
        let der = identity(kind).certificate_der;
        let certificate = Certificate::from_der(&der).unwrap();
        let tbs = certificate.tbs_certificate();
        (tbs.subject().clone(), tbs.subject_public_key_info().to_der().unwrap(), der)
    };
    let [plain, renewed, twin] = [Kind::Rsa2048, Kind::Renewed, Kind::Twin].map(parts);
    assert_eq!(plain.1, renewed.1);
    assert_ne!(plain.2, renewed.2);
    assert_eq!(plain.0, twin.0);
    assert_ne!(plain.1, twin.1);
}

#[test]
fn a_server_in_this_process_can_show_these_kinds() {
    let can: Vec<Kind> = Kind::ALL.into_iter().filter(|k| identity(*k).rustls_can_sign()).collect();
    let needs_openssl = [Kind::Rsa1024Md5, Kind::Rsa1024Sha1, Kind::RsaPss];
    assert!(Kind::ALL.iter().all(|kind| can.contains(kind) != needs_openssl.contains(kind)));
    for kind in can {
        identity(kind).server_config(TlsVersions::Both).unwrap();
    }
}

#[test]
fn a_fresh_certificate_is_p256_v3_for_its_hosts_and_never_the_same_twice() {
    let one = fresh("stand-in", &["localhost", "127.0.0.1"]).unwrap();
    let two = fresh("stand-in", &["localhost", "127.0.0.1"]).unwrap();
    assert_ne!(one.fingerprint(), two.fingerprint());
    let certificate = Certificate::from_der(&one.certificate_der).unwrap();
    assert_eq!(certificate.tbs_certificate().version(), Version::V3);
    assert_eq!(certificate.tbs_certificate().extensions().unwrap().len(), 1);
    assert!(one.rustls_can_sign());
}

#[test]
fn pem_files_are_for_their_owner_only_and_hold_what_the_identity_holds() {
    let directory = std::env::temp_dir().join(format!("procy-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir(&directory).unwrap();
    let identity = identity(Kind::P256);
    let files = identity.write_pem_files(&directory).unwrap();
    let again = identity.write_pem_files(&directory);
    let certificate = std::fs::read_to_string(&files.certificate).unwrap();
    let key = std::fs::metadata(&files.key).unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    assert_eq!(certificate, include_str!("../fixtures/p256.crt.pem"));
    assert!(again.is_err(), "an existing file was replaced");
    #[cfg(unix)]
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&key.permissions()) & 0o777, 0o600);
    #[cfg(not(unix))]
    assert!(key.is_file());
}

#[test]
fn a_fingerprint_reads_as_openssl_prints_it_and_debug_shows_no_key() {
    let identity = identity(Kind::Ed25519);
    let fingerprint = identity.fingerprint();
    // openssl x509 -in ed25519.crt.pem -noout -fingerprint -sha256
    let printed = "F5:EF:55:53:2B:DF:73:45:80:C9:44:EA:63:2C:C7:44:93:14:CA:13:31:F3:BF:2C:DD:52:D8:6F:18:11:A1:59";
    assert_eq!(fingerprint, printed);
    assert_eq!(format!("{identity:?}"), format!("Identity {{ fingerprint: {fingerprint:?}, .. }}"));
}
