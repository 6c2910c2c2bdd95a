//! Many sessions share an executor's threads and their memory, and nothing of one is seen in another.

use procy_futures::core::tls::TlsVersion;
use smol::future::{try_zip, zip};
use smol::io::{AsyncReadExt, AsyncWriteExt, split};

use crate::executor::{Executor, spawn};
use crate::parts::{Medium, Pair, code, noise};

pub(crate) async fn five_hundred_sessions_at_once<E: Executor>() {
    const SESSIONS: u64 = 500;
    const LEN: usize = 20_000;
    let gate = std::sync::Arc::new(smol::lock::Barrier::new(SESSIONS as usize));
    let sessions: Vec<_> = (0..SESSIONS)
        .map(|seed| {
            let gate = gate.clone();
            spawn::<E, _>(async move {
                let mut pair = Pair::start::<E>(Medium::Memory(9_000), TlsVersion::Tls13).await;
                pair.hello().await;
                // All of them relay before the first of them goes on.
                gate.wait().await;
                let (down, up) = (noise(seed + 1, LEN), noise(seed + 1_001, LEN));
                let (mut viewer_read, mut viewer_write) = split(pair.viewer);
                let (mut service_read, mut service_write) = split(pair.service);
                let (mut came_down, mut came_up) = (Vec::new(), Vec::new());
                try_zip(
                    try_zip(
                        async {
                            service_write.write_all(&down).await?;
                            service_write.close().await
                        },
                        async {
                            viewer_write.write_all(&up).await?;
                            viewer_write.close().await
                        },
                    ),
                    try_zip(
                        viewer_read.read_to_end(&mut came_down),
                        service_read.read_to_end(&mut came_up),
                    ),
                )
                .await
                .unwrap();
                assert!(came_down == down && came_up == up, "session {seed}");
                let ((console, _), device) = zip(pair.console.result(), pair.device.result()).await;
                assert_eq!((code(&console), code(&device)), ("ended", "ended"));
            })
        })
        .collect();
    for session in sessions {
        session.result().await;
    }
}
