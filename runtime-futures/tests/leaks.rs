//! Nothing of a session is left when it is over.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]
#![allow(dead_code, reason = "the other tests' parts, of which this needs a few")]

#[path = "executors/duplex.rs"]
mod duplex;
#[path = "executors/executor.rs"]
mod executor;
#[path = "executors/parts.rs"]
mod parts;

use executor::{AsyncStd, Executor, Smol, run};
use parts::{Medium, Pair, code};
use procy_futures::core::tls::TlsVersion;

/// Open file descriptors of this process; the listing's own is in the count each time.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

async fn session<E: Executor>() {
    let mut pair = Pair::start::<E>(Medium::Tcp, TlsVersion::Tls13).await;
    pair.hello().await;
    drop((pair.viewer, pair.service));
    assert_eq!(code(&pair.console.result().await.0), "ended");
    pair.device.result().await;
}

async fn sessions<E: Executor>() {
    // What is made once and stays, is made.
    session::<E>().await;
    let before = descriptors();
    for _ in 0..20 {
        session::<E>().await;
    }
    // A task tells its result a moment before it is dropped.
    while descriptors() > before {
        smol::future::yield_now().await;
    }
}

// The only test in this file: it counts what the whole process has open.
#[test]
fn every_socket_is_closed() {
    run::<Smol>(sessions::<Smol>());
    run::<AsyncStd>(sessions::<AsyncStd>());
}
