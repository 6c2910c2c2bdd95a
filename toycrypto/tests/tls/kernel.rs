//! Secrets taken out of a connection, and the suite's own ciphers with them: the path on which
//! records are opened in place.

use rustls::crypto::cipher::{
    InboundOpaqueMessage, MessageDecrypter, MessageEncrypter, OutboundPlainMessage,
};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ConnectionTrafficSecrets, ContentType, ExtractedSecrets, ProtocolVersion, SupportedCipherSuite,
};

use crate::pair::{Do, Pair};

fn encrypter(
    suite: SupportedCipherSuite,
    secrets: ConnectionTrafficSecrets,
) -> Box<dyn MessageEncrypter> {
    let ConnectionTrafficSecrets::Aes128Gcm { key, iv } = secrets else {
        unreachable!("the suites have one kind of secrets")
    };
    match suite {
        SupportedCipherSuite::Tls13(suite) => suite.aead_alg.encrypter(key, iv),
        SupportedCipherSuite::Tls12(suite) => {
            suite.aead_alg.encrypter(key, &iv.as_ref()[..4], &iv.as_ref()[4..])
        }
    }
}

fn decrypter(
    suite: SupportedCipherSuite,
    secrets: ConnectionTrafficSecrets,
) -> Box<dyn MessageDecrypter> {
    let ConnectionTrafficSecrets::Aes128Gcm { key, iv } = secrets else {
        unreachable!("the suites have one kind of secrets")
    };
    match suite {
        SupportedCipherSuite::Tls13(suite) => suite.aead_alg.decrypter(key, iv),
        SupportedCipherSuite::Tls12(suite) => suite.aead_alg.decrypter(key, &iv.as_ref()[..4]),
    }
}

fn seal(cipher: &mut dyn MessageEncrypter, seq: u64, bytes: &[u8]) -> Vec<u8> {
    let message = OutboundPlainMessage {
        typ: ContentType::ApplicationData,
        version: ProtocolVersion::TLSv1_2,
        payload: bytes.into(),
    };
    let expected = cipher.encrypted_payload_len(bytes.len());
    let record = cipher.encrypt(message, seq).unwrap().encode();
    assert_eq!(record.len(), 5 + expected);
    record
}

fn open(cipher: &mut dyn MessageDecrypter, seq: u64, record: &mut [u8]) -> Vec<u8> {
    let (header, payload) = record.split_at_mut(5);
    let message = InboundOpaqueMessage::new(header[0].into(), ProtocolVersion::TLSv1_2, payload);
    cipher.decrypt(message, seq).unwrap().payload.to_vec()
}

#[test]
fn extracted_secrets_go_on_where_the_connection_was() {
    for version in [&TLS13, &TLS12] {
        procy_toycrypto::seed_thread(1);
        let Pair { mut client, mut server, .. } = {
            let mut pair = Pair::new(version);
            pair.client.send(b"before");
            pair.server.send(b"before");
            pair.run();
            pair
        };
        let (ExtractedSecrets { tx, rx }, kernel) =
            client.engine.dangerous_into_kernel_connection().unwrap();
        let suite = kernel.negotiated_cipher_suite();
        assert!(tx.0 > 0 && rx.0 > 0, "data had passed");

        let record = seal(&mut *encrypter(suite, tx.1), tx.0, b" and after");
        server.incoming.extend(record);
        server.send(b"answer");
        server.run();
        assert_eq!(server.error, None);
        assert_eq!(server.heard, b"before and after");

        client.incoming.append(&mut server.outgoing);
        let heard = open(&mut *decrypter(suite, rx.1), rx.0, &mut client.incoming);
        assert_eq!(heard, b"answer");
    }
}

#[test]
fn a_kernel_connection_follows_a_key_update() {
    procy_toycrypto::seed_thread(1);
    let mut pair = Pair::new(&TLS13);
    pair.run();
    let Pair { client, mut server, .. } = pair;
    let (ExtractedSecrets { rx, .. }, mut kernel) =
        client.engine.dangerous_into_kernel_connection().unwrap();
    let suite = kernel.negotiated_cipher_suite();

    server.todo.push_back(Do::RefreshKeys);
    server.send(b"under the new key");
    server.run();
    let first_len = 5 + usize::from(u16::from_be_bytes([server.outgoing[3], server.outgoing[4]]));
    let (update, data) = server.outgoing.split_at_mut(first_len);
    // KeyUpdate, one byte, update requested (RFC 8446, 4.6.3).
    assert_eq!(open(&mut *decrypter(suite, rx.1), rx.0, update), [24, 0, 0, 1, 1]);
    let (seq, secrets) = kernel.update_rx_secret().unwrap();
    assert_eq!(open(&mut *decrypter(suite, secrets), seq, data), b"under the new key");
}
