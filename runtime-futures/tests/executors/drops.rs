//! Futures may be dropped at any time, and so may a session.

use std::future::{Future, poll_fn};
use std::pin::pin;

use procy_futures::core::error::Party;
use procy_futures::core::event::{Ended, Outcome};
use procy_futures::core::prologue::Bounds;
use procy_futures::{Report, Step};
use smol::future::try_zip;
use smol::io::{AsyncReadExt, AsyncWriteExt, split};

use crate::executor::{Executor, spawn};
use crate::parts::{
    HELLO, Medium, Wired, code, console_run, device_run, finish, memory, noise, rest, serve,
    until_relaying,
};

/// One step by a new future for every poll: each but the last is dropped (or leaked) while it waits.
async fn step<E: Executor>(run: &mut Wired<E>, leak: bool) -> Step {
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

async fn session_of_dropped_futures<E: Executor>(leak: bool) {
    const LEN: usize = 30_000;
    let ((viewer, near), (far, console)) = (memory(700), memory(900));
    let (local, service) = memory(800);
    let device = spawn::<E, _>(serve::<E>(device_run::<E>(Bounds::default(), console), local));
    let mut run = console_run::<E>(Bounds::default(), near, far);
    let session = spawn::<E, _>(async move {
        while let Step::Event(_) = step::<E>(&mut run, leak).await {}
        Report::of(run.session())
    });

    let (down, up) = (noise(1, LEN), noise(2, LEN));
    let (mut viewer_read, mut viewer_write) = split(viewer);
    let (mut service_read, mut service_write) = split(service);
    let (mut came_down, mut came_up) = (Vec::new(), Vec::new());
    let painting = async {
        service_write.write_all(HELLO).await?;
        service_write.write_all(&down).await?;
        service_write.close().await
    };
    let viewing = async {
        viewer_read.read_exact(&mut [0; HELLO.len()]).await?;
        viewer_write.write_all(&up).await?;
        viewer_write.close().await?;
        viewer_read.read_to_end(&mut came_down).await
    };
    let serving = service_read.read_to_end(&mut came_up);
    try_zip(painting, try_zip(viewing, serving)).await.unwrap();
    assert!(came_down == down && came_up == up);
    assert_eq!(code(&session.result().await), "ended");
    device.result().await;
}

pub(crate) async fn a_future_dropped_at_every_poll_loses_nothing<E: Executor>() {
    session_of_dropped_futures::<E>(false).await;
}

pub(crate) async fn a_future_leaked_at_every_poll_loses_nothing<E: Executor>() {
    session_of_dropped_futures::<E>(true).await;
}

pub(crate) async fn dropping_a_session_closes_both_sockets<E: Executor>() {
    let (mut viewer, near) = Medium::Tcp.pair::<E>().await;
    let (far, console) = Medium::Tcp.pair::<E>().await;
    let (local, mut service) = memory(1_000);
    let device = spawn::<E, _>(serve::<E>(device_run::<E>(Bounds::default(), console), local));
    let mut run = console_run::<E>(Bounds::default(), near, far);
    service.write_all(HELLO).await.unwrap();
    until_relaying::<E>(&mut run).await;

    drop(run);
    assert_eq!(rest(&mut viewer).await, HELLO);
    // The device's side sees its console go, and the service too.
    rest(&mut service).await;
    drop(service);
    device.result().await;
}

pub(crate) async fn a_politely_closed_session_says_goodbye_to_both<E: Executor>() {
    let ((mut viewer, near), (far, console)) = (memory(10_000), memory(10_000));
    let (local, mut service) = memory(1_000);
    let device = spawn::<E, _>(serve::<E>(device_run::<E>(Bounds::default(), console), local));
    let mut run = console_run::<E>(Bounds::default(), near, far);
    service.write_all(HELLO).await.unwrap();
    until_relaying::<E>(&mut run).await;

    run.close();
    let session = spawn::<E, _>(async move { finish::<E>(&mut run).await });
    rest(&mut viewer).await;
    drop(viewer);
    rest(&mut service).await;
    drop(service);
    let ended = |by| Outcome::Ended(Ended { by, truncated: false });
    assert_eq!(session.result().await.outcome, ended(None));
    assert_eq!(device.result().await.outcome, ended(Some(Party::Console)));
}
