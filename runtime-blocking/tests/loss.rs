//! Peers that refuse, leave, and are lost.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::io::Write;
use std::net::{Shutdown, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use common::{
    HELLO, Medium, Pipe, Wired, bare_console, code, console_run, credential, device_run, finish,
    noise, spawn, tcp_pair, until,
};
use procy_blocking::core::Session;
use procy_blocking::core::error::Broken;
use procy_blocking::core::event::{Event, Side};
use procy_blocking::core::prologue::Bounds;
use procy_blocking::{CONNECT_WITHIN, Report, Run, Step, now};
use socket2::SockRef;

fn relays(event: &Event) -> bool {
    matches!(event, Event::Relaying)
}

/// Carries bytes between two sockets until it is cut: then the first one's peer sees a reset, and no farewell before.
struct Cable {
    ends: [Pipe; 2],
    copying: Vec<common::Working<()>>,
}

impl Cable {
    fn between(a: Pipe, b: Pipe) -> Self {
        let copy =
            |mut from: Pipe, mut to: Pipe| spawn(move || drop(std::io::copy(&mut from, &mut to)));
        let ((a, from_a), (b, from_b)) = (a.split(), b.split());
        let ((a, to_a), (b, to_b)) = (a.split(), b.split());
        Self { ends: [a, b], copying: vec![copy(from_a, to_b), copy(from_b, to_a)] }
    }

    fn cut(self) {
        self.ends[0].will_reset();
        // Wakes both threads; it says nothing to the peers.
        self.ends.iter().for_each(|end| SockRef::from(end).shutdown(Shutdown::Read).unwrap());
        self.copying.into_iter().for_each(common::Working::result);
    }
}

#[test]
fn a_device_reset_in_mid_session_is_lost_after_all_that_it_sent() {
    const LEN: usize = 400_000;
    let (mut viewer, near) = Medium::Tcp.pair();
    let ((far, a), (b, console)) = (Medium::Tcp.pair(), Medium::Unix.pair());
    let (local, mut service) = Medium::Unix.pair();
    let cable = Cable::between(a, b);
    let device = spawn(move || common::serve(device_run(Bounds::default(), console), local));
    let mut run = console_run(Bounds::default(), near, far);
    let session = spawn(move || finish(&mut run));
    service.write_all(HELLO).unwrap();
    let picture = noise(1, LEN);
    let sent = picture.clone();
    let painting = spawn(move || service.write_all(&sent).map(|()| service));
    assert_eq!(viewer.hear(HELLO.len()), HELLO);
    assert!(viewer.hear(LEN) == picture);
    cable.cut();
    assert_eq!(viewer.rest(), b"");
    drop((viewer, painting.result()));
    let report = session.result();
    assert_eq!(code(&report), "device-lost");
    assert_eq!(report.traffic.to_near, (HELLO.len() + LEN) as u64);
    device.result();
}

#[test]
fn a_viewer_reset_in_mid_session_is_an_ordinary_end() {
    let (viewer, near) = Medium::Tcp.pair();
    viewer.will_reset();
    let (far, console) = Medium::Unix.pair();
    let (local, mut service) = Medium::Unix.pair();
    let device = spawn(move || common::serve(device_run(Bounds::default(), console), local));
    let mut run = console_run(Bounds::default(), near, far);
    service.write_all(HELLO).unwrap();
    until(&mut run, relays);
    drop(viewer);
    let session = spawn(move || finish(&mut run));
    service.rest();
    drop(service);
    assert_eq!(code(&session.result()), "ended");
    device.result();
}

#[test]
fn a_device_that_refuses_to_connect_is_told_to_the_viewer() {
    // A port that is free, and was just given back.
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let (mut viewer, near) = Medium::Tcp.pair();
    let mut run = bare_console(Bounds::default());
    run.attach_near(near);
    run.credential(credential(), now());
    let session = spawn(move || {
        while let Step::Event(event) = run.next() {
            if let Event::ConnectNeeded = event {
                let error = procy_blocking::connect("127.0.0.1", port, CONNECT_WITHIN).unwrap_err();
                assert_eq!(error.how(), Broken::Refused);
                assert!(error.to_string().contains(&port.to_string()), "{error}");
                run.broken(Side::Far, error.how());
            }
        }
        Report::of(run.session())
    });
    let told = viewer.rest();
    drop(viewer);
    assert!(told.starts_with(b"RFB 003.003\n\0\0\0\0"), "{}", told.escape_ascii());
    assert_eq!(code(&session.result()), "device-refused");
}

#[test]
fn a_host_that_does_not_answer_is_given_up_within_the_bound() {
    // A listener whose queue is full answers no more.
    let listener =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let port = listener.local_addr().unwrap().as_socket().unwrap().port();
    let within = Duration::from_millis(200);
    let mut waiting = Vec::new();
    let error = loop {
        match procy_blocking::connect("127.0.0.1", port, within) {
            Ok(stream) => waiting.push(stream),
            Err(error) => break error,
        }
        assert!(waiting.len() < 100, "the queue never fills");
    };
    assert_eq!(error.how(), Broken::TimedOut);
}

fn refusing(mut device: Wired) -> Report {
    while let Step::Event(event) = device.next() {
        if let Event::PasswordOffered(_) = event {
            device.refuse();
        }
    }
    Report::of(device.session())
}

#[test]
fn a_refused_password_closes_before_the_hello() {
    let ((mut viewer, near), (far, console)) = (Medium::Tcp.pair(), Medium::Tcp.pair());
    let mut run = console_run(Bounds::default(), near, far);
    let device = spawn(move || refusing(device_run(Bounds::default(), console)));
    let session = spawn(move || finish(&mut run));
    let told = viewer.rest();
    drop(viewer);
    assert!(told.starts_with(b"RFB 003.003\n"), "{}", told.escape_ascii());
    assert_eq!(code(&session.result()), "closed-before-hello");
    assert_eq!(code(&device.result()), "password-refused");
}

#[test]
fn a_viewer_that_was_told_nothing_is_taken_back_for_another_try() {
    let ((mut viewer, near), (far, console)) = (Medium::Unix.pair(), Medium::Unix.pair());
    let mut config = common::console_config();
    config.retriable = true;
    let mut run = Run::new(Session::console(Arc::new(config), now()));
    run.attach_near(near);
    run.credential(credential(), now());
    run.attach_far(far);
    assert!(run.take_near().is_none(), "the session still needs it");
    let device = spawn(move || refusing(device_run(Bounds::default(), console)));
    let (report, near) = spawn(move || (finish(&mut run), run.take_near())).result();
    assert_eq!(code(&report), "closed-before-hello");
    device.result();
    let near = near.expect("the viewer's socket is gone");

    let (far, console) = Medium::Unix.pair();
    let (local, mut service) = Medium::Unix.pair();
    let device = spawn(move || common::serve(device_run(Bounds::default(), console), local));
    let mut run = console_run(Bounds::default(), near, far);
    service.write_all(HELLO).unwrap();
    until(&mut run, relays);
    drop(run);
    assert_eq!(viewer.rest(), HELLO, "the first session has said something");
    drop(service);
    device.result();
}

#[test]
fn without_another_try_the_viewer_is_told_and_dropped() {
    let ((mut viewer, near), (far, device)) = (Medium::Unix.pair(), Medium::Unix.pair());
    let mut run = console_run(Bounds::default(), near, far);
    drop(device);
    let session = spawn(move || (finish(&mut run), run.take_near()));
    let told = viewer.rest();
    drop(viewer);
    let (report, near) = session.result();
    assert_eq!(code(&report), "closed-in-handshake");
    assert!(told.starts_with(b"RFB 003.003\n") && near.is_none());
}

#[test]
fn a_viewer_that_leaves_too_early_is_noticed_at_once() {
    let ((viewer, near), (far, mut device)) = (Medium::Tcp.pair(), Medium::Tcp.pair());
    let mut run = console_run(Bounds::default(), near, far);
    drop(viewer);
    let session = spawn(move || finish(&mut run));
    device.rest();
    drop(device);
    assert_eq!(code(&session.result()), "viewer-left");
}

#[test]
fn given_up_for_a_reason_of_the_hosts_own_the_viewer_is_told_it() {
    let (mut viewer, near) = Medium::Unix.pair();
    let mut run = bare_console(Bounds::default());
    run.attach_near(near);
    run.abandon("UMS is down for maintenance");
    let session = spawn(move || finish(&mut run));
    let told = viewer.rest();
    drop(viewer);
    let told = String::from_utf8_lossy(&told);
    assert!(told.contains("UMS is down for maintenance"), "{told}");
    assert_eq!(code(&session.result()), "abandoned");
}

#[test]
fn what_is_no_socket_is_broken_and_not_waited_for() {
    let (reader, _writer) = std::io::pipe().unwrap();
    let (_viewer, near) = Medium::Unix.pair();
    let mut config = common::console_config();
    config.bounds.deadlines.close = Duration::from_millis(50);
    let mut run: Run<Pipe, _> = Run::new(Session::console(Arc::new(config), now()));
    run.attach_near(near);
    run.credential(credential(), now());
    run.attach_far(reader);
    let report = spawn(move || {
        while let Step::Event(_) = run.next() {}
        Report::of(run.session())
    });
    assert_eq!(code(&report.result()), "closed-in-handshake");
}

#[test]
fn connections_have_no_delay_and_are_watched() {
    let (ours, theirs) = tcp_pair();
    for stream in [&ours, &theirs] {
        let socket = SockRef::from(stream);
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
    }
}
