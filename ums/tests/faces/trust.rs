//! Whom the client takes for UMS.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use procy_core::credential::Fingerprint;
use procy_core::error::Fault;
use procy_ums::{Distrust, Error, Trust, provider};
use rcgen::date_time_ymd;
use rustls::ServerConfig;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::face::Face;
use crate::server::{Identity, Reply, Server, session};

fn refused<F: Face>(identity: &Identity, trust: Trust) -> (Error, String) {
    let server = Server::start(identity.tls(rustls::ALL_VERSIONS), [session(1)]);
    let error = F::new(server.config(trust)).unwrap().login().unwrap_err();
    assert_eq!(error.code(), "ums-untrusted", "{error:?}");
    assert_eq!(error.fault(), Fault::Configuration);
    assert!(error.to_string().contains(&identity.fingerprint().to_string()), "{error}");
    assert_eq!(server.requests(), [""; 0], "nothing may be sent to a stranger");
    let help = error.help().to_owned();
    (error, help)
}

fn accepted<F: Face>(tls: ServerConfig, trust: Trust) {
    let server = Server::start(tls, [session(1)]);
    F::new(server.config(trust)).unwrap().login().unwrap();
}

fn why(error: &Error) -> &Distrust {
    match error {
        Error::Untrusted { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn unknown_issuer<F: Face>() {
    let identity = Identity::new("127.0.0.1");
    let other = Identity::new("127.0.0.1").ca_pem.into_bytes();
    let (error, help) = refused::<F>(&identity, Trust::CaPem(other));
    assert_eq!(why(&error), &Distrust::Issuer);
    assert!(error.to_string().contains(&identity.fingerprint().to_string()), "{error}");
    assert!(help.contains("fingerprint") && help.contains("authority"), "{help}");
}

pub(crate) fn system<F: Face>() {
    let identity = Identity::new("127.0.0.1");
    let server = Server::start(identity.tls(rustls::ALL_VERSIONS), [session(1)]);
    match F::new(server.config(Trust::System)) {
        Ok(client) => assert_eq!(why(&client.login().unwrap_err()), &Distrust::Issuer),
        // A system without root certificates says so.
        Err(error) => assert_eq!(error.code(), "ums-ca"),
    }
    assert_eq!(server.requests(), [""; 0]);
}

pub(crate) fn right_fingerprint<F: Face>() {
    // The name plays no part.
    let identity = Identity::new("elsewhere.example");
    for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
        accepted::<F>(identity.tls(versions), Trust::Fingerprint(identity.fingerprint()));
    }
}

pub(crate) fn wrong_fingerprint<F: Face>() {
    let identity = Identity::new("127.0.0.1");
    let expected = Fingerprint::of(b"another");
    let (error, help) = refused::<F>(&identity, Trust::Fingerprint(expected));
    assert_eq!(why(&error), &Distrust::Pin { expected });
    assert!(error.to_string().contains(&expected.to_string()), "{error}");
    assert!(error.to_string().contains(&identity.fingerprint().to_string()), "{error}");
    assert!(help.contains("find out its SHA-256"), "{help}");
}

pub(crate) fn stolen_certificate<F: Face>() {
    let (shown, own) = (Identity::new("127.0.0.1"), Identity::new("127.0.0.1"));
    for versions in [&[&rustls::version::TLS12], &[&rustls::version::TLS13]] {
        let key = provider().key_provider.load_private_key(own.key.clone_key()).unwrap();
        let pair = CertifiedKey::new(vec![shown.certificate.clone()], key);
        let tls = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
        let server = Server::start(tls, [session(1)]);
        let config = server.config(Trust::Fingerprint(shown.fingerprint()));
        let error = F::new(config).unwrap().login().unwrap_err();
        assert_eq!(error.code(), "ums-tls-failed", "{error:?}");
        assert_eq!(server.requests(), [""; 0]);
    }
}

pub(crate) fn ca<F: Face>() {
    let identity = Identity::new("127.0.0.1");
    let tls = || identity.tls(rustls::ALL_VERSIONS);
    accepted::<F>(tls(), Trust::CaPem(identity.ca_pem.clone().into_bytes()));
    // No two tests have the same certificate.
    let name = identity.fingerprint().to_string().replace(':', "");
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, &identity.ca_pem).unwrap();
    accepted::<F>(tls(), Trust::CaFile(path.clone()));
    std::fs::remove_file(path).unwrap();
}

pub(crate) fn wrong_name<F: Face>() {
    let identity = Identity::new("elsewhere.example");
    let ca = Trust::CaPem(identity.ca_pem.clone().into_bytes());
    let (error, help) = refused::<F>(&identity, ca);
    assert!(matches!(why(&error), Distrust::Name { .. }), "{error:?}");
    assert!(error.to_string().contains("elsewhere.example"), "{error}");
    assert!(help.contains("name"), "{help}");
}

pub(crate) fn expired<F: Face>() {
    let identity = Identity::with("127.0.0.1", |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    let ca = Trust::CaPem(identity.ca_pem.clone().into_bytes());
    assert_eq!(why(&refused::<F>(&identity, ca).0), &Distrust::Validity);
    let pin = Trust::Fingerprint(identity.fingerprint());
    accepted::<F>(identity.tls(rustls::ALL_VERSIONS), pin);
}

pub(crate) fn plain<F: Face>() {
    let server = Server::on_connection(|mut stream, _| {
        // A plain server takes the ClientHello for a request; what it says to that is no TLS.
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n");
        while let Ok(1..) = stream.read(&mut [0; 512]) {}
    });
    let trust = Trust::Fingerprint(Fingerprint::of(b""));
    let error = F::new(server.config(trust)).unwrap().login().unwrap_err();
    assert_eq!(error.code(), "ums-not-tls", "{error:?}");
    assert!(error.to_string().contains(&server.address.to_string()));
}

pub(crate) fn no_such_file<F: Face>() {
    let (_server, config) = Server::replies(Vec::<Reply>::new());
    for trust in [
        Trust::CaFile("/nonexistent/ca.pem".into()),
        Trust::CaPem(Vec::new()),
        Trust::CaPem(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec()),
    ] {
        let mut config = config.clone();
        config.trust = trust;
        assert_eq!(F::new(config).unwrap_err().code(), "ums-ca");
    }
}
