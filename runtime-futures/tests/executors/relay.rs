//! A whole session: what goes in at one end comes out at the other, over any stream.

use procy_futures::core::error::Party;
use procy_futures::core::event::{Ended, Outcome};
use procy_futures::core::pump::BUDGET;
use procy_futures::core::tls::TlsVersion;
use smol::future::{try_zip, zip};
use smol::io::{AsyncReadExt, AsyncWriteExt, split};

use crate::executor::Executor;
use crate::parts::{HELLO, Medium, Pair, noise, rest};

const ORDER: [&str; 7] = [
    "CredentialNeeded",
    "ConnectNeeded",
    "Established",
    "Verified",
    "PasswordSent",
    "Hello",
    "Relaying",
];

fn by(party: Party) -> Outcome {
    Outcome::Ended(Ended { by: Some(party), truncated: false })
}

/// So many bytes each way at once, with content check; the viewer leaves at the end.
async fn exchange<E: Executor>(medium: Medium, version: TlsVersion, len: usize) {
    let mut pair = Pair::start::<E>(medium, version).await;
    pair.hello().await;
    let (down, up) = (noise(1, len), noise(2, len));

    let (mut viewer_read, mut viewer_write) = split(pair.viewer);
    let (mut service_read, mut service_write) = split(pair.service);
    let (mut came_down, mut came_up) = (vec![0; len], vec![0; len]);
    try_zip(
        try_zip(service_write.write_all(&down), viewer_write.write_all(&up)),
        try_zip(viewer_read.read_exact(&mut came_down), service_read.read_exact(&mut came_up)),
    )
    .await
    .unwrap();
    assert!(came_down == down, "what came to the viewer differs");
    assert!(came_up == up, "what came to the service differs");

    viewer_write.close().await.unwrap();
    assert_eq!(service_read.read(&mut [0]).await.unwrap(), 0, "the service sees the viewer's end");
    service_write.close().await.unwrap();
    assert_eq!(viewer_read.read(&mut [0]).await.unwrap(), 0, "the viewer sees the service's end");

    let ((console, events), device) = zip(pair.console.result(), pair.device.result()).await;
    assert_eq!(console.outcome, by(Party::Viewer));
    assert_eq!(device.outcome, by(Party::Console));
    assert_eq!(console.traffic.to_near, (len + HELLO.len()) as u64);
    assert_eq!(console.traffic.to_far, len as u64);
    assert_eq!(device.traffic.to_near, console.traffic.to_far);
    for (event, name) in events.iter().zip(ORDER) {
        assert!(event.starts_with(name), "{event} instead of {name}");
    }
    assert!(events.len() >= ORDER.len(), "{events:?}");
}

pub(crate) async fn over_tcp_and_both_versions_of_tls<E: Executor>() {
    exchange::<E>(Medium::Tcp, TlsVersion::Tls13, 100_000).await;
    exchange::<E>(Medium::Tcp, TlsVersion::Tls12, 100_000).await;
}

pub(crate) async fn through_wires_that_hold_little<E: Executor>() {
    exchange::<E>(Medium::Memory(1), TlsVersion::Tls13, 3_000).await;
    exchange::<E>(Medium::Memory(1), TlsVersion::Tls12, 3_000).await;
    for room in [2, 5, 17, 1_000] {
        exchange::<E>(Medium::Memory(room), TlsVersion::Tls13, 40_000).await;
    }
}

pub(crate) async fn bursts_of_8_mib_both_ways_at_once<E: Executor>() {
    exchange::<E>(Medium::Tcp, TlsVersion::Tls13, 8 << 20).await;
    exchange::<E>(Medium::Memory(300_000), TlsVersion::Tls12, 8 << 20).await;
}

pub(crate) async fn more_than_a_turns_budget_although_no_stream_ever_blocks<E: Executor>() {
    let len = BUDGET * 3 / 2;
    exchange::<E>(Medium::Memory(2 * len), TlsVersion::Tls13, len).await;
}

pub(crate) async fn after_the_viewers_end_the_device_may_still_speak<E: Executor>() {
    let mut pair = Pair::start::<E>(Medium::Tcp, TlsVersion::Tls13).await;
    pair.hello().await;
    pair.viewer.write_all(b"last words").await.unwrap();
    pair.viewer.close().await.unwrap();
    assert_eq!(rest(&mut pair.service).await, b"last words");
    pair.service.write_all(b"and an answer").await.unwrap();
    pair.service.close().await.unwrap();
    assert_eq!(rest(&mut pair.viewer).await, b"and an answer");
    assert_eq!(pair.console.result().await.0.outcome, by(Party::Viewer));
}

pub(crate) async fn after_the_devices_end_the_viewer_may_still_speak<E: Executor>() {
    let mut pair = Pair::start::<E>(Medium::Tcp, TlsVersion::Tls13).await;
    pair.hello().await;
    pair.service.write_all(b"last words").await.unwrap();
    pair.service.close().await.unwrap();
    assert_eq!(rest(&mut pair.viewer).await, b"last words");
    pair.viewer.write_all(b"and an answer").await.unwrap();
    pair.viewer.close().await.unwrap();
    assert_eq!(rest(&mut pair.service).await, b"and an answer");
    assert_eq!(pair.console.result().await.0.outcome, by(Party::Device));
    assert_eq!(pair.device.result().await.outcome, by(Party::Service));
}
