//! The pump over streams of every temper, and memory of every size and owner.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod common;

use common::bench::Role;
use common::{Bench, Host, Stage, pattern};
use procy_core::Scratch;
use procy_core::error::Broken;
use procy_core::event::Side;
use procy_core::pump::{Io, Stream, Turn, pump};
use procy_core::session::Pending;

/// A stream that does as it is told, and keeps a record.
#[derive(Debug, Default)]
struct Script {
    reads: Vec<Io>,
    writes: Vec<Io>,
    shutdowns: Vec<Io>,
    asked: Vec<&'static str>,
    parts: Vec<Vec<usize>>,
}

fn next(answers: &mut Vec<Io>) -> Io {
    if answers.is_empty() { Io::Blocked } else { answers.remove(0) }
}

impl Stream for Script {
    fn read(&mut self, _: &mut [u8]) -> Io {
        self.asked.push("read");
        next(&mut self.reads)
    }

    fn write(&mut self, parts: Pending<'_>) -> Io {
        self.asked.push("write");
        self.parts.push(parts.map(<[u8]>::len).collect());
        next(&mut self.writes)
    }

    fn shutdown(&mut self) -> Io {
        self.asked.push("shutdown");
        next(&mut self.shutdowns)
    }
}

fn turn(host: &mut Host, near: &mut impl Stream, far: &mut impl Stream, budget: usize) -> Turn {
    let mut visit = host.session.visit(&mut host.scratch, host.now);
    pump(&mut visit, near, far, budget)
}

/// A relaying session that has so much for its viewer.
fn loaded(len: usize) -> Bench {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.near.room = 0;
    bench.peer.say(&pattern(len));
    bench.settle();
    bench
}

#[test]
fn a_stream_that_blocks_is_asked_once() {
    let mut bench = loaded(100);
    let (mut near, mut far) = (Script::default(), Script::default());
    assert_eq!(turn(&mut bench.host, &mut near, &mut far, 1_000), Turn::Wait);
    assert_eq!(near.asked, ["read", "write"]);
    assert_eq!(far.asked, [""; 0], "nothing to write, and back-pressure: no read");
    assert_eq!(near.parts, [[100]]);
}

#[test]
fn a_stream_that_has_said_it_has_nothing_is_not_read_again_in_the_same_turn() {
    let mut bench = Bench::console(Stage::Relaying);
    let mut near = Script { reads: vec![Io::Blocked, Io::Moved(10)], ..Script::default() };
    bench.peer.say(&pattern(100));
    bench.peer.exchange(&mut bench.host.far);
    let mut far = std::mem::take(&mut bench.host.far);
    near.writes = vec![Io::Moved(100)];
    assert_eq!(turn(&mut bench.host, &mut near, &mut far, 1_000), Turn::Wait);
    assert_eq!(
        near.asked,
        ["read", "write"],
        "although the far side moved, and there was a second round"
    );
    turn(&mut bench.host, &mut near, &mut far, 1_000);
    assert_eq!(bench.host.session.traffic().to_far, 10, "the next turn reads it");
}

#[test]
fn a_stream_that_takes_little_is_asked_until_it_blocks() {
    let mut bench = loaded(100);
    let mut near =
        Script { writes: vec![Io::Moved(30), Io::Moved(50), Io::Blocked], ..Script::default() };
    assert_eq!(turn(&mut bench.host, &mut near, &mut Script::default(), 1_000), Turn::Wait);
    assert_eq!(near.parts[..3], [[100], [70], [20]]);
    assert_eq!(bench.host.session.holds(), 100, "what is left waits in the session");
    assert!(bench.host.session.wants_write(Side::Near));
}

#[test]
fn what_was_left_over_leaves_first() {
    let mut bench = loaded(100);
    bench.host.near.room = 100;
    bench.host.turn();
    assert_eq!(bench.host.near.take(), pattern(100));
    // The rest of an earlier visit, and what this one adds, are two parts of one write.
    bench.host.only(|visit| visit.close());
    let mut bench = loaded(64);
    bench.host.near.room = 4;
    bench.host.turn();
    let mut near = Script { writes: vec![Io::Moved(60)], ..Script::default() };
    turn(&mut bench.host, &mut near, &mut Script::default(), 1_000);
    assert_eq!(near.parts, [[60]]);
}

#[test]
fn a_farewell_behind_a_rest_is_a_second_part() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.near.push(&pattern(50_000));
    bench.host.far.room = 10;
    bench.host.turn();
    let mut far = Script::default();
    let mut visit = bench.host.session.visit(&mut bench.host.scratch, bench.host.now);
    visit.close();
    pump(&mut visit, &mut Script::default(), &mut far, 1_000);
    assert_eq!(far.parts[0].len(), 2, "what was sealed before, and the close_notify");
    assert_eq!(far.parts[0][1], 24);
}

#[test]
fn a_write_that_moves_nothing_is_a_stream_that_is_gone() {
    let mut bench = loaded(100);
    let mut near = Script { writes: vec![Io::Moved(0)], ..Script::default() };
    turn(&mut bench.host, &mut near, &mut Script::default(), 1_000);
    assert!(!bench.host.session.wants_write(Side::Near));
    assert_eq!(bench.host.session.holds(), 0);
}

#[test]
fn a_stream_that_is_gone_for_writing_is_still_read() {
    let mut bench = loaded(100);
    let mut near = Script {
        writes: vec![Io::Gone(Broken::Reset)],
        reads: vec![Io::Moved(10)],
        ..Script::default()
    };
    let mut far = std::mem::take(&mut bench.host.far);
    turn(&mut bench.host, &mut near, &mut far, 1_000);
    assert_eq!(bench.host.session.traffic().to_far, 10);
}

#[test]
fn a_shutdown_that_blocks_is_tried_again() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.peer.close();
    bench.peer.exchange(&mut bench.host.far);
    let mut near = Script { shutdowns: vec![Io::Blocked], ..Script::default() };
    let mut far = std::mem::take(&mut bench.host.far);
    turn(&mut bench.host, &mut near, &mut far, 1);
    assert!(bench.host.session.wants_write(Side::Near));
    near.shutdowns = vec![Io::Blocked, Io::Moved(0)];
    assert_eq!(turn(&mut bench.host, &mut near, &mut Script::default(), 1), Turn::Wait);
    assert!(bench.host.session.wants_write(Side::Near), "to be shut down");
    turn(&mut bench.host, &mut near, &mut Script::default(), 1);
    assert!(!bench.host.session.wants_write(Side::Near));
    turn(&mut bench.host, &mut near, &mut Script::default(), 1);
    let shutdowns = near.asked.iter().filter(|asked| **asked == "shutdown").count();
    assert_eq!(shutdowns, 3, "and never again once it is done");
}

#[test]
fn a_shutdown_that_fails_is_an_end_too() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.peer.close();
    bench.peer.exchange(&mut bench.host.far);
    let mut near = Script { shutdowns: vec![Io::Gone(Broken::Reset)], ..Script::default() };
    let mut far = std::mem::take(&mut bench.host.far);
    turn(&mut bench.host, &mut near, &mut far, 1_000);
    assert!(!bench.host.session.wants_write(Side::Near));
}

#[test]
fn a_turn_ends_when_its_budget_is_used_up_and_goes_on_in_the_next() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.peer.say(&pattern(1 << 20));
    bench.peer.exchange(&mut bench.host.far);
    let mut turns = 1;
    loop {
        let host = &mut bench.host;
        let before = host.far.inbox.len();
        let mut visit = host.session.visit(&mut host.scratch, host.now);
        let turn = pump(&mut visit, &mut host.near, &mut host.far, 100_000);
        drop(visit);
        // One round more than the budget at the most: a read, and what is written of it.
        assert!(before - host.far.inbox.len() <= 100_000 + 2 * Scratch::MIN_WINDOW);
        if turn == Turn::Wait {
            break;
        }
        assert_eq!(turn, Turn::Again);
        turns += 1;
    }
    assert!(turns > 5, "{turns}");
    assert!(bench.host.near.take() == pattern(1 << 20));
}

#[test]
fn a_budget_of_nothing_moves_nothing() {
    let mut bench = loaded(100);
    let mut near = Script::default();
    assert_eq!(turn(&mut bench.host, &mut near, &mut Script::default(), 0), Turn::Again);
    assert_eq!(near.asked, [""; 0]);
}

#[test]
fn streams_that_are_not_there_move_nothing() {
    let mut bench = Bench::console(Stage::Relaying);
    let turn = turn(&mut bench.host, &mut None::<Script>, &mut None::<Script>, 1_000);
    assert_eq!(turn, Turn::Wait);
    assert_eq!(Stream::write(&mut None::<Script>, pending_of(&mut loaded(1))), Io::Blocked);
    assert_eq!(Stream::shutdown(&mut None::<Script>), Io::Blocked);
}

/// Some pending bytes, which live as long as the test.
fn pending_of(bench: &mut Bench) -> Pending<'static> {
    let bench = Box::leak(Box::new(std::mem::replace(bench, Bench::console(Stage::Far))));
    let visit =
        Box::leak(Box::new(bench.host.session.visit(&mut bench.host.scratch, bench.host.now)));
    visit.pending(Side::Near)
}

#[test]
fn streams_are_passed_through_references_and_options() {
    let mut bench = loaded(10);
    let mut script = Script { writes: vec![Io::Moved(10)], ..Script::default() };
    let mut near = Some(&mut script);
    turn(&mut bench.host, &mut near, &mut None::<Script>, 1_000);
    assert_eq!(script.asked[..2], ["read", "write"]);
    assert_eq!(bench.host.session.holds(), 0);
    bench.peer.close();
    bench.peer.exchange(&mut bench.host.far);
    let mut far = std::mem::take(&mut bench.host.far);
    script.shutdowns = vec![Io::Moved(0)];
    turn(&mut bench.host, &mut Some(&mut script), &mut Some(&mut far), 1_000);
    assert!(script.asked.contains(&"shutdown"));
    assert!(!bench.host.session.wants_write(Side::Near), "it is shut down");
}

#[test]
fn an_over_session_asks_nothing_of_its_streams() {
    let mut bench = Bench::console(Stage::Credential);
    bench.host.act(|visit| visit.close());
    let mut near = Script::default();
    assert_eq!(turn(&mut bench.host, &mut near, &mut Script::default(), 1), Turn::Over);
    assert_eq!(near.asked, [""; 0]);
}

/// Everything both ways through windows of every kind of size, cut and stalled.
#[test]
fn every_size_of_memory_moves_the_same_bytes() {
    let sizes = [0, Scratch::MIN_WINDOW + 1, 100_000, 131_072, 1 << 20, 3 << 20];
    for role in Role::BOTH {
        for window in sizes {
            for chunk in [777, 16_406, usize::MAX] {
                let mut bench = Bench::at(role, Stage::Relaying);
                bench.host.scratch = Scratch::new(window);
                both_ways(&mut bench, chunk);
            }
        }
    }
}

#[test]
fn the_callers_memory_moves_the_same_bytes_down_to_the_least() {
    for role in Role::BOTH {
        for extra in [0, 1, 513, 100_000, 5 << 20] {
            for chunk in [777, usize::MAX] {
                let memory = Box::leak(vec![0xee; Scratch::MIN_MEMORY + extra].into_boxed_slice());
                let mut bench = Bench::at(role, Stage::Relaying);
                bench.host.scratch = Scratch::over(memory).unwrap();
                both_ways(&mut bench, chunk);
            }
        }
    }
}

#[test]
fn a_whole_session_fits_into_the_least_memory() {
    let memory = Box::leak(vec![0; Scratch::MIN_MEMORY].into_boxed_slice());
    let mut bench = Bench::console(Stage::Credential);
    bench.host.scratch = Scratch::over(memory).unwrap();
    bench.host.near.chunk = 1;
    bench.host.far.chunk = 1;
    bench.lead_console(Stage::Relaying);
    both_ways(&mut bench, 50_000);
}

#[test]
fn less_memory_than_the_least_is_refused() {
    let mut memory = vec![0; Scratch::MIN_MEMORY];
    assert!(Scratch::over(&mut memory[1..]).is_none());
    assert!(Scratch::over(&mut []).is_none());
    assert!(Scratch::over(&mut memory).is_some());
}

/// The scratch memory belongs to a thread: its sessions use it in turn, and none sees another's bytes.
#[test]
fn many_sessions_share_one_memory() {
    let mut benches: Vec<Bench> =
        (0..5).map(|n| Bench::at(Role::BOTH[n % 2], Stage::Relaying)).collect();
    let mut shared = Some(Scratch::new(0));
    for round in 0..30_u8 {
        for (n, bench) in benches.iter_mut().enumerate() {
            bench.host.scratch = shared.take().unwrap();
            bench.host.near.room = [0, 10, usize::MAX][usize::from(round) % 3];
            bench.peer.say(&[n as u8; 3_000]);
            bench.host.near.push(&[n as u8; 2_000]);
            bench.settle();
            shared = Some(std::mem::replace(&mut bench.host.scratch, Scratch::new(0)));
        }
    }
    for (n, bench) in benches.iter_mut().enumerate() {
        bench.host.near.room = usize::MAX;
        bench.settle();
        assert!(bench.host.near.take() == vec![n as u8; 90_000]);
        assert!(bench.peer.got == vec![n as u8; 60_000]);
    }
}

fn both_ways(bench: &mut Bench, chunk: usize) {
    let (down, up) = (pattern(300_000), pattern(200_001));
    bench.peer.say(&down);
    bench.host.near.push(&up);
    bench.host.near.chunk = chunk;
    bench.host.far.chunk = chunk;
    bench.host.near.room = 50_000;
    bench.settle();
    bench.host.near.room = usize::MAX;
    bench.settle();
    let got = bench.host.near.take();
    let wrong = got.iter().zip(&down).position(|(got, said)| got != said);
    assert_eq!((got.len(), wrong), (down.len(), None), "{chunk}");
    assert!(bench.peer.got == up, "{chunk}");
    assert_eq!(bench.host.session.holds(), 0);
}
