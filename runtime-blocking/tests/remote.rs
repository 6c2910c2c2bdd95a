//! A session is answered from another thread, and goes on meanwhile.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::io::Write;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use common::{HELLO, LONG, Medium, Pipe, Wired, Working, bare_console, code, credential, spawn};
use procy_blocking::core::error::Broken;
use procy_blocking::core::event::Side;
use procy_blocking::core::prologue::Bounds;
use procy_blocking::{Answer, Remote, Report, Step, now};

/// Runs a session on a thread of its own, which tells its events' names and answers none.
fn elsewhere(mut run: Wired) -> (Remote<Pipe, Pipe>, Receiver<String>, Working<Report>) {
    let remote = run.remote().unwrap();
    let (tell, told) = channel();
    let session = spawn(move || {
        while let Step::Event(event) = run.next() {
            let _ = tell.send(format!("{event:?}"));
        }
        Report::of(run.session())
    });
    (remote, told, session)
}

fn hears(told: &Receiver<String>, name: &str) {
    while !told.recv_timeout(LONG).unwrap().starts_with(name) {}
}

/// Nothing wakes these threads but their answers: the deadlines are an hour away.
fn patient() -> Bounds {
    let mut bounds = Bounds::default();
    bounds.deadlines.credential = Duration::from_secs(3_600);
    bounds.deadlines.connect = Duration::from_secs(3_600);
    bounds
}

#[test]
fn a_whole_session_is_answered_from_another_thread() {
    let (mut viewer, near) = Medium::Tcp.pair();
    let (far, console) = Medium::Tcp.pair();
    let (local, mut service) = Medium::Unix.pair();
    let device =
        spawn(move || common::serve(common::device_run(Bounds::default(), console), local));
    let (remote, told, session) = elsewhere(bare_console(patient()));

    hears(&told, "CredentialNeeded");
    remote.answer(Answer::Credential(credential(), now())).unwrap();
    hears(&told, "ConnectNeeded");
    remote.answer(Answer::AttachFar(far)).unwrap();
    hears(&told, "ViewerNeeded");
    remote.answer(Answer::AttachNear(near)).unwrap();
    service.write_all(HELLO).unwrap();
    assert_eq!(viewer.hear(HELLO.len()), HELLO);

    remote.answer(Answer::Close).unwrap();
    assert_eq!(viewer.rest(), b"");
    drop(viewer);
    service.rest();
    drop(service);
    assert_eq!(code(&session.result()), "ended");
    device.result();
    assert!(remote.answer(Answer::Close).is_err(), "it is over");
}

#[test]
fn a_viewer_that_leaves_while_somebody_works_on_an_answer_is_noticed() {
    let (viewer, near) = Medium::Tcp.pair();
    let (remote, told, session) = elsewhere(bare_console(patient()));
    remote.answer(Answer::AttachNear(near)).unwrap();
    hears(&told, "CredentialNeeded");
    drop(viewer);
    assert_eq!(code(&session.result()), "viewer-left");
}

#[test]
fn failures_are_answers_too() {
    let (remote, told, session) = elsewhere(bare_console(patient()));
    hears(&told, "CredentialNeeded");
    remote.answer(Answer::Abandon("no UMS".to_owned())).unwrap();
    assert_eq!(code(&session.result()), "abandoned");

    let (remote, told, session) = elsewhere(bare_console(patient()));
    remote.answer(Answer::Credential(credential(), now())).unwrap();
    hears(&told, "ConnectNeeded");
    remote.answer(Answer::Broken(Side::Far, Broken::Refused)).unwrap();
    assert_eq!(code(&session.result()), "device-refused");
}

#[test]
fn more_answers_than_any_session_asks_for_are_given_back() {
    // Nobody runs it.
    let mut run = bare_console(patient());
    let remote = run.remote().unwrap();
    let taken = (0..1_000).take_while(|_| remote.answer(Answer::Close).is_ok()).count();
    assert_eq!(taken, 64);
    assert!(matches!(remote.answer(Answer::Accept), Err(Answer::Accept)));
    // It takes them all, and ends by the first.
    assert_eq!(code(&common::finish(&mut run)), "cancelled");
}

#[test]
fn a_session_outlives_its_remotes() {
    let (remote, told, session) = elsewhere(bare_console(Bounds::default()));
    hears(&told, "CredentialNeeded");
    let second = remote.clone();
    drop(remote);
    second.answer(Answer::Credential(credential(), now())).unwrap();
    drop(second);
    hears(&told, "ConnectNeeded");
    assert!(!session.is_finished());
}
