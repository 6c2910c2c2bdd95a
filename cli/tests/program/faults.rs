//! What the machine itself can do to the program.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use procy_core::rfb::HELLO_LEN;
use procy_testkit::device::What;
use procy_testkit::ums::Call;
use rustix::process::{Resource, Rlimit, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::program::{End, Program, WITHIN, limited};
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
            let end =
                Program::start(&mut limited(&command, &format!("--nofile={most}"))).end().await;
            end.failed_with("runtime-failed", 1);
            ran_out(&end, "runtime-failed");
        }
        let mut procy = Program::start(&mut limited(&command, "--nofile=24"));
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

/// As many viewers as may come at once, but for one.
const HOSTILE: usize = 15;

/// So many viewers that send all that is taken from them and read nothing, before a device that does the same.
fn flood(rig: &Rig, address: &str) -> JoinSet<()> {
    rig.flood.begin();
    let viewer = |address: String| async move {
        // The program may end just now.
        let Ok(mut stream) = TcpStream::connect(address).await else { return };
        // Before that it would be refused.
        let _ = stream.read_exact(&mut [0; HELLO_LEN]).await;
        while stream.write_all(&[0; 16 * 1024]).await.is_ok() {}
    };
    (0..HOSTILE).map(|_| viewer(address.to_owned())).collect()
}

#[tokio::test]
async fn stalled_and_flooding_peers_do_not_use_up_a_small_memory() {
    for runtime in ["tokio", "mio"] {
        let rig = Rig::start().await;
        let command = rig.shadow_command("id:7", &["--runtime", runtime]);
        // What docs/operations.md promises to be enough: 64 MiB.
        let mut procy = Program::start(&mut limited(&command, "--as=67108864"));
        let address = procy.listening().await;
        let mut steady = Viewer::connect(&address).await.unwrap();
        procy.event("relaying").await;
        let hostile = flood(&rig, &address);
        for _ in 0..HOSTILE {
            procy.event("relaying").await;
        }
        // Until nothing more is taken from any of them; and all the while, the one session goes on.
        let mut keys = 0;
        loop {
            let sent = rig.flood.sent();
            for _ in 0..20 {
                keys += 1;
                steady.types(b'a').await;
                let seen = rig.desktop.seen_until(|seen| seen.typed.len() == keys);
                timeout(WITHIN, seen).await.expect("the session stands still");
            }
            if rig.flood.sent() == sent {
                break;
            }
        }
        drop((steady, hostile));
        procy.interrupt();
        assert_eq!(procy.end().await.code, 130, "{runtime}");
    }
}

#[tokio::test]
async fn out_of_memory_it_says_so_in_a_line_and_everything_is_closed() {
    let rig = Rig::start().await;
    let mut device = rig.device.subscribe();
    let mut procy = rig.shadow(&[]);
    let address = procy.listening().await;
    let steady = Viewer::connect(&address).await.unwrap();
    procy.event("relaying").await;
    // No core is wanted.
    procy.limit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let enough = Some(procy.memory());
    procy.limit(Resource::As, Rlimit { current: enough, maximum: enough });
    let hostile = flood(&rig, &address);
    steady.closed().await;
    let end = procy.end().await;
    assert_eq!(end.code, -Signal::ABORT.as_raw(), "{end:?}");
    assert!(end.stderr.contains("memory allocation of "), "{end:?}");
    let ended = async { while !matches!(device.recv().await.unwrap().what, What::Ended(_)) {} };
    timeout(WITHIN, ended).await.expect("the device's session goes on");
    assert_eq!(rig.ums.open_sessions(), 1, "UMS ends it by itself");
    drop(hostile);
}
