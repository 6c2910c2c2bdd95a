//! TLS records that no library makes: sealed with a peer's own keys once its handshake is over.

use rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::{
    CipherSuite, Connection, ConnectionTrafficSecrets, ContentType, ProtocolVersion,
    SupportedCipherSuite,
};

use super::Peer;

/// Seals whatever it is given. The connection it came from can say nothing more.
pub struct Forge {
    encrypter: Box<dyn MessageEncrypter>,
    version: ProtocolVersion,
    sequence: u64,
}

impl Forge {
    /// Takes the keys of a toy peer whose config has `enable_secret_extraction`.
    pub fn take(peer: Peer) -> Self {
        let suite = peer.tls.negotiated_cipher_suite().unwrap();
        let version = peer.tls.protocol_version().unwrap();
        let secrets = match peer.tls {
            Connection::Client(tls) => tls.dangerous_extract_secrets(),
            Connection::Server(tls) => tls.dangerous_extract_secrets(),
        };
        let (sequence, secrets) = secrets.unwrap().tx;
        let ConnectionTrafficSecrets::Aes128Gcm { key, iv } = secrets else {
            panic!("the toy provider borrows AES-128-GCM's name")
        };
        let encrypter = match suite {
            SupportedCipherSuite::Tls13(suite) => suite.aead_alg.encrypter(key, iv),
            SupportedCipherSuite::Tls12(suite) => {
                assert_eq!(
                    suite.common.suite,
                    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
                );
                // Four bytes of it are fixed, eight explicit (RFC 5288 section 3).
                suite.aead_alg.encrypter(key, &iv.as_ref()[..4], &iv.as_ref()[4..])
            }
        };
        Self { encrypter, version, sequence }
    }

    pub fn seal(&mut self, typ: ContentType, payload: &[u8]) -> Vec<u8> {
        let message = OutboundPlainMessage {
            typ,
            version: self.version,
            payload: OutboundChunks::Single(payload),
        };
        let record = self.encrypter.encrypt(message, self.sequence).unwrap();
        self.sequence += 1;
        record.encode()
    }
}
