//! Futures may be dropped at any time, and so may a session.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::future::{Future, poll_fn};
use std::pin::pin;

use common::{
    HELLO, Wire, bounded, console_run, device_run, noise, serve, tcp_pair, until_relaying,
};
use procy_tokio::core::prologue::Bounds;
use procy_tokio::{Run, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

/// One step by a new future for every poll: each but the last is dropped (or leaked) while it waits.
async fn step<N: Wire, F: Wire>(run: &mut Run<N, F>, leak: bool) -> Step {
    poll_fn(|cx| {
        if leak {
            let mut next = Box::pin(run.next());
            let step = next.as_mut().poll(cx);
            std::mem::forget(next);
            step
        } else {
            pin!(run.next()).poll(cx)
        }
    })
    .await
}

async fn session_of_dropped_futures(leak: bool) {
    const LEN: usize = 30_000;
    let (viewer, near) = duplex(700);
    let (far, console) = duplex(900);
    let (local, service) = duplex(800);
    let device = tokio::spawn(serve(device_run(console), local));
    let mut run = console_run(Bounds::default(), near, far);
    let session = tokio::spawn(async move {
        while let Step::Event(_) = step(&mut run, leak).await {}
        common::report(&run)
    });

    let (down, up) = (noise(1, LEN), noise(2, LEN));
    let (mut viewer_read, mut viewer_write) = tokio::io::split(viewer);
    let (mut service_read, mut service_write) = tokio::io::split(service);
    let (mut came_down, mut came_up) = (Vec::new(), Vec::new());
    bounded(async {
        tokio::try_join!(
            async {
                service_write.write_all(HELLO).await?;
                service_write.write_all(&down).await?;
                service_write.shutdown().await
            },
            async {
                viewer_read.read_exact(&mut [0; HELLO.len()]).await?;
                viewer_write.write_all(&up).await?;
                viewer_write.shutdown().await?;
                viewer_read.read_to_end(&mut came_down).await
            },
            service_read.read_to_end(&mut came_up),
        )
    })
    .await
    .unwrap();
    assert!(came_down == down && came_up == up);
    assert_eq!(common::code(&bounded(session).await.unwrap()), "ended");
    bounded(device).await.unwrap();
}

#[tokio::test]
async fn a_future_dropped_at_every_poll_loses_nothing() {
    session_of_dropped_futures(false).await;
}

#[tokio::test]
async fn a_future_leaked_at_every_poll_loses_nothing() {
    session_of_dropped_futures(true).await;
}

#[tokio::test]
async fn dropping_a_session_closes_both_sockets() {
    let (mut viewer, near) = tcp_pair().await;
    let (far, console) = tcp_pair().await;
    let (local, mut service) = duplex(1_000);
    let device = tokio::spawn(serve(device_run(console), local));
    let mut run = console_run(Bounds::default(), near, far);
    service.write_all(HELLO).await.unwrap();
    until_relaying(&mut run).await;

    drop(run);
    let mut rest = Vec::new();
    bounded(viewer.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, HELLO);
    // The device's side sees its console go, and the service too.
    bounded(service.read_to_end(&mut rest)).await.unwrap();
    drop(service);
    bounded(device).await.unwrap();
}

#[tokio::test]
async fn dropping_a_session_before_it_begins_closes_both_sockets() {
    let (mut viewer, near) = tcp_pair().await;
    let (far, mut device) = tcp_pair().await;
    drop(console_run(Bounds::default(), near, far));
    let mut rest = Vec::new();
    bounded(viewer.read_to_end(&mut rest)).await.unwrap();
    bounded(device.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest, b"");
}

#[tokio::test]
async fn a_politely_closed_session_says_goodbye_to_both() {
    let (mut viewer, near) = duplex(10_000);
    let (far, console) = duplex(10_000);
    let (local, mut service) = duplex(1_000);
    let device = tokio::spawn(serve(device_run::<DuplexStream, _>(console), local));
    let mut run = console_run(Bounds::default(), near, far);
    service.write_all(HELLO).await.unwrap();
    until_relaying(&mut run).await;

    run.close();
    let session = tokio::spawn(async move { common::finish(&mut run).await });
    let mut rest = Vec::new();
    bounded(viewer.read_to_end(&mut rest)).await.unwrap();
    drop(viewer);
    bounded(service.read_to_end(&mut Vec::new())).await.unwrap();
    drop(service);
    assert_eq!(common::code(&bounded(session).await.unwrap()), "ended");
    let report = bounded(device).await.unwrap();
    let by = Some(procy_tokio::core::error::Party::Console);
    let ended = procy_tokio::core::event::Ended { by, truncated: false };
    assert_eq!(report.outcome, procy_tokio::core::event::Outcome::Ended(ended));
}
