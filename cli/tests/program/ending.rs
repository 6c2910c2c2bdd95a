//! Ctrl-C.

use std::sync::Arc;

use procy_testkit::device::{Behaviour, What};
use procy_testkit::ums::{Call, Fault};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::program::{Program, WITHIN};
use crate::rig::{Rig, Viewer};

#[tokio::test]
async fn ctrl_c_says_goodbye_to_the_device_and_signs_out() {
    let rig = Rig::start().await;
    let mut device = rig.device.subscribe();
    let mut procy = rig.shadow(&["--once"]);
    let viewer = Viewer::connect(&procy.listening().await).await.unwrap();
    procy.interrupt();
    viewer.closed().await;
    let end = procy.end().await;
    assert_eq!(end.code, 130, "{end:?}");
    assert_eq!(end.named("ended").next().unwrap()["reason"], "closed");
    assert_eq!(end.named("error").count(), 0);
    assert_eq!(rig.ums.open_sessions(), 0);
    let report = loop {
        if let What::Ended(report) = timeout(WITHIN, device.recv()).await.unwrap().unwrap().what {
            break report.unwrap();
        }
    };
    let procy_core::event::Outcome::Ended(ended) = report.outcome else { panic!("{report:?}") };
    assert!(!ended.truncated, "without close_notify");
}

#[tokio::test]
async fn ctrl_c_before_the_hello_tells_the_viewer() {
    let consent = Arc::new(Notify::new());
    let rig = Rig::behaving(Behaviour::SlowConsent(consent)).await;
    let mut procy = rig.shadow(&[]);
    let address = procy.listening().await;
    let viewer = tokio::spawn(async move { Viewer::connect(&address).await });
    procy.says("step  8").await;
    procy.interrupt();
    assert!(viewer.await.unwrap().unwrap_err().contains("[cancelled]"));
    let end = procy.end().await;
    assert_eq!((end.code, end.named("error").count()), (130, 0), "it was asked for: {end:?}");
    assert_eq!(end.named("ended").next().unwrap()["reason"], "cancelled");
}

#[tokio::test]
async fn ctrl_c_while_ums_is_silent() {
    let rig = Rig::start().await;
    rig.ums.fail_next(Call::Login, Fault::Hang);
    let procy = rig.shadow(&[]);
    timeout(WITHIN, rig.ums.arrived(Call::Login, 1)).await.unwrap();
    procy.interrupt();
    let end = procy.end().await;
    assert_eq!(end.code, 130, "{end:?}");
}

#[tokio::test]
async fn a_second_ctrl_c_ends_at_once() {
    let rig = Rig::start().await;
    rig.ums.fail_next(Call::Logout, Fault::Hang);
    let mut procy = rig.shadow(&[]);
    procy.listening().await;
    procy.interrupt();
    timeout(WITHIN, rig.ums.arrived(Call::Logout, 1)).await.unwrap();
    procy.interrupt();
    let end = procy.end().await;
    assert_eq!(end.code, 130);
    assert!(!end.stderr.contains("signing out"), "it waited: {end:?}");
}

#[tokio::test]
async fn a_silent_ums_does_not_hold_up_the_end() {
    let rig = Rig::start().await;
    rig.ums.fail_next(Call::Logout, Fault::Hang);
    let mut procy = rig.shadow(&["--once"]);
    let stream = TcpStream::connect(procy.listening().await).await.unwrap();
    drop(stream);
    let end = procy.end().await;
    assert!(end.stderr.contains("signing out of UMS took too long"), "{end:?}");
}

#[tokio::test]
async fn a_port_that_is_taken() {
    let rig = Rig::start().await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let command = &mut rig.shadow_command("id:7", &["--listen", &address]);
    Program::start(command).end().await.failed_with("listen-failed", 1);
    assert_eq!(rig.ums.open_sessions(), 0, "signed out");
}

#[tokio::test]
async fn sigterm_ends_as_politely() {
    let rig = Rig::start().await;
    let mut procy = rig.shadow(&[]);
    procy.listening().await;
    procy.signal(rustix::process::Signal::TERM);
    assert_eq!(procy.end().await.code, 143);
    assert_eq!(rig.ums.open_sessions(), 0, "signed out");
}
