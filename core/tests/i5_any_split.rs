//! I5: any split of the same input gives the same plaintext, events and outcome.
//!
//! A session's wire is recorded once; the same bytes then come in other pieces. The toy provider draws its randomness
//! from the thread's seed, so the same wire fits each time.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod common;

use common::bench::Role;
use common::{COMMAND, HELLO, Host, Peer, credential, pattern, peer, toy};
use procy_core::Scratch;
use procy_core::event::{Outcome, Side};
use procy_core::prologue::console;
use procy_core::pump::Turn;
use proptest::prelude::*;
use rustls::SupportedProtocolVersion;

/// How the far side ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// FIN.
    Fin,
    /// A wrong bit so far from the end of the wire, then FIN.
    Wrong(usize),
}

/// All that came in at a session, and whom it came from.
#[derive(Clone, Debug)]
struct Recording {
    role: Role,
    version: &'static SupportedProtocolVersion,
    /// Whether it ends with a close_notify.
    goodbye: bool,
    far: Vec<u8>,
    near: Vec<u8>,
}

/// All that a session made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Result {
    near: Vec<u8>,
    far: Vec<u8>,
    events: Vec<String>,
    outcome: Option<Outcome>,
}

/// The seed for the session's randomness, and for its peer's.
const OURS: u64 = 7;
const THEIRS: u64 = 8;

fn begin(role: Role) -> Host {
    procy_toycrypto::seed_thread(OURS);
    match role {
        Role::Console => {
            let crypto =
                procy_core::tls::Crypto::from(std::sync::Arc::new(procy_toycrypto::provider()));
            let mut host = Host::console(console::Config::new(crypto));
            let now = host.now;
            host.only(|visit| {
                visit.attach(Side::Near);
                visit.credential(credential(), now);
                visit.attach(Side::Far);
            });
            host
        }
        Role::Device => {
            let config = common::device_config();
            procy_toycrypto::seed_thread(OURS);
            let mut host = Host::device(&config);
            host.only(|visit| visit.attach(Side::Far));
            host
        }
    }
}

fn partner(role: Role, version: peer::Version) -> Peer {
    procy_toycrypto::seed_thread(THEIRS);
    match role {
        Role::Console => Peer::server(peer::toy_server_config(version)),
        Role::Device => Peer::client(peer::client_config(procy_toycrypto::provider(), version)),
    }
}

/// What the host does for its session: at once.
fn serve(host: &mut Host) {
    if host.said().last().is_some_and(|event| event == "PasswordOffered") {
        host.only(|visit| visit.accept());
    }
    if host.said().last().is_some_and(|event| event == "ServiceNeeded") {
        host.only(|visit| visit.attach(Side::Near));
    }
}

fn record(role: Role, version: peer::Version, goodbye: bool) -> Recording {
    toy();
    let mut peer = partner(role, version);
    let hello = peer.flush();
    let mut host = begin(role);
    host.turn();
    let mut far = Vec::new();
    let mut say = |host: &mut Host, bytes: Vec<u8>| {
        far.extend_from_slice(&bytes);
        host.far.push(&bytes);
        host.turn();
        serve(host);
    };
    say(&mut host, hello);
    procy_toycrypto::seed_thread(THEIRS);
    for _ in 0..4 {
        peer.hear(&host.far.take());
        let said = peer.flush();
        say(&mut host, said);
    }
    match role {
        Role::Console => {
            assert_eq!(peer.got, COMMAND);
            peer.say(HELLO);
            peer.say(&pattern(40_000));
            peer.refresh_keys();
            peer.say(&pattern(500));
        }
        Role::Device => {
            peer.say(&COMMAND[..20]);
            peer.say(&[&COMMAND[20..], b"\r"].concat());
            peer.say(b"\nRFB 003.008\n");
            if version == peer::TLS13 {
                peer.refresh_keys();
            }
            peer.say(&pattern(3_000));
        }
    }
    if goodbye {
        peer.close();
    }
    let said = peer.flush();
    say(&mut host, said);
    assert!(host.session.is_relaying(), "{:?}", host.session);
    Recording { role, version, goodbye, far, near: pattern(4_000) }
}

/// Feeds a new session: pieces of the far and near wires as `cuts` say, then the rest, then the ends.
fn replay(recording: &Recording, end: End, cuts: &[(bool, usize)], window: usize) -> Result {
    let mut far = recording.far.clone();
    let mut near = &recording.near[..];
    match end {
        End::Fin => {}
        End::Wrong(at) => {
            let len = far.len();
            far[len - 1 - at % len] ^= 4;
            // What it said counts by when it came; that cannot be the same.
            near = &[];
        }
    }
    let mut peer = partner(recording.role, recording.version);
    peer.flush();
    let mut host = begin(recording.role);
    host.scratch = Scratch::new(window);
    let mut far = &far[..];
    for (is_far, len) in cuts {
        let wire = if *is_far { &mut far } else { &mut near };
        let (piece, rest) = wire.split_at(wire.len().min(*len));
        *wire = rest;
        (if *is_far { &mut host.far } else { &mut host.near }).push(piece);
        host.turn();
        serve(&mut host);
    }
    host.near.push(near);
    host.far.push(far);
    host.turn();
    serve(&mut host);
    host.turn();
    host.far.fin = true;
    while host.turn() == Turn::Again {}
    serve(&mut host);
    host.near.fin = true;
    host.turn();
    procy_toycrypto::seed_thread(THEIRS);
    peer.hear(&host.far.take());
    Result {
        near: host.near.take(),
        far: peer.got,
        events: host.said(),
        outcome: host.session.outcome().cloned(),
    }
}

fn recordings() -> Vec<Recording> {
    Role::BOTH
        .into_iter()
        .flat_map(|role| peer::BOTH.into_iter().map(move |version| (role, version)))
        .filter(|(role, version)| *role == Role::Device || *version == peer::TLS13)
        .flat_map(|(role, version)| [true, false].map(|goodbye| (role, version, goodbye)))
        // A console that says goodbye before the verdict has left, so there is only the other one.
        .filter(|(role, _, goodbye)| *role == Role::Console || !goodbye)
        .map(|(role, version, goodbye)| record(role, version, goodbye))
        .collect()
}

#[test]
fn the_recording_holds_what_it_should() {
    for recording in recordings() {
        let result = replay(&recording, End::Fin, &[], 0);
        let (near, far) = match recording.role {
            Role::Console => (
                [HELLO, &pattern(40_000), &pattern(500)].concat(),
                [COMMAND, &pattern(4_000)].concat(),
            ),
            Role::Device => ([b"RFB 003.008\n", &pattern(3_000)[..]].concat(), pattern(4_000)),
        };
        assert!(result.near == near);
        assert!(result.far == far, "{} bytes", result.far.len());
        let truncated = !recording.goodbye;
        assert!(
            matches!(result.outcome, Some(Outcome::Ended(ended)) if ended.truncated == truncated)
        );
    }
}

#[test]
fn byte_by_byte_is_the_same_as_at_once() {
    for recording in recordings() {
        let single: Vec<(bool, usize)> =
            (0..recording.near.len().max(6_000)).flat_map(|_| [(true, 1), (false, 1)]).collect();
        for end in [End::Fin, End::Wrong(10_000), End::Wrong(3)] {
            let (split, whole) =
                (replay(&recording, end, &single, 0), replay(&recording, end, &[], 0));
            if recording.role == Role::Device && end != End::Fin {
                // What its host answers counts by when it was asked; that cannot be the same.
                assert_eq!(split.outcome, whole.outcome);
                continue;
            }
            assert_eq!((&split.events, &split.outcome), (&whole.events, &whole.outcome));
            assert_eq!(
                (split.near.len(), split.far.len()),
                (whole.near.len(), whole.far.len()),
                "{end:?}"
            );
            assert!(split == whole, "{:?} {end:?}", recording.role);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_split_is_the_same_as_none(
        which in 0..4_usize,
        cuts in prop::collection::vec(
            (any::<bool>(), prop_oneof![1..4_usize, 4..200_usize, 200..20_000_usize]),
            0..120,
        ),
        end in prop_oneof![
            Just(End::Fin),
            (0..60_000_usize).prop_map(End::Wrong),
        ],
        window in prop_oneof![Just(0), Just(200_000_usize)],
    ) {
        thread_local! {
            static RECORDINGS: Vec<Recording> = recordings();
        }
        let recording = RECORDINGS.with(|all| all[which].clone());
        let whole = replay(&recording, end, &[], 0);
        let split = replay(&recording, end, &cuts, window);
        prop_assert_eq!(&whole.outcome, &split.outcome);
        if recording.role == Role::Console || end == End::Fin {
            prop_assert_eq!(&whole.events, &split.events);
            prop_assert!(whole == split);
        }
    }
}
