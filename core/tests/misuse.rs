//! A host that drives a session wrongly: the session fails, or nothing happens; never more.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod common;

use common::bench::Role;
use common::{Bench, PASSWORD, Stage, credential, pattern};
use procy_core::error::Broken;
use procy_core::event::Side;

#[test]
fn more_bytes_read_than_there_was_room_for_fail_the_session() {
    for role in Role::BOTH {
        for stage in role.stages() {
            for side in Side::BOTH {
                let mut bench = Bench::at(role, stage);
                bench.host.act(|visit| visit.attach(Side::Near));
                bench.settle();
                bench.host.only(|visit| {
                    let n = visit.space(side).len();
                    visit.read(side, n + 1);
                });
                assert_eq!(bench.host.code(), "misuse", "{role:?} {stage:?} {side:?}");
            }
        }
    }
}

#[test]
fn room_is_lent_once() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.only(|visit| {
        visit.space(Side::Near)[..2].copy_from_slice(b"ab");
        visit.read(Side::Near, 2);
        visit.read(Side::Near, 2);
    });
    assert_eq!(bench.host.code(), "misuse");
}

#[test]
fn reading_nothing_is_nothing() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.only(|visit| {
        for side in Side::BOTH {
            visit.read(side, 0);
            visit.written(side, 0);
        }
    });
    assert_eq!(bench.host.code(), "-");
}

#[test]
fn more_bytes_written_than_were_pending_fail_the_session() {
    for pending in [0, 1, 100] {
        let mut bench = Bench::console(Stage::Relaying);
        bench.peer.say(&pattern(pending));
        let wire = bench.peer.flush();
        bench.host.only(|visit| {
            visit.space(Side::Far)[..wire.len()].copy_from_slice(&wire);
            visit.read(Side::Far, wire.len());
            visit.written(Side::Near, pending + 1);
        });
        assert_eq!(bench.host.code(), "misuse");
    }
}

#[test]
fn written_bytes_of_a_stalled_stream_are_counted_too() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.near.room = 30;
    bench.peer.say(&pattern(100));
    bench.settle();
    bench.host.only(|visit| visit.written(Side::Near, 70));
    assert_eq!(bench.host.code(), "-");
    assert_eq!(bench.host.session.holds(), 0);
    bench.host.only(|visit| visit.written(Side::Near, 1));
    assert_eq!(bench.host.code(), "misuse");
}

/// The leaked bytes lie in the scratch memory, where another session reads and writes next.
#[test]
fn a_leaked_visit_fails_its_session_and_shows_nothing_to_another() {
    let mut leaking = Bench::console(Stage::Relaying);
    let mut other = Bench::console(Stage::Relaying);
    leaking.peer.say(b"a secret of the first session");
    let wire = leaking.peer.flush();
    let mut visit = leaking.host.session.visit(&mut other.host.scratch, other.host.now);
    visit.space(Side::Far)[..wire.len()].copy_from_slice(&wire);
    visit.read(Side::Far, wire.len());
    assert!(!visit.pending(Side::Near).is_empty());
    std::mem::forget(visit);

    other.host.only(|visit| {
        for side in Side::BOTH {
            assert!(visit.pending(side).is_empty());
        }
    });
    other.host.only(|visit| visit.read(Side::Near, 29));
    assert_eq!(other.host.code(), "misuse", "nothing was lent, so nothing can have been read");
    assert_eq!(other.host.near.take(), b"");

    leaking.host.only(|_| {});
    assert_eq!(leaking.host.code(), "misuse");
    leaking.host.turn();
    assert_eq!(leaking.host.near.take(), b"");
}

#[test]
fn calls_that_do_not_belong_to_the_phase_change_nothing() {
    for role in Role::BOTH {
        for stage in role.stages() {
            let mut bench = Bench::at(role, stage);
            let now = bench.host.now;
            let before = (format!("{:?}", bench.host.session), bench.host.said());
            bench.host.only(|visit| {
                if stage != Stage::Credential {
                    visit.credential(credential(), now);
                }
                if stage != Stage::Verdict {
                    visit.accept();
                    visit.refuse();
                }
                for side in Side::BOTH {
                    visit.shut(side);
                    assert!(!visit.wants_shutdown(side));
                }
            });
            let after = (format!("{:?}", bench.host.session), bench.host.said());
            assert_eq!(before, after, "{role:?} {stage:?}");
        }
    }
}

#[test]
fn attaching_twice_is_attaching_once() {
    for role in Role::BOTH {
        let mut bench = Bench::at(role, Stage::Far);
        for _ in 0..2 {
            bench.host.act(|visit| visit.attach(Side::Far));
        }
        let hello = bench.host.far.outbox.len();
        bench.host.act(|visit| visit.attach(Side::Far));
        assert_eq!(bench.host.far.outbox.len(), hello);
        bench.settle();
        assert_eq!(bench.host.code(), "-");
    }
}

#[test]
fn every_call_after_the_end_changes_nothing() {
    for role in Role::BOTH {
        for stage in role.stages() {
            let mut bench = Bench::at(role, stage);
            bench.host.only(|visit| visit.abandon("first"));
            let now = bench.host.now;
            bench.host.act(|visit| {
                visit.credential(credential(), now);
                visit.attach(Side::Far);
                visit.attach(Side::Near);
                visit.accept();
                visit.refuse();
                visit.close();
                visit.abandon("second");
                visit.broken(Side::Far, Broken::Reset);
                visit.broken(Side::Near, Broken::Reset);
                visit.unwritable(Side::Near, Broken::Reset);
                visit.eof(Side::Near);
                visit.read(Side::Far, 7);
                visit.written(Side::Far, 7);
            });
            assert_eq!(bench.host.error().to_string(), "given up: first", "{role:?} {stage:?}");
        }
    }
}

/// `Debug` of everything a host holds, in every phase, shows no part of the password.
#[test]
fn nothing_that_can_be_printed_shows_the_password() {
    for role in Role::BOTH {
        for stage in role.stages() {
            let mut bench = Bench::at(role, stage);
            let mut shown = format!("{:?} {:?}", bench.host.session, bench.host.session.outcome());
            shown += &format!("{:?}", bench.host.events);
            let mut visit = bench.host.session.visit(&mut bench.host.scratch, bench.host.now);
            shown += &format!("{visit:?}");
            visit.close();
            shown += &format!("{visit:?}");
            drop(visit);
            for part in [PASSWORD, "6ce714ad", "1c0ca5f4689c"] {
                assert!(!shown.contains(part), "{role:?} {stage:?}: {shown}");
            }
        }
    }
}

#[test]
fn a_configuration_is_debugged_by_its_bounds_and_not_its_key() {
    let shown = format!("{:?}", common::device_config());
    assert!(shown.starts_with("Config { bounds: Bounds {") && shown.ends_with(", .. }"), "{shown}");
    let shown = format!("{:?}", procy_core::prologue::console::Config::new(common::toy()));
    assert!(shown.contains("Crypto { legacy: 0, .. }") && shown.contains("bounds"), "{shown}");
}

#[test]
fn nothing_that_can_be_printed_shows_what_is_relayed() {
    for role in Role::BOTH {
        let mut bench = Bench::at(role, Stage::Relaying);
        bench.host.near.room = 0;
        bench.peer.say(&[0xab; 5_000]);
        bench.host.far.room = 0;
        bench.host.near.push(&[0xab; 5_000]);
        bench.settle();
        assert!(bench.host.session.holds() >= 10_000);
        let mut shown = format!("{:?} {:?}", bench.host.session, bench.host.scratch);
        let visit = bench.host.session.visit(&mut bench.host.scratch, bench.host.now);
        shown += &format!("{visit:?} {:?}", visit.pending(Side::Near));
        drop(visit);
        assert!(!shown.contains("171, 171") && shown.contains("5000"), "{shown}");
    }
}
