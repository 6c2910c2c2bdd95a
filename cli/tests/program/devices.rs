//! `procy devices`.

use procy_testkit::ums::{Call, Device};

use crate::program::{End, Program};
use crate::rig::Rig;

async fn devices(rig: &Rig, more: &[&str]) -> End {
    let options = rig.ums_options();
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    Program::start(&mut rig.procy(&Rig::arguments(&["devices"], &options, more))).end().await
}

async fn rig() -> Rig {
    let rig = Rig::start().await;
    rig.ums.add_device(Device::new(8, "kitchen", "192.0.2.8"));
    rig.ums.add_device(Device::new(9, "old", "192.0.2.9").in_the_bin());
    rig
}

#[tokio::test]
async fn all_but_those_in_the_bin_are_listed_as_json() {
    let rig = rig().await;
    let end = devices(&rig, &[]).await;
    assert_eq!(end.code, 0, "{end:?}");
    let names: Vec<_> = end.named("device").map(|device| device["name"].clone()).collect();
    assert_eq!(names, ["reception", "kitchen"]);
    let first = end.named("device").next().unwrap();
    assert_eq!((&first["id"], &first["last_ip"]), (&"7".into(), &"127.0.0.1".into()));
    assert_eq!((&first["mac"], &first["schema"]), (&"00E0C5000007".into(), &1.into()));
    assert!(first["os_type"].as_str().is_some_and(|system| system.starts_with("IGEL")), "{first}");
    assert_eq!(rig.ums.open_sessions(), 0, "signed out");
}

#[tokio::test]
async fn a_table_is_for_people() {
    let rig = rig().await;
    let end = devices(&rig, &["--json=false", "kitchen"]).await;
    let lines: Vec<&str> = end.events.iter().map(|line| line.as_str().unwrap()).collect();
    assert!(lines[0].starts_with("ID  NAME"), "{lines:?}");
    assert!(lines[1].contains("kitchen  192.0.2.8  00E0C5000008  IGEL"), "{lines:?}");
    assert_eq!(lines.len(), 2);
}

#[tokio::test]
async fn only_one_device_is_asked_whether_it_is_online() {
    let rig = rig().await;
    devices(&rig, &["--online"]).await.failed_with("online-needs-one", 2);
    assert_eq!(rig.ums.count(Call::Online), 0);
    let end = devices(&rig, &["--online", "kitchen"]).await;
    assert_eq!(end.named("device").next().unwrap()["online"], true);
    assert_eq!(rig.ums.count(Call::Online), 1);
}
