//! The pin with real cryptography: every kind of certificate that devices show, both providers, both TLS versions.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]
#![cfg(all(feature = "aws-lc-rs", feature = "ring"))]

mod common;

use std::sync::Arc;

use common::peer::{BOTH, TLS12, TLS13, Version};
use common::real::{OldRsa, certificate, credential, pinned, server, signer};
use common::{Bench, COMMAND, HELLO, Host, Peer};
use procy_core::error::Error;
use procy_core::event::{Event, Side};
use procy_core::prologue::console::Config;
use procy_core::tls::{Crypto, KeyError, Pin, TlsFault, TlsVersion};
use rustls::pki_types::CertificateDer;
use rustls::sign::SigningKey;

fn providers() -> [(&'static str, Crypto); 2] {
    [("aws-lc-rs", Crypto::aws_lc_rs()), ("ring", Crypto::ring())]
}

/// A session that expects `pin` and meets `server`, until nothing moves; the viewer is there.
fn meet(crypto: &Crypto, legacy: bool, pin: &str, server: rustls::ServerConfig) -> Bench {
    let mut config = Config::new(crypto.clone());
    config.allow_legacy_keys = legacy;
    let mut bench = Bench { host: Host::console(config), peer: Peer::server(server) };
    let now = bench.host.now;
    bench.host.act(|visit| visit.attach(Side::Near));
    bench.host.act(|visit| visit.credential(credential(pin), now));
    bench.host.act(|visit| visit.attach(Side::Far));
    bench.settle();
    bench
}

fn show(name: &str, version: Version) -> rustls::ServerConfig {
    server(vec![certificate(name)], signer(name).unwrap(), version)
}

fn works(mut bench: Bench, version: Version) {
    assert_eq!(bench.host.code(), "-", "{:?} {:?}", bench.host.session, bench.peer.error);
    assert_eq!(std::mem::take(&mut bench.peer.got), COMMAND);
    let expected = if version == TLS12 { TlsVersion::Tls12 } else { TlsVersion::Tls13 };
    assert!(
        bench
            .host
            .events
            .iter()
            .any(|event| matches!(event, Event::Established { version } if *version == expected))
    );
    bench.peer.say(HELLO);
    bench.settle();
    bench.host.near.push(&common::pattern(50_000));
    bench.settle();
    assert!(bench.peer.got == common::pattern(50_000));
    assert_eq!(bench.host.near.take(), HELLO);
}

fn refused(bench: &Bench) {
    assert_eq!(bench.peer.got, b"", "no password leaves");
    assert!(!bench.host.said().iter().any(|event| event == "Verified" || event == "PasswordSent"));
}

#[test]
fn the_pinned_device_gets_in_whatever_its_certificate_looks_like() {
    for (provider, crypto) in providers() {
        for version in BOTH {
            for name in ["rsa-2048", "v1", "expired", "wrong-name", "p256", "p384", "ed25519"] {
                println!("{provider} {version:?} {name}");
                works(meet(&crypto, false, name, show(name, version)), version);
            }
        }
    }
}

#[test]
fn the_certificate_of_real_devices_works() {
    for (provider, crypto) in providers() {
        // PKCS #1 with SHA-512, and then what AWS-LC chooses.
        println!("{provider}");
        let own = server(vec![certificate("rsa-4096")], Arc::new(OldRsa::new("rsa-4096")), TLS12);
        works(meet(&crypto, false, "rsa-4096", own), TLS12);
        for version in BOTH {
            works(meet(&crypto, false, "rsa-4096", show("rsa-4096", version)), version);
        }
    }
}

#[test]
fn p521_works_with_aws_lc_and_is_refused_by_name_with_ring() {
    for version in BOTH {
        let bench = meet(&Crypto::aws_lc_rs(), false, "p521", show("p521", version));
        works(bench, version);
    }
    let error = Pin::new(&pinned("p521"), &Crypto::ring(), false).unwrap_err();
    assert_eq!(error, KeyError::Unsupported { kind: "ECDSA P-521".into() });
    assert!(Error::from(error).help().contains("aws-lc-rs"));
}

#[test]
fn another_certificate_is_a_mismatch_with_both_fingerprints() {
    for (_, crypto) in providers() {
        for version in BOTH {
            for (pin, shown) in [
                ("rsa-2048", "twin"),
                ("rsa-2048", "renewed"),
                ("p256", "rsa-2048"),
                ("v1", "p256"),
            ] {
                let bench = meet(&crypto, false, pin, show(shown, version));
                let expected = Error::Mismatch {
                    pinned: pinned(pin).fingerprint(),
                    shown: pinned(shown).fingerprint(),
                };
                assert_eq!(*bench.host.error(), expected);
                let told = bench.host.error().to_string();
                for name in [pin, shown] {
                    assert!(told.contains(&pinned(name).fingerprint().to_string()));
                }
                refused(&bench);
            }
        }
    }
}

#[test]
fn the_pinned_certificate_counts_only_as_the_servers_own() {
    let crypto = Crypto::aws_lc_rs();
    for version in BOTH {
        let chain =
            |names: [&str; 2]| -> Vec<CertificateDer<'static>> { names.map(certificate).to_vec() };
        let first = server(chain(["rsa-2048", "twin"]), signer("rsa-2048").unwrap(), version);
        works(meet(&crypto, false, "rsa-2048", first), version);
        let second = server(chain(["twin", "rsa-2048"]), signer("twin").unwrap(), version);
        let bench = meet(&crypto, false, "rsa-2048", second);
        assert_eq!(bench.host.code(), "certificate-mismatch");
        refused(&bench);
    }
}

#[test]
fn a_copied_certificate_without_its_key_proves_nothing() {
    for (provider, crypto) in providers() {
        for version in BOTH {
            for (name, key) in [
                ("rsa-2048", "twin"),
                ("p256", "rsa-2048"),
                ("rsa-2048", "p256"),
                ("p256", "p384"),
                ("p384", "p256"),
                ("ed25519", "p256"),
                ("rsa-4096", "rsa-2048"),
            ] {
                let impostor = server(vec![certificate(name)], signer(key).unwrap(), version);
                let bench = meet(&crypto, false, name, impostor);
                assert_eq!(bench.host.code(), "key-not-proven", "{provider} {version:?} {name}");
                assert!(matches!(
                    bench.host.error(),
                    Error::Tls { fault: TlsFault::KeyNotProven, .. }
                ));
                refused(&bench);
            }
        }
    }
}

#[test]
fn tls_1_3_takes_no_old_signatures() {
    for (provider, crypto) in providers() {
        let mut stubborn = OldRsa::new("rsa-2048");
        works(
            meet(
                &crypto,
                false,
                "rsa-2048",
                server(vec![certificate("rsa-2048")], Arc::new(OldRsa::new("rsa-2048")), TLS12),
            ),
            TLS12,
        );
        stubborn.stubborn = true;
        let bad = server(vec![certificate("rsa-2048")], Arc::new(stubborn), TLS13);
        let bench = meet(&crypto, false, "rsa-2048", bad);
        assert_eq!(bench.host.code(), "key-not-proven", "{provider}");
        refused(&bench);
    }
}

#[test]
fn small_keys_are_refused_by_name_before_connecting() {
    for (_, crypto) in providers() {
        for name in ["rsa-1024-md5", "rsa-1024-sha1"] {
            let mut host = Host::console(Config::new(crypto.clone()));
            let now = host.now;
            host.act(|visit| visit.credential(credential(name), now));
            assert_eq!(*host.error(), KeyError::TooSmall { bits: 1_024, curable: true }.into());
            assert_eq!(host.code(), "key-too-small");
            assert!(host.error().help().contains("allow legacy keys"));
            assert_eq!(host.said(), ["CredentialNeeded"], "nothing is to be connected to");
            assert_eq!(host.far.take(), b"");
        }
    }
    let other = Crypto::from(Arc::new(rustls::crypto::ring::default_provider()));
    let error = Pin::new(&pinned("rsa-1024-md5"), &other, true).unwrap_err();
    assert_eq!(error, KeyError::TooSmall { bits: 1_024, curable: false });
    assert!(!Error::from(error).help().contains("allow legacy keys"));
}

/// With proof of possession all the same.
#[test]
fn small_keys_that_are_allowed_prove_themselves_on_tls_1_2() {
    for (provider, crypto) in providers() {
        for name in ["rsa-1024-md5", "rsa-1024-sha1"] {
            let chain = vec![certificate(name)];
            let honest = server(chain.clone(), Arc::new(OldRsa::new(name)), TLS12);
            println!("{provider} {name}");
            works(meet(&crypto, true, name, honest), TLS12);
            let key: [Arc<dyn SigningKey>; 2] =
                [Arc::new(OldRsa::new("rsa-2048")), Arc::new(OldRsa::new(other(name)))];
            for key in key {
                let bench = meet(&crypto, true, name, server(chain.clone(), key, TLS12));
                assert_eq!(bench.host.code(), "key-not-proven", "{provider} {name}");
                refused(&bench);
            }
            let another =
                server(vec![certificate(other(name))], Arc::new(OldRsa::new(other(name))), TLS12);
            let bench = meet(&crypto, true, name, another);
            assert_eq!(bench.host.code(), "certificate-mismatch");
            refused(&bench);
        }
    }
}

fn other(name: &str) -> &'static str {
    if name == "rsa-1024-md5" { "rsa-1024-sha1" } else { "rsa-1024-md5" }
}

#[test]
fn allowing_small_keys_changes_nothing_for_large_ones() {
    for (_, crypto) in providers() {
        for version in BOTH {
            works(meet(&crypto, true, "rsa-2048", show("rsa-2048", version)), version);
            let impostor = server(vec![certificate("v1")], signer("twin").unwrap(), version);
            assert_eq!(meet(&crypto, true, "v1", impostor).host.code(), "key-not-proven");
        }
    }
}

#[test]
fn a_server_with_tls_1_3_alone_has_no_version_for_a_small_key() {
    let server = show("rsa-2048", TLS13);
    let bench = meet(&Crypto::ring(), true, "rsa-1024-md5", server);
    assert_eq!(bench.host.code(), "tls-version");
}

#[test]
fn rsa_pss_keys_are_refused_by_name() {
    for (_, crypto) in providers() {
        let error = Pin::new(&pinned("rsa-pss"), &crypto, true).unwrap_err();
        assert_eq!(error, KeyError::Unsupported { kind: "RSA-PSS".into() });
        assert_eq!(Error::from(error).code(), "key-unsupported");
    }
}

#[test]
fn a_pin_shows_the_fingerprint_that_tools_show() {
    let pin = Pin::new(&pinned("rsa-2048"), &Crypto::ring(), false).unwrap();
    assert_eq!(pin.fingerprint(), pinned("rsa-2048").fingerprint());
    assert_ne!(pin.fingerprint(), pinned("twin").fingerprint());
}

#[test]
fn a_device_role_serves_every_key_its_provider_signs_with() {
    use procy_core::prologue::device;
    for (provider, crypto) in providers() {
        for name in ["rsa-2048", "v1", "expired", "p256", "p384", "ed25519"] {
            let config =
                device::Config::new(&pinned(name), &common::real::key(name), &crypto).unwrap();
            for version in BOTH {
                let client = common::peer::client_config(
                    rustls::crypto::aws_lc_rs::default_provider(),
                    version,
                );
                let mut bench = Bench { host: Host::device(&config), peer: Peer::client(client) };
                bench.lead_device(common::Stage::Relaying);
                let shown = bench.peer.tls.peer_certificates().unwrap();
                assert_eq!(shown, [certificate(name)], "{provider}");
            }
        }
        let error = device::Config::new(
            &pinned("rsa-1024-md5"),
            &common::real::key("rsa-1024-md5"),
            &crypto,
        )
        .unwrap_err();
        assert_eq!(error.code(), "tls-setup");
    }
}

#[test]
fn every_cipher_suite_of_tls_1_3_carries_bytes() {
    for (_, crypto) in providers() {
        for suite in rustls::crypto::aws_lc_rs::ALL_CIPHER_SUITES {
            if suite.tls13().is_none() {
                continue;
            }
            let mut provider = rustls::crypto::aws_lc_rs::default_provider();
            provider.cipher_suites = vec![*suite];
            let (chain, key) = (vec![certificate("p256")], common::real::key("p256"));
            let server = common::peer::server_config(provider, chain, key, TLS13);
            works(meet(&crypto, false, "p256", server), TLS13);
        }
    }
}

#[test]
fn groups_can_be_left_out() {
    let crypto = Crypto::ring().with_groups(|group| group == rustls::NamedGroup::secp384r1);
    let bench = meet(&crypto, false, "p256", show("p256", TLS13));
    let group = bench.peer.tls.negotiated_key_exchange_group().unwrap().name();
    assert_eq!(group, rustls::NamedGroup::secp384r1);
    let none = Crypto::ring().with_groups(|_| false);
    let mut host = Host::console(Config::new(none));
    let now = host.now;
    host.act(|visit| visit.credential(credential("p256"), now));
    assert_eq!(host.code(), "tls-setup");
}
