//! `--runtime`: whichever runs the sessions, people and scripts are told the same.

use std::sync::Arc;

use procy_testkit::certificates::{Kind, identity};
use procy_testkit::device::Behaviour;
use procy_testkit::ums::{Call, CheckBehaviour, Fault};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::program::{End, WITHIN};
use crate::rig::{DEVICE, Rig, Viewer};

/// Something that can happen, and the exit code and the session's end that it leads to.
const CASES: [(Case, i32, &str); 9] = [
    (Case::Seen, 0, "viewer-closed"),
    (Case::SeenEagerly, 0, "viewer-closed"),
    (Case::SeenWithTheOtherVerb, 0, "viewer-closed"),
    (Case::PasswordRefused, 4, "closed-before-hello"),
    (Case::AnotherCertificate, 4, "certificate-mismatch"),
    (Case::NothingListens, 4, "device-refused"),
    (Case::ViewerLeavesWhileUmsIsAsked, 5, "viewer-left"),
    (Case::CtrlCWhileRelaying, 130, "closed"),
    (Case::CtrlCWhileConsentIsAwaited, 130, "cancelled"),
];

#[derive(Clone, Copy, Debug)]
enum Case {
    Seen,
    SeenEagerly,
    SeenWithTheOtherVerb,
    PasswordRefused,
    AnotherCertificate,
    NothingListens,
    ViewerLeavesWhileUmsIsAsked,
    CtrlCWhileRelaying,
    CtrlCWhileConsentIsAwaited,
}

#[tokio::test]
async fn every_runtime_tells_the_same_and_ends_with_the_same_code() {
    for (case, code, reason) in CASES {
        let (tokio, blocking, mio, futures) = tokio::join!(
            happens(case, "tokio"),
            happens(case, "blocking"),
            happens(case, "mio"),
            happens(case, "futures"),
        );
        let ended = tokio.named("ended").next().unwrap();
        assert_eq!((tokio.code, &ended["reason"]), (code, &reason.into()), "{case:?}: {tokio:?}");
        let wanted = told(&tokio);
        for (runtime, end) in [("blocking", blocking), ("mio", mio), ("futures", futures)] {
            assert_eq!(end.code, code, "{case:?} on {runtime}: {end:?}");
            assert_eq!(told(&end), wanted, "{case:?} on {runtime}");
        }
    }
}

async fn happens(case: Case, runtime: &str) -> End {
    let rig = Rig::behaving(match case {
        Case::SeenWithTheOtherVerb => Behaviour::ProxycmdOnly,
        Case::CtrlCWhileConsentIsAwaited => Behaviour::SlowConsent(Arc::new(Notify::new())),
        _ => Behaviour::Normal,
    })
    .await;
    let mut more = vec!["--once", "--runtime", runtime];
    let mut port = rig.device.address().port().to_string();
    match case {
        Case::SeenEagerly => more.push("--eager"),
        Case::SeenWithTheOtherVerb => more.extend(["--verb", "auto"]),
        Case::PasswordRefused => rig.ums.set_password_checks(CheckBehaviour::RefuseAll),
        Case::AnotherCertificate => {
            rig.ums.device_boots(DEVICE, &identity(Kind::Twin).certificate_der);
        }
        Case::NothingListens => {
            let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
            port = gone.local_addr().unwrap().port().to_string();
        }
        Case::ViewerLeavesWhileUmsIsAsked => rig.ums.fail_next(Call::Shadow, Fault::Hang),
        _ => {}
    }
    more.extend(["--device-port", &port]);
    let mut procy = rig.shadow(&more);
    let address = procy.listening().await;
    match case {
        Case::Seen | Case::SeenEagerly | Case::SeenWithTheOtherVerb => {
            let mut viewer = Viewer::connect(&address).await.unwrap();
            assert_eq!(viewer.size, rig.desktop.size());
            viewer.types(b'y').await;
            timeout(WITHIN, rig.desktop.seen_until(|seen| seen.typed == "y")).await.unwrap();
        }
        Case::PasswordRefused | Case::AnotherCertificate | Case::NothingListens => {
            Viewer::connect(&address).await.unwrap_err();
        }
        Case::ViewerLeavesWhileUmsIsAsked => {
            let viewer = TcpStream::connect(&address).await.unwrap();
            timeout(WITHIN, rig.ums.arrived(Call::Shadow, 1)).await.unwrap();
            drop(viewer);
        }
        Case::CtrlCWhileRelaying => {
            let viewer = Viewer::connect(&address).await.unwrap();
            procy.interrupt();
            viewer.closed().await;
        }
        Case::CtrlCWhileConsentIsAwaited => {
            let viewer = tokio::spawn(async move { Viewer::connect(&address).await });
            procy.says("step  8").await;
            procy.interrupt();
            viewer.await.unwrap().unwrap_err();
        }
    }
    let end = procy.end().await;
    assert_eq!(rig.ums.open_sessions(), 0, "signed out");
    end
}

/// All that a run has told, on stdout and on stderr, without what no two runs have in common.
fn told(end: &End) -> (String, String) {
    let mut events = end.events.clone();
    let mut addresses = Vec::new();
    for event in &mut events {
        let fields = event.as_object_mut().unwrap();
        fields.remove("time");
        fields.remove("duration_ms");
        let session = fields["session"].as_str().unwrap().split_once('-').unwrap().1.to_owned();
        fields["session"] = session.into();
        let name = fields["event"].as_str().unwrap().to_owned();
        for key in ["address", "from"] {
            if let Some(address) = fields.get(key).and_then(|address| address.as_str()) {
                addresses.push((address.to_owned(), name.clone()));
            }
        }
    }
    let mut events: String = events.iter().map(|event| format!("{event}\n")).collect();
    let mut lines: String = end.stderr.lines().map(|line| format!("{}\n", untimed(line))).collect();
    for (address, name) in addresses {
        for text in [&mut events, &mut lines] {
            *text = text.replace(&address, &name).replace(&address.replace(':', "::"), &name);
        }
    }
    // The port where nothing listens stands in no event's field.
    (unnumbered(&events), unnumbered(&lines))
}

fn untimed(line: &str) -> String {
    match line.split_once("ended after ") {
        Some((before, after)) => format!("{before}{}", after.split_once(" s: ").unwrap().1),
        None => line.to_owned(),
    }
}

/// Without the port of an address that cannot be reached.
fn unnumbered(text: &str) -> String {
    let mut pieces = text.split("at 127.0.0.1: 127.0.0.1:");
    let first = pieces.next().unwrap().to_owned();
    pieces.fold(first, |all, piece| {
        all + "at 127.0.0.1: " + piece.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}
