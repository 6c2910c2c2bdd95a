//! `--eager`: the device is verified before the port opens.

use procy_core::error::{Error, Leave};
use procy_core::event::Outcome;
use procy_testkit::certificates::{Kind, identity};
use procy_testkit::device::What;
use procy_testkit::ums::Call;

use crate::program::Program;
use crate::rig::{DEVICE, Rig, Viewer};

fn names(end: &crate::program::End) -> Vec<&str> {
    end.events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_order_is_that_of_the_procedure() {
    let rig = Rig::start().await;
    let mut procy = rig.shadow(&["--eager", "--once"]);
    let viewer = Viewer::connect(&procy.listening().await).await.unwrap();
    assert_eq!(viewer.size, rig.desktop.size());
    drop(viewer);
    let end = procy.end().await;
    assert_eq!(end.code, 0, "{end:?}");
    assert_eq!(
        names(&end),
        [
            "credentials",
            "connected",
            "verified",
            "listening",
            "viewer",
            "hello",
            "relaying",
            "ended"
        ]
    );
    assert_eq!(rig.ums.count(Call::Shadow), 1);
}

#[tokio::test]
async fn a_wrong_device_is_known_before_the_port_opens() {
    let rig = Rig::start().await;
    rig.ums.device_boots(DEVICE, &identity(Kind::Twin).certificate_der);
    let end = rig.shadow(&["--eager"]).end().await;
    end.failed_with("certificate-mismatch", 4);
    assert_eq!(end.named("listening").count(), 0);
}

#[tokio::test]
async fn the_connection_is_renewed_so_often_and_then_the_port_closes() {
    let rig = Rig::start().await;
    let more = ["--eager", "--once", "--eager-hold", "1", "--eager-renewals", "2"];
    let end = rig.shadow(&more).end().await;
    end.failed_with("viewer-timeout", 5);
    assert_eq!(end.named("verified").count(), 3);
    assert_eq!(rig.ums.count(Call::Shadow), 3, "each with a fresh password");
    assert_eq!(rig.offers(), 0, "and none was sent");
}

#[tokio::test]
async fn a_viewer_is_served_after_a_renewal_and_others_after_it() {
    let rig = Rig::start().await;
    let mut procy = rig.shadow(&["--eager", "--eager-hold", "1"]);
    let address = procy.listening().await;
    procy.says("is renewed").await;
    for _ in 0..2 {
        assert_eq!(Viewer::connect(&address).await.unwrap().size, rig.desktop.size());
    }
    procy.interrupt();
    assert_eq!(procy.end().await.code, 130);
    assert_eq!(rig.offers(), 2);
}

#[tokio::test]
async fn a_taken_port_is_known_before_a_password_is_asked_for() {
    let rig = Rig::start().await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let command = &mut rig.shadow_command("id:7", &["--eager", "--listen", &address]);
    Program::start(command).end().await.failed_with("listen-failed", 1);
    assert_eq!(rig.ums.count(Call::Shadow), 0);
}

#[tokio::test]
async fn ctrl_c_says_goodbye_to_a_device_that_waits() {
    let rig = Rig::start().await;
    let mut device = rig.device.subscribe();
    let mut procy = rig.shadow(&["--eager"]);
    procy.listening().await;
    procy.interrupt();
    assert_eq!(procy.end().await.code, 130);
    let report = loop {
        let next = tokio::time::timeout(crate::program::WITHIN, device.recv()).await;
        if let What::Ended(report) = next.unwrap().unwrap().what {
            break report.unwrap();
        }
    };
    let Outcome::Failed(Error::Left { how, .. }) = report.outcome else { panic!("{report:?}") };
    assert_eq!(how, Leave::Closed, "without close_notify");
}
