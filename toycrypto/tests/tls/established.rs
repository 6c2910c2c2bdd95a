//! What a connection can do once its handshake is through.

use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, HandshakeKind, NamedGroup, ProtocolVersion};

use crate::pair::{Do, Pair, Way};

#[test]
fn both_versions_make_full_handshakes_and_carry_data_both_ways() {
    for (version, protocol, suite) in [
        (&TLS13, ProtocolVersion::TLSv1_3, CipherSuite::TLS13_AES_128_GCM_SHA256),
        (&TLS12, ProtocolVersion::TLSv1_2, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ] {
        procy_toycrypto::seed_thread(1);
        let mut pair = Pair::new(version);
        pair.client.send(b"PROCYCMD");
        pair.server.send(b"RFB 003.008\n");
        pair.run();

        assert!(pair.is_established(), "{:?}", pair.error());
        assert_eq!(pair.server.heard, b"PROCYCMD");
        assert_eq!(pair.client.heard, b"RFB 003.008\n");
        let client = &pair.client.engine;
        assert_eq!(client.protocol_version(), Some(protocol));
        assert_eq!(client.negotiated_cipher_suite().unwrap().suite(), suite);
        assert_eq!(client.handshake_kind(), Some(HandshakeKind::Full));
        let group = client.negotiated_key_exchange_group().unwrap();
        assert_eq!(group.name(), NamedGroup::X25519);
        assert_eq!(client.peer_certificates().unwrap(), [procy_toycrypto::identity(1).0]);
    }
}

#[test]
fn the_largest_record_comes_through() {
    for version in [&TLS13, &TLS12] {
        procy_toycrypto::seed_thread(1);
        let mut pair = Pair::new(version);
        let bytes: Vec<u8> = (0..1 << 14).map(|n| (n % 251) as u8).collect();
        pair.client.send(&bytes);
        pair.run();
        assert!(pair.server.heard == bytes, "{:?}", pair.error());
    }
}

#[test]
fn nothing_is_sent_in_the_clear() {
    for version in [&TLS13, &TLS12] {
        procy_toycrypto::seed_thread(1);
        let mut pair = Pair::new(version);
        pair.client.send(b"a one-time password");
        pair.run();
        assert_eq!(pair.server.heard, b"a one-time password");
        for (_, record) in &pair.wire {
            assert!(!record.windows(8).any(|part| part == b"one-time"));
        }
    }
}

#[test]
fn keys_can_be_refreshed_again_and_again_from_both_sides() {
    procy_toycrypto::seed_thread(1);
    let mut pair = Pair::new(&TLS13);
    pair.run();
    let mut expected = Vec::new();
    for round in 0..5u8 {
        pair.client.todo.push_back(Do::RefreshKeys);
        if round % 2 == 0 {
            pair.server.todo.push_back(Do::RefreshKeys);
        }
        pair.client.send(&[round; 100]);
        pair.server.send(&[round; 100]);
        expected.extend([round; 100]);
        pair.run();
    }
    assert!(pair.is_established(), "{:?}", pair.error());
    assert!(pair.server.heard == expected && pair.client.heard == expected);
}

#[test]
fn equal_plaintexts_never_look_equal_not_even_across_a_key_update() {
    procy_toycrypto::seed_thread(1);
    let mut pair = Pair::new(&TLS13);
    pair.run();
    let handshake = pair.wire.len();
    for _ in 0..4 {
        pair.client.send(&[0; 64]);
        pair.client.todo.push_back(Do::RefreshKeys);
    }
    pair.client.send(&[0; 64]);
    pair.run();
    let sent: Vec<_> = pair.wire[handshake..]
        .iter()
        .filter(|(way, record)| *way == Way::ToServer && record.len() > 64)
        .collect();
    assert_eq!(sent.len(), 5);
    assert!((1..5).all(|later| sent[..later].iter().all(|earlier| *earlier != sent[later])));
}
