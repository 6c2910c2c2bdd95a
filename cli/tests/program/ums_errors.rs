//! What can go wrong with UMS, before the port opens and after.

use procy_testkit::ums::{Call, Device, Fault};
use tokio::net::TcpListener;

use crate::program::{End, Program};
use crate::rig::{Rig, Viewer};

/// Runs a command that must fail before the port opens, without a password having been asked for.
async fn refused(rig: &Rig, device: &str, more: &[&str], code: &str, exit: i32) -> End {
    let end = Program::start(&mut rig.shadow_command(device, more)).end().await;
    end.failed_with(code, exit);
    assert_eq!(end.named("listening").count(), 0, "the port has opened");
    assert_eq!(rig.ums.count(Call::Shadow), 0, "a password was asked for");
    assert_eq!(rig.ums.open_sessions(), 0, "signed out");
    end
}

#[tokio::test]
async fn an_unknown_device() {
    let rig = Rig::start().await;
    refused(&rig, "id:4711", &[], "ums-device-unknown", 3).await;
    refused(&rig, "kitchen", &[], "ums-device-unknown", 3).await;
}

#[tokio::test]
async fn several_matches_are_listed() {
    let rig = Rig::start().await;
    rig.ums.add_device(Device::new(8, "reception", "192.0.2.8"));
    let end = refused(&rig, "reception", &[], "ums-device-ambiguous", 3).await;
    let message = end.error()["message"].as_str().unwrap();
    assert!(message.contains("id 7") && message.contains("id 8"), "{message}");
}

#[tokio::test]
async fn a_device_in_the_bin_and_one_with_os_12() {
    let rig = Rig::start().await;
    rig.ums.add_device(Device::new(8, "old", "192.0.2.8").in_the_bin());
    rig.ums.add_device(Device::new(9, "new", "192.0.2.9").with_os_12());
    rig.ums.add_device(Device::new(10, "nowhere", ""));
    refused(&rig, "old", &[], "ums-device-in-bin", 3).await;
    let end = refused(&rig, "new", &[], "device-os-12", 3).await;
    assert!(end.error()["message"].as_str().unwrap().contains("OS 12"));
    refused(&rig, "nowhere", &[], "device-address-unknown", 3).await;
}

#[tokio::test]
async fn ums_is_down() {
    let rig = Rig::start().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    refused(&rig, "id:7", &["--ums", &format!("https://{gone}")], "ums-unreachable", 3).await;
}

#[tokio::test]
async fn a_wrong_login() {
    let rig = Rig::start().await;
    rig.secret("ums-password", "wrong");
    refused(&rig, "id:7", &[], "ums-login-refused", 3).await;
}

#[tokio::test]
async fn an_untrusted_ums_is_told_with_its_fingerprint_and_the_option_that_accepts_it() {
    let rig = Rig::start().await;
    let other = procy_testkit::certificates::identity(procy_testkit::certificates::Kind::Twin);
    let end =
        refused(&rig, "id:7", &["--ums-fingerprint", &other.fingerprint()], "ums-untrusted", 3)
            .await;
    let help = end.error()["help"].as_str().unwrap();
    assert!(help.contains(&format!("--ums-fingerprint {}", rig.ums.fingerprint())), "{help}");
}

#[tokio::test]
async fn a_ca_file_is_trusted_and_nothing_else() {
    let rig = Rig::start().await;
    let ca = rig.secret("ca.pem", &rig.ums.certificate_pem());
    let twin = procy_testkit::certificates::identity(procy_testkit::certificates::Kind::Twin);
    let other = rig.secret("other.pem", &twin.certificate_pem());
    let password = rig.home.path().join("ums-password");
    let url = rig.ums.url();
    let run = |ca: std::path::PathBuf| {
        let mut command = rig.procy(&[
            "devices",
            "--json",
            "--ums",
            &url,
            "--ums-user",
            "imi",
            "--ums-password-file",
            password.to_str().unwrap(),
            "--ums-ca",
            ca.to_str().unwrap(),
        ]);
        Program::start(&mut command).end()
    };
    assert_eq!(run(ca).await.code, 0);
    run(other).await.failed_with("ums-untrusted", 3);
}

#[tokio::test]
async fn without_the_right_to_shadow_the_viewer_is_told() {
    let rig = Rig::start().await;
    rig.ums.add_device(Device::new(8, "locked", "127.0.0.1").without_remote_access());
    let mut procy = Program::start(&mut rig.shadow_command("locked", &["--once"]));
    let reason = Viewer::connect(&procy.listening().await).await.unwrap_err();
    assert!(reason.contains("[ums-access-denied]"), "{reason}");
    procy.end().await.failed_with("ums-access-denied", 3);
}

#[tokio::test]
async fn ums_fails_in_the_middle_and_the_listener_goes_on() {
    let rig = Rig::start().await;
    let mut procy = rig.shadow(&[]);
    let address = procy.listening().await;
    rig.ums.fail_next(Call::Shadow, Fault::InternalError);
    let reason = Viewer::connect(&address).await.unwrap_err();
    assert!(reason.contains("[ums-internal]"), "{reason}");
    Viewer::connect(&address).await.unwrap();
    procy.interrupt();
    let end = procy.end().await;
    assert_eq!(end.code, 130);
    assert_eq!(end.error()["code"], "ums-internal");
}
