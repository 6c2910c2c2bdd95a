//! Many sessions share two threads and their scratch memory, and nothing of one is seen in another.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use common::{Medium, Pair, bounded, noise};
use procy_tokio::core::tls::TlsVersion;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_sessions_at_once() {
    const LEN: usize = 50_000;
    // All of them relay before the first of them goes on.
    let gate = std::sync::Arc::new(tokio::sync::Barrier::new(200));
    let mut sessions = JoinSet::new();
    for seed in 0..200 {
        let gate = gate.clone();
        sessions.spawn(async move {
            let mut pair = Pair::start(Medium::Memory(9_000), TlsVersion::Tls13).await;
            pair.hello().await;
            gate.wait().await;
            let (down, mut up) = (noise(seed + 1, LEN), noise(seed + 1_001, LEN));
            // No viewer begins with what could end the command.
            up[0] = b'R';
            let (mut viewer_read, mut viewer_write) = tokio::io::split(pair.viewer);
            let (mut service_read, mut service_write) = tokio::io::split(pair.service);
            let (mut came_down, mut came_up) = (Vec::new(), Vec::new());
            tokio::try_join!(
                async {
                    service_write.write_all(&down).await?;
                    service_write.shutdown().await
                },
                async {
                    viewer_write.write_all(&up).await?;
                    viewer_write.shutdown().await
                },
                viewer_read.read_to_end(&mut came_down),
                service_read.read_to_end(&mut came_up),
            )
            .unwrap();
            assert!(came_down == down, "session {seed} down: {} of {LEN}", came_down.len());
            assert!(came_up == up, "session {seed} up: {} of {LEN}", came_up.len());
            assert_eq!(common::code(&pair.console.await.unwrap().0), "ended");
            assert_eq!(common::code(&pair.device.await.unwrap()), "ended");
        });
    }
    let done = bounded(async {
        let mut done = 0;
        while let Some(session) = sessions.join_next().await {
            session.unwrap();
            done += 1;
        }
        done
    })
    .await;
    assert_eq!(done, 200);
}
