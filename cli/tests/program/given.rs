//! Without a UMS: certificate and password are given.

use std::path::Path;

use procy_testkit::certificates::{Kind, identity};

use crate::program::{End, Program};
use crate::rig::{DEVICE, Rig, Viewer};

/// A password that UMS has given for the device.
async fn password(rig: &Rig) -> String {
    let secret = procy_ums::Secret::new(crate::rig::UMS_PASSWORD.to_owned());
    let mut config = procy_ums::Config::new(&rig.ums.url(), "imi", secret).unwrap();
    config.trust = procy_ums::Trust::CaPem(rig.ums.certificate_pem().into_bytes());
    let client = procy_ums::Client::new(config, procy_ums::provider()).unwrap();
    let id = procy_ums::DeviceId::parse(&DEVICE.to_string()).unwrap();
    let credential = client.shadow(&id).await.unwrap();
    client.logout().await.unwrap();
    credential.password.expose().to_owned()
}

fn start(rig: &Rig, certificate: &Path, password: &Path, more: &[&str]) -> Program {
    let port = rig.device.address().port().to_string();
    let mut arguments = vec!["shadow", "--json", "-vv", "--device-port", &port];
    arguments.extend(["--certificate", certificate.to_str().unwrap()]);
    arguments.extend(["--password-file", password.to_str().unwrap()]);
    arguments.extend(more);
    Program::start(&mut rig.procy(&arguments))
}

const HERE: [&str; 2] = ["--device-address", "127.0.0.1"];

async fn refused(rig: &Rig, certificate: &Path, password: &Path) -> End {
    let mut procy = start(rig, certificate, password, &HERE);
    let reason = Viewer::connect(&procy.listening().await).await.unwrap_err();
    assert!(reason.contains("[closed-before-hello]"), "{reason}");
    procy.end().await
}

#[tokio::test]
async fn a_given_password_serves_one_session_and_no_other() {
    let rig = Rig::start().await;
    let certificate = rig.secret("device.pem", &identity(Kind::Rsa2048).certificate_pem_crlf());
    let password = rig.secret("password", &password(&rig).await);
    let mut procy = start(&rig, &certificate, &password, &HERE);
    drop(Viewer::connect(&procy.listening().await).await.unwrap());
    let end = procy.end().await;
    assert_eq!(end.code, 0, "{end:?}");
    assert!(end.stderr.contains("a one-time password is given"), "{end:?}");

    // Used.
    refused(&rig, &certificate, &password).await.failed_with("closed-before-hello", 4);
}

#[tokio::test]
async fn wrong_and_expired_passwords_look_alike() {
    let rig = Rig::start().await;
    let certificate = rig.secret("device.pem", &identity(Kind::Rsa2048).certificate_pem());
    let wrong = rig.secret("wrong", "00000000-0000-4000-8000-000000000000");
    refused(&rig, &certificate, &wrong).await.failed_with("closed-before-hello", 4);

    let expired = rig.secret("expired", &password(&rig).await);
    rig.ums.advance(std::time::Duration::from_secs(301));
    refused(&rig, &certificate, &expired).await.failed_with("closed-before-hello", 4);
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_at_once() {
    let rig = Rig::start().await;
    let certificate = rig.secret("device.pem", &identity(Kind::Rsa2048).certificate_pem());
    let password = rig.secret("password", "00000000-0000-4000-8000-000000000000");
    let (empty, text) =
        (rig.secret("empty", ""), rig.secret("text", "no password, 36 characters of words.."));
    for (certificate, password, more, code) in [
        (&empty, &password, &HERE[..], "certificate-empty"),
        (&text, &password, &HERE[..], "certificate-malformed"),
        (&certificate, &text, &HERE[..], "password-malformed"),
        (&rig.home.path().join("none"), &password, &HERE[..], "certificate-unreadable"),
        (&certificate, &rig.home.path().join("none"), &HERE[..], "secret-missing"),
        (&certificate, &password, &[][..], "device-address-missing"),
        (
            &certificate,
            &password,
            &["--device-address", "127.0.0.1", "--verb", "auto"][..],
            "verb-auto-needs-ums",
        ),
        (
            &certificate,
            &password,
            &["--device-address", "127.0.0.1", "id:7"][..],
            "device-and-certificate",
        ),
    ] {
        start(&rig, certificate, password, more).end().await.failed_with(code, 2);
    }
    assert_eq!(rig.offers(), 0);
}

#[tokio::test]
async fn the_password_may_stand_in_the_environment() {
    let rig = Rig::start().await;
    let certificate = rig.secret("device.pem", &identity(Kind::Rsa2048).certificate_pem());
    let port = rig.device.address().port().to_string();
    let mut command = rig.procy(&["shadow", "--json"]);
    command.env("PROCY_CERTIFICATE", certificate).env("PROCY_DEVICE_ADDRESS", "127.0.0.1");
    command.env("PROCY_DEVICE_PORT", port).env("PROCY_PASSWORD", password(&rig).await);
    let mut procy = Program::start(&mut command);
    drop(Viewer::connect(&procy.listening().await).await.unwrap());
    assert_eq!(procy.end().await.code, 0);
}
