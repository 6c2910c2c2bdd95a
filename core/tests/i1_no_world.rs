//! I1: no I/O, clock, threads, environment or global state; randomness only inside the TLS provider.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::bench::Role;
use common::{Bench, HELLO, Stage};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// The compiler holds the first half of I1: a crate without `std` has no world, and one without `unsafe` cannot call for
/// it.
#[test]
fn the_crate_has_no_std_and_no_unsafe() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let lib = fs::read_to_string(root.join("lib.rs")).unwrap();
    assert!(lib.contains("\n#![no_std]\n") && lib.contains("\n#![forbid(unsafe_code)]\n"));
    let std = lib.matches("extern crate std;").count();
    assert_eq!((std, lib.matches("#[cfg(test)]\nextern crate std;").count()), (1, 1));
}

#[test]
fn no_source_keeps_state_between_calls() {
    let mut found = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    assert!(found.len() > 15);
    for path in found {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
        for word in ["static mut", "thread_local", "AtomicU", "AtomicB", "OnceLock", "Mutex<"] {
            assert!(!code.contains(word), "{}: {word}", path.display());
        }
    }
}

/// One run is the other, byte for byte, if only the provider's randomness is the same.
#[test]
fn the_same_randomness_gives_the_same_bytes() {
    let run = |role| {
        let mut bench = Bench::at(role, Stage::Relaying);
        bench.peer.say(HELLO);
        bench.settle();
        bench.host.near.push(b"words");
        bench.host.turn();
        (bench.host.far.take(), bench.host.near.take(), bench.host.said())
    };
    for role in Role::BOTH {
        assert!(run(role) == run(role));
    }
}

#[test]
fn a_session_moves_between_threads_and_scratch_memories() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.near.room = 7;
    bench.peer.say(b"begun on one thread");
    bench.settle();
    std::thread::spawn(move || {
        bench.host.scratch = procy_core::Scratch::new(1 << 20);
        bench.host.near.room = usize::MAX;
        bench.peer.say(b", ended on another");
        bench.settle();
        assert_eq!(bench.host.near.take(), b"begun on one thread, ended on another");
    })
    .join()
    .unwrap();
}
