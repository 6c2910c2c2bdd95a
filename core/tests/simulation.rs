//! Seeded schedules of whole sessions, all invariants checked after every step.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod common;

use procy_core::event::Outcome;
use procy_core::sim::{Plan, Random, World};

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

#[test]
fn ten_thousand_schedules_keep_every_invariant() {
    let cast = common::toy_cast();
    let seeds =
        std::env::var("PROCY_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(10_000);
    let mut codes = std::collections::BTreeMap::<&str, u32>::new();
    for seed in 0..seeds {
        procy_toycrypto::seed_thread(seed);
        match World::drawn(&cast, seed).run() {
            Ok(report) => {
                *codes
                    .entry(match &report.console {
                        Outcome::Ended(_) => "ended",
                        Outcome::Failed(error) => error.code(),
                    })
                    .or_default() += 1;
            }
            Err(broken) => panic!("seed {seed}: {broken}"),
        }
    }
    println!("{codes:?}");
}
