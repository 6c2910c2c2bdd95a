//! What the machine itself can do to the program.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use procy_testkit::ums::Call;
use rustix::process::{Resource, Rlimit, Signal};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::program::{End, Program, WITHIN, with_files};
use crate::rig::{Rig, Viewer};

/// It may open so many files more, and no others.
fn leave(procy: &Program, more: usize) {
    procy.limit(Resource::Nofile, limit(procy, more));
}

/// So many files more than now, and no others. The limit is on their numbers, of which the lowest is always taken.
fn limit(procy: &Program, more: usize) -> Rlimit {
    let taken: BTreeSet<u64> = procy.open_files().into_iter().collect();
    let current = (0..).filter(|number| !taken.contains(number)).nth(more);
    Rlimit { current, maximum: Some(1_024) }
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
    assert!(reason.contains("[host-exhausted]"), "{runtime}: {reason}");
    first.types(b'b').await;
    typed(&rig, "ab").await;

    leave(&procy, 100);
    Viewer::connect(&address).await.unwrap();
    drop(first);
    procy.interrupt();
    let end = procy.end().await;
    assert_eq!(end.code, 130, "{runtime}: {end:?}");
    ran_out(&end, "host-exhausted");
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

/// The one error of the run is this machine's, and says what is short.
#[track_caller]
fn ran_out(end: &End, code: &str) {
    let error = end.error();
    assert_eq!((&error["code"], &error["fault"]), (&code.into(), &"configuration".into()));
    assert!(error["message"].as_str().unwrap().contains("Too many open files"), "{end:?}");
    assert!(error["help"].as_str().unwrap().contains("ulimit -n"), "{end:?}");
}

#[tokio::test]
async fn with_too_few_files_to_begin_with_it_says_so() {
    let rig = Rig::start().await;
    for (runtime, _) in RUNTIMES {
        let command = rig.shadow_command("id:7", &["--runtime", runtime]);
        for most in 6..=18 {
            let end = Program::start(&mut with_files(&command, most)).end().await;
            end.failed_with("runtime-failed", 1);
            ran_out(&end, "runtime-failed");
        }
        let mut procy = Program::start(&mut with_files(&command, 24));
        Viewer::connect(&procy.listening().await).await.unwrap();
    }
}

#[tokio::test]
async fn without_files_for_a_thread_of_its_own_a_session_says_so_and_wastes_no_password() {
    let rig = Rig::start().await;
    let mut procy = rig.shadow(&["--runtime", "blocking"]);
    let address = procy.listening().await;
    let mut first = Viewer::connect(&address).await.unwrap();
    procy.event("relaying").await;

    leave(&procy, 1);
    let reason = Viewer::connect(&address).await.unwrap_err();
    assert!(reason.contains("[runtime-failed]"), "{reason}");
    assert_eq!(rig.ums.count(Call::Shadow), 1, "a password was asked for");
    first.types(b'a').await;
    typed(&rig, "a").await;

    leave(&procy, 100);
    Viewer::connect(&address).await.unwrap();
    drop(first);
    procy.interrupt();
    let end = procy.end().await;
    assert_eq!(end.code, 130, "{end:?}");
    ran_out(&end, "runtime-failed");
}

#[tokio::test]
async fn without_a_file_to_connect_with_the_device_is_not_blamed() {
    for (runtime, own) in RUNTIMES {
        let rig = Rig::start().await;
        let to_ums = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}", to_ums.local_addr().unwrap());
        let ums = rig.ums.address();
        let passing = tokio::spawn(async move {
            // To sign in, to find the device, and for the first viewer's password.
            for _ in 0..3 {
                pass(to_ums.accept().await.unwrap().0, ums).await;
            }
            to_ums
        });
        let mut procy = rig.shadow(&["--runtime", runtime, "--ums", &url]);
        let address = procy.listening().await;
        let mut first = Viewer::connect(&address).await.unwrap();
        procy.event("relaying").await;
        let to_ums = timeout(WITHIN, passing).await.unwrap().unwrap();

        // One for the second viewer. The one for UMS comes on top, and cannot be opened again.
        let limit = limit(&procy, own + 1);
        let second = tokio::spawn(async move { Viewer::connect(&address).await });
        let (question, _) = timeout(WITHIN, to_ums.accept()).await.unwrap().unwrap();
        procy.limit(Resource::Nofile, limit);
        pass(question, ums).await;
        let reason = second.await.unwrap().unwrap_err();
        assert!(reason.contains("[host-exhausted]"), "{runtime}: {reason}");
        first.types(b'a').await;
        typed(&rig, "a").await;
        // Nothing is to wait for these two.
        drop((first, to_ums));
        procy.interrupt();
        ran_out(&procy.end().await, "host-exhausted");
        assert_eq!(rig.offers(), 1, "{runtime}: only the first password has left");
    }
}

/// Brings what this connection says to UMS, and the answer back, to the end.
async fn pass(mut console: TcpStream, ums: SocketAddr) {
    let mut ums = TcpStream::connect(ums).await.unwrap();
    let _ = copy_bidirectional(&mut console, &mut ums).await;
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
