//! Every deadline ends its wait. They are short here, and what is asserted is the reason, never the time.

use std::time::Duration;

use procy_futures::core::error::Error;
use procy_futures::core::event::{Event, Outcome};
use procy_futures::core::prologue::Bounds;
use procy_futures::core::timer::{Deadlines, Why};
use procy_futures::now;
use smol::future::or;
use smol::io::AsyncWriteExt;

use crate::executor::{Executor, spawn};
use crate::parts::{
    HELLO, Pipe, Wired, bare_console, code, console_run, credential, device_run, finish, memory,
    rest, serve, until, until_relaying,
};

const SHORT: Duration = Duration::from_millis(60);
const ROOM: usize = 100_000;

/// Default bounds, but for the farewell, which most peers here do not answer.
fn bounds(set: impl FnOnce(&mut Deadlines)) -> Bounds {
    let mut bounds = Bounds::default();
    bounds.deadlines.close = SHORT;
    set(&mut bounds.deadlines);
    bounds
}

async fn times_out<E: Executor>(mut run: Wired<E>, why: Why) {
    let report = finish::<E>(&mut run).await;
    assert_eq!(report.outcome, Outcome::Failed(Error::Timeout(why)));
}

/// A console and the device that it is connected to, which knows no local VNC server yet.
fn connected<E: Executor>(console: Bounds, device: Bounds) -> (Wired<E>, Wired<E>) {
    let (far, near) = memory(ROOM);
    let mut run = bare_console::<E>(console);
    run.credential(credential(), now());
    run.attach_far(far);
    (run, device_run::<E>(device, near))
}

pub(crate) async fn nobody_brings_the_credential<E: Executor>() {
    times_out::<E>(bare_console::<E>(bounds(|d| d.credential = SHORT)), Why::Credential).await;
}

pub(crate) async fn nobody_connects_to_the_device<E: Executor>() {
    let mut run = bare_console::<E>(bounds(|d| d.connect = SHORT));
    run.credential(credential(), now());
    times_out::<E>(run, Why::Connect).await;
}

pub(crate) async fn the_device_is_silent_in_the_handshake<E: Executor>() {
    let ((mut viewer, near), (far, _device)) = (memory(ROOM), memory(ROOM));
    let run = console_run::<E>(bounds(|d| d.handshake = SHORT), near, far);
    times_out::<E>(run, Why::Handshake).await;
    let told = rest(&mut viewer).await;
    let told = String::from_utf8_lossy(&told);
    assert!(told.starts_with("RFB 003.003\n") && told.contains("handshake-timeout"), "{told}");
}

pub(crate) async fn no_viewer_comes<E: Executor>() {
    let (run, mut device) = connected::<E>(bounds(|d| d.viewer = SHORT), bounds(|_| {}));
    let device = spawn::<E, _>(async move { finish::<E>(&mut device).await });
    times_out::<E>(run, Why::Viewer).await;
    assert_eq!(code(&device.result().await), "console-left");
}

pub(crate) async fn the_password_expires<E: Executor>() {
    let (run, mut device) = connected::<E>(bounds(|d| d.password = SHORT * 10), bounds(|_| {}));
    let device = spawn::<E, _>(async move { finish::<E>(&mut device).await });
    times_out::<E>(run, Why::Password).await;
    device.result().await;
}

pub(crate) async fn the_device_says_no_hello<E: Executor>() {
    let (mut run, device) = connected::<E>(bounds(|d| d.hello = SHORT), bounds(|_| {}));
    let ((_viewer, near), (local, _silent)) = (memory(ROOM), memory(ROOM));
    run.attach_near(near);
    let device = spawn::<E, _>(serve::<E>(device, local));
    times_out::<E>(run, Why::Hello).await;
    device.result().await;
}

pub(crate) async fn the_console_sends_no_command<E: Executor>() {
    let (mut run, device) = connected::<E>(bounds(|_| {}), bounds(|d| d.command = SHORT));
    let console = spawn::<E, _>(async move { finish::<E>(&mut run).await });
    times_out::<E>(device, Why::Command).await;
    assert_eq!(code(&console.result().await), "device-left");
}

pub(crate) async fn nobody_judges_the_password<E: Executor>() {
    let (mut run, device) = connected::<E>(bounds(|_| {}), bounds(|d| d.verdict = SHORT));
    let (_viewer, near) = memory(ROOM);
    run.attach_near(near);
    let console = spawn::<E, _>(async move { finish::<E>(&mut run).await });
    times_out::<E>(device, Why::Verdict).await;
    assert_eq!(code(&console.result().await), "closed-before-hello");
}

pub(crate) async fn nobody_connects_to_the_local_vnc_server<E: Executor>() {
    let (mut run, mut device) = connected::<E>(bounds(|_| {}), bounds(|d| d.service = SHORT));
    let (_viewer, near) = memory(ROOM);
    run.attach_near(near);
    let console = spawn::<E, _>(async move { finish::<E>(&mut run).await });
    until::<E>(&mut device, |event| matches!(event, Event::PasswordOffered(_))).await;
    device.accept();
    times_out::<E>(device, Why::Service).await;
    assert_eq!(code(&console.result().await), "closed-before-hello");
}

/// A session that relays, its viewer, and its device's local VNC server.
async fn relaying<E: Executor>(bounds: Bounds) -> (Wired<E>, Pipe, Pipe) {
    let (mut run, device) = connected::<E>(bounds, Bounds::default());
    let ((viewer, near), (local, mut service)) = (memory(ROOM), memory(ROOM));
    run.attach_near(near);
    drop(spawn::<E, _>(serve::<E>(device, local)));
    service.write_all(HELLO).await.unwrap();
    until_relaying::<E>(&mut run).await;
    (run, viewer, service)
}

pub(crate) async fn silence_both_ways_is_idleness<E: Executor>() {
    let (run, _viewer, _service) = relaying::<E>(bounds(|d| d.idle = Some(SHORT))).await;
    times_out::<E>(run, Why::Idle).await;
}

pub(crate) async fn a_session_lasts_no_longer_than_it_may_however_busy<E: Executor>() {
    let bounds = bounds(|d| d.absolute = Some(SHORT * 20));
    let (run, mut viewer, mut service) = relaying::<E>(bounds).await;
    let busy = spawn::<E, _>(async move { while service.write_all(b"picture").await.is_ok() {} });
    let watching = spawn::<E, _>(async move { rest(&mut viewer).await });
    times_out::<E>(run, Why::Absolute).await;
    watching.result().await;
    busy.result().await;
}

pub(crate) async fn what_remains_after_an_end_may_stand_still_for_a_while_only<E: Executor>() {
    let (mut run, mut viewer, _service) = relaying::<E>(bounds(|_| {})).await;
    viewer.close().await.unwrap();
    assert_eq!(code(&finish::<E>(&mut run).await), "ended");
}

/// A sleep for what is far away is replaced by one for what is near.
pub(crate) async fn a_deadline_that_comes_nearer_is_kept<E: Executor>() {
    let long = Duration::from_secs(1_000);
    let bounds = bounds(|d| {
        d.connect = long;
        d.handshake = SHORT;
    });
    let mut run = bare_console::<E>(bounds);
    run.credential(credential(), now());
    until::<E>(&mut run, |event| matches!(event, Event::ConnectNeeded)).await;
    let waits = async { Some(run.next().await) };
    let step = or(waits, async {
        E::sleep(SHORT).await;
        None
    })
    .await;
    assert!(step.is_none(), "{step:?}");
    let (far, _device) = memory(ROOM);
    run.attach_far(far);
    times_out::<E>(run, Why::Handshake).await;
}

pub(crate) async fn a_deadline_far_beyond_any_clock_is_none<E: Executor>() {
    let mut run = bare_console::<E>(bounds(|d| d.credential = Duration::MAX));
    until::<E>(&mut run, |event| matches!(event, Event::CredentialNeeded)).await;
    let waits = async { Some(run.next().await) };
    let step = or(waits, async {
        E::sleep(SHORT).await;
        None
    })
    .await;
    assert!(step.is_none(), "{step:?}");
    run.close();
    assert_eq!(code(&finish::<E>(&mut run).await), "cancelled");
}
