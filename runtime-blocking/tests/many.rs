//! Many sessions, each on a thread of its own, and nothing of them is left.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may")]

mod common;

use std::io::Write;
use std::sync::{Arc, Barrier};

use common::{HELLO, Medium, Pair, noise, spawn};
use procy_blocking::core::tls::TlsVersion;

/// Open file descriptors of this process; the listing's own is in the count each time.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// A whole session; `relaying` is called in its middle.
fn session(seed: u64, len: usize, relaying: impl FnOnce()) {
    let mut pair = Pair::start(Medium::Unix, TlsVersion::Tls13);
    pair.hello();
    relaying();
    let (down, up) = (noise(seed + 1, len), noise(seed + 1_001, len));
    pair.service.write_all(&down).unwrap();
    pair.viewer.write_all(&up).unwrap();
    pair.service.end();
    pair.viewer.end();
    assert!(pair.viewer.rest() == down && pair.service.rest() == up, "session {seed}");
    let (console, device) = (pair.console.result().0, pair.device.result());
    assert_eq!(console.traffic.to_near, (HELLO.len() + len) as u64);
    assert_eq!((common::code(&console), common::code(&device)), ("ended", "ended"));
}

// The only test in this file: it counts what the whole process has open.
#[test]
fn two_hundred_sessions_at_once_and_nothing_is_left_of_them() {
    const SESSIONS: u64 = 200;
    const LEN: usize = 20_000;
    // What is made once and stays, is made.
    session(0, LEN, || {});
    let before = descriptors();

    // All of them relay before the first of them goes on.
    let gate = Arc::new(Barrier::new(SESSIONS as usize));
    let sessions: Vec<_> = (0..SESSIONS)
        .map(|seed| {
            let gate = gate.clone();
            spawn(move || {
                session(seed, LEN, || {
                    gate.wait();
                })
            })
        })
        .collect();
    sessions.into_iter().for_each(common::Working::result);
    assert_eq!(descriptors(), before, "sockets are left open");
}
