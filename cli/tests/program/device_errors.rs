//! What can go wrong between the program and the device: one clear error each, and the viewer is told too.

use std::net::SocketAddr;

use procy_testkit::certificates::{Kind, identity};
use procy_testkit::device::Behaviour;
use procy_testkit::ums::{CheckBehaviour, Device};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::program::{End, Program};
use crate::rig::{DEVICE, Rig, Viewer};

/// Runs a session that fails before the hello; the viewer must be told the error.
async fn fails(rig: &Rig, mut procy: Program, code: &str) -> End {
    let address = procy.listening().await;
    let reason = Viewer::connect(&address).await.unwrap_err();
    let end = procy.end().await;
    assert!(reason.contains(&format!("[{code}]")), "the viewer was told {reason:?}");
    assert_eq!(end.named("ended").next().unwrap()["reason"], code);
    assert_eq!(rig.ums.open_sessions(), 0, "signed out");
    end
}

async fn misbehaves(behaviour: Behaviour, code: &str) -> End {
    let rig = Rig::behaving(behaviour).await;
    let end = fails(&rig, rig.shadow(&["--once"]), code).await;
    end.failed_with(code, 4);
    end
}

#[tokio::test]
async fn a_wrong_certificate_shows_both_fingerprints_and_gets_no_password() {
    let rig = Rig::start().await;
    rig.ums.device_boots(DEVICE, &identity(Kind::Twin).certificate_der);
    let end = fails(&rig, rig.shadow(&["--once"]), "certificate-mismatch").await;
    end.failed_with("certificate-mismatch", 4);
    for kind in [Kind::Twin, Kind::Rsa2048] {
        let message = end.error()["message"].as_str().unwrap();
        assert!(message.contains(&identity(kind).fingerprint()), "{message}");
    }
    assert_eq!(rig.offers(), 0);
}

#[tokio::test]
async fn an_empty_certificate_says_how_to_cure_it() {
    let rig = Rig::start().await;
    rig.ums.add_device(Device::new(DEVICE, "reception", "127.0.0.1"));
    let end = fails(&rig, rig.shadow(&["--once"]), "certificate-empty").await;
    end.failed_with("certificate-empty", 3);
    assert!(end.error()["help"].as_str().unwrap().contains("Reboot the device"));
}

#[tokio::test]
async fn a_key_that_is_too_short_is_refused_before_connecting() {
    let rig = Rig::start().await;
    rig.ums.device_boots(DEVICE, &identity(Kind::Rsa1024Sha1).certificate_der);
    let procy = rig.shadow(&["--once"]);
    let mut connected = rig.device.subscribe();
    let mut procy = procy;
    let address = procy.listening().await;
    assert!(Viewer::connect(&address).await.is_err());
    let end = procy.end().await;
    assert_eq!(end.code, 4);
    assert!(end.error()["message"].as_str().unwrap().contains("1024"), "{end:?}");
    assert!(connected.try_recv().is_err(), "the device was connected to");
}

#[tokio::test]
async fn a_refused_password_is_one_with_every_close_before_the_hello() {
    let rig = Rig::start().await;
    rig.ums.set_password_checks(CheckBehaviour::RefuseAll);
    let end = fails(&rig, rig.shadow(&["--once"]), "closed-before-hello").await;
    end.failed_with("closed-before-hello", 4);
    let help = end.error()["help"].as_str().unwrap();
    for cause in ["expired", "PROXYCMD", "declined", "12.07.100", "--verb auto"] {
        assert!(help.contains(cause), "{cause}: {help}");
    }
    misbehaves(Behaviour::CloseBeforeHello, "closed-before-hello").await;
}

#[tokio::test]
async fn an_expired_password_is_refused_by_ums() {
    let rig = Rig::start().await;
    // UMS's clock runs ahead between the asking and the device's question.
    let door = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = door.local_addr().unwrap().port().to_string();
    let mut procy = rig.shadow(&["--once", "--device-port", &port]);
    let address = procy.listening().await;
    let viewer = tokio::spawn(async move { Viewer::connect(&address).await });
    let (mut console, _) = door.accept().await.unwrap();
    rig.ums.advance(std::time::Duration::from_secs(301));
    let mut device = TcpStream::connect(rig.device.address()).await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut console, &mut device).await;
    assert!(viewer.await.unwrap().unwrap_err().contains("[closed-before-hello]"));
    procy.end().await.failed_with("closed-before-hello", 4);
    let checks = rig.ums.password_checks();
    assert_eq!(checks[0].verdict, Some(procy_testkit::ums::Verdict::Expired));
}

#[tokio::test]
async fn plain_vnc_is_told_from_other_things_that_are_no_tls() {
    misbehaves(Behaviour::PlainVnc, "plain-vnc").await;

    let rig = Rig::start().await;
    let port = speaks(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.port().to_string();
    let procy = rig.shadow(&["--once", "--device-port", &port]);
    fails(&rig, procy, "not-tls").await.failed_with("not-tls", 4);
}

#[tokio::test]
async fn a_garbage_hello_is_shown_safely() {
    let garbage = b"\x1b[31mSSH-2.0-x\r\n".to_vec();
    let end = misbehaves(Behaviour::GarbageHello(garbage), "not-rfb").await;
    assert!(!end.stderr.contains('\u{1b}'));
    assert!(end.error()["message"].as_str().unwrap().contains("\\x1b"), "{end:?}");
}

#[tokio::test]
async fn a_device_where_nothing_listens() {
    let rig = Rig::start().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let procy = rig.shadow(&["--once", "--device-port", &gone.port().to_string()]);
    let end = fails(&rig, procy, "device-refused").await;
    end.failed_with("device-refused", 4);
    assert!(end.error()["message"].as_str().unwrap().contains(&gone.to_string()), "{end:?}");
}

#[tokio::test]
async fn a_device_that_resets_in_the_middle_is_lost() {
    let rig = Rig::behaving(Behaviour::ResetAfter(2_000)).await;
    let mut procy = rig.shadow(&["--once"]);
    let mut viewer = Viewer::connect(&procy.listening().await).await.unwrap();
    // All of the screen: far more than the device sends before it resets.
    viewer.stream.write_all(&[3, 0, 0, 0, 0, 0, 2, 0, 2, 0]).await.unwrap();
    viewer.closed().await;
    procy.end().await.failed_with("device-lost", 4);
}

#[tokio::test]
async fn a_device_that_ends_without_goodbye_is_marked_but_no_error() {
    let rig = Rig::behaving(Behaviour::CutAfter(2_000)).await;
    let mut procy = rig.shadow(&["--once"]);
    let mut viewer = Viewer::connect(&procy.listening().await).await.unwrap();
    viewer.stream.write_all(&[3, 0, 0, 0, 0, 0, 2, 0, 2, 0]).await.unwrap();
    viewer.closed().await;
    let end = procy.end().await;
    assert_eq!(end.code, 0, "{end:?}");
    let ended = end.named("ended").next().unwrap();
    assert_eq!((&ended["truncated"], &ended["reason"]), (&true.into(), &"device-closed".into()));
    assert!(end.stderr.contains("may be missing at the end"), "{end:?}");
}

/// Something that says this to whoever connects, and then waits.
async fn speaks(words: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(words).await.unwrap();
            while let Ok(1..) = stream.read(&mut [0; 1024]).await {}
        }
    });
    address
}
