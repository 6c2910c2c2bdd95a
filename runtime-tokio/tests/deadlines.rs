//! Every deadline passes in its own time, on a clock that the test moves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{
    HELLO, Wire, bounded_virtually, console_run, credential, device_config, device_run, finish,
    serve, until_relaying,
};
use procy_tokio::core::Session;
use procy_tokio::core::error::Error;
use procy_tokio::core::event::{Event, Outcome};
use procy_tokio::core::prologue::{Bounds, console};
use procy_tokio::core::timer::Why;
use procy_tokio::{Run, Step, now};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::Instant;

const ROOM: usize = 100_000;

type Memory = Run<DuplexStream, DuplexStream>;

/// The session fails for this reason, so many seconds from now.
async fn times_out<N: Wire, F: Wire>(run: &mut Run<N, F>, why: Why, seconds: u64) {
    let start = Instant::now();
    let report = finish(run).await;
    assert_eq!(report.outcome, Outcome::Failed(Error::Timeout(why)));
    // Farewells may take as long again as `Deadlines::close` when the peer never closes.
    let close = Bounds::default().deadlines.close;
    let least = Duration::from_secs(seconds);
    let took = start.elapsed();
    assert!(
        least <= took && took < least + close + Duration::from_secs(1),
        "{why:?} after {took:?} instead of {least:?}"
    );
}

fn waiting_console(change: impl FnOnce(&mut console::Config)) -> Memory {
    let mut config = common::console_config();
    change(&mut config);
    Run::new(Session::console(Arc::new(config), now()))
}

/// A console and the device that it is connected to, which knows no local VNC server yet.
fn connected(bounds: Bounds) -> (Memory, Memory) {
    let (far, console) = duplex(ROOM);
    let mut run = waiting_console(|config| config.bounds = bounds);
    run.credential(credential(), now());
    run.attach_far(far);
    (run, device_run(console))
}

#[tokio::test(start_paused = true)]
async fn nobody_brings_the_credential() {
    let mut run = waiting_console(|_| {});
    times_out(&mut run, Why::Credential, 60).await;
}

#[tokio::test(start_paused = true)]
async fn nobody_connects_to_the_device() {
    let mut run = waiting_console(|_| {});
    run.credential(credential(), now());
    times_out(&mut run, Why::Connect, 10).await;
}

#[tokio::test(start_paused = true)]
async fn the_device_is_silent_in_the_handshake_and_the_viewer_hears_why() {
    let (viewer, near) = duplex(ROOM);
    let (far, _device) = duplex(ROOM);
    let mut run = console_run(Bounds::default(), near, far);
    let told = tokio::spawn(async move {
        let (mut viewer, mut told) = (viewer, Vec::new());
        viewer.read_to_end(&mut told).await.unwrap();
        told
    });
    times_out(&mut run, Why::Handshake, 15).await;
    let told = told.await.unwrap();
    assert!(told.starts_with(b"RFB 003.003\n\0\0\0\0"), "{}", told.escape_ascii());
}

#[tokio::test(start_paused = true)]
async fn a_drip_of_bytes_does_not_prolong_the_handshake() {
    let (viewer, near) = duplex(ROOM);
    let (far, mut device) = duplex(ROOM);
    let mut run = console_run(Bounds::default(), near, far);
    // A record's header, then a byte of a ServerHello every second.
    let drip = tokio::spawn(async move {
        let mut bytes = [22, 3, 3, 64, 0, 2, 0, 63, 252].into_iter().chain(std::iter::repeat(0));
        while device.write_all(&[bytes.next().unwrap()]).await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    times_out(&mut run, Why::Handshake, 15).await;
    drop(viewer);
    drip.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_viewer_comes() {
    let (mut run, device) = connected(Bounds::default());
    let device = tokio::spawn(serve(device, duplex(1).0));
    times_out(&mut run, Why::Viewer, 170).await;
    assert_eq!(common::code(&device.await.unwrap()), "console-left");
}

#[tokio::test(start_paused = true)]
async fn the_password_expires_from_its_asking_on() {
    let asked = now();
    tokio::time::advance(Duration::from_secs(250)).await;
    let (far, console) = duplex(ROOM);
    let mut run = waiting_console(|_| {});
    run.credential(credential(), asked);
    run.attach_far(far);
    let device = tokio::spawn(serve(device_run(console), duplex(1).0));
    times_out(&mut run, Why::Password, 50).await;
    device.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_device_says_no_hello() {
    let (mut run, device) = connected(Bounds::default());
    let (local, _silent) = duplex(ROOM);
    let (_viewer, near) = duplex(ROOM);
    run.attach_near(near);
    let device = tokio::spawn(serve(device, local));
    times_out(&mut run, Why::Hello, 120).await;
    device.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_console_sends_no_command() {
    let mut bounds = Bounds::default();
    bounds.deadlines.viewer = Duration::from_secs(1_000);
    let (run, mut device) = connected(bounds);
    let console = tokio::spawn(async move { finish(&mut { run }).await });
    times_out(&mut device, Why::Command, 180).await;
    assert_eq!(common::code(&console.await.unwrap()), "device-left");
}

#[tokio::test(start_paused = true)]
async fn nobody_judges_the_password() {
    let (mut run, mut device) = connected(Bounds::default());
    let (_viewer, near) = duplex(ROOM);
    run.attach_near(near);
    let console = tokio::spawn(async move { finish(&mut { run }).await });
    times_out(&mut device, Why::Verdict, 30).await;
    assert_eq!(common::code(&console.await.unwrap()), "closed-before-hello");
}

#[tokio::test(start_paused = true)]
async fn nobody_connects_to_the_local_vnc_server() {
    let (mut run, mut device) = connected(Bounds::default());
    let (_viewer, near) = duplex(ROOM);
    run.attach_near(near);
    let console = tokio::spawn(async move { finish(&mut { run }).await });
    bounded_virtually(async {
        while !matches!(device.next().await, Step::Event(Event::PasswordOffered(_))) {}
    })
    .await;
    device.accept();
    times_out(&mut device, Why::Service, 10).await;
    assert_eq!(common::code(&console.await.unwrap()), "closed-before-hello");
}

/// A session that relays, its viewer, and its device's local VNC server.
async fn relaying(bounds: Bounds) -> (Memory, DuplexStream, DuplexStream) {
    let (mut run, device) = connected(bounds);
    let (viewer, near) = duplex(ROOM);
    let (local, mut service) = duplex(ROOM);
    run.attach_near(near);
    tokio::spawn(serve(device, local));
    service.write_all(HELLO).await.unwrap();
    until_relaying(&mut run).await;
    (run, viewer, service)
}

#[tokio::test(start_paused = true)]
async fn silence_both_ways_is_idleness_and_a_byte_puts_it_off() {
    let mut bounds = Bounds::default();
    bounds.deadlines.idle = Some(Duration::from_secs(40));
    let (mut run, mut viewer, _service) = relaying(bounds).await;
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(30)).await;
        viewer.write_all(b"x").await.unwrap();
        // The viewer stays, silently.
        tokio::time::sleep(Duration::from_secs(1_000)).await;
    });
    times_out(&mut run, Why::Idle, 70).await;
}

#[tokio::test(start_paused = true)]
async fn a_session_lasts_no_longer_than_it_may() {
    let mut bounds = Bounds::default();
    bounds.deadlines.absolute = Some(Duration::from_secs(3_600));
    let (mut run, _viewer, _service) = relaying(bounds).await;
    times_out(&mut run, Why::Absolute, 3_600).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_deadline_a_relaying_session_waits_for_ever() {
    let (mut run, _viewer, _service) = relaying(Bounds::default()).await;
    let day = Duration::from_secs(86_400);
    // What is left to tell or to move, then nothing.
    assert!(
        tokio::time::timeout(day, async { while let Step::Event(_) = run.next().await {} })
            .await
            .is_err()
    );
    assert_eq!(run.session().deadline(), None);
    assert!(run.outcome().is_none());
}

#[tokio::test(start_paused = true)]
async fn what_remains_after_an_end_may_stand_still_for_a_while_only() {
    let (mut run, mut viewer, _service) = relaying(Bounds::default()).await;
    viewer.shutdown().await.unwrap();
    let start = Instant::now();
    let report = finish(&mut run).await;
    assert_eq!(common::code(&report), "ended");
    // Once for the other direction, and once for its farewell.
    assert!(start.elapsed() >= Duration::from_secs(5) && start.elapsed() < Duration::from_secs(11));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_far_beyond_any_clock_is_none() {
    let mut config = device_config();
    config.bounds.deadlines.connect = Duration::MAX;
    let mut run: Memory = Run::new(Session::device(&config, now()).unwrap());
    let year = Duration::from_secs(86_400 * 365);
    assert!(tokio::time::timeout(year, run.next()).await.is_err());
}
