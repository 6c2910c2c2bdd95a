//! A viewer that does not read costs little, and stops nothing but what is for it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use common::{HELLO, bounded, console_run, device_run, noise, serve, until_relaying};
use procy_tokio::core::Scratch;
use procy_tokio::core::prologue::Bounds;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

/// What a session may hold for a peer that reads nothing: what one visit read, and one record.
const MOST: usize = Scratch::DEFAULT + (64 << 10);

#[tokio::test]
async fn a_viewer_that_does_not_read_may_still_type() {
    const LEN: usize = 8 << 20;
    let (viewer, near) = duplex(1_000);
    let (far, console) = duplex(1 << 20);
    let (local, service) = duplex(1 << 20);
    let device = tokio::spawn(serve(device_run(console), local));
    let mut run = console_run(Bounds::default(), near, far);
    let (mut service_read, mut service_write) = tokio::io::split(service);
    let (mut viewer_read, mut viewer_write) = tokio::io::split(viewer);
    service_write.write_all(HELLO).await.unwrap();
    until_relaying(&mut run).await;

    let picture = noise(1, LEN);
    let sent = picture.clone();
    let painting = tokio::spawn(async move {
        service_write.write_all(&sent).await.unwrap();
        service_write
    });
    // Far more typing than all the wires' room together, so it can't have gone another way than through the session.
    let typed = noise(2, LEN);
    let keys = typed.clone();
    let typing = tokio::spawn(async move {
        viewer_write.write_all(&keys).await.unwrap();
        viewer_write
    });
    let mut came = vec![0; LEN];
    let mut most = 0;
    let mut at = 0;
    bounded(async {
        while at < LEN {
            tokio::select! {
                step = run.next() => panic!("{step:?}"),
                n = service_read.read(&mut came[at..]) => at += n.unwrap(),
            }
            most = most.max(run.session().holds());
        }
    })
    .await;
    assert!(came == typed, "what was typed differs");
    assert!(!painting.is_finished(), "the viewer has read nothing, so the picture is stuck");
    assert!(most <= MOST, "{most} bytes are held for a viewer that does not read");

    // The viewer reads again: all of it comes, and then nothing is held.
    let reading = tokio::spawn(async move {
        let mut came = vec![0; HELLO.len() + LEN];
        viewer_read.read_exact(&mut came).await.unwrap();
        came
    });
    bounded(async {
        let mut reading = reading;
        tokio::select! {
            step = run.next() => panic!("{step:?}"),
            came = &mut reading => assert!(came.unwrap()[HELLO.len()..] == picture),
        }
    })
    .await;
    assert_eq!(run.session().holds(), 0, "an idle session holds no buffer");
    drop((run, typing.await.unwrap(), painting.await.unwrap(), service_read));
    bounded(device).await.unwrap();
}
