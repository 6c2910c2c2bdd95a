//! I4: a session waits for something that can still come, or is over; before relaying there is always a deadline.
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
use common::{Bench, Host, Stage, credential};
use procy_core::error::Broken;
use procy_core::event::{Outcome, Side};
use procy_core::pump::Turn;
use procy_core::timer::Deadlines;

/// All that a session can wait for before it relays, one after the other.
fn sum(deadlines: &Deadlines) -> Duration {
    deadlines.credential
        + deadlines.connect
        + deadlines.handshake
        + deadlines.viewer
        + deadlines.hello
        + deadlines.command
        + deadlines.verdict
        + deadlines.service
        + deadlines.close
}

/// From one deadline to the next until it is over.
fn sleep_through(bench: &mut Bench) -> Duration {
    for _ in 0..20 {
        let Some((at, _)) = bench.host.session.deadline() else {
            assert!(bench.host.session.is_over(), "{:?}", bench.host.session);
            return bench.host.now.since(Host::BIRTH);
        };
        bench.host.now = bench.host.now.max(at);
        bench.host.turn();
    }
    panic!("its deadlines never end: {:?}", bench.host.session);
}

#[test]
fn silent_peers_and_hosts_reach_an_end_from_every_phase() {
    for role in Role::BOTH {
        for stage in role.stages() {
            if stage == Stage::Relaying {
                continue;
            }
            let mut bench = Bench::at(role, stage);
            let took = sleep_through(&mut bench);
            assert!(matches!(bench.host.session.outcome(), Some(Outcome::Failed(_))));
            assert!(took <= sum(&Deadlines::default()), "{role:?} {stage:?}: {took:?}");
        }
    }
}

#[test]
fn a_peer_that_stops_after_any_byte_of_the_handshake_reaches_an_end() {
    for role in Role::BOTH {
        let mut whole = Bench::at(role, Stage::Handshake);
        whole.peer.exchange(&mut whole.host.far);
        let flight: Vec<u8> = whole.host.far.inbox.iter().copied().collect();
        for len in (0..flight.len()).step_by(7) {
            let mut bench = Bench::at(role, Stage::Handshake);
            bench.host.far.push(&flight[..len]);
            bench.host.turn();
            assert!(bench.host.session.wants_read(Side::Far));
            sleep_through(&mut bench);
            assert_eq!(bench.host.code(), "handshake-timeout");
        }
    }
}

#[test]
fn a_relaying_session_waits_for_a_stream_or_a_deadline_always() {
    for role in Role::BOTH {
        for (near_room, far_room) in [(0, usize::MAX), (usize::MAX, 0), (0, 0)] {
            let mut bench = Bench::at(role, Stage::Relaying);
            bench.host.near.room = near_room;
            bench.host.far.room = far_room;
            bench.host.near.push(&common::pattern(200_000));
            bench.peer.say(&common::pattern(200_000));
            bench.settle();
            let session = &bench.host.session;
            for side in Side::BOTH {
                assert!(
                    session.wants_read(side.other()) || session.wants_write(side),
                    "{role:?}: a lane waits for nothing"
                );
            }
        }
    }
}

#[test]
fn both_ends_silent_after_half_a_close_reach_an_end() {
    for role in Role::BOTH {
        for near in [true, false] {
            let mut bench = Bench::at(role, Stage::Relaying);
            if near {
                bench.host.near.fin = true;
            } else {
                bench.peer.close();
            }
            bench.settle();
            let took = sleep_through(&mut bench);
            assert_eq!(took, Deadlines::default().close * 2, "one for the rest, one for farewells");
            assert_eq!(bench.host.code(), "ended");
        }
    }
}

#[test]
fn a_peer_that_goes_on_talking_to_one_that_is_gone_reaches_an_end() {
    for role in Role::BOTH {
        for near_talks in [true, false] {
            let mut bench = Bench::at(role, Stage::Relaying);
            // One says goodbye, then takes nothing any more; the other one does not care.
            if near_talks {
                bench.peer.close();
                bench.settle();
                bench.host.far.deaf = Some(Broken::Reset);
            } else {
                bench.host.near.fin = true;
                bench.settle();
                bench.host.near.deaf = Some(Broken::Reset);
            }
            for _ in 0..20 {
                bench.host.now = bench.host.now + Duration::from_secs(1);
                if near_talks {
                    bench.host.near.push(b"and another thing");
                } else {
                    bench.peer.say(b"and another thing");
                    let said = bench.peer.flush();
                    bench.host.far.push(&said);
                }
                bench.host.turn();
            }
            assert!(bench.host.session.is_over(), "{role:?} {near_talks}");
            assert_eq!(bench.host.code(), "ended");
        }
    }
}

/// A turn says `Wait` only when nothing more can be done without the host.
#[test]
fn wait_is_said_only_at_rest() {
    for role in Role::BOTH {
        for stage in role.stages() {
            let mut bench = Bench::at(role, stage);
            bench.settle();
            let before = format!("{:?}", bench.host.session);
            assert_eq!(bench.host.turn(), Turn::Wait);
            assert_eq!(format!("{:?}", bench.host.session), before);
        }
    }
    let mut bench = Bench::console(Stage::Credential);
    let now = bench.host.now;
    assert_eq!(bench.host.act(|visit| visit.credential(credential(), now)), Turn::Wait);
}
