//! A session can be stopped from another thread, whatever it is waiting for.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::io::{Read, Write};
use std::time::Duration;

use common::{HELLO, LONG, Medium, Pair, bare_console, code, console_run, credential, spawn};
use procy_blocking::core::error::Party;
use procy_blocking::core::event::{Ended, Event, Outcome};
use procy_blocking::core::prologue::Bounds;
use procy_blocking::core::tls::TlsVersion;
use procy_blocking::{Report, Step, Stop, now};

const GOODBYE: Outcome = Outcome::Ended(Ended { by: None, truncated: false });

#[test]
fn a_stopped_session_says_goodbye_to_both() {
    let mut pair = Pair::start(Medium::Tcp, TlsVersion::Tls13);
    pair.hello();
    pair.stop.stop();
    assert_eq!(pair.viewer.rest(), b"");
    drop(pair.viewer);
    assert_eq!(pair.service.rest(), b"");
    drop(pair.service);
    assert_eq!(pair.console.result().0.outcome, GOODBYE);
    // The device heard close_notify: nothing is truncated.
    let by = Outcome::Ended(Ended { by: Some(Party::Console), truncated: false });
    assert_eq!(pair.device.result().outcome, by);
}

/// Stops a console session right after this event, from within and from another thread.
fn stopped_after(name: &'static str) {
    for elsewhere in [false, true] {
        let (viewer, near) = Medium::Tcp.pair();
        let (far, console) = Medium::Tcp.pair();
        let (local, mut service) = Medium::Unix.pair();
        service.write_all(HELLO).unwrap();
        let device =
            spawn(move || common::serve(common::device_run(Bounds::default(), console), local));
        let stop = Stop::new().unwrap();
        let mut run = bare_console(Bounds::default()).stopped_by(&stop);
        let (mut near, mut far) = (Some(near), Some(far));
        let session = spawn(move || {
            let mut reached = false;
            loop {
                match run.next() {
                    Step::Event(event) => {
                        match event {
                            Event::CredentialNeeded => run.credential(credential(), now()),
                            Event::ConnectNeeded => run.attach_far(far.take().unwrap()),
                            Event::ViewerNeeded => run.attach_near(near.take().unwrap()),
                            _ => {}
                        }
                        if format!("{event:?}").starts_with(name) {
                            reached = true;
                            let stop = stop.clone();
                            if elsewhere { drop(spawn(move || stop.stop())) } else { stop.stop() }
                        }
                    }
                    Step::Over => return (Report::of(run.session()), reached),
                }
            }
        });
        // Viewer and service leave when they are told; until then they only listen.
        let mut viewer = viewer;
        let heard = [
            spawn(move || viewer.rest()),
            spawn(move || {
                // Nothing, or a reset, if the device never came to it.
                let mut heard = Vec::new();
                let _ = service.read_to_end(&mut heard);
                heard
            }),
        ];
        let (report, reached) = session.result();
        assert!(reached, "{name} never came");
        match code(&report) {
            "cancelled" => {}
            "ended" => assert_eq!(report.outcome, GOODBYE),
            other => panic!("{other} after {name}"),
        }
        heard.into_iter().for_each(|heard| drop(heard.result()));
        device.result();
    }
}

#[test]
fn at_every_event() {
    for name in [
        "CredentialNeeded",
        "ConnectNeeded",
        "Established",
        "Verified",
        "ViewerNeeded",
        "PasswordSent",
        "Hello",
        "Relaying",
    ] {
        stopped_after(name);
    }
}

#[test]
fn a_thread_asleep_without_a_deadline_is_woken_at_once() {
    // Nothing will ever come, and the only deadline is an hour away.
    let mut bounds = Bounds::default();
    bounds.deadlines.credential = Duration::from_secs(3_600);
    let stop = Stop::new().unwrap();
    let mut run = bare_console(bounds).stopped_by(&stop);
    let (tell, told) = std::sync::mpsc::channel();
    let session = spawn(move || {
        assert!(matches!(run.next(), Step::Event(Event::CredentialNeeded)));
        tell.send(()).unwrap();
        common::finish(&mut run)
    });
    told.recv_timeout(LONG).unwrap();
    stop.stop();
    assert_eq!(code(&session.result()), "cancelled");
}

#[test]
fn a_session_whose_viewer_is_stalled_can_be_stopped() {
    let mut pair = Pair::start(Medium::Tcp, TlsVersion::Tls13);
    pair.hello();
    // More than all buffers hold: this ends only when the session does.
    let mut service = pair.service;
    let flood = spawn(move || {
        let piece = [7; 100_000];
        let mut sent = 0;
        while let Ok(n) = service.write(&piece) {
            sent += n;
        }
        sent
    });
    // The flood has arrived, whatever of it.
    assert_eq!(pair.viewer.hear(1), [7]);
    pair.stop.stop();
    assert_eq!(pair.console.result().0.outcome, GOODBYE);
    drop(pair.viewer);
    assert!(flood.result() > 0);
    pair.device.result();
}

#[test]
fn one_stop_ends_any_number_of_sessions() {
    let stop = Stop::new().unwrap();
    let sessions: Vec<_> = (0..20)
        .map(|_| {
            let ((viewer, near), (far, device)) = (Medium::Unix.pair(), Medium::Unix.pair());
            let mut run = console_run(Bounds::default(), near, far).stopped_by(&stop);
            (viewer, device, spawn(move || common::finish(&mut run)))
        })
        .collect();
    stop.stop();
    for (mut viewer, mut device, session) in sessions {
        viewer.rest();
        drop(viewer);
        device.rest();
        drop(device);
        assert_eq!(code(&session.result()), "cancelled");
    }
    assert!(stop.is_stopped() && stop.pause(LONG));
}

#[test]
fn what_is_stopped_before_it_runs_never_begins() {
    let stop = Stop::new().unwrap();
    stop.stop();
    let (mut viewer, near) = Medium::Unix.pair();
    let (far, mut device) = Medium::Unix.pair();
    let mut run = console_run(Bounds::default(), near, far).stopped_by(&stop);
    let session = spawn(move || common::finish(&mut run));
    assert!(viewer.rest().starts_with(b"RFB 003.003\n"));
    drop(viewer);
    device.rest();
    drop(device);
    assert_eq!(code(&session.result()), "cancelled");
}

#[test]
fn dropping_a_session_closes_both_sockets() {
    let (mut viewer, near) = Medium::Tcp.pair();
    let (far, mut device) = Medium::Tcp.pair();
    drop(console_run(Bounds::default(), near, far));
    assert_eq!(viewer.rest(), b"");
    device.rest();
}
