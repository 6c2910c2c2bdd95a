//! Viewers that come, go and are many.

use std::sync::Arc;
use std::time::Duration;

use procy_testkit::device::Behaviour;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::program::WITHIN;
use crate::rig::{Rig, Viewer};

#[tokio::test]
async fn a_viewer_that_leaves_before_the_hello() {
    let consent = Arc::new(Notify::new());
    let rig = Rig::behaving(Behaviour::SlowConsent(consent)).await;
    let mut procy = rig.shadow(&["--once"]);
    let viewer = TcpStream::connect(procy.listening().await).await.unwrap();
    procy.says("step  8").await;
    drop(viewer);
    procy.end().await.failed_with("viewer-left", 5);
}

#[tokio::test]
async fn a_viewer_that_leaves_while_ums_is_asked() {
    let rig = Rig::start().await;
    rig.ums.fail_next(procy_testkit::ums::Call::Shadow, procy_testkit::ums::Fault::Hang);
    let mut procy = rig.shadow(&["--once"]);
    let viewer = TcpStream::connect(procy.listening().await).await.unwrap();
    timeout(WITHIN, rig.ums.arrived(procy_testkit::ums::Call::Shadow, 1)).await.unwrap();
    drop(viewer);
    procy.end().await.failed_with("viewer-left", 5);
}

#[tokio::test]
async fn several_viewers_at_once_and_after_one_another() {
    let rig = Rig::start().await;
    let mut procy = rig.shadow(&[]);
    let address = procy.listening().await;
    let (first, second) = tokio::join!(Viewer::connect(&address), Viewer::connect(&address));
    let (mut first, second) = (first.unwrap(), second.unwrap());
    drop(second);
    procy.event("ended").await;
    first.types(b'x').await;
    timeout(WITHIN, rig.desktop.seen_until(|seen| seen.typed.contains('x'))).await.unwrap();
    let third = Viewer::connect(&address).await.unwrap();
    procy.interrupt();
    first.closed().await;
    third.closed().await;
    let end = procy.end().await;
    assert_eq!(end.code, 130, "{end:?}");
    assert_eq!((end.named("ended").count(), end.named("error").count()), (3, 0));
    assert_eq!(rig.offers(), 3, "each its own password");
    assert_eq!(rig.ums.open_sessions(), 0, "signed out");
}

#[tokio::test]
async fn passwords_are_asked_for_one_at_a_time() {
    let consent = Arc::new(Notify::new());
    let rig = Rig::behaving(Behaviour::SlowConsent(Arc::clone(&consent))).await;
    let mut procy = rig.shadow(&[]);
    let address = procy.listening().await;
    let connect = |address: String| tokio::spawn(async move { Viewer::connect(&address).await });
    let first = connect(address.clone());
    procy.says("[1] step  8").await;
    let second = connect(address.clone());
    procy.says("[2] step  7").await;
    // One that does not want to wait is noticed.
    let third = TcpStream::connect(&address).await.unwrap();
    procy.says("[3] step  7").await;
    drop(third);
    assert_eq!(procy.event("error").await["code"], "viewer-left");
    consent.notify_one();
    let first = timeout(WITHIN, first).await.unwrap().unwrap().unwrap();
    procy.says("[2] step  8").await;
    consent.notify_one();
    timeout(WITHIN, second).await.unwrap().unwrap().unwrap();
    drop(first);
    procy.interrupt();
    let end = procy.end().await;
    let said = |words| end.stderr.find(words).unwrap();
    assert!(said("[1] step 12") < said("[2] step  2"), "{}", end.stderr);
    assert!(!end.stderr.contains("[3] step  2"), "{}", end.stderr);
}

#[tokio::test]
async fn more_viewers_than_allowed_are_turned_away_until_one_leaves() {
    let rig = Rig::start().await;
    let mut procy = rig.shadow(&["--max-viewers", "1"]);
    let address = procy.listening().await;
    let first = Viewer::connect(&address).await.unwrap();
    let mut second = TcpStream::connect(&address).await.unwrap();
    assert!(!matches!(second.read(&mut [0]).await, Ok(1..)));
    procy.says("1 viewers are connected already").await;
    drop(first);
    procy.event("ended").await;
    Viewer::connect(&address).await.unwrap();
    procy.interrupt();
    assert_eq!(procy.end().await.code, 130);
}

#[tokio::test]
async fn who_is_not_allowed_is_turned_away_and_told_of() {
    let rig = Rig::start().await;
    let mut procy = rig.shadow(&["--allow", "192.0.2.0/24,198.51.100.1", "--once"]);
    let mut viewer = TcpStream::connect(procy.listening().await).await.unwrap();
    let read = timeout(Duration::from_secs(10), viewer.read(&mut [0])).await.unwrap();
    assert!(!matches!(read, Ok(1..)), "{read:?}");
    procy.says("turned away 127.0.0.1").await;
    procy.interrupt();
    let end = procy.end().await;
    assert_eq!(end.named("viewer").count(), 0);
    assert_eq!(rig.offers(), 0);
}

#[tokio::test]
async fn a_failed_session_does_not_end_the_listener() {
    let rig = Rig::behaving(Behaviour::CloseBeforeHello).await;
    let mut procy = rig.shadow(&[]);
    let address = procy.listening().await;
    for _ in 0..2 {
        assert!(Viewer::connect(&address).await.is_err());
    }
    procy.interrupt();
    let end = procy.end().await;
    assert_eq!((end.code, end.named("error").count()), (130, 2));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_session_leaves_a_socket_behind() {
    let rig = Rig::behaving(Behaviour::ProxycmdOnly).await;
    let mut procy = rig.shadow(&[]);
    let address = procy.listening().await;
    // Whatever the first session opens for good may stay.
    assert!(Viewer::connect(&address).await.is_err());
    procy.event("ended").await;
    let before = procy.open_files().len();
    for _ in 0..5 {
        assert!(Viewer::connect(&address).await.is_err());
        drop(TcpStream::connect(&address).await.unwrap());
        procy.event("ended").await;
        procy.event("ended").await;
    }
    procy.closes_all_but(before).await;
    procy.interrupt();
    assert_eq!(procy.end().await.code, 130);
}
