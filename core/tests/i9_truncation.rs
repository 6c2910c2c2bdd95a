//! I9: no truncation unnoticed, and nothing received is lost.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod common;

use std::time::Duration;

use common::bench::Role;
use common::peer;
use common::{Bench, Stage, pattern};
use procy_core::error::{Broken, Error, Party};
use procy_core::event::{Ended, Outcome, Side};
use procy_core::prologue::Bounds;

fn ended(by: Party, truncated: bool) -> Outcome {
    Outcome::Ended(Ended { by: Some(by), truncated })
}

/// Takes a few bytes a turn, until nothing more comes.
fn drain_slowly(bench: &mut Bench, step: usize) {
    for _ in 0..100_000 {
        bench.host.near.room = step;
        bench.peer.exchange(&mut bench.host.far);
        let before = bench.host.near.outbox.len();
        bench.host.wait(Duration::from_millis(100));
        if bench.host.near.outbox.len() == before && bench.host.far.inbox.is_empty() {
            return;
        }
    }
    panic!("it never ends");
}

#[test]
fn a_goodbye_is_an_end_and_a_bare_fin_is_marked() {
    for (role, party) in [(Role::Console, Party::Device), (Role::Device, Party::Console)] {
        for goodbye in [true, false] {
            let mut bench = Bench::at(role, Stage::Relaying);
            bench.peer.say(&pattern(100_000));
            if goodbye {
                bench.peer.close();
            }
            bench.peer.exchange(&mut bench.host.far);
            bench.host.far.fin = true;
            bench.settle();
            assert!(bench.host.near.take() == pattern(100_000));
            assert!(bench.host.near.shut);
            bench.host.near.fin = true;
            bench.settle();
            assert_eq!(bench.host.session.outcome(), Some(&ended(party, !goodbye)), "{role:?}");
        }
    }
}

#[test]
fn the_viewers_fin_is_no_truncation_as_it_speaks_no_tls() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.near.fin = true;
    bench.settle();
    bench.host.far.fin = true;
    bench.settle();
    assert_eq!(bench.host.session.outcome(), Some(&ended(Party::Viewer, false)));
}

#[test]
fn a_far_side_that_is_gone_without_goodbye_is_marked_however_that_was_learnt() {
    // By its taking nothing more, and then silence; a reset is in another test.
    for (role, party) in [(Role::Console, Party::Device), (Role::Device, Party::Console)] {
        let mut bench = Bench::at(role, Stage::Relaying);
        bench.host.act(|visit| visit.unwritable(Side::Far, Broken::Reset));
        bench.host.wait(Duration::from_secs(6));
        assert_eq!(bench.host.session.outcome(), Some(&ended(party, true)), "{role:?}");
    }
}

#[test]
fn a_stream_cut_in_a_record_is_marked_and_what_was_whole_arrives() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.peer.say(&pattern(16_384));
    bench.peer.say(b"the rest is lost");
    let wire = bench.peer.flush();
    bench.host.far.push(&wire[..wire.len() - 1]);
    bench.host.far.fin = true;
    bench.settle();
    assert!(bench.host.near.take() == pattern(16_384));
    bench.host.near.fin = true;
    bench.settle();
    assert_eq!(bench.host.session.outcome(), Some(&ended(Party::Device, true)));
}

#[test]
fn a_slow_viewer_gets_everything_before_the_end() {
    for goodbye in [true, false] {
        let mut bench = Bench::console(Stage::Relaying);
        bench.host.near.room = 0;
        bench.peer.say(&pattern(300_000));
        if goodbye {
            bench.peer.close();
        }
        bench.peer.exchange(&mut bench.host.far);
        bench.host.far.fin = true;
        drain_slowly(&mut bench, 1_000);
        assert!(bench.host.near.take() == pattern(300_000));
        assert!(bench.host.near.shut);
        bench.host.near.fin = true;
        bench.host.turn();
        assert_eq!(bench.host.session.outcome(), Some(&ended(Party::Device, !goodbye)));
        assert!(bench.host.session.is_over());
    }
}

#[test]
fn what_came_before_a_reset_is_delivered_to_a_slow_viewer_too() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.near.room = 0;
    bench.peer.say(&pattern(60_000));
    bench.settle();
    bench.host.only(|visit| visit.broken(Side::Far, Broken::Reset));
    // Twenty seconds: longer than a farewell may stand still, not longer than it may take.
    for _ in 0..200 {
        bench.host.near.room = 300;
        bench.host.wait(Duration::from_millis(100));
    }
    assert!(bench.host.near.take() == pattern(60_000));
    let expected = Error::Lost { party: Party::Device, how: Broken::Reset };
    assert_eq!(*bench.host.error(), expected);
}

#[test]
fn what_was_read_before_a_wrong_record_is_delivered_to_a_slow_viewer_too() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.near.room = 0;
    bench.peer.say(&pattern(20_000));
    bench.peer.exchange(&mut bench.host.far);
    bench.host.far.push(b"\x17\x03\x03\0\x20 this is no record of anybody's.");
    bench.host.turn();
    drain_slowly(&mut bench, 500);
    assert!(bench.host.near.take() == pattern(20_000));
    assert_eq!(bench.host.code(), "tls-protocol");
}

#[test]
fn an_end_that_the_host_asks_for_still_delivers_what_has_come() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.near.room = 0;
    bench.peer.say(&pattern(10_000));
    bench.settle();
    bench.host.act(|visit| visit.close());
    assert_eq!(bench.host.code(), "ended");
    drain_slowly(&mut bench, 1_000);
    assert!(bench.host.near.take() == pattern(10_000) && bench.host.near.shut);
    bench.settle();
    assert!(bench.peer.closed, "the device is told too");
}

#[test]
fn a_reset_of_the_side_that_serves_is_a_loss_and_of_the_other_an_end() {
    for (role, side, expected) in [
        (Role::Console, Side::Far, None),
        (Role::Device, Side::Near, None),
        (Role::Console, Side::Near, Some(Party::Viewer)),
        (Role::Device, Side::Far, Some(Party::Console)),
    ] {
        let mut bench = Bench::at(role, Stage::Relaying);
        bench.host.only(|visit| visit.broken(side, Broken::Reset));
        match expected {
            None => assert!(matches!(bench.host.error(), Error::Lost { .. }), "{role:?}"),
            Some(by) => {
                assert_eq!(bench.host.session.outcome(), Some(&ended(by, side == Side::Far)))
            }
        }
    }
}

/// Its writing broke first: the bare FIN that follows is no goodbye.
#[test]
fn a_fin_after_a_broken_write_is_a_loss() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.only(|visit| visit.unwritable(Side::Far, Broken::Reset));
    assert_eq!(bench.host.code(), "-", "what it has sent may tell more");
    bench.host.far.fin = true;
    bench.settle();
    assert_eq!(*bench.host.error(), Error::Lost { party: Party::Device, how: Broken::Reset });
}

#[test]
fn a_goodbye_after_a_broken_write_is_a_goodbye() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.peer.say(b"last");
    bench.peer.close();
    let wire = bench.peer.flush();
    bench.host.only(|visit| visit.unwritable(Side::Far, Broken::Reset));
    bench.host.far.push(&wire);
    bench.host.far.fin = true;
    bench.host.turn();
    bench.host.near.fin = true;
    bench.host.turn();
    assert_eq!(bench.host.near.take(), b"last");
    assert_eq!(bench.host.session.outcome(), Some(&ended(Party::Device, false)));
}

#[test]
fn who_ends_second_changes_nothing() {
    for version in peer::BOTH {
        let mut bench = Bench::device_with(Bounds::default(), version, Stage::Relaying);
        bench.host.near.fin = true;
        bench.settle();
        bench.host.only(|visit| visit.broken(Side::Far, Broken::Reset));
        assert_eq!(bench.host.session.outcome(), Some(&ended(Party::Service, false)));
    }
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.near.fin = true;
    bench.settle();
    bench.host.only(|visit| visit.broken(Side::Far, Broken::Reset));
    assert_eq!(bench.host.session.outcome(), Some(&ended(Party::Viewer, false)));
}

/// It closed, and then its stream broke: a device that goes on talking, and never ends, would be relayed to nobody.
#[test]
fn a_viewer_that_is_gone_both_ways_ends_the_session() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.near.push(b"the last words");
    bench.host.near.fin = true;
    bench.settle();
    assert_eq!(bench.host.code(), "-", "it may still listen");
    bench.host.near.deaf = Some(Broken::Reset);
    bench.peer.say(b"to nobody");
    bench.settle();
    assert_eq!(bench.host.session.outcome(), Some(&ended(Party::Viewer, false)));
    assert_eq!(bench.peer.got, b"the last words");
    for _ in 0..10 {
        bench.peer.say(b"still talking");
        bench.peer.exchange(&mut bench.host.far);
        bench.host.wait(Duration::from_secs(1));
    }
    assert!(bench.host.session.is_over(), "however much it talks");
}

#[test]
fn each_direction_is_told_once_when_it_ends() {
    for role in Role::BOTH {
        let mut bench = Bench::at(role, Stage::Relaying);
        bench.host.near.fin = true;
        bench.settle();
        for _ in 0..3 {
            bench.peer.say(b"words");
            bench.settle();
        }
        let told =
            |bench: &Bench| bench.host.said().iter().filter(|event| *event == "HalfClosed").count();
        assert_eq!(told(&bench), 1);
        bench.peer.close();
        bench.settle();
        bench.host.turn();
        assert_eq!(told(&bench), 2);
    }
}

#[test]
fn traffic_counts_content_without_tls() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.peer.say(&pattern(70_000));
    bench.host.near.push(&pattern(40_000));
    bench.settle();
    let traffic = bench.host.session.traffic();
    assert_eq!((traffic.to_near, traffic.to_far), (70_012, 40_000));
}

/// The goodbye says that all has come, not that all has been delivered.
#[test]
fn what_a_stalled_near_side_never_takes_is_marked_whatever_becomes_of_the_far_one() {
    for (role, party) in [(Role::Console, Party::Device), (Role::Device, Party::Console)] {
        let mut bench = Bench::at(role, Stage::Relaying);
        bench.host.near.room = 100;
        bench.peer.say(&pattern(50_000));
        bench.peer.close();
        bench.settle();
        bench.host.act(|visit| visit.unwritable(Side::Far, Broken::Reset));
        assert_eq!(bench.host.session.outcome(), None, "{role:?}: there is something to deliver");
        bench.host.wait(Duration::from_secs(6));
        assert_eq!(bench.host.session.outcome(), Some(&ended(party, true)), "{role:?}");
    }
}
