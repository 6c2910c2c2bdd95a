//! A whole session: what goes in at one end comes out at the other, over any stream.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use common::{HELLO, Medium, Pair, bounded, noise};
use procy_tokio::Run;
use procy_tokio::core::error::Party;
use procy_tokio::core::event::{Ended, Outcome};
use procy_tokio::core::prologue::Bounds;
use procy_tokio::core::pump::BUDGET;
use procy_tokio::core::tls::TlsVersion;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

const ORDER: [&str; 7] = [
    "CredentialNeeded",
    "ConnectNeeded",
    "Established",
    "Verified",
    "PasswordSent",
    "Hello",
    "Relaying",
];

/// So many bytes each way at once, with content check; the viewer leaves at the end.
async fn exchange(medium: Medium, version: TlsVersion, len: usize) {
    let mut pair = Pair::start(medium, version).await;
    pair.hello().await;
    let (down, up) = (noise(1, len), noise(2, len));

    let (mut viewer_read, mut viewer_write) = tokio::io::split(pair.viewer);
    let (mut service_read, mut service_write) = tokio::io::split(pair.service);
    let (mut came_down, mut came_up) = (vec![0; len], vec![0; len]);
    bounded(async {
        tokio::try_join!(
            async {
                service_write.write_all(&down).await?;
                service_write.flush().await
            },
            async {
                viewer_write.write_all(&up).await?;
                viewer_write.flush().await
            },
            async { viewer_read.read_exact(&mut came_down).await.map(drop) },
            async { service_read.read_exact(&mut came_up).await.map(drop) },
        )
    })
    .await
    .unwrap();
    assert!(came_down == down, "what came to the viewer differs");
    assert!(came_up == up, "what came to the service differs");

    viewer_write.shutdown().await.unwrap();
    let end = bounded(service_read.read(&mut [0])).await.unwrap();
    assert_eq!(end, 0, "the service sees the viewer's end");
    service_write.shutdown().await.unwrap();
    let end = bounded(viewer_read.read(&mut [0])).await.unwrap();
    assert_eq!(end, 0, "the viewer sees the service's end");

    let (console, device) = bounded(async { tokio::join!(pair.console, pair.device) }).await;
    let ((console, events), device) = (console.unwrap(), device.unwrap());
    let by = |party| Outcome::Ended(Ended { by: Some(party), truncated: false });
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

#[tokio::test]
async fn over_tcp_and_tls_1_3() {
    exchange(Medium::Tcp, TlsVersion::Tls13, 100_000).await;
}

#[tokio::test]
async fn over_tcp_and_tls_1_2() {
    exchange(Medium::Tcp, TlsVersion::Tls12, 100_000).await;
}

#[tokio::test]
async fn through_wires_that_hold_one_byte() {
    exchange(Medium::Memory(1), TlsVersion::Tls13, 3_000).await;
    exchange(Medium::Memory(1), TlsVersion::Tls12, 3_000).await;
}

#[tokio::test]
async fn through_wires_that_hold_little() {
    for room in [2, 5, 17, 1_000] {
        exchange(Medium::Memory(room), TlsVersion::Tls13, 40_000).await;
    }
}

#[tokio::test]
async fn through_streams_that_keep_what_is_written_until_they_are_flushed() {
    exchange(Medium::Buffered(1_000), TlsVersion::Tls13, 100_000).await;
}

#[tokio::test]
async fn bursts_of_8_mib_both_ways_at_once() {
    exchange(Medium::Tcp, TlsVersion::Tls13, 8 << 20).await;
    exchange(Medium::Memory(300_000), TlsVersion::Tls12, 8 << 20).await;
}

#[tokio::test]
async fn more_than_a_turns_budget_although_no_stream_ever_blocks() {
    let len = BUDGET * 3 / 2;
    exchange(Medium::Memory(2 * len), TlsVersion::Tls13, len).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_moves_from_thread_to_thread() {
    exchange(Medium::Tcp, TlsVersion::Tls13, 4 << 20).await;
}

/// A stream that runs a session of its own whenever it is polled.
struct Nested {
    stream: DuplexStream,
    inner: Run<DuplexStream, DuplexStream>,
}

impl Nested {
    fn stream(&mut self, cx: &mut Context<'_>) -> Pin<&mut DuplexStream> {
        let _ = self.inner.poll_next(cx);
        Pin::new(&mut self.stream)
    }
}

impl AsyncRead for Nested {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream(cx).poll_read(cx, into)
    }
}

impl AsyncWrite for Nested {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream(cx).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream(cx).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream(cx).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn a_stream_may_itself_run_a_session() {
    const LEN: usize = 300_000;
    let (mut viewer, near) = tokio::io::duplex(10_000);
    let (far, console) = tokio::io::duplex(10_000);
    let (local, mut service) = tokio::io::duplex(10_000);
    let device = tokio::spawn(common::serve(common::device_run(console), local));
    let (inner_viewer, inner_near) = tokio::io::duplex(10_000);
    let (inner_far, inner_device) = tokio::io::duplex(10_000);
    let inner = common::console_run(Bounds::default(), inner_near, inner_far);
    let mut run = common::console_run(Bounds::default(), Nested { stream: near, inner }, far);
    let session = tokio::spawn(async move { common::finish(&mut run).await });

    service.write_all(HELLO).await.unwrap();
    let picture = noise(1, LEN);
    let sent = picture.clone();
    let painting = tokio::spawn(async move { service.write_all(&sent).await.map(|()| service) });
    let mut came = vec![0; HELLO.len() + LEN];
    bounded(viewer.read_exact(&mut came)).await.unwrap();
    assert!(came[HELLO.len()..] == picture);

    // The inner session was run too: its handshake has begun.
    let mut inner_device = inner_device;
    assert_eq!(bounded(inner_device.read_u8()).await.unwrap(), 22);
    drop((viewer, inner_viewer, painting.await.unwrap()));
    bounded(session).await.unwrap();
    bounded(device).await.unwrap();
}

#[tokio::test]
async fn after_the_viewers_end_the_device_may_still_speak() {
    let mut pair = Pair::start(Medium::Tcp, TlsVersion::Tls13).await;
    pair.hello().await;
    pair.viewer.write_all(b"last words").await.unwrap();
    pair.viewer.shutdown().await.unwrap();
    let mut heard = Vec::new();
    bounded(pair.service.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"last words");

    pair.service.write_all(b"and an answer").await.unwrap();
    pair.service.shutdown().await.unwrap();
    heard.clear();
    bounded(pair.viewer.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"and an answer");
    let (console, _) = pair.reports().await;
    let by = Some(Party::Viewer);
    assert_eq!(console.outcome, Outcome::Ended(Ended { by, truncated: false }));
}

#[tokio::test]
async fn after_the_devices_end_the_viewer_may_still_speak() {
    let mut pair = Pair::start(Medium::Tcp, TlsVersion::Tls13).await;
    pair.hello().await;
    pair.service.write_all(b"last words").await.unwrap();
    pair.service.shutdown().await.unwrap();
    let mut heard = Vec::new();
    bounded(pair.viewer.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"last words");

    pair.viewer.write_all(b"and an answer").await.unwrap();
    pair.viewer.shutdown().await.unwrap();
    heard.clear();
    bounded(pair.service.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"and an answer");
    let (console, device) = pair.reports().await;
    let by = |party| Outcome::Ended(Ended { by: Some(party), truncated: false });
    assert_eq!(console.outcome, by(Party::Device));
    assert_eq!(device.outcome, by(Party::Service));
}
