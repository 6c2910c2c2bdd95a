//! Which device certificates `procy shadow` takes, held by TLS servers that this project did not write.
#![cfg(target_os = "linux")]

mod real;

use std::net::SocketAddr;

use procy_testkit::certificates::Kind;
use procy_testkit::real::{Then, TlsFront, TlsVersions};
use real::{Site, first_words};

const HELLO: &[u8] = b"RFB 003.008\n";

/// A device that says hello, and then nothing; no desktop is needed for that.
fn greeting(kind: Kind, versions: TlsVersions) -> Site {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    Site::new(kind, TlsFront::stunnel, versions, nowhere, Then::Say(HELLO.to_vec()))
}

#[test]
fn every_shape_of_certificate_works_when_it_is_the_pinned_one() {
    use TlsVersions::{Only12, Only13};
    let kinds = [
        Kind::Rsa2048,
        Kind::Rsa4096,
        Kind::V1,
        Kind::Expired,
        Kind::WrongName,
        Kind::P256,
        Kind::P384,
        Kind::Ed25519,
    ];
    let pairs = kinds.into_iter().flat_map(|kind| [(kind, Only12), (kind, Only13)]);
    for (kind, versions) in pairs.chain([(Kind::P521, Only13)]) {
        let site = greeting(kind, versions);
        let mut program = site.shadow(&[]);
        assert_eq!(
            first_words(program.port(), 12),
            HELLO,
            "{kind:?} {versions:?}: {}",
            program.words()
        );
        assert_eq!(program.event("verified")["fingerprint"], site.identity.fingerprint());
    }
}

#[test]
fn small_rsa_keys_work_only_when_they_are_allowed() {
    for kind in [Kind::Rsa1024Md5, Kind::Rsa1024Sha1] {
        let site = greeting(kind, TlsVersions::Weak12);
        let mut program = site.shadow(&["--once"]);
        first_words(program.port(), 1_000);
        assert_eq!(program.event("error")["code"], "key-too-small");
        assert_ne!(program.exit_code(), 0);
        assert!(site.gate.commands().is_empty());

        let mut program = site.shadow(&["--allow-legacy-keys"]);
        assert_eq!(first_words(program.port(), 12), HELLO, "{kind:?}: {}", program.words());
    }
}

#[test]
fn a_key_that_cannot_be_proven_is_refused_by_name_before_connecting() {
    let site = greeting(Kind::RsaPss, TlsVersions::Usual);
    let mut program = site.shadow(&["--once"]);
    let told = String::from_utf8(first_words(program.port(), 1_000)[20..].to_vec()).unwrap();
    assert!(told.contains("RSA-PSS") && told.contains("[key-unsupported]"), "{told}");
    let error = program.event("error");
    assert_eq!(error["code"], "key-unsupported");
    assert!(!program.words().contains("\"connected\""));
}

#[test]
fn another_certificate_is_refused_with_both_fingerprints_and_gets_no_password() {
    for (shown, known) in
        [(Kind::Twin, Kind::Rsa2048), (Kind::Renewed, Kind::Rsa2048), (Kind::P256, Kind::Rsa4096)]
    {
        let site = greeting(shown, TlsVersions::Usual);
        let known = procy_testkit::certificates::identity(known);
        site.ums.device_boots(7, &known.certificate_der);
        let mut program = site.shadow(&["--once"]);
        first_words(program.port(), 1_000);
        let error = program.event("error");
        assert_eq!(error["code"], "certificate-mismatch");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains(&known.fingerprint())
                && message.contains(&site.identity.fingerprint()),
            "{message}"
        );
        assert!(site.gate.commands().is_empty());
        assert!(site.ums.password_checks().is_empty());
    }
}

#[test]
fn a_device_that_speaks_tls_1_0_only_is_told_apart() {
    let site = greeting(Kind::Rsa2048, TlsVersions::Only10);
    let mut program = site.shadow(&["--once"]);
    first_words(program.port(), 1_000);
    assert_eq!(program.event("error")["code"], "tls-version", "{}", program.words());
}
