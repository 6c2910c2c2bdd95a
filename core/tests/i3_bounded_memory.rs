//! I3: bounded memory, whatever the peer sends.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod common;
#[path = "common/heap.rs"]
mod heap;

use common::bench::Role;
use common::{Bench, Stage, pattern, peer};
use procy_core::Scratch;
use procy_core::event::Side;
use procy_core::limits::{Limits, MAX_TLS_MESSAGE, MAX_TLS_RECORD};
use rustls::ContentType;

/// What a session can hold for one side that is not complete: a handshake message, and a record behind it.
const PARTIAL: usize = MAX_TLS_MESSAGE + MAX_TLS_RECORD;

/// Records whose content is up to 16 KiB each, of every type, with nothing right in them.
fn floods() -> Vec<(&'static str, Vec<u8>)> {
    let record = |typ: u8, content: &[u8]| {
        [&[typ, 3, 3], &(content.len() as u16).to_be_bytes()[..], content].concat()
    };
    vec![
        ("zeros", vec![0; 1 << 20]),
        ("noise", pattern(1 << 20)),
        ("alerts", record(21, &[1, 0]).repeat(50_000)),
        ("warnings", record(21, &[1, 90]).repeat(50_000)),
        ("change_cipher_spec", record(20, &[1]).repeat(50_000)),
        ("empty records", record(22, b"").repeat(50_000)),
        ("a hello that never ends", {
            [record(22, &[2, 0, 0xff, 0xff]), record(22, &[0; 16_000]).repeat(10)].concat()
        }),
        ("a hello byte by byte", {
            [record(22, &[1, 0, 0xff, 0xff]), record(22, &[0]).repeat(50_000)].concat()
        }),
        ("application data", record(23, &[7; 16_000]).repeat(60)),
    ]
}

#[test]
fn floods_in_the_handshake_are_held_to_a_message_and_a_record() {
    for role in Role::BOTH {
        for (name, flood) in floods() {
            for chunk in [1_000, 20_000] {
                let mut bench = Bench::at(role, Stage::Handshake);
                let before = heap::live();
                for part in flood.chunks(chunk) {
                    bench.host.far.push(part);
                    bench.host.turn();
                    bench.host.far.take();
                    let holds = bench.host.session.holds();
                    assert!(holds <= PARTIAL, "{role:?} {name}: {holds}");
                    // What lies unread in the stream's own memory is not the session's.
                    let unread = bench.host.far.inbox.capacity() as isize;
                    let heap = heap::live() - before - unread;
                    assert!(heap < 2 * PARTIAL as isize + 20_000, "{role:?} {name}: {heap}");
                    if bench.host.session.outcome().is_some() {
                        break;
                    }
                }
            }
        }
    }
}

#[test]
fn a_viewer_that_floods_before_the_hello_is_held_to_the_limit() {
    for stage in [Stage::Credential, Stage::Far, Stage::Handshake, Stage::Hello] {
        let mut bench = Bench::console(stage);
        bench.host.act(|visit| visit.attach(Side::Near));
        bench.host.near.push(&vec![7; 16 << 20]);
        bench.host.near.chunk = 1_000;
        bench.host.turn();
        assert_eq!(bench.host.code(), "spoke-too-early", "{stage:?}");
        assert!(bench.host.session.holds() <= Limits::default().early);
    }
}

#[test]
fn a_console_that_floods_before_the_verdict_is_held_to_the_limit() {
    for stage in [Stage::Verdict, Stage::Service] {
        let mut bench = Bench::device(stage);
        bench.peer.say(&pattern(1 << 20));
        bench.settle();
        assert_eq!(bench.host.code(), "spoke-too-early");
        assert_eq!(bench.host.session.holds(), 0);
    }
}

#[test]
fn a_new_session_stalled_by_its_viewer_holds_its_first_read() {
    for role in Role::BOTH {
        for window in [0, 1 << 20] {
            let mut bench = Bench::at(role, Stage::Relaying);
            bench.host.scratch = Scratch::new(window);
            bench.host.near.room = 0;
            bench.peer.say(&pattern(16 << 20));
            bench.settle();
            let first = Limits::default().first_read;
            let holds = bench.host.session.holds();
            assert!(holds <= first + MAX_TLS_RECORD, "{role:?}: {holds}");
            assert!(holds > first - MAX_TLS_RECORD);
            bench.host.near.room = usize::MAX;
            bench.settle();
            assert!(bench.host.near.take() == pattern(16 << 20));
            assert_eq!(bench.host.session.holds(), 0);
        }
    }
}

#[test]
fn a_session_that_was_fast_and_is_stalled_holds_one_read_and_then_less() {
    let window = 1 << 20;
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.scratch = Scratch::new(window);
    bench.peer.say(&pattern(16 << 20));
    bench.settle();
    assert!(bench.host.near.take() == pattern(16 << 20));
    bench.host.near.room = 0;
    bench.peer.say(&pattern(16 << 20));
    bench.settle();
    let holds = bench.host.session.holds();
    assert!(holds <= window + MAX_TLS_RECORD, "{holds}");
    assert!(holds > window / 2, "the read had grown: {holds}");
    // Taken, and stalled again: now it reads as a new one does.
    bench.host.near.room = holds;
    bench.settle();
    let holds = bench.host.session.holds();
    assert!(holds <= Limits::default().first_read + 2 * MAX_TLS_RECORD, "{holds}");
}

#[test]
fn a_far_side_that_takes_nothing_is_held_to_the_first_read_too_and_as_much_read_ahead() {
    for role in Role::BOTH {
        let mut bench = Bench::at(role, Stage::Relaying);
        bench.host.far.room = 0;
        bench.host.near.push(&pattern(16 << 20));
        bench.host.turn();
        bench.host.turn();
        let holds = bench.host.session.holds();
        assert!(holds <= 2 * Limits::default().first_read + 1_000, "{role:?}: {holds}");
    }
}

#[test]
fn empty_records_for_ever_make_nothing_grow() {
    for role in Role::BOTH {
        for version in peer::BOTH {
            let (mut host, mut forge) = Bench::forge(role, version);
            let before = heap::live();
            for _ in 0..2_000 {
                host.far.push(&forge.seal(ContentType::ApplicationData, b""));
                host.turn();
            }
            let grown = heap::live() - before;
            assert!(grown < 1_000, "{role:?}: {grown}");
        }
    }
}

#[test]
fn a_peer_that_asks_for_new_keys_for_ever_makes_nothing_grow() {
    for role in Role::BOTH {
        let mut bench = Bench::at(role, Stage::Relaying);
        let mut before = 0;
        for round in 0..400 {
            bench.peer.refresh_keys();
            bench.peer.say(b"x");
            bench.settle();
            bench.host.near.take();
            bench.host.near.writes.clear();
            if round == 20 {
                before = heap::live();
            }
        }
        let grown = heap::live() - before;
        assert!(grown < 1_000, "{role:?}: {grown}");
    }
}
