//! I7: no panic on anything that a peer sends, or that a host does, in any phase.
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
use common::{Bench, COMMAND, HELLO, Stage, credential};
use procy_core::error::Broken;
use procy_core::event::Side;
use procy_core::sim::Random;

fn bytes(random: &mut Random, most: usize) -> Vec<u8> {
    (0..random.below(most)).map(|_| random.word() as u8).collect()
}

/// What looks more like TLS than noise does.
fn record(random: &mut Random) -> Vec<u8> {
    let content = bytes(random, 300);
    let typ = random.choose(&[20, 21, 22, 22, 23, 24]);
    let mut header = [typ, 3, random.choose(&[1, 3, 4]), 0, 0];
    header[3..].copy_from_slice(&(content.len() as u16).to_be_bytes());
    [&header[..], &content].concat()
}

/// Changes what is under way to the session.
fn spoil(bench: &mut Bench, random: &mut Random) {
    let inbox = &mut bench.host.far.inbox;
    let at = random.below(inbox.len());
    match random.below(4) {
        0 => inbox.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << random.below(8)),
        1 => inbox.truncate(at),
        2 => drop(inbox.drain(..at)),
        _ => inbox.extend(record(random)),
    }
}

fn act(bench: &mut Bench, random: &mut Random) {
    let side = if random.one_in(2) { Side::Near } else { Side::Far };
    let now = bench.host.now;
    match random.below(26) {
        0..4 => bench.host.far.push(&record(random)),
        4 => bench.host.far.push(&bytes(random, 40)),
        5..8 => spoil(bench, random),
        8..12 => drop(bench.peer.exchange(&mut bench.host.far)),
        12 => bench.host.near.push(&bytes(random, 3_000)),
        13 => bench.host.only(|visit| visit.credential(credential(), now)),
        14 => bench.host.only(|visit| visit.attach(Side::Far)),
        15 => bench.host.only(|visit| visit.attach(Side::Near)),
        16 => bench.host.only(|visit| visit.accept()),
        17 if random.one_in(10) => bench.host.only(|visit| visit.eof(side)),
        18 if random.one_in(10) => bench.host.only(|visit| visit.broken(side, Broken::Other)),
        19 if random.one_in(10) => bench.host.only(|visit| visit.unwritable(side, Broken::Reset)),
        20 => bench.host.near.room = random.choose(&[0, 1, 100, usize::MAX]),
        21 => bench.host.far.room = random.choose(&[0, 1, 100, usize::MAX]),
        22 => bench.host.far.chunk = random.choose(&[1, 10, 5_000, usize::MAX]),
        23 => bench.host.now = bench.host.now + Duration::from_millis(random.below(2_000) as u64),
        24 if bench.peer.error.is_none() => {
            let words = random.choose(&[HELLO, COMMAND, b"words", b""]);
            bench.peer.say(words);
        }
        25 if random.one_in(20) => bench.host.only(|visit| visit.close()),
        _ => {}
    }
}

#[test]
fn random_bytes_and_deeds_in_every_phase_are_survived() {
    let seeds: u64 =
        std::env::var("PROCY_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(1_500);
    for role in Role::BOTH {
        for stage in role.stages() {
            for seed in 0..seeds / 12 {
                let mut random = Random::new(seed);
                let mut bench = Bench::at(role, stage);
                for _ in 0..60 {
                    act(&mut bench, &mut random);
                    bench.host.turn();
                    if bench.host.session.is_over() {
                        break;
                    }
                }
            }
        }
    }
}

#[test]
fn every_single_wrong_byte_of_a_handshake_is_survived() {
    for role in Role::BOTH {
        let mut whole = Bench::at(role, Stage::Handshake);
        whole.peer.exchange(&mut whole.host.far);
        let flight: Vec<u8> = whole.host.far.inbox.into();
        // A header's type and minor version are not protected, and mean nothing (RFC 8446 sections 5.1 and 5.2).
        let mut loose = Vec::new();
        let mut at = 0;
        while at < flight.len() {
            loose.extend([at, at + 2]);
            at += 5 + usize::from(u16::from_be_bytes([flight[at + 3], flight[at + 4]]));
        }
        for at in 0..flight.len() {
            for bit in [0, 3, 7] {
                let mut bench = Bench::at(role, Stage::Handshake);
                bench.peer.exchange(&mut bench.host.far);
                bench.host.far.inbox[at] ^= 1 << bit;
                bench.settle();
                bench.host.far.fin = true;
                bench.settle();
                assert!(bench.host.session.outcome().is_some(), "{role:?} {at} {bit}");
                let verified = bench.host.said().iter().any(|event| event == "Verified");
                assert!(!verified || loose.contains(&at), "{role:?} {at} {bit}");
            }
        }
    }
}
