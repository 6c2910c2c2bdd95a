//! I8: directions are independent: a stalled viewer never stops its own keys.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod common;

use common::bench::Role;
use common::peer;
use common::{Bench, Stage, pattern, toy};
use procy_core::event::Side;
use procy_core::prologue::{Bounds, console};

fn benches() -> impl Iterator<Item = Bench> {
    peer::BOTH.into_iter().flat_map(|version| {
        [
            Bench::console_with(console::Config::new(toy()), version, Stage::Relaying),
            Bench::device_with(Bounds::default(), version, Stage::Relaying),
        ]
    })
}

#[test]
fn whoever_takes_nothing_can_still_speak() {
    for mut bench in benches() {
        bench.host.near.room = 0;
        bench.peer.say(&pattern(500_000));
        bench.settle();
        assert!(!bench.host.session.wants_read(Side::Far), "back-pressure");
        for round in 1..=50 {
            bench.host.near.push(&pattern(1_000));
            bench.settle();
            assert_eq!(bench.peer.got.len(), round * 1_000);
        }
        bench.host.near.room = usize::MAX;
        bench.settle();
        assert!(bench.host.near.take() == pattern(500_000));
    }
}

#[test]
fn a_far_side_that_takes_nothing_is_still_heard() {
    for mut bench in benches() {
        bench.host.near.push(&pattern(500_000));
        bench.host.far.room = 0;
        for round in 1..=50 {
            bench.peer.say(&pattern(1_000));
            bench.settle();
            assert_eq!(bench.host.near.outbox.len(), round * 1_000);
        }
        assert!(!bench.host.session.wants_read(Side::Near), "back-pressure");
        bench.host.far.room = usize::MAX;
        bench.settle();
        assert!(bench.peer.got == pattern(500_000));
    }
}

#[test]
fn keys_change_although_the_viewer_is_stalled() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.peer.refresh_keys();
    bench.host.near.room = 0;
    bench.peer.say(&pattern(100_000));
    bench.settle();
    bench.peer.refresh_keys();
    bench.peer.say(b"end");
    bench.host.near.push(b"keys");
    bench.settle();
    assert_eq!(bench.peer.got, b"keys");
    bench.host.near.room = usize::MAX;
    bench.settle();
    assert_eq!(bench.host.near.take(), [pattern(100_000), b"end".to_vec()].concat());
}

#[test]
fn one_direction_ends_and_the_other_goes_on() {
    for mut bench in benches() {
        bench.host.near.push(b"the last words up");
        bench.host.near.fin = true;
        bench.settle();
        assert!(bench.peer.closed && bench.host.far.shut);
        for round in 1..=20 {
            bench.peer.say(&pattern(30_000));
            bench.settle();
            assert_eq!(bench.host.near.outbox.len(), round * 30_000);
        }
        bench.peer.close();
        bench.host.far.fin = true;
        bench.settle();
        assert_eq!(bench.host.code(), "ended");
    }
    for mut bench in benches() {
        bench.peer.say(b"the last words down");
        bench.peer.close();
        bench.settle();
        assert!(bench.host.near.shut);
        for round in 1..=20 {
            bench.host.near.push(&pattern(30_000));
            bench.settle();
            assert_eq!(bench.peer.got.len(), round * 30_000);
        }
    }
}

#[test]
fn a_side_that_can_no_longer_be_written_to_is_still_read() {
    use procy_core::error::Broken;
    for role in Role::BOTH {
        let mut bench = Bench::at(role, Stage::Relaying);
        bench.host.near.deaf = Some(Broken::Reset);
        bench.peer.say(b"nobody hears this");
        bench.settle();
        bench.host.near.push(b"still speaking");
        bench.settle();
        assert_eq!(bench.peer.got, b"still speaking", "{role:?}");
    }
}
