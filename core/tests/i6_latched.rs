//! I6: failure is latched: after it only farewells leave, and nothing that happens changes the outcome.
#![cfg(feature = "sim")]
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
use common::{Bench, Stage, credential, pattern, peer};
use procy_core::error::Broken;
use procy_core::event::Side;
use procy_core::sim::Random;
use rustls::ContentType;

/// The ways to fail that need no particular phase.
fn fail(bench: &mut Bench, way: usize) {
    match way {
        0 => bench.host.only(|visit| visit.abandon("a reason")),
        1 => bench.host.only(|visit| visit.broken(Side::Far, Broken::Reset)),
        2 => bench.host.only(|visit| visit.read(Side::Far, usize::MAX)),
        _ => bench.host.far.push(b"\x17\x03\x03\0\x20 this is no record of anybody's."),
    }
    bench.host.turn();
}

#[test]
fn nothing_moves_a_session_that_has_failed() {
    let mut random = Random::new(6);
    for role in Role::BOTH {
        for stage in role.stages() {
            for way in 0..4 {
                let mut bench = Bench::at(role, stage);
                bench.host.near.take();
                bench.host.far.take();
                fail(&mut bench, way);
                if bench.host.session.outcome().is_none() {
                    continue;
                }
                let outcome = bench.host.session.outcome().cloned();
                let traffic = bench.host.session.traffic();
                let (near, far) = (bench.host.near.take(), bench.host.far.take());
                let events = bench.host.events.len();
                assert!(near.len() < 600 && far.len() < 60, "farewells are small");
                for _ in 0..30 {
                    let side = if random.one_in(2) { Side::Near } else { Side::Far };
                    let now = bench.host.now;
                    match random.below(9) {
                        0 => bench.host.only(|visit| visit.credential(credential(), now)),
                        1 => bench.host.only(|visit| visit.attach(side)),
                        2 => bench.host.only(|visit| visit.accept()),
                        3 => bench.host.only(|visit| visit.close()),
                        4 => bench.host.near.push(&pattern(100)),
                        5 => drop(bench.peer.exchange(&mut bench.host.far)),
                        6 => bench.host.only(|visit| visit.unwritable(side, Broken::Other)),
                        7 => drop(std::mem::take(&mut bench.host.near.inbox)),
                        _ => bench.host.now = bench.host.now + Duration::from_millis(100),
                    }
                    bench.host.turn();
                }
                assert_eq!(bench.host.session.outcome().cloned(), outcome);
                assert_eq!(bench.host.session.traffic(), traffic);
                assert_eq!(bench.host.events.len(), events);
                assert_eq!(bench.host.far.take(), b"");
                // A viewer that was attached only now is told why, and no more.
                let told = bench.host.near.take();
                assert!(told.is_empty() || (near.is_empty() && told.starts_with(b"RFB 003.003\n")));
            }
        }
    }
}

/// rustls itself would still encrypt, and answer a KeyUpdate.
#[test]
fn nothing_is_sealed_after_a_failure() {
    for role in Role::BOTH {
        for version in peer::BOTH {
            let (mut host, mut forge) = Bench::forge(role, version);
            host.far.push(b"\x17\x03\x03\0\x20 this is no record of anybody's.");
            host.turn();
            assert_eq!(host.code(), "tls-protocol");
            assert!(host.far.take().len() <= 31, "an alert");
            host.near.push(b"words");
            for message in [&[24, 0, 0, 1, 1][..], &[0, 0, 0, 0]] {
                host.far.push(&forge.seal(ContentType::Handshake, message));
            }
            host.far.push(&forge.seal(ContentType::ApplicationData, b"late"));
            host.turn();
            assert_eq!((host.near.take(), host.far.take()), (vec![], vec![]));
        }
    }
}

/// rustls would have an alert to send, behind the goodbye.
#[test]
fn a_wrong_record_after_our_own_goodbye_fails_without_a_word() {
    for role in Role::BOTH {
        for version in peer::BOTH {
            let (mut host, _) = Bench::forge(role, version);
            host.near.fin = true;
            host.turn();
            assert!(!host.far.take().is_empty() && host.far.shut, "close_notify and FIN");
            host.far.push(b"\x17\x03\x03\0\x20 this is no record of anybody's.");
            host.turn();
            assert_eq!(host.code(), "tls-protocol");
            assert_eq!(host.far.take(), b"");
        }
    }
}

#[test]
fn renegotiation_asked_for_after_our_goodbye_is_not_answered() {
    let (mut host, mut forge) = Bench::forge(Role::Console, peer::TLS12);
    host.near.fin = true;
    host.turn();
    host.far.take();
    host.far.push(&forge.seal(ContentType::Handshake, &[0, 0, 0, 0]));
    host.far.push(&forge.seal(ContentType::ApplicationData, b"more"));
    host.turn();
    assert_eq!((host.near.take(), host.far.take()), (b"more".to_vec(), vec![]));
}

#[test]
fn a_failure_before_the_handshake_is_over_leaves_an_alert_at_the_most() {
    for role in Role::BOTH {
        let mut bench = Bench::at(role, Stage::Handshake);
        bench.host.far.take();
        bench.host.far.push(&[22, 3, 3, 0, 4, 99, 0, 0, 0]);
        bench.host.turn();
        assert_eq!(bench.host.code(), "tls-protocol");
        let alert = bench.host.far.take();
        assert_eq!((alert[0], alert.len()), (21, 7), "in the clear");
        assert!(bench.host.far.shut);
    }
}
