//! What the machine itself can do to the program.

use std::collections::BTreeSet;

use rustix::process::{Resource, Rlimit, Signal};
use tokio::time::timeout;

use crate::program::{Program, WITHIN};
use crate::rig::{Rig, Viewer};

/// It may open so many files more, and no others. The limit is on their numbers, of which the lowest is always taken.
fn leave(procy: &Program, more: usize) {
    let taken: BTreeSet<u64> = procy.open_files().into_iter().collect();
    let limit = (0..).filter(|number| !taken.contains(number)).nth(more);
    procy.limit(Resource::Nofile, Rlimit { current: limit, maximum: Some(1_024) });
}

/// Waits until the desktop has been given these keys.
async fn typed(rig: &Rig, keys: &str) {
    let seen = rig.desktop.seen_until(|seen| seen.typed.contains(keys));
    timeout(WITHIN, seen).await.expect("the session stands still");
}

/// Each runtime, and how many files it opens for a session besides the sockets.
const RUNTIMES: [(&str, usize); 4] = [("tokio", 0), ("blocking", 2), ("mio", 0), ("futures", 0)];

async fn files_run_out(runtime: &str, own: usize) {
    let rig = Rig::start().await;
    let mut procy = rig.shadow(&["--runtime", runtime]);
    let address = procy.listening().await;
    let mut first = Viewer::connect(&address).await.unwrap();
    procy.event("relaying").await;

    // None for another viewer: it waits.
    leave(&procy, 0);
    let waiting = {
        let address = address.clone();
        tokio::spawn(async move { Viewer::connect(&address).await })
    };
    procy.says("viewers cannot be accepted").await;
    first.types(b'a').await;
    typed(&rig, "a").await;

    // One for the viewer, and none to ask UMS with.
    leave(&procy, own + 1);
    let reason = waiting.await.unwrap().unwrap_err();
    assert!(reason.contains("[ums-unreachable]"), "{runtime}: {reason}");
    first.types(b'b').await;
    typed(&rig, "ab").await;

    leave(&procy, 100);
    Viewer::connect(&address).await.unwrap();
    drop(first);
    procy.interrupt();
    let end = procy.end().await;
    assert_eq!(end.code, 130, "{runtime}: {end:?}");
    assert!(end.error()["message"].as_str().unwrap().contains("Too many open files"), "{end:?}");
    assert_eq!(end.named("relaying").count(), 2, "{runtime}: {end:?}");
    // Trouble and its end, each told once.
    let told: Vec<bool> = end
        .stderr
        .lines()
        .filter(|line| line.starts_with("viewers "))
        .map(|line| line.contains("cannot be accepted"))
        .collect();
    assert!(told.chunks(2).all(|news| news == [true, false]), "{runtime}: {end:?}");
}

#[tokio::test]
async fn without_files_a_session_goes_on_others_are_told_and_with_files_all_is_well_again() {
    for (runtime, own) in RUNTIMES {
        files_run_out(runtime, own).await;
    }
}

#[tokio::test]
async fn a_program_that_was_stopped_goes_on_where_it_was() {
    for (runtime, _) in RUNTIMES {
        let rig = Rig::start().await;
        let mut procy = rig.shadow(&["--runtime", runtime, "--once"]);
        let mut viewer = Viewer::connect(&procy.listening().await).await.unwrap();
        procy.event("relaying").await;
        procy.signal(Signal::STOP);
        viewer.types(b'a').await;
        viewer.types(b'b').await;
        procy.signal(Signal::CONT);
        typed(&rig, "ab").await;
        drop(viewer);
        assert_eq!(procy.end().await.code, 0, "{runtime}");
    }
}
