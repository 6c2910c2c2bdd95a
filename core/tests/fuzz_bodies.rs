//! The fuzz targets' bodies on bytes that are nearly right, without a fuzzer: their promises hold, and can be broken.
#![cfg(feature = "fuzzing")]
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]

mod common;

use std::sync::Arc;

use procy_core::fuzzing::{self, Host, Manner, Role};
use procy_core::sim::Cast;
use procy_core::tls::Crypto;
use proptest::prelude::*;

/// A cast that believes everything.
fn believing() -> Cast {
    let crypto = Crypto::from(Arc::new(procy_toycrypto::transparent()));
    Cast::new(&crypto, common::identity(1), common::identity(2)).unwrap()
}

fn reseed() {
    procy_toycrypto::seed_thread(0);
}

/// A console's part and a device's part of one handshake, as they go over the wire, up to where the command has been sent.
fn wires(cast: &Cast) -> (Vec<u8>, Vec<u8>) {
    reseed();
    let mut console = Host::new(Role::Console, cast, Manner::default()).unwrap();
    let hello = console.sent().to_vec();
    reseed();
    let mut device = Host::new(Role::Device, cast, Manner::default()).unwrap();
    device.feed(&hello).unwrap();
    console.feed(device.sent()).unwrap();
    (console.sent().to_vec(), device.sent().to_vec())
}

/// `wire` with some bytes changed, and more behind it.
fn bent(wire: &[u8], changes: &[(prop::sample::Index, u8)], more: &[u8]) -> Vec<u8> {
    let mut wire = wire.to_vec();
    for (at, byte) in changes {
        let at = at.index(wire.len());
        wire[at] = *byte;
    }
    [wire, more.to_vec()].concat()
}

#[test]
fn with_a_believing_crypto_a_changed_flight_still_establishes() {
    let cast = believing();
    let (_, mut bent) = wires(&cast);
    // The server's random, behind the headers of record and message and a version; and the last record's tag.
    bent[5 + 4 + 2] ^= 1;
    *bent.last_mut().unwrap() ^= 1;
    reseed();
    let mut console = Host::new(Role::Console, &cast, Manner::default()).unwrap();
    console.feed(&bent).unwrap();
    let told = console.events();
    assert!(told.iter().any(|event| event.starts_with("PasswordSent")), "{told:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn sessions_keep_their_promises_whatever_is_changed_on_the_wire(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        more in prop::collection::vec(any::<u8>(), 0..80),
        manner in any::<[u8; 2]>(),
        cuts in prop::collection::vec(any::<u8>(), 0..15),
    ) {
        thread_local! {
            static CAST: (Cast, (Vec<u8>, Vec<u8>)) = {
                let cast = believing();
                let wires = wires(&cast);
                (cast, wires)
            };
        }
        CAST.with(|(cast, (console, device))| {
            let (console, device) = (bent(console, &changes, &more), bent(device, &changes, &more));
            let verdict = |body: &dyn Fn() -> fuzzing::Verdict| { reseed(); body() };
            prop_assert_eq!(verdict(&|| fuzzing::console(cast, &[&manner[..], &device].concat())), Ok(()));
            prop_assert_eq!(verdict(&|| fuzzing::device(cast, &[&manner[..], &console].concat())), Ok(()));
            for (role, wire) in [(0, &device), (1, &console)] {
                let input = [&[role, cuts.len() as u8][..], &cuts, wire].concat();
                prop_assert_eq!(verdict(&|| fuzzing::chunks(cast, reseed, &input)), Ok(()));
            }
            Ok(())
        })?;
    }

    #[test]
    fn worlds_keep_every_invariant_whatever_is_chosen(script in prop::collection::vec(any::<u8>(), 0..300)) {
        thread_local! {
            static CAST: Cast = common::toy_cast();
        }
        reseed();
        prop_assert_eq!(CAST.with(|cast| fuzzing::operations(cast, &script)), Ok(()));
    }

    #[test]
    fn codecs_keep_their_promises(
        cuts in prop::collection::vec(any::<u8>(), 0..15),
        good in prop::sample::select(&[common::COMMAND, common::HELLO][..]),
        kept in 0_usize..50,
        more in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        let wire = [&good[..kept.min(good.len())], &more].concat();
        let input = [&[cuts.len() as u8][..], &cuts, &wire].concat();
        prop_assert_eq!(fuzzing::command(&input), Ok(()));
        prop_assert_eq!(fuzzing::hello(&input), Ok(()));
        prop_assert_eq!(fuzzing::certificate(&common::toy(), &wire), Ok(()));
    }
}
