//! The traps of rustls' unbuffered API (see `tls/engine.rs`), each sprung by a peer with a buffered connection.
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
use common::{Bench, HELLO, Host, Peer, Stage, credential, pattern, peer, toy};
use procy_core::event::{Ended, Event, Outcome, Side};
use procy_core::prologue::{Bounds, console, device};
use procy_core::tls::Crypto;
use rustls::crypto::CipherSuiteCommon;
use rustls::pki_types::CertificateDer;
use rustls::{ContentType, HandshakeKind, SupportedCipherSuite, Tls12CipherSuite};

/// TLS 1.3 records around so much content: a header, a type and a tag each (RFC 8446 section 5.2).
fn sealed(content: usize) -> usize {
    content + content.div_ceil(16_384) * 22
}

/// A protected KeyUpdate: 5 bytes in a record.
const KEY_UPDATE: usize = 27;

#[test]
fn a_key_update_is_answered_with_the_next_bytes_and_again_and_again() {
    for role in Role::BOTH {
        let mut bench = Bench::at(role, Stage::Relaying);
        for round in 1..=5 {
            bench.peer.refresh_keys();
            bench.peer.say(b"with new keys");
            bench.settle();
            assert_eq!(bench.host.near.take(), b"with new keys", "{role:?}");
            bench.host.near.push(b"an answer");
            bench.host.turn();
            assert_eq!(bench.host.far.outbox.len(), KEY_UPDATE + sealed(9), "round {round}");
            bench.settle();
            bench.host.near.push(b"!");
            bench.host.turn();
            assert_eq!(bench.host.far.outbox.len(), sealed(1), "it is answered once");
            bench.settle();
            assert_eq!(std::mem::take(&mut bench.peer.got), b"an answer!");
        }
    }
}

#[test]
fn many_key_updates_without_a_word_between_are_answered_once() {
    let mut bench = Bench::console(Stage::Relaying);
    for _ in 0..20 {
        bench.peer.refresh_keys();
    }
    bench.settle();
    bench.host.near.push(b"x");
    bench.host.turn();
    assert_eq!(bench.host.far.outbox.len(), KEY_UPDATE + sealed(1));
    bench.settle();
    assert_eq!(bench.peer.got, b"x");
}

#[test]
fn a_key_update_is_answered_with_a_full_read_of_bytes_too() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.peer.refresh_keys();
    bench.settle();
    let words = pattern(300_000);
    bench.host.near.push(&words);
    bench.settle();
    assert!(bench.peer.got == words);
}

/// In the middle of such a message rustls holds ranges into the input, and panics when it is shown less.
#[test]
fn messages_in_fragments_may_be_cut_and_talked_over() {
    for size in [33, 50, 64, 100] {
        let mut config = peer::toy_server_config(peer::TLS13);
        config.max_fragment_size = Some(size);
        config.send_tls13_tickets = 4;
        toy();
        let host = Host::console(console::Config::new(toy()));
        let mut bench = Bench { host, peer: Peer::server(config) };
        bench.lead_console(Stage::Handshake);
        bench.host.act(|visit| visit.attach(Side::Near));
        // Byte by byte: handshake, tickets, hello, and visits in between that read and write nothing or the viewer's.
        for round in 0..6 {
            bench.peer.exchange(&mut bench.host.far);
            if round == 3 {
                bench.peer.say(HELLO);
            }
            let wire: Vec<u8> = bench.host.far.inbox.drain(..).collect();
            for byte in wire {
                bench.host.turn();
                bench.host.far.push(&[byte]);
                bench.host.turn();
                if bench.host.session.is_relaying() {
                    bench.host.near.push(b".");
                    bench.host.turn();
                }
            }
        }
        bench.host.near.push(b"end");
        bench.settle();
        assert_eq!(bench.host.code(), "-", "{size}");
        assert_eq!(bench.host.near.take(), HELLO);
        let got = String::from_utf8(bench.peer.got).unwrap();
        let words = got.strip_prefix(std::str::from_utf8(common::COMMAND).unwrap()).unwrap();
        assert!(words.ends_with("end") && words[..words.len() - 3].bytes().all(|b| b == b'.'));
    }
}

/// Tickets while relaying, cut so that the viewer speaks in the middle of one.
#[test]
fn the_viewer_may_speak_in_the_middle_of_a_fragmented_message() {
    let (mut host, mut forge) = Bench::forge(Role::Console, peer::TLS13);
    // NewSessionTicket (RFC 8446 section 4.6.1): lifetime, age, nonce, ticket, extensions.
    let body = [&[0; 8][..], &[1, 7], &100_u16.to_be_bytes(), &[9; 100], &[0, 0]].concat();
    let message = [&[4, 0, 0, body.len() as u8][..], &body].concat();
    for cut in [1, 4, 60, message.len() - 1] {
        for part in [&message[..cut], &message[cut..]] {
            host.far.push(&forge.seal(ContentType::Handshake, part));
            host.turn();
            host.near.push(b"up");
            host.turn();
            assert_eq!(host.far.take().len(), sealed(2), "{cut}");
            host.turn();
        }
        host.far.push(&forge.seal(ContentType::ApplicationData, b"down"));
        host.turn();
        assert_eq!(host.near.take(), b"down");
    }
    assert_eq!(host.code(), "-");
}

#[test]
fn a_session_can_end_in_the_middle_of_a_fragmented_message() {
    let (mut host, mut forge) = Bench::forge(Role::Console, peer::TLS13);
    host.far.push(&forge.seal(ContentType::Handshake, &[4, 0, 0, 100, 1]));
    host.turn();
    host.near.fin = true;
    host.turn();
    assert_eq!(host.far.take().len(), 24, "a close_notify");
    assert!(host.far.shut);
    host.far.fin = true;
    host.turn();
    assert_eq!(host.code(), "ended");
}

#[test]
fn whatever_follows_a_close_notify_means_nothing() {
    for role in Role::BOTH {
        for version in peer::BOTH {
            let (mut host, mut forge) = Bench::forge(role, version);
            let mut wire = forge.seal(ContentType::ApplicationData, b"the last words");
            wire.extend(forge.seal(ContentType::Alert, &[1, 0]));
            wire.extend(forge.seal(ContentType::ApplicationData, b"words too many"));
            wire.extend(b"and no TLS at all");
            host.far.push(&wire);
            host.turn();
            host.far.push(b"more of it");
            host.far.fin = true;
            host.turn();
            assert_eq!(host.near.take(), b"the last words");
            assert!(host.near.shut);
            host.near.push(b"the other way goes on");
            host.near.fin = true;
            host.turn();
            assert!(host.far.take().len() > 21 && host.far.shut);
            let Some(Outcome::Ended(Ended { truncated: false, by: Some(_) })) =
                host.session.outcome()
            else {
                panic!("{role:?}: {:?}", host.session.outcome())
            };
        }
    }
}

#[test]
fn the_first_wrong_record_fails_the_session_and_one_alert_leaves() {
    for role in Role::BOTH {
        for version in peer::BOTH {
            let mut bench = match role {
                Role::Console => {
                    Bench::console_with(console::Config::new(toy()), version, Stage::Relaying)
                }
                Role::Device => Bench::device_with(Bounds::default(), version, Stage::Relaying),
            };
            bench.peer.say(b"right");
            bench.peer.exchange(&mut bench.host.far);
            bench.peer.say(b"wrong");
            let mut wrong = bench.peer.flush();
            *wrong.last_mut().unwrap() ^= 1;
            bench.host.far.push(&wrong);
            bench.host.turn();
            assert_eq!(bench.host.code(), "tls-protocol");
            assert_eq!(bench.host.near.take(), b"right", "what was right is delivered");
            let alert = bench.host.far.take();
            assert_eq!(alert.len(), if version == peer::TLS13 { 24 } else { 31 });
            bench.peer.hear(&alert);
            let expected = rustls::Error::AlertReceived(rustls::AlertDescription::BadRecordMac);
            assert_eq!(bench.peer.error, Some(expected));
            for _ in 0..3 {
                bench.host.far.push(&wrong);
                bench.host.near.push(b"words");
                bench.host.turn();
            }
            assert_eq!(bench.host.far.take(), b"");
            assert_eq!(bench.host.near.take(), b"");
        }
    }
}

#[test]
fn nothing_is_sealed_after_our_own_close_notify() {
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.near.push(b"last");
    bench.host.near.fin = true;
    bench.settle();
    assert!(bench.peer.closed);
    bench.peer.refresh_keys();
    bench.peer.say(b"still here");
    bench.settle();
    assert_eq!(bench.host.near.take(), b"still here");
    assert_eq!(bench.peer.got, b"last");
    assert_eq!(bench.host.far.take(), b"");
}

#[test]
fn certificate_chains_may_be_long_up_to_the_protocols_limit() {
    for (count, fits) in [(1, true), (5, true), (7, true), (9, false)] {
        for version in peer::BOTH {
            toy();
            let (certificate, key) = procy_toycrypto::identity(1);
            let mut chain = vec![certificate];
            chain.extend((0..count).map(|_| CertificateDer::from(vec![0x30; 8_000])));
            let provider = procy_toycrypto::provider();
            let config = peer::server_config(provider, chain, key, version);
            let host = Host::console(console::Config::new(toy()));
            let mut bench = Bench { host, peer: Peer::server(config) };
            bench.lead_console(Stage::Viewer);
            let verified = bench.host.said().iter().any(|event| event == "Verified");
            assert_eq!(
                verified,
                fits,
                "{count} {version:?} {:?} {:?}",
                bench.host.session.outcome(),
                bench.peer.error
            );
            assert_eq!(bench.host.code(), if fits { "-" } else { "tls-protocol" });
            assert!(bench.host.session.holds() < 200_000);
        }
    }
}

/// RFC 9325 section 4.4: keys of TLS 1.2 cannot be renewed.
#[test]
fn a_connection_whose_keys_are_used_up_ends_and_says_so() {
    let mut provider = procy_toycrypto::provider();
    for known in &mut provider.cipher_suites {
        if let SupportedCipherSuite::Tls12(suite) = known {
            let common = CipherSuiteCommon { confidentiality_limit: 8, ..suite.common };
            *known = SupportedCipherSuite::Tls12(Box::leak(Box::new(Tls12CipherSuite {
                common,
                ..**suite
            })));
        }
    }
    let (certificate, key) = common::identity(1);
    let crypto = Crypto::from(Arc::new(provider));
    for role in Role::BOTH {
        let mut bench = match role {
            Role::Console => Bench::console_with(
                console::Config::new(crypto.clone()),
                peer::TLS12,
                Stage::Relaying,
            ),
            Role::Device => {
                let config = device::Config::new(&certificate, &key, &crypto).unwrap();
                let client = peer::client_config(procy_toycrypto::provider(), peer::TLS12);
                let mut bench = Bench { host: Host::device(&config), peer: Peer::client(client) };
                bench.lead_device(Stage::Relaying);
                bench
            }
        };
        let words = pattern(20 * 16_384);
        bench.host.near.push(&words);
        bench.settle();
        assert_eq!(bench.host.code(), "tls-exhausted", "{role:?}");
        assert!(bench.peer.got.len() < 8 * 16_384 && words.starts_with(&bench.peer.got));
    }
}

/// A byte a record: without a bound there would be no room left to read the rest into, and no deadline either.
#[test]
fn a_message_in_too_many_pieces_fails_the_session() {
    for role in Role::BOTH {
        for version in peer::BOTH {
            let (mut host, mut forge) = Bench::forge(role, version);
            // A message that says it has 60,000 bytes, of a type that may come now and then.
            host.far.push(&forge.seal(ContentType::Handshake, &[4, 0, 0xea, 0x60]));
            let mut fed = 0;
            while host.code() == "-" && fed < 60_000 {
                for _ in 0..100 {
                    host.far.push(&forge.seal(ContentType::Handshake, &[0]));
                }
                fed += 100;
                host.turn();
            }
            assert_eq!(host.code(), "tls-protocol", "{role:?} {version:?}: {fed} pieces");
            assert!(fed < 4_000 && host.session.holds() < 100_000, "{fed}");
        }
    }
}

#[test]
fn empty_records_are_nothing() {
    for role in Role::BOTH {
        for version in peer::BOTH {
            let (mut host, mut forge) = Bench::forge(role, version);
            for _ in 0..5 {
                host.far.push(&forge.seal(ContentType::ApplicationData, b""));
                host.turn();
                host.far.push(&forge.seal(ContentType::ApplicationData, b"x"));
                host.far.push(&forge.seal(ContentType::ApplicationData, b""));
                host.turn();
            }
            assert_eq!(host.near.take(), b"xxxxx", "{role:?} {version:?}");
            assert_eq!((host.code(), host.session.holds()), ("-", 0));
        }
    }
}

#[test]
fn the_largest_records_pass_whole_and_cut() {
    for role in Role::BOTH {
        for version in peer::BOTH {
            for chunk in [1_000, 16_389, 18_437, usize::MAX] {
                let (mut host, mut forge) = Bench::forge(role, version);
                host.far.chunk = chunk;
                let words = pattern(16_384 * 4);
                for part in words.chunks(16_384) {
                    host.far.push(&forge.seal(ContentType::ApplicationData, part));
                }
                host.turn();
                assert!(host.near.take() == words, "{role:?} {version:?} {chunk}");
            }
        }
    }
}

#[test]
fn a_record_with_too_much_content_is_refused() {
    for role in Role::BOTH {
        for version in peer::BOTH {
            let (mut host, mut forge) = Bench::forge(role, version);
            host.far.push(&forge.seal(ContentType::ApplicationData, &[0; 16_385]));
            host.turn();
            assert_eq!(host.code(), "tls-protocol", "{role:?} {version:?}");
            assert_eq!(host.near.take(), b"");
        }
    }
}

/// It is refused by its header: no memory is asked for what it announces.
#[test]
fn a_header_that_announces_too_much_is_refused_at_once() {
    for role in Role::BOTH {
        for (stage, code) in [(Stage::Handshake, "not-tls"), (Stage::Relaying, "tls-protocol")] {
            let mut bench = Bench::at(role, stage);
            bench.host.far.push(&[23, 3, 3, 0x48, 0x01]);
            bench.host.turn();
            assert_eq!(bench.host.code(), code, "{role:?} {stage:?}");
        }
    }
    let mut bench = Bench::console(Stage::Relaying);
    bench.host.far.push(&[23, 3, 3, 0x48, 0x00]);
    bench.host.turn();
    assert_eq!(bench.host.code(), "-", "18,432 bytes are the most that TLS 1.2 allows");
}

#[test]
fn renegotiation_is_refused_and_the_session_goes_on() {
    for role in Role::BOTH {
        let (mut host, mut forge) = Bench::forge(role, peer::TLS12);
        // HelloRequest, or a ClientHello that says nothing yet but its type.
        let ask: &[u8] = match role {
            Role::Console => &[0, 0, 0, 0],
            Role::Device => &CLIENT_HELLO,
        };
        host.far.push(&forge.seal(ContentType::Handshake, ask));
        host.turn();
        assert_eq!(host.far.take().len(), 31, "a warning: no_renegotiation");
        host.far.push(&forge.seal(ContentType::ApplicationData, b"on"));
        host.turn();
        assert_eq!(host.near.take(), b"on");
        for _ in 0..10 {
            host.far.push(&forge.seal(ContentType::Handshake, ask));
        }
        host.turn();
        assert_eq!(host.code(), "tls-protocol", "but not for ever");
    }
}

/// The least that is one: TLS 1.2, no random, no session, one suite, no compression, no extension.
const CLIENT_HELLO: [u8; 47] = {
    let mut hello = [0; 47];
    (hello[0], hello[3], hello[4], hello[5]) = (1, 43, 3, 3);
    (hello[40], hello[42], hello[43]) = (2, 0x2b, 1);
    (hello[41], hello[44]) = (0xc0, 0);
    hello
};

#[test]
fn every_session_shows_its_certificate_even_to_a_server_with_tickets() {
    for version in peer::BOTH {
        toy();
        let server = Arc::new(peer::toy_server_config(version));
        let config = Arc::new(console::Config::new(toy()));
        for _ in 0..3 {
            let session = procy_core::Session::console(config.clone(), Host::BIRTH);
            let mut bench = Bench { host: Host::new(session), peer: Peer::server(server.clone()) };
            bench.lead_console(Stage::Viewer);
            assert_eq!(bench.peer.tls.handshake_kind(), Some(HandshakeKind::Full));
            assert!(bench.host.events.iter().any(|event| matches!(
                event,
                Event::Verified { fingerprint }
                    if *fingerprint == credential().certificate.fingerprint()
            )));
        }
    }
}

#[test]
fn a_device_gives_no_ticket_and_so_gets_no_early_data() {
    for version in peer::BOTH {
        toy();
        let mut client = peer::client_config(procy_toycrypto::provider(), version);
        client.enable_early_data = true;
        let client = Arc::new(client);
        for _ in 0..3 {
            let host = Host::device(&common::device_config());
            let mut bench = Bench { host, peer: Peer::client(client.clone()) };
            let rustls::Connection::Client(tls) = &mut bench.peer.tls else { unreachable!() };
            assert!(tls.early_data().is_none());
            bench.lead_device(Stage::Command);
            assert_eq!(bench.peer.tls.handshake_kind(), Some(HandshakeKind::Full));
        }
    }
}

#[test]
fn a_client_that_sends_early_data_all_the_same_fails() {
    let mut bench = Bench::device(Stage::Handshake);
    bench.peer.exchange(&mut bench.host.far);
    bench.host.turn();
    bench.host.far.push(&[&[23, 3, 3, 0, 40][..], &[1; 40]].concat());
    bench.host.turn();
    assert_eq!(bench.host.code(), "tls-protocol");
}

#[test]
fn a_client_hello_leaves_without_a_name_and_without_a_ticket() {
    let bench = Bench::console(Stage::Handshake);
    let hello = &bench.host.far.outbox;
    // Extensions: type, length, content; after the suites and the compression methods.
    let at = 5 + 4 + 2 + 32 + 1 + usize::from(hello[5 + 4 + 2 + 32]);
    let suites = usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
    let mut rest = &hello[at + 2 + suites + 2 + 2..];
    let mut types = Vec::new();
    while let [a, b, c, d, ..] = *rest {
        types.push(u16::from_be_bytes([a, b]));
        rest = &rest[4 + usize::from(u16::from_be_bytes([c, d]))..];
    }
    assert!(types.len() > 4 && rest.is_empty(), "{types:?}");
    for unwanted in [0, 41, 42] {
        assert!(!types.contains(&unwanted), "server_name, pre_shared_key, early_data: {types:?}");
    }
}
