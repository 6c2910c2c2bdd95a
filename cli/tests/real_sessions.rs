//! `procy shadow` between programs that this project did not write: what is seen and typed through it.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod real;

use procy_testkit::certificates::Kind;
use procy_testkit::real::{
    BOUND, Then, TlsFront, TlsVersions, Viewer, Xvnc, capture, type_text, wait_for,
};
use real::{Front, Site};
use rustix::process::{Pid, Signal, kill_process};

/// Another for each run, so that no picture of an earlier one can pass.
fn seed() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64
}

#[test]
fn the_picture_through_every_tls_front_is_the_picture_that_xvnc_shows() {
    let fronts: [(&str, Front); 3] = [
        ("stunnel", TlsFront::stunnel),
        ("openssl", TlsFront::openssl),
        ("socat", TlsFront::socat),
    ];
    let desktop = Xvnc::start().unwrap();
    desktop.show_random_text(seed()).unwrap();
    let direct = desktop.screenshot_direct().unwrap();
    assert!(!direct.is_blank());
    for (name, front) in fronts {
        for versions in [TlsVersions::Only13, TlsVersions::Only12] {
            let site = Site::new(Kind::Rsa4096, front, versions, desktop.address(), Then::Relay);
            let mut program = site.shadow(&["--once"]);
            let through = capture(program.port())
                .unwrap_or_else(|error| panic!("{error}: {}", program.words()));
            assert_eq!(through.differing_pixels(&direct), 0, "{name} {versions:?}");
            let ended = program.event("ended");
            assert!(ended["to_viewer"].as_u64().unwrap() > 10_000, "{ended}");
            assert_eq!(program.exit_code(), 0, "{}", program.words());
            assert_eq!(site.ums.open_sessions(), 0, "it has signed out");
        }
    }
}

#[test]
fn keys_typed_through_it_arrive() {
    let desktop = Xvnc::start().unwrap();
    let typed = desktop.take_typing().unwrap();
    let site = Site::usual(Kind::Rsa2048, desktop.address());
    let mut program = site.shadow(&[]);
    type_text(program.port(), "Typed through procy 42\n").unwrap();
    typed.wait_for("Typed through procy 42\n", BOUND).unwrap();
}

#[test]
fn tigervnc_shows_the_desktop_and_its_keys_arrive() {
    let desktop = Xvnc::start().unwrap();
    let typed = desktop.take_typing().unwrap();
    let site = Site::usual(Kind::P256, desktop.address());
    let mut program = site.shadow(&["--once"]);
    let viewer = Viewer::tigervnc(program.port())
        .unwrap_or_else(|error| panic!("{error}: {}", program.words()));
    viewer.type_text("From a person's viewer\n").unwrap();
    typed.wait_for("From a person's viewer\n", BOUND).unwrap();
    let direct = desktop.screenshot_direct().unwrap();
    viewer.screenshot_when(BOUND, |picture| picture.differing_pixels(&direct) == 0).unwrap();
    drop(viewer);
    assert_eq!(program.exit_code(), 0, "{}", program.words());
}

#[test]
fn one_listener_serves_several_viewers_one_after_another_and_at_once() {
    let desktop = Xvnc::start().unwrap();
    desktop.show_random_text(seed()).unwrap();
    let direct = desktop.screenshot_direct().unwrap();
    let site = Site::usual(Kind::Ed25519, desktop.address());
    let mut program = site.shadow(&[]);
    let port = program.port();
    let pictures = std::thread::scope(|scope| {
        let viewers: Vec<_> = (0..3).map(|_| scope.spawn(|| capture(port).unwrap())).collect();
        viewers.into_iter().map(|viewer| viewer.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(pictures.iter().all(|picture| picture.differing_pixels(&direct) == 0));
    assert_eq!(capture(port).unwrap().differing_pixels(&direct), 0);
    let commands = site.gate.commands();
    assert_eq!(commands.len(), 4, "a session each");
    let different: std::collections::HashSet<_> = commands.iter().collect();
    assert_eq!(different.len(), 4, "and a password each");
}

#[test]
fn a_device_that_is_stopped_holds_up_its_own_session_and_loses_nothing() {
    let desktop = Xvnc::start().unwrap();
    let typed = desktop.take_typing().unwrap();
    let site =
        Site::new(Kind::P256, TlsFront::socat, TlsVersions::Usual, desktop.address(), Then::Relay);
    let mut program = site.shadow(&[]);
    let viewer = Viewer::tigervnc(program.port()).unwrap();
    let device = site.front.id();
    let connections = format!("/proc/{device}/task/{device}/children");
    let connections = std::fs::read_to_string(connections).unwrap();

    let stopped = Stopped::new(connections.trim().parse().unwrap());
    viewer.type_text("While it was stopped\n").unwrap();
    type_text(program.port(), "By another session\n").unwrap();
    typed.wait_for("By another session\n", BOUND).unwrap();
    assert!(!typed.text().contains("While"), "it was not stopped");
    drop(stopped);
    typed.wait_for("While it was stopped\n", BOUND).unwrap();
    let direct = desktop.screenshot_direct().unwrap();
    viewer.screenshot_when(BOUND, |picture| picture.differing_pixels(&direct) == 0).unwrap();
}

#[test]
fn a_viewer_that_is_stopped_holds_up_its_own_session_and_misses_nothing() {
    let desktop = Xvnc::start().unwrap();
    desktop.show_random_text(seed()).unwrap();
    let site = Site::usual(Kind::P256, desktop.address());
    let mut program = site.shadow(&[]);
    let mut viewer = Viewer::tigervnc(program.port()).unwrap();
    let stopped = Stopped::new(viewer.process().id());
    for _ in 0..3 {
        desktop.show_random_text(seed()).unwrap();
        let direct = desktop.screenshot_direct().unwrap();
        assert_eq!(capture(program.port()).unwrap().differing_pixels(&direct), 0);
    }
    drop(stopped);
    let direct = desktop.screenshot_direct().unwrap();
    viewer.screenshot_when(BOUND, |picture| picture.differing_pixels(&direct) == 0).unwrap();
}

/// A process that stands still until this is dropped.
struct Stopped(Pid);

impl Stopped {
    fn new(id: u32) -> Self {
        let stopped = Self(Pid::from_raw(id.try_into().unwrap()).unwrap());
        kill_process(stopped.0, Signal::STOP).unwrap();
        let stat = || std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        wait_for("standstill", BOUND, || stat().contains(") T ").then_some(())).unwrap();
        stopped
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::CONT);
    }
}
