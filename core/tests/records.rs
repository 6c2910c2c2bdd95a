//! Two record layers, one behaviour: what TLS 1.3 records come to, opened in place and opened by rustls.
//!
//! Twins with the same keys see the same wire. What they deliver, say, tell and come to is the same, byte for byte, but for
//! this: a handshake message that has no place is refused without being read; keys that are used up in the middle of a
//! peer's message are renewed, where rustls 0.23.46 says a fatal alert and goes on; and empty records padded to 16 KiB
//! are refused as too many empty ones, not as too long a message.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test"
)]

mod common;

use std::sync::Arc;

use common::bench::Role;
use common::forge::Forge;
use common::peer::{self, TLS13};
use common::{Bench, Host, Peer, Stage, identity, pattern, toy};
use procy_core::error::Broken;
use procy_core::event::{Outcome, Side};
use procy_core::prologue::{console, device};
use procy_core::tls::Crypto;
use proptest::prelude::*;
use rustls::crypto::CryptoProvider;
use rustls::crypto::cipher::{
    AeadKey, Iv, MessageDecrypter, MessageEncrypter, Tls13AeadAlgorithm, UnsupportedOperationError,
};
use rustls::{ConnectionTrafficSecrets, ContentType, SupportedCipherSuite, Tls13CipherSuite};

/// Two sessions that differ in their record layer alone.
struct Twins {
    ours: Bench,
    plain: Bench,
}

/// A relaying session of `role` with `crypto`, and a peer with `provider`, both repeatable.
fn relaying(role: Role, crypto: Crypto, provider: CryptoProvider) -> Bench {
    procy_toycrypto::seed_thread(3);
    let (certificate, key) = identity(1);
    let host = match role {
        Role::Console => Host::console(console::Config::new(crypto)),
        Role::Device => Host::device(&device::Config::new(&certificate, &key, &crypto).unwrap()),
    };
    let peer = match role {
        Role::Console => {
            let (certificate, key) = procy_toycrypto::identity(1);
            let mut config = peer::server_config(provider, vec![certificate], key, TLS13);
            config.enable_secret_extraction = true;
            config.send_tls13_tickets = 0;
            Peer::server(config)
        }
        Role::Device => {
            let mut config = peer::client_config(provider, TLS13);
            config.enable_secret_extraction = true;
            Peer::client(config)
        }
    };
    let mut bench = Bench { host, peer };
    procy_toycrypto::seed_thread(4);
    match role {
        Role::Console => bench.lead_console(Stage::Relaying),
        Role::Device => bench.lead_device(Stage::Relaying),
    }
    bench
}

impl Twins {
    fn new(role: Role) -> Self {
        Self::with(role, procy_toycrypto::provider)
    }

    fn with(role: Role, provider: impl Fn() -> CryptoProvider) -> Self {
        let crypto = Crypto::from(Arc::new(provider()));
        Self {
            ours: relaying(role, crypto.clone(), provider()),
            plain: relaying(role, crypto.with_plain_records(), provider()),
        }
    }

    /// Both do the same, and it shows the same.
    fn both(&mut self, mut act: impl FnMut(&mut Bench)) -> Shown {
        act(&mut self.ours);
        act(&mut self.plain);
        let shown = shown(&mut self.ours);
        assert!(shown == self::shown(&mut self.plain), "they differ: {shown:?}");
        shown
    }

    /// The peer's keys, which are the same for both, and both hosts.
    fn forge(self) -> (Host, Host, Forge) {
        (self.ours.host, self.plain.host, Forge::take(self.ours.peer))
    }
}

/// All that a session has shown since the last time, and how it stands.
#[derive(Debug, PartialEq)]
struct Shown {
    near: Vec<u8>,
    far: Vec<u8>,
    shut: (bool, bool),
    events: Vec<String>,
    outcome: Option<Outcome>,
    got: Vec<u8>,
}

fn shown(bench: &mut Bench) -> Shown {
    Shown { got: std::mem::take(&mut bench.peer.got), ..said(&mut bench.host) }
}

fn said(host: &mut Host) -> Shown {
    Shown {
        near: host.near.take(),
        far: host.far.take(),
        shut: (host.near.shut, host.far.shut),
        events: host.said(),
        outcome: host.session.outcome().cloned(),
        got: Vec::new(),
    }
}

/// What comes in at a session.
#[derive(Clone, Debug)]
enum Op {
    /// A record, as it should be.
    Record(u8, Vec<u8>),
    /// The same with another byte in its header.
    Outer(u8, u8, Vec<u8>),
    /// The same with a wrong bit.
    Bent(u8, Vec<u8>, usize),
    /// What was never sealed.
    Raw(Vec<u8>),
    /// The near side speaks.
    Near(usize),
    NearEnds,
    FarEnds,
}

const TICKET: [u8; 31] = {
    // NewSessionTicket (RFC 8446 section 4.6.1): lifetime, age, nonce, ticket, extensions.
    let mut message = [7; 31];
    (message[0], message[1], message[2], message[3]) = (4, 0, 0, 27);
    (message[12], message[14], message[15]) = (1, 0, 13);
    (message[29], message[30]) = (0, 0);
    message
};

/// Handshake messages, whole, cut, and more than one in a record.
fn messages() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0..4_u8).prop_map(|request| vec![24, 0, 0, 1, request]),
        Just(vec![24, 0, 0, 0]),
        Just(vec![24, 0, 0, 2, 0, 0]),
        Just(vec![24, 0, 0, 1, 0, 4, 0, 0, 27]),
        Just(TICKET.to_vec()),
        Just([TICKET, TICKET].concat()),
        (1..31_usize).prop_map(|cut| TICKET[..cut].to_vec()),
        (1..31_usize).prop_map(|cut| TICKET[cut..].to_vec()),
        (1..31_usize).prop_map(|cut| [&TICKET[..], &TICKET[..cut]].concat()),
        // HelloRequest, Finished, one that nobody knows; and one that is too long.
        Just(vec![0, 0, 0, 0]),
        Just(vec![20, 0, 0, 3, 1, 2, 3]),
        Just(vec![99, 0, 0, 1, 0]),
        Just(vec![4, 1, 0, 0]),
    ]
}

fn records() -> impl Strategy<Value = (u8, Vec<u8>)> {
    prop_oneof![
        6 => (0..300_usize).prop_map(|len| (23, pattern(len))),
        3 => (1_900..16_385_usize).prop_map(|len| (23, pattern(len))),
        1 => Just((23, pattern(16_385))),
        1 => Just((23, Vec::new())),
        3 => messages().prop_map(|bytes| (22, bytes)),
        1 => (0..4_u8, prop_oneof![Just(0), Just(90), Just(10), any::<u8>()])
            .prop_map(|(level, description)| (21, vec![level, description])),
        1 => prop_oneof![Just(Vec::new()), Just(vec![1]), Just(vec![1, 0, 0])]
            .prop_map(|bytes| (21, bytes)),
        1 => (any::<u8>(), 0..3_usize).prop_map(|(typ, len)| (typ.max(24), pattern(len))),
        1 => Just((20, vec![1])),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    let raw = prop_oneof![
        Just(vec![20, 3, 3, 0, 1, 1]),
        Just(vec![20, 3, 3, 0, 1, 2]),
        Just(vec![20, 3, 3, 0, 2, 1, 1]),
        Just(vec![21, 3, 3, 0, 2, 1, 0]),
        Just(vec![22, 3, 3, 0, 0]),
        Just(vec![23, 3, 3, 0, 0]),
        Just([&[23, 3, 3, 0x48, 0][..], &[0; 18_432]].concat()),
        Just([&[23, 3, 3, 0x41, 0x01][..], &[0; 16_641]].concat()),
        proptest::collection::vec(any::<u8>(), 5..40),
    ];
    prop_oneof![
        20 => records().prop_map(|(typ, bytes)| Op::Record(typ, bytes)),
        1 => (19..26_u8, records()).prop_map(|(outer, (typ, bytes))| Op::Outer(outer, typ, bytes)),
        1 => (records(), any::<usize>()).prop_map(|((typ, bytes), at)| Op::Bent(typ, bytes, at)),
        1 => raw.prop_map(Op::Raw),
        5 => prop_oneof![1..40_usize, 16_000..40_000_usize].prop_map(Op::Near),
        1 => Just(Op::NearEnds),
        1 => Just(Op::FarEnds),
    ]
}

/// rustls reads a message before it sees that it has no place: one that is malformed too ends in another alert.
fn has_no_place(host: &Host) -> bool {
    matches!(host.session.outcome(), Some(Outcome::Failed(error)) if error.to_string().contains("unexpected handshake message"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_comes_comes_to_the_same(
        console in any::<bool>(),
        chunk in prop_oneof![1..60_usize, 1_000..70_000_usize],
        ops in proptest::collection::vec(ops(), 1..20),
    ) {
        let role = if console { Role::Console } else { Role::Device };
        let (mut ours, mut plain, mut forge) = Twins::new(role).forge();
        for op in ops {
            let wire = match &op {
                Op::Record(typ, bytes) => forge.seal((*typ).into(), bytes),
                Op::Outer(outer, typ, bytes) => {
                    let mut record = forge.seal((*typ).into(), bytes);
                    record[0] = *outer;
                    record
                }
                Op::Bent(typ, bytes, at) => {
                    let mut record = forge.seal((*typ).into(), bytes);
                    let at = 5 + at % (record.len() - 5);
                    record[at] ^= 1;
                    record
                }
                Op::Raw(bytes) => bytes.clone(),
                _ => Vec::new(),
            };
            for host in [&mut ours, &mut plain] {
                host.far.chunk = chunk;
                match op {
                    Op::Near(len) => host.near.push(&pattern(len)),
                    Op::NearEnds => host.near.fin = true,
                    Op::FarEnds => host.far.fin = true,
                    _ => host.far.push(&wire),
                }
                host.turn();
            }
            if has_no_place(&ours) {
                prop_assert_eq!(ours.code(), plain.code());
                break;
            }
            let (ours, plain) = (said(&mut ours), said(&mut plain));
            prop_assert!(ours == plain, "{op:?}: {ours:?} is not {plain:?}");
        }
    }

    #[test]
    fn whatever_a_peer_and_a_viewer_say_is_the_same(
        console in any::<bool>(),
        ops in proptest::collection::vec((0..5_u8, 0..40_000_usize), 1..20),
    ) {
        let mut twins = Twins::new(if console { Role::Console } else { Role::Device });
        for (op, len) in ops {
            twins.both(|bench| {
                match op {
                    0 => bench.peer.refresh_keys(),
                    1 => bench.peer.say(&pattern(len)),
                    2 => bench.host.near.push(&pattern(len)),
                    3 => bench.host.near.room = len,
                    _ => bench.host.near.room = usize::MAX,
                }
                if op % 2 == 0 { bench.settle() } else { bench.host.turn(); }
            });
        }
        twins.both(|bench| {
            bench.host.near.room = usize::MAX;
            bench.peer.close();
            bench.host.near.fin = true;
            bench.settle();
        });
    }
}

/// What the peer gets in the end is what the viewer said, whatever the keys went through.
#[test]
fn keys_that_have_protected_what_they_may_are_renewed() {
    for role in Role::BOTH {
        let mut twins = Twins::with(role, || {
            suite_with(|suite| {
                suite.common.confidentiality_limit = 8;
            })
        });
        let words = pattern(40 * 16_384);
        for part in words.chunks(5 * 16_384) {
            let shown = twins.both(|bench| {
                bench.host.near.push(part);
                bench.settle();
            });
            assert!(shown.got == part);
        }
        let shown = twins.both(|bench| {
            bench.peer.say(b"and the other way");
            bench.settle();
        });
        assert_eq!(shown.near, b"and the other way");
    }
}

/// rustls' own records serve a provider that hands out no keys: it works, at the price of a copy.
#[test]
fn a_provider_that_keeps_its_keys_is_served_all_the_same() {
    for role in Role::BOTH {
        let kept = || suite_with(|suite| suite.aead_alg = &KeepsItsKeys);
        let mut bench = relaying(role, Crypto::from(Arc::new(kept())), procy_toycrypto::provider());
        bench.peer.say(&pattern(50_000));
        bench.host.near.push(b"an answer");
        bench.settle();
        assert!(bench.host.near.take() == pattern(50_000), "{role:?}");
        assert_eq!(bench.peer.got, b"an answer");
    }
}

/// The toy provider with another suite for TLS 1.3.
fn suite_with(change: impl Fn(&mut Tls13CipherSuite)) -> CryptoProvider {
    let mut provider = procy_toycrypto::provider();
    for known in &mut provider.cipher_suites {
        if let SupportedCipherSuite::Tls13(suite) = known {
            let mut suite = Tls13CipherSuite {
                common: rustls::crypto::CipherSuiteCommon {
                    suite: suite.common.suite,
                    hash_provider: suite.common.hash_provider,
                    confidentiality_limit: suite.common.confidentiality_limit,
                },
                hkdf_provider: suite.hkdf_provider,
                aead_alg: suite.aead_alg,
                quic: None,
            };
            change(&mut suite);
            *known = SupportedCipherSuite::Tls13(Box::leak(Box::new(suite)));
        }
    }
    provider
}

/// The toy suite's, but nobody gets the keys.
struct KeepsItsKeys;

impl KeepsItsKeys {
    fn toy() -> &'static dyn Tls13AeadAlgorithm {
        let provider = procy_toycrypto::provider();
        provider.cipher_suites.iter().find_map(|suite| suite.tls13()).unwrap().aead_alg
    }
}

impl Tls13AeadAlgorithm for KeepsItsKeys {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Self::toy().encrypter(key, iv)
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Self::toy().decrypter(key, iv)
    }

    fn key_len(&self) -> usize {
        Self::toy().key_len()
    }

    fn extract_keys(
        &self,
        _: AeadKey,
        _: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

/// The toy suite's, but nobody gets a key that is in use.
struct BreaksItsWord;

impl Tls13AeadAlgorithm for BreaksItsWord {
    fn encrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        KeepsItsKeys.encrypter(key, iv)
    }

    fn decrypter(&self, key: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        KeepsItsKeys.decrypter(key, iv)
    }

    fn key_len(&self) -> usize {
        KeepsItsKeys.key_len()
    }

    fn extract_keys(
        &self,
        key: AeadKey,
        iv: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        if key.as_ref().iter().any(|byte| *byte != 0) {
            return Err(UnsupportedOperationError);
        }
        KeepsItsKeys::toy().extract_keys(key, iv)
    }
}

/// One that shows keys when it is asked whether it would, and then does not: the session fails before a password leaves.
#[test]
fn a_provider_that_breaks_its_word_ends_the_session() {
    procy_toycrypto::seed_thread(3);
    let provider = suite_with(|suite| suite.aead_alg = &BreaksItsWord);
    let config = console::Config::new(Crypto::from(Arc::new(provider)));
    let mut bench = Bench::console_with(config, TLS13, Stage::Viewer);
    assert_eq!(bench.host.code(), "tls-setup");
    bench.peer.say(b"RFB 003.008\n");
    bench.settle();
    assert_eq!(bench.peer.got, b"");
}

/// The rules that [`whatever_comes_comes_to_the_same`] comes by too seldom.
#[test]
fn every_broken_rule_comes_to_the_same() {
    let too_long = [&[23, 3, 3, 0x48, 0][..], &[0; 18_432]].concat();
    for (role, op) in [
        (Role::Console, Op::Record(22, vec![24, 0, 0, 1, 2])),
        (Role::Device, Op::Record(22, vec![24, 0, 0, 1, 2])),
        (Role::Console, Op::Record(22, vec![4, 0, 0, 4, 0, 0, 0, 0])),
        (Role::Console, Op::Raw(too_long.clone())),
        (Role::Device, Op::Raw(too_long)),
    ] {
        let (mut ours, mut plain, mut forge) = Twins::new(role).forge();
        let wire = match &op {
            Op::Record(typ, bytes) => forge.seal((*typ).into(), bytes),
            Op::Raw(bytes) => bytes.clone(),
            other => panic!("{other:?} is no record"),
        };
        for host in [&mut ours, &mut plain] {
            host.far.push(&wire);
            host.turn();
        }
        let name = format!("{role:?} {:x?}", &wire[..5]);
        assert_eq!(said(&mut ours), said(&mut plain), "{name}");
        assert_eq!(ours.code(), "tls-protocol", "{name}");
    }
}

/// What rustls allows and then no more: KeyUpdates without content between, and empty records.
#[test]
fn patience_ends_at_the_same_point() {
    for typ in [ContentType::ApplicationData, ContentType::Handshake, ContentType::Alert] {
        for role in Role::BOTH {
            let (mut ours, mut plain, mut forge) = Twins::new(role).forge();
            let bytes: &[u8] = if typ == ContentType::Alert { &[1, 90] } else { b"" };
            for _ in 0..40 {
                let record = forge.seal(typ, bytes);
                for host in [&mut ours, &mut plain] {
                    host.far.push(&record);
                    host.turn();
                }
                assert_eq!(said(&mut ours), said(&mut plain), "{role:?} {typ:?}");
            }
            assert_eq!(ours.code(), "tls-protocol", "{role:?} {typ:?}");
        }
    }
    let mut twins = Twins::new(Role::Console);
    for round in 0..40 {
        let shown = twins.both(|bench| {
            bench.peer.refresh_keys();
            bench.peer.exchange(&mut bench.host.far);
            bench.host.turn();
        });
        assert_eq!(shown.outcome.is_some(), round >= 32, "round {round}");
    }
    toy();
}

/// After our close_notify a bad record is answered by nothing, even while the goodbye waits to leave.
#[test]
fn nothing_is_said_after_the_goodbye() {
    for role in Role::BOTH {
        let (mut ours, mut plain, _) = Twins::new(role).forge();
        for host in [&mut ours, &mut plain] {
            host.far.room = 0;
            host.near.fin = true;
            host.turn();
            host.far.push(&[&[23, 3, 3, 0, 20][..], &[0; 20]].concat());
            host.turn();
            host.far.room = usize::MAX;
            host.turn();
        }
        let (ours, plain) = (said(&mut ours), said(&mut plain));
        assert_eq!(ours.far.len(), 24, "{role:?}: a close_notify");
        assert_eq!(ours, plain, "{role:?}");
    }
}

/// What is read after a failure must not lie over what is still to be delivered from the same window.
#[test]
fn what_leaves_is_not_overwritten_after_a_failure() {
    let (mut host, _, mut forge) = Twins::new(Role::Console).forge();
    let mut wire = forge.seal(ContentType::ApplicationData, &pattern(16_384));
    wire.extend([&[23, 3, 3, 0, 40][..], &[7; 40]].concat());
    host.only(|visit| {
        visit.space(Side::Far)[..wire.len()].copy_from_slice(&wire);
        visit.read(Side::Far, wire.len());
        let space = visit.space(Side::Far);
        let len = space.len();
        space.fill(0xee);
        visit.read(Side::Far, len);
        assert!(visit.pending(Side::Near).flatten().copied().eq(pattern(16_384)));
    });
    assert_eq!(host.code(), "tls-protocol");
}

#[test]
fn a_message_that_is_not_yet_whole_is_counted_and_given_back() {
    for role in Role::BOTH {
        let (mut host, _, mut forge) = Twins::new(role).forge();
        for part in [&[4, 0, 0xea, 0x60][..], &[0; 16_000], &[0; 16_000]] {
            host.far.push(&forge.seal(ContentType::Handshake, part));
            host.turn();
        }
        assert!((32_004..80_000).contains(&host.session.holds()), "{}", host.session.holds());
        host.far.broken = Some(Broken::Reset);
        host.near.fin = true;
        host.turn();
        assert!(host.session.is_over());
        assert_eq!(host.session.holds(), 0);
    }
}

/// Each suite seals with an algorithm of its own, and rustls opens what was sealed.
#[cfg(feature = "aws-lc-rs")]
#[test]
fn every_suite_of_aws_lc_carries_any_length_both_ways() {
    use common::real;
    let all = rustls::crypto::aws_lc_rs::default_provider();
    for suite in all.cipher_suites.iter().filter(|suite| suite.tls13().is_some()) {
        for role in Role::BOTH {
            let mut only = rustls::crypto::aws_lc_rs::default_provider();
            only.cipher_suites = vec![*suite];
            let (certificate, key) = (real::certificate("p256"), real::key("p256"));
            let crypto = Crypto::aws_lc_rs();
            let (host, peer) = match role {
                Role::Console => {
                    let config = peer::server_config(only, vec![certificate], key, TLS13);
                    (Host::console(console::Config::new(crypto)), Peer::server(config))
                }
                Role::Device => {
                    let config = device::Config::new(&real::pinned("p256"), &key, &crypto);
                    let client = peer::client_config(only, TLS13);
                    (Host::device(&config.unwrap()), Peer::client(client))
                }
            };
            let mut bench = Bench { host, peer };
            match role {
                Role::Console => bench.lead_console_with(real::credential("p256")),
                Role::Device => bench.lead_device(Stage::Relaying),
            }
            for size in [1, 15, 16, 17, 1_000, 2_047, 2_048, 16_383, 16_384, 16_385, 100_000] {
                bench.peer.say(&pattern(size));
                bench.host.near.push(&pattern(size));
                bench.settle();
                assert!(bench.host.near.take() == pattern(size), "{role:?} {suite:?} {size}");
                let got = std::mem::take(&mut bench.peer.got);
                assert!(got.ends_with(&pattern(size)), "{role:?} {suite:?} {size}");
                bench.peer.refresh_keys();
            }
        }
    }
}
