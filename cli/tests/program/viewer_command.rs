//! `--viewer`: the viewer that procy starts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use procy_testkit::device::Behaviour;

use crate::rig::Rig;

/// A viewer for `--viewer`: a shell script. It is ours, so a shell is no matter here.
fn script(rig: &Rig, text: &str) -> String {
    let path: PathBuf = rig.home.path().join("my viewer");
    fs::write(&path, format!("#!/bin/bash\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Says what the desktop says first, and goes on looking.
const LOOK: &str = "exec 3<>/dev/tcp/$1/$2; head -c 12 <&3; echo seen";

#[tokio::test]
async fn the_viewers_end_is_the_sessions_end() {
    let rig = Rig::start().await;
    let viewer = script(&rig, &format!("{LOOK}; test -z \"$(env | grep PROCY_)\" && echo clean"));
    let mut command =
        rig.shadow_command("id:7", &["--viewer", &format!("'{viewer}' {{host}} {{port}}")]);
    command.env("PROCY_PASSWORD", "hush").env("PROCY_UMS_PASSWORD", "hush");
    let end = crate::program::Program::start(&mut command).end().await;
    assert_eq!(end.code, 0, "{end:?}");
    // procy's own lines may stand between them.
    for line in ["RFB 003.008\n", "seen\n", "clean\n"] {
        assert!(end.stderr.contains(line), "its stdout goes to stderr: {end:?}");
    }
    assert_eq!(end.named("ended").next().unwrap()["reason"], "viewer-closed");
}

#[tokio::test]
async fn the_sessions_end_is_the_viewers_end() {
    let rig = Rig::behaving(Behaviour::ResetAfter(2_000)).await;
    // It asks for the whole screen, and would then wait for ever.
    let ask = "printf 'RFB 003.008\\n\\1\\1' >&3; head -c 20 <&3; printf '\\3\\0\\0\\0\\0\\0\\2\\0\\2\\0' >&3";
    let viewer = script(
        &rig,
        &format!(
            "{LOOK}; {ask}; trap 'echo asked; exit' TERM; echo ready; while :; do read -t 1 <> <(:); done"
        ),
    );
    let end = rig.shadow(&["--viewer", &format!("'{viewer}' {{host}} {{port}}")]).end().await;
    end.failed_with("device-lost", 4);
    assert!(end.stderr.contains("asked"), "{end:?}");
}

#[tokio::test]
async fn a_viewer_that_does_not_end_is_killed() {
    let rig = Rig::behaving(Behaviour::CloseBeforeHello).await;
    let viewer =
        script(&rig, &format!("trap '' TERM; {LOOK}; while :; do read -t 1 <> <(:); done"));
    let end = rig.shadow(&["--viewer", &format!("'{viewer}' {{host}} {{port}}")]).end().await;
    end.failed_with("closed-before-hello", 4);
}

#[tokio::test]
async fn a_viewer_that_ends_without_connecting() {
    let rig = Rig::start().await;
    let end = rig.shadow(&["--viewer", "false {address}"]).end().await;
    end.failed_with("viewer-exited", 5);
    assert_eq!(rig.offers(), 0);
}

#[tokio::test]
async fn a_viewer_that_is_not_there() {
    let rig = Rig::start().await;
    let end = rig.shadow(&["--viewer", "/nonexistent/viewer {address}"]).end().await;
    end.failed_with("viewer-not-started", 1);
    assert_eq!(rig.ums.open_sessions(), 0, "signed out");
}

#[tokio::test]
async fn ctrl_c_ends_the_viewer_too() {
    let rig = Rig::start().await;
    let viewer = script(
        &rig,
        &format!("{LOOK}; trap 'echo asked; exit' TERM; while :; do read -t 1 <> <(:); done"),
    );
    let mut procy = rig.shadow(&["--viewer", &format!("'{viewer}' {{host}} {{port}}")]);
    procy.says("seen").await;
    procy.interrupt();
    let end = procy.end().await;
    assert_eq!(end.code, 130, "{end:?}");
    assert!(end.stderr.contains("asked"), "{end:?}");
}
