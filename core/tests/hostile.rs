//! Peers that mean harm, or break at the worst moment, each at every point where they can.
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
use common::peer::{self, Version};
use common::{Bench, Stage, toy};
use procy_core::error::{Broken, Fault};
use procy_core::event::Side;
use procy_core::prologue::{Bounds, console};
use procy_core::timer::Deadlines;
use rustls::ContentType;

const SECOND: Duration = Duration::from_secs(1);

/// A session in its handshake with a peer of this version.
fn handshake(role: Role, version: Version) -> Bench {
    match role {
        Role::Console => {
            Bench::console_with(console::Config::new(toy()), version, Stage::Handshake)
        }
        Role::Device => Bench::device_with(Bounds::default(), version, Stage::Handshake),
    }
}

/// Lets both talk until the peer has said `most` bytes; gives what it did say.
fn hear(bench: &mut Bench, most: usize) -> Vec<u8> {
    let mut heard = Vec::new();
    loop {
        bench.host.turn();
        bench.peer.exchange(&mut bench.host.far);
        let inbox = &mut bench.host.far.inbox;
        inbox.truncate(most - heard.len());
        if inbox.is_empty() {
            return heard;
        }
        heard.extend(inbox.iter());
    }
}

fn established(bench: &Bench) -> bool {
    bench.host.said().iter().any(|event| event == "Established")
}

/// What a peer says until the handshake is over for the session; the same each time.
fn flight(role: Role, version: Version) -> Vec<u8> {
    let said = hear(&mut handshake(role, version), usize::MAX);
    let over = |len: &usize| {
        let mut bench = handshake(role, version);
        hear(&mut bench, *len);
        established(&bench)
    };
    let len = boundaries(&said).into_iter().find(over).expect("a handshake has an end");
    said[..len].to_vec()
}

/// Where records begin and end.
fn boundaries(wire: &[u8]) -> Vec<usize> {
    let mut all = vec![0];
    let mut at = 0;
    while let Some(&[high, low]) = wire.get(at + 3..at + 5) {
        at += 5 + usize::from(u16::from_be_bytes([high, low]));
        all.push(at);
    }
    all
}

/// Time passes until it is over; nothing is held then.
fn ends(bench: &mut Bench, context: &str) {
    for _ in 0..5 {
        let Some((at, _)) = bench.host.session.deadline() else { break };
        bench.host.now = bench.host.now.max(at);
        bench.host.turn();
    }
    assert!(bench.host.session.is_over() && bench.host.session.holds() == 0, "{context}");
}

#[test]
fn a_peer_that_goes_after_any_byte_of_its_handshake_has_left_in_the_handshake() {
    for role in Role::BOTH {
        for version in peer::BOTH {
            for len in 0..flight(role, version).len() {
                for reset in [false, true] {
                    let mut bench = handshake(role, version);
                    hear(&mut bench, len);
                    bench.host.far.fin = !reset;
                    bench.host.far.broken = reset.then_some(Broken::Reset);
                    bench.host.turn();
                    let context = format!("{role:?} {version:?} {len} {reset}");
                    assert_eq!(bench.host.code(), "closed-in-handshake", "{context}");
                    assert_eq!(bench.host.error().fault(), Fault::Peer);
                    assert!(!established(&bench));
                    ends(&mut bench, &context);
                }
            }
        }
    }
}

/// From when on an alert in the clear is none: the session has the keys that its peer protects with.
fn protected(version: Version, flight: &[u8], at: usize) -> bool {
    let mut begun = boundaries(flight).into_iter().filter(|begin| *begin < at);
    let ciphers_changed = begun.any(|begin| flight[begin] == 20);
    at == flight.len() || (version == peer::TLS12 && ciphers_changed)
}

fn alert_in_the_clear(bench: &mut Bench, level: u8, description: u8) {
    bench.host.far.take();
    bench.host.far.push(&[21, 3, 3, 0, 2, level, description]);
    bench.host.turn();
}

#[test]
fn a_fatal_alert_between_any_two_records_of_the_handshake_ends_it_without_an_answer() {
    for role in Role::BOTH {
        for version in peer::BOTH {
            let flight = flight(role, version);
            for at in boundaries(&flight) {
                for (description, code) in [(40, "tls-parameters"), (80, "tls-alert")] {
                    let mut bench = handshake(role, version);
                    hear(&mut bench, at);
                    alert_in_the_clear(&mut bench, 2, description);
                    let context = format!("{role:?} {version:?} {at} {description}");
                    if protected(version, &flight, at) {
                        assert_eq!(bench.host.code(), "tls-protocol", "{context}");
                    } else {
                        assert_eq!(bench.host.code(), code, "{context}");
                        assert_eq!(bench.host.far.take(), b"", "{context}");
                    }
                    ends(&mut bench, &context);
                }
            }
        }
    }
}

#[test]
fn a_warning_between_any_two_records_of_the_handshake_finishes_and_prolongs_nothing() {
    let time = Deadlines::default().handshake;
    for role in Role::BOTH {
        for version in peer::BOTH {
            let flight = flight(role, version);
            for at in boundaries(&flight).into_iter().filter(|at| *at < flight.len()) {
                // close_notify, user_canceled, no_renegotiation (RFC 8446 section 6.1, RFC 5246 section 7.2.2).
                for description in [0, 90, 100] {
                    let mut bench = handshake(role, version);
                    hear(&mut bench, at);
                    bench.host.wait(time - SECOND);
                    alert_in_the_clear(&mut bench, 1, description);
                    bench.host.wait(SECOND);
                    let context = format!("{role:?} {version:?} {at} {description}");
                    assert_eq!(bench.host.error().fault(), Fault::Peer, "{context}");
                    assert!(!established(&bench), "{context}");
                    ends(&mut bench, &context);
                }
            }
        }
    }
}

/// What a peer's close_notify means at each stage.
fn goodbye(stage: Stage) -> &'static str {
    match stage {
        Stage::Viewer => "device-left",
        Stage::Hello => "closed-before-hello",
        Stage::Relaying => "-",
        _ => "console-left",
    }
}

#[test]
fn every_alert_after_the_handshake_means_the_same_at_every_stage() {
    for role in Role::BOTH {
        for version in peer::BOTH {
            for stage in role.stages().into_iter().filter(|stage| *stage > Stage::Handshake) {
                for (alert, code) in [
                    (&[2, 40][..], "tls-parameters"),
                    (&[2, 80], "tls-alert"),
                    // Descriptions and levels that nobody has defined.
                    (&[2, 255], "tls-alert"),
                    (&[9, 9], "tls-alert"),
                    // Not the two bytes that an alert has.
                    (&[], "tls-protocol"),
                    (&[2], "tls-protocol"),
                    (&[2, 40, 0], "tls-protocol"),
                    (&[1, 90], "-"),
                    (&[1, 0], goodbye(stage)),
                ] {
                    let (mut host, mut forge) = Bench::forge_at(role, version, stage);
                    host.far.push(&forge.seal(ContentType::Alert, alert));
                    host.turn();
                    assert_eq!(host.code(), code, "{role:?} {version:?} {stage:?} {alert:?}");
                }
            }
        }
    }
}

#[test]
fn no_record_of_the_handshake_prolongs_it() {
    let time = Deadlines::default().handshake;
    for role in Role::BOTH {
        for version in peer::BOTH {
            let flight = flight(role, version);
            for at in boundaries(&flight).into_iter().filter(|at| *at < flight.len()) {
                let mut bench = handshake(role, version);
                bench.host.wait(time - SECOND);
                hear(&mut bench, at);
                assert_eq!(bench.host.code(), "-");
                bench.host.wait(SECOND);
                assert_eq!(bench.host.code(), "handshake-timeout", "{role:?} {version:?} {at}");
            }
        }
    }
}

#[test]
fn a_peer_that_takes_our_handshake_a_byte_a_second_meets_the_same_deadline() {
    for role in Role::BOTH {
        let mut bench = Bench::at(role, Stage::Far);
        bench.host.far.room = 0;
        bench.host.act(|visit| visit.attach(Side::Far));
        for _ in 0..Deadlines::default().handshake.as_secs() {
            assert_eq!(bench.host.code(), "-", "{role:?}");
            bench.host.far.room = 1;
            bench.peer.exchange(&mut bench.host.far);
            bench.host.wait(SECOND);
        }
        assert_eq!(bench.host.code(), "handshake-timeout", "{role:?}");
    }
}

#[test]
fn a_viewer_that_talks_all_the_time_prolongs_no_wait_before_relaying() {
    for stage in Stage::CONSOLE.into_iter().filter(|stage| *stage < Stage::Relaying) {
        if stage == Stage::Viewer {
            continue;
        }
        let mut bench = Bench::console(stage);
        if stage < Stage::Viewer {
            bench.host.act(|visit| visit.attach(Side::Near));
        }
        let (due, _) = bench.host.session.deadline().unwrap();
        while bench.host.now + SECOND < due {
            bench.host.near.push(b"!");
            bench.host.wait(SECOND);
            assert_eq!(bench.host.session.deadline().unwrap().0, due, "{stage:?}");
        }
        bench.host.near.push(b"!");
        bench.host.wait(SECOND);
        assert!(bench.host.code().ends_with("-timeout"), "{stage:?}: {}", bench.host.code());
    }
}

#[test]
fn a_viewer_that_floods_is_refused_at_every_stage_and_the_device_never_hears_it() {
    for stage in Stage::CONSOLE.into_iter().filter(|stage| *stage < Stage::Relaying) {
        let mut bench = Bench::console(stage);
        if stage <= Stage::Viewer {
            bench.host.act(|visit| visit.attach(Side::Near));
        }
        bench.settle();
        bench.peer.got.clear();
        bench.host.near.push(&vec![b'!'; 1 << 20]);
        bench.settle();
        assert_eq!(bench.host.code(), "spoke-too-early", "{stage:?}");
        assert!(!bench.peer.got.contains(&b'!'), "{stage:?}");
        ends(&mut bench, &format!("{stage:?}"));
    }
}
