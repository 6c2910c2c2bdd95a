//! A session as it should be.

use procy_testkit::ums::Call;
use tokio::time::timeout;

use crate::program::WITHIN;
use crate::rig::{Rig, Viewer};

#[tokio::test]
async fn a_viewer_sees_and_steers_the_desktop_and_every_step_is_told() {
    let rig = Rig::start().await;
    let mut procy = rig.shadow(&["--once"]);
    let address = procy.listening().await;
    assert_eq!(rig.ums.count(Call::Shadow), 0, "no password before a viewer comes");

    let mut viewer = Viewer::connect(&address).await.unwrap();
    assert_eq!(viewer.size, rig.desktop.size());
    for key in *b"ahoi" {
        viewer.types(key).await;
    }
    timeout(WITHIN, rig.desktop.seen_until(|seen| seen.typed.contains("ahoi"))).await.unwrap();
    drop(viewer);

    let end = procy.end().await;
    assert_eq!(end.code, 0, "{end:?}");
    let names: Vec<&str> =
        end.events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "listening",
            "viewer",
            "credentials",
            "connected",
            "verified",
            "hello",
            "relaying",
            "ended"
        ]
    );
    let ended = end.named("ended").next().unwrap();
    assert_eq!(ended["reason"], "viewer-closed");
    assert_eq!(ended["truncated"], false);
    // Hello, security type, initialisation and eight key events.
    assert_eq!(ended["to_device"], 12 + 1 + 1 + 8 * 8);
    assert!(ended["to_viewer"].as_u64().unwrap() > 12);
    for step in [" 2: asking UMS", " 3: UMS", " 4:", " 5:", " 6:", " 7:", " 8:", "12:"] {
        assert!(end.stderr.contains(&format!("step {step}")), "{step}: {end:?}");
    }
    assert_eq!(rig.ums.open_sessions(), 0, "signed out");
    assert_eq!(rig.offers(), 1);
}

#[tokio::test]
async fn every_event_has_schema_session_and_time() {
    let rig = Rig::start().await;
    let mut procy = rig.shadow(&["--once"]);
    let address = procy.listening().await;
    drop(Viewer::connect(&address).await.unwrap());
    let end = procy.end().await;
    let run = end.events[0]["session"].as_str().unwrap().strip_suffix("-0").unwrap().to_owned();
    for event in &end.events {
        assert_eq!(event["schema"], 1);
        let time = event["time"].as_str().unwrap();
        assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
        let number = if event["event"] == "listening" { 0 } else { 1 };
        assert_eq!(event["session"], format!("{run}-{number}"));
    }
    let fingerprint = end.named("verified").next().unwrap()["fingerprint"].as_str().unwrap();
    assert_eq!(fingerprint.len(), 32 * 3 - 1);
    assert_eq!(end.named("credentials").next().unwrap()["fingerprint"], fingerprint);
}

#[tokio::test]
async fn a_device_is_found_by_its_name_mac_and_ip() {
    let rig = Rig::start().await;
    for query in ["reception", "name:RECEPTION", "mac:00:e0:c5:00:00:07", "ip:127.0.0.1"] {
        let mut procy = crate::program::Program::start(&mut rig.shadow_command(query, &[]));
        procy.listening().await;
        procy.interrupt();
        assert_eq!(procy.end().await.code, 130, "{query}");
    }
}

#[tokio::test]
async fn the_session_with_ums_is_renewed_when_ums_has_ended_it() {
    let rig = Rig::start().await;
    let mut procy = rig.shadow(&["--once"]);
    let address = procy.listening().await;
    rig.ums.expire_sessions();
    drop(Viewer::connect(&address).await.unwrap());
    assert_eq!(procy.end().await.code, 0);
    assert_eq!(rig.ums.count(Call::Login), 2);
    assert_eq!(rig.ums.open_sessions(), 0);
}

#[tokio::test]
async fn without_json_stdout_is_empty_and_people_are_told() {
    let rig = Rig::start().await;
    let mut procy = rig.shadow(&["--once", "--json=false"]);
    procy.says("vncviewer 127.0.0.1::").await;
    procy.interrupt();
    let end = procy.end().await;
    assert!(end.events.is_empty(), "{end:?}");
}
