//! I10: the password leaves only after pin and signature hold, once, in one TLS record; it is zeroized and never shown.
#![cfg(feature = "sim")]
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

use common::{Bench, COMMAND, PASSWORD, Stage, credential, peer, toy};
use procy_core::Scratch;
use procy_core::event::{Outcome, Side};
use procy_core::procycmd::{Style, Terminator, Verb};
use procy_core::prologue::console::Config;
use procy_core::pump::{Turn, pump};
use procy_core::sim::{DeviceKind, Plan, Random, World};
use procy_core::ums::{Response, answer};

fn seeds() -> u64 {
    std::env::var("PROCY_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(10_000)
}

/// The world itself checks that no device gets a password which was not sent to it, and that it is sent once.
#[test]
fn whoever_is_not_the_device_never_gets_it_under_any_schedule() {
    let cast = common::toy_cast();
    let kinds = [DeviceKind::Stranger, DeviceKind::Impostor, DeviceKind::Noise, DeviceKind::Silent];
    for seed in 0..seeds() / 4 {
        procy_toycrypto::seed_thread(seed);
        let mut random = Random::new(seed);
        let plan = Plan { device: random.choose(&kinds), ..Plan::draw(&mut random) };
        let told = format!("{seed}: {plan:?}");
        let report =
            World::new(&cast, plan, random).run().unwrap_or_else(|broken| panic!("{broken}"));
        assert!(matches!(report.console, Outcome::Failed(_)), "{told}");
        for event in ["Verified", "PasswordSent", "Hello", "Relaying"] {
            assert!(!report.events.iter().any(|told| told == event), "{told}");
        }
        assert_eq!(report.service_got, b"", "{told}");
    }
}

#[test]
fn it_is_told_as_sent_only_after_it_is_told_as_verified() {
    let cast = common::toy_cast();
    let mut sent = 0;
    for seed in 0..seeds() / 10 {
        procy_toycrypto::seed_thread(seed);
        let mut random = Random::new(!seed);
        let plan = Plan { device: DeviceKind::Honest, ..Plan::draw(&mut random) };
        let report = World::new(&cast, plan, random).run().unwrap();
        let at = |name: &str| report.events.iter().position(|event| event == name);
        if let Some(at_sent) = at("PasswordSent") {
            assert!(at("Verified").is_some_and(|verified| verified < at_sent));
            sent += 1;
        }
    }
    assert!(sent > seeds() / 100, "{sent}");
}

#[test]
fn it_leaves_in_one_record() {
    for version in peer::BOTH {
        for terminator in [Terminator::None, Terminator::Crlf] {
            let mut config = Config::new(toy());
            config.style = Style { verb: Verb::Procycmd, terminator };
            let mut bench = Bench::console_with(config, version, Stage::Viewer);
            bench.host.act(|visit| visit.attach(Side::Near));
            let wire = bench.host.far.take();
            let content = 48 + terminator.as_bytes().len();
            // TLS 1.3: type and tag (RFC 8446 section 5.2); TLS 1.2 with AES-GCM: nonce and tag (RFC 5288 section 3).
            let len = content + if version == peer::TLS13 { 17 } else { 24 };
            assert_eq!(wire.len(), 5 + len);
            assert_eq!(wire[..5], [23, 3, 3, 0, len as u8]);
            assert_eq!(bench.host.far.writes.last(), Some(&wire.len()), "and in one write");
        }
    }
}

#[test]
fn it_is_not_on_the_wire_in_the_clear() {
    let bench = {
        let mut bench = Bench::console(Stage::Viewer);
        bench.host.act(|visit| visit.attach(Side::Near));
        bench
    };
    let wire = &bench.host.far.outbox;
    assert!(!wire.windows(8).any(|part| part == b"6ce714ad"));
}

#[test]
fn a_session_that_fails_before_it_is_sent_never_sends_it() {
    for stage in [Stage::Credential, Stage::Far, Stage::Handshake, Stage::Viewer] {
        let mut bench = Bench::console(stage);
        bench.host.act(|visit| visit.abandon("no"));
        bench.host.act(|visit| visit.attach(Side::Near));
        bench.settle();
        let now = bench.host.now;
        bench.host.act(|visit| visit.credential(credential(), now));
        bench.host.act(|visit| visit.attach(Side::Far));
        bench.settle();
        assert_eq!(bench.peer.got, b"", "{stage:?}");
    }
}

/// Every block that the console frees, from the credential to the end, is looked at.
#[test]
fn no_memory_that_the_console_frees_still_holds_it() {
    for version in peer::BOTH {
        for stage in Stage::CONSOLE {
            let left = heap::freed_with(b"6ce714ad", || {
                let mut config = Config::new(toy());
                config.style = Style { verb: Verb::Procycmd, terminator: Terminator::Lf };
                let mut bench = Bench::console_with(config, version, Stage::Credential);
                // Only the session's memory: the peer hears the password, and does not forget it.
                bench.peer.got.reserve(1_000);
                let peer = std::mem::ManuallyDrop::new(if stage < Stage::Hello {
                    bench.lead_console(stage);
                    bench.peer
                } else {
                    bench.lead_console(Stage::Viewer);
                    bench.host.act(|visit| visit.attach(Side::Near));
                    bench.peer
                });
                let _ = peer;
                bench.host.act(|visit| visit.abandon("the end"));
                drop(bench.host);
            });
            assert_eq!(left, 0, "{version:?} {stage:?}");
        }
    }
}

/// As much as the password that it can ask for.
#[test]
fn no_memory_that_reading_an_answer_frees_still_holds_the_session_with_ums() {
    let body = br#"{"message":"JSESSIONID=3FB2F3F6A089FE9029DFD6DAFEF146DC"}"#;
    let left = heap::freed_with(b"3FB2F3F6A089FE90", || {
        let cookie = answer::login(&Response { status: 200, set_cookies: Vec::new(), body });
        assert!(cookie.is_ok());
    });
    assert_eq!(left, 0);
}

/// The instrument finds what is there to find.
#[test]
fn the_allocator_sees_a_secret_that_is_freed() {
    let left = heap::freed_with(b"6ce714ad", || drop(PASSWORD.to_owned()));
    assert_eq!(left, 1);
}

/// Records are opened in the memory that the host lent, and the host's next session may be anybody's.
#[test]
fn the_memory_that_a_host_lends_does_not_keep_it() {
    for version in peer::BOTH {
        let mut memory = vec![0; Scratch::MIN_MEMORY];
        let mut bench =
            Bench::device_with(procy_core::prologue::Bounds::default(), version, Stage::Command);
        for part in [&COMMAND[..30], &COMMAND[30..]] {
            bench.peer.say(part);
            bench.peer.exchange(&mut bench.host.far);
            let mut scratch = Scratch::over(&mut memory).unwrap();
            let mut visit = bench.host.session.visit(&mut scratch, bench.host.now);
            let turn = pump(&mut visit, &mut bench.host.near, &mut bench.host.far, 1 << 20);
            assert_eq!(turn, Turn::Wait);
        }
        assert!(!format!("{:?}", bench.host.session).contains("AwaitCommand"));
        for part in [&COMMAND[12..20], &COMMAND[40..]] {
            assert!(!memory.windows(part.len()).any(|bytes| bytes == part), "{version:?}");
        }
    }
}
