//! A viewer that does not read costs little, and stops nothing but what is for it.

use procy_futures::Step;
use procy_futures::core::Scratch;
use procy_futures::core::error::Party;
use procy_futures::core::event::Event;
use procy_futures::core::prologue::Bounds;
use smol::io::{AsyncReadExt, AsyncWriteExt, split};

use crate::executor::{Executor, spawn};
use crate::parts::{
    HELLO, code, console_run, device_run, finish, memory, noise, serve, until_relaying,
};

/// What a session may hold for a peer that reads nothing: what one visit read, and one record.
const MOST: usize = Scratch::DEFAULT + (64 << 10);

pub(crate) async fn a_viewer_that_does_not_read_may_still_type<E: Executor>() {
    const LEN: usize = 8 << 20;
    let ((viewer, near), (far, console)) = (memory(1_000), memory(1 << 20));
    let (local, service) = memory(1 << 20);
    let device = spawn::<E, _>(serve::<E>(device_run::<E>(Bounds::default(), console), local));
    let mut run = console_run::<E>(Bounds::default(), near, far);
    let (mut service_read, mut service_write) = split(service);
    let (mut viewer_read, mut viewer_write) = split(viewer);
    service_write.write_all(HELLO).await.unwrap();
    until_relaying::<E>(&mut run).await;

    // Far more than all wires hold, each way.
    let picture = noise(1, LEN);
    let sent = picture.clone();
    let painting = spawn::<E, _>(async move {
        service_write.write_all(&sent).await.unwrap();
        service_write.close().await.unwrap();
    });
    let typed = noise(2, LEN);
    let keys = typed.clone();
    let typing = spawn::<E, _>(async move {
        viewer_write.write_all(&keys).await.unwrap();
        viewer_write.close().await.unwrap();
    });
    let reading = spawn::<E, _>(async move {
        let mut came = Vec::new();
        service_read.read_to_end(&mut came).await.map(|_| came)
    });
    // The viewer's end is told in the middle of the stall.
    let step = run.next().await;
    assert!(matches!(step, Step::Event(Event::HalfClosed(Party::Viewer))), "{step:?}");
    let held = run.session().holds();
    typing.result().await;
    assert!(!painting.is_finished(), "the viewer has read nothing, so the picture is stuck");
    assert!(held > 0 && held <= MOST, "{held} bytes are held for a viewer that does not read");

    // The viewer reads again: all of it comes.
    let session = spawn::<E, _>(async move { finish::<E>(&mut run).await });
    let mut came = Vec::new();
    viewer_read.read_to_end(&mut came).await.unwrap();
    assert!(came[HELLO.len()..] == picture);
    assert!(reading.result().await.unwrap() == typed, "what was typed differs");
    painting.result().await;
    assert_eq!(code(&session.result().await), "ended");
    device.result().await;
}
