//! The spelling of the command.

use procy_testkit::device::{Behaviour, DeviceEvent, What};
use procy_testkit::ums::Call;

use crate::rig::{Rig, Viewer};

#[tokio::test]
async fn auto_tries_the_other_spelling_and_the_viewer_notices_nothing() {
    let rig = Rig::behaving(Behaviour::ProxycmdOnly).await;
    let mut device = rig.device.subscribe();
    let mut procy = rig.shadow(&["--once", "--verb", "auto"]);
    let viewer = Viewer::connect(&procy.listening().await).await.unwrap();
    assert_eq!(viewer.size, rig.desktop.size());
    drop(viewer);
    let end = procy.end().await;
    assert_eq!(end.code, 0, "{end:?}");
    assert_eq!(end.named("error").count(), 0, "{end:?}");
    assert_eq!((end.named("viewer").count(), end.named("ended").count()), (1, 1));
    assert_eq!(end.named("connected").count(), 2);
    assert_eq!(rig.ums.count(Call::Shadow), 2, "a fresh password for the second");

    let mut verbs = Vec::new();
    while let Ok(DeviceEvent { what, .. }) = device.try_recv() {
        if let What::PasswordOffered { verb } = what {
            verbs.push(verb.to_string());
        }
    }
    assert_eq!(verbs, ["PROCYCMD", "PROXYCMD"]);
}

#[tokio::test]
async fn auto_tries_once_more_and_no_oftener() {
    let rig = Rig::behaving(Behaviour::CloseBeforeHello).await;
    let mut procy = rig.shadow(&["--once", "--verb", "auto"]);
    let reason = Viewer::connect(&procy.listening().await).await.unwrap_err();
    assert!(reason.contains("[closed-before-hello]"), "{reason}");
    let end = procy.end().await;
    end.failed_with("closed-before-hello", 4);
    assert_eq!(rig.ums.count(Call::Shadow), 2);
    let times: Vec<f64> =
        end.named("connected").map(|event| seconds(event["time"].as_str().unwrap())).collect();
    let pause = (times[1] - times[0]).rem_euclid(60.0);
    assert!(pause >= 1.99, "connected again after {pause} s");
}

#[tokio::test]
async fn a_viewer_that_leaves_during_the_pause_ends_it() {
    let rig = Rig::behaving(Behaviour::CloseBeforeHello).await;
    let mut procy = rig.shadow(&["--once", "--verb", "auto"]);
    let stream = tokio::net::TcpStream::connect(procy.listening().await).await.unwrap();
    procy.says("once more with PROXYCMD").await;
    drop(stream);
    procy.end().await.failed_with("viewer-left", 5);
    assert_eq!(rig.ums.count(Call::Shadow), 1);
}

#[tokio::test]
async fn proxycmd_can_be_chosen_at_once() {
    let rig = Rig::behaving(Behaviour::ProxycmdOnly).await;
    let mut procy = rig.shadow(&["--once", "--verb", "proxycmd", "--terminator", "crlf"]);
    drop(Viewer::connect(&procy.listening().await).await.unwrap());
    assert_eq!(procy.end().await.code, 0);
}

/// The seconds of a timestamp, without its minutes.
fn seconds(time: &str) -> f64 {
    time[17..23].parse().unwrap()
}
