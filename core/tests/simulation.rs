//! Seeded schedules of whole sessions, all invariants checked after every step.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod common;

use std::collections::BTreeMap;

use procy_core::event::Outcome;
use procy_core::sim::{Cast, Plan, Random, World};

#[test]
fn when_all_goes_well_everything_arrives() {
    let cast = common::toy_cast();
    let report = World::new(&cast, Plan::ideal(), Random::new(1)).run().unwrap();
    assert!(matches!(report.console, Outcome::Ended(_)), "{report:?}");
    assert_eq!(
        report.events,
        [
            "CredentialNeeded",
            "ConnectNeeded",
            "Established",
            "Verified",
            "PasswordSent",
            "Hello",
            "Relaying",
            "HalfClosed",
            "HalfClosed"
        ],
    );
}

/// `PROCY_SEED=n` replays one schedule and shows it; `PROCY_SEEDS=n` runs so many.
#[test]
fn ten_thousand_schedules_keep_every_invariant() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let cast = common::toy_cast();
    if let Some(seed) = number("PROCY_SEED") {
        procy_toycrypto::seed_thread(seed);
        let world = World::drawn(&cast, seed);
        println!("{:#?}", world.plan());
        println!("{:#?}", world.run().unwrap());
        return;
    }
    let seeds = number("PROCY_SEEDS").unwrap_or(10_000);
    let ends = run(&cast, 0..seeds, procy_toycrypto::seed_thread);
    println!("{ends:?}");
    if seeds >= 10_000 {
        // The schedules reach what they are meant to reach.
        for code in [
            "ended",
            "certificate-mismatch",
            "key-not-proven",
            "closed-before-hello",
            "viewer-left",
        ] {
            assert!(ends.get(code).is_some_and(|count| *count > 100), "{code}: {ends:?}");
        }
    }
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn schedules_with_real_cryptography_keep_them_too() {
    let cast = common::real_cast();
    let ends = run(&cast, 0..300, |_| {});
    assert!(ends.contains_key("ended") && ends.contains_key("key-not-proven"), "{ends:?}");
}

/// How often the schedules of these seeds ended in which way.
fn run(
    cast: &Cast,
    seeds: std::ops::Range<u64>,
    seed_provider: fn(u64),
) -> BTreeMap<&'static str, u32> {
    let (mut ends, mut memory) = (BTreeMap::new(), Vec::new());
    for seed in seeds {
        seed_provider(seed);
        let report = World::drawn(cast, seed).run_over(&mut memory).unwrap_or_else(|broken| {
            panic!("{broken}\ncargo xtask simulate --from {seed} --seeds 1");
        });
        let code = match &report.console {
            Outcome::Ended(_) => "ended",
            Outcome::Failed(error) => error.code(),
        };
        *ends.entry(code).or_default() += 1;
    }
    ends
}
