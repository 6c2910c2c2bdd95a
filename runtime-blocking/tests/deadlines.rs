//! Every deadline ends its wait. They are short here, and what is asserted is the reason, never the time.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::io::Write;
use std::time::Duration;

use common::{
    HELLO, Medium, Pipe, Wired, bare_console, code, credential, device_run, finish, spawn, until,
};
use procy_blocking::core::error::Error;
use procy_blocking::core::event::{Event, Outcome};
use procy_blocking::core::prologue::Bounds;
use procy_blocking::core::timer::{Deadlines, Why};
use procy_blocking::now;

const SHORT: Duration = Duration::from_millis(60);

/// Default bounds, but for the farewell, which most peers here do not answer.
fn bounds(set: impl FnOnce(&mut Deadlines)) -> Bounds {
    let mut bounds = Bounds::default();
    bounds.deadlines.close = SHORT;
    set(&mut bounds.deadlines);
    bounds
}

fn times_out(mut run: Wired, why: Why) {
    let report = spawn(move || finish(&mut run)).result();
    assert_eq!(report.outcome, Outcome::Failed(Error::Timeout(why)));
}

/// A console and the device that it is connected to, which knows no local VNC server yet.
fn connected(console: Bounds, device: Bounds) -> (Wired, Wired) {
    let (far, near) = Medium::Unix.pair();
    let mut run = bare_console(console);
    run.credential(credential(), now());
    run.attach_far(far);
    (run, device_run(device, near))
}

#[test]
fn nobody_brings_the_credential() {
    times_out(bare_console(bounds(|d| d.credential = SHORT)), Why::Credential);
}

#[test]
fn nobody_connects_to_the_device() {
    let mut run = bare_console(bounds(|d| d.connect = SHORT));
    run.credential(credential(), now());
    times_out(run, Why::Connect);
}

#[test]
fn the_device_is_silent_in_the_handshake_and_the_viewer_hears_why() {
    let (mut viewer, near) = Medium::Tcp.pair();
    let (far, _device) = Medium::Tcp.pair();
    let run = common::console_run(bounds(|d| d.handshake = SHORT), near, far);
    let told = spawn(move || viewer.rest());
    times_out(run, Why::Handshake);
    let told = told.result();
    let told = String::from_utf8_lossy(&told);
    assert!(told.starts_with("RFB 003.003\n") && told.contains("handshake-timeout"), "{told}");
}

#[test]
fn no_viewer_comes() {
    let (run, mut device) = connected(bounds(|d| d.viewer = SHORT), bounds(|_| {}));
    let device = spawn(move || finish(&mut device));
    times_out(run, Why::Viewer);
    assert_eq!(code(&device.result()), "console-left");
}

#[test]
fn the_password_expires() {
    let (run, mut device) = connected(bounds(|d| d.password = SHORT * 10), bounds(|_| {}));
    let device = spawn(move || finish(&mut device));
    times_out(run, Why::Password);
    device.result();
}

#[test]
fn the_device_says_no_hello() {
    let (mut run, device) = connected(bounds(|d| d.hello = SHORT), bounds(|_| {}));
    let (_viewer, near) = Medium::Unix.pair();
    let (local, _silent) = Medium::Unix.pair();
    run.attach_near(near);
    let device = spawn(move || common::serve(device, local));
    times_out(run, Why::Hello);
    device.result();
}

#[test]
fn the_console_sends_no_command() {
    let (mut run, device) = connected(bounds(|_| {}), bounds(|d| d.command = SHORT));
    let console = spawn(move || finish(&mut run));
    times_out(device, Why::Command);
    assert_eq!(code(&console.result()), "device-left");
}

#[test]
fn nobody_judges_the_password() {
    let (mut run, device) = connected(bounds(|_| {}), bounds(|d| d.verdict = SHORT));
    let (_viewer, near) = Medium::Unix.pair();
    run.attach_near(near);
    let console = spawn(move || finish(&mut run));
    times_out(device, Why::Verdict);
    assert_eq!(code(&console.result()), "closed-before-hello");
}

#[test]
fn nobody_connects_to_the_local_vnc_server() {
    let (mut run, mut device) = connected(bounds(|_| {}), bounds(|d| d.service = SHORT));
    let (_viewer, near) = Medium::Unix.pair();
    run.attach_near(near);
    let console = spawn(move || finish(&mut run));
    until(&mut device, |event| matches!(event, Event::PasswordOffered(_)));
    device.accept();
    times_out(device, Why::Service);
    assert_eq!(code(&console.result()), "closed-before-hello");
}

/// A session that relays, its viewer, and its device's local VNC server.
fn relaying(bounds: Bounds) -> (Wired, Pipe, Pipe) {
    let (mut run, device) = connected(bounds, Bounds::default());
    let (viewer, near) = Medium::Unix.pair();
    let (local, mut service) = Medium::Unix.pair();
    run.attach_near(near);
    drop(spawn(move || common::serve(device, local)));
    service.write_all(HELLO).unwrap();
    until(&mut run, |event| matches!(event, Event::Relaying));
    (run, viewer, service)
}

#[test]
fn silence_both_ways_is_idleness() {
    let (run, _viewer, _service) = relaying(bounds(|d| d.idle = Some(SHORT)));
    times_out(run, Why::Idle);
}

#[test]
fn a_session_lasts_no_longer_than_it_may_however_busy() {
    let (run, viewer, mut service) = relaying(bounds(|d| d.absolute = Some(SHORT * 20)));
    let busy = spawn(move || while service.write_all(b"picture").is_ok() {});
    let mut viewer = viewer;
    let watching = spawn(move || viewer.rest());
    times_out(run, Why::Absolute);
    watching.result();
    busy.result();
}

#[test]
fn what_remains_after_an_end_may_stand_still_for_a_while_only() {
    let (mut run, viewer, _service) = relaying(bounds(|_| {}));
    viewer.end();
    assert_eq!(code(&spawn(move || finish(&mut run)).result()), "ended");
}

#[test]
fn a_deadline_far_beyond_any_clock_is_waited_for_in_pieces() {
    // It is woken by what comes, and not by an error of a wait that the operating system cannot count.
    let (run, mut device) = connected(bounds(|d| d.viewer = Duration::MAX), bounds(|_| {}));
    let stop = procy_blocking::Stop::new().unwrap();
    let mut run = run.stopped_by(&stop);
    let console = spawn(move || {
        until(&mut run, |event| matches!(event, Event::ViewerNeeded));
        finish(&mut run)
    });
    until(&mut device, |event| matches!(event, Event::Established { .. }));
    stop.stop();
    let device = spawn(move || finish(&mut device));
    let report = console.result();
    assert!(matches!(code(&report), "cancelled"), "{report:?}");
    device.result();
}
