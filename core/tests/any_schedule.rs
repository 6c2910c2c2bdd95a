//! Two sessions with each other: whatever the schedule, the same comes of it.
#![cfg(feature = "sim")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

mod common;

use std::time::Duration;

use procy_core::event::Outcome;
use procy_core::sim::{Cast, Conditions, Plan, Random, Report, ViewerKind, World};
use proptest::prelude::*;

fn run(plan: &Plan, seed: u64) -> Report {
    thread_local! {
        static CAST: Cast = common::toy_cast();
    }
    procy_toycrypto::seed_thread(0);
    CAST.with(|cast| World::new(cast, plan.clone(), Random::new(seed)).run().unwrap())
}

/// Streams that cut, delay and block, but not for so long that a deadline would pass.
fn conditions() -> impl Strategy<Value = Conditions> {
    let chunk = prop_oneof![1..20_usize, 20..2_000_usize, Just(usize::MAX)];
    let room = prop_oneof![1..50_usize, 50..5_000_usize, Just(1 << 20)];
    (chunk, room, 0..3_u64).prop_map(|(chunk, room, delay)| {
        let delay = if chunk.min(room) < 1_000 { 0 } else { delay };
        Conditions { chunk, delay: Duration::from_millis(delay), room }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_schedule_of_a_good_session_gives_the_same_result(
        (local, wire) in (conditions(), conditions()),
        (upload, download) in (0..3_000_u64, 12..6_000_u64),
        eager in any::<bool>(),
        memory in prop_oneof![Just(0), Just(1_000_000_usize)],
        seed in any::<u64>(),
    ) {
        let viewer = if eager { ViewerKind::Eager } else { ViewerKind::Patient };
        let ideal = Plan { viewer, upload, download, ..Plan::ideal() };
        let expected = run(&ideal, 0);
        let report = run(&Plan { local, wire, memory, ..ideal }, seed);
        prop_assert_eq!(&report.console, &expected.console);
        prop_assert!(matches!(report.console, Outcome::Ended(ended) if !ended.truncated));
        prop_assert_eq!(report.device, expected.device);
        prop_assert_eq!(report.events, expected.events);
        prop_assert!(report.viewer_got == expected.viewer_got);
        prop_assert!(report.service_got == expected.service_got);
    }
}
