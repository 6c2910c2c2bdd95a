//! TLS peers that share no code with the session: rustls' buffered connections.

use std::io::{Read, Write};
use std::sync::Arc;

use procy_core::tls::Crypto;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ClientConnection};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{ServerConfig, ServerConnection};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Connection, DigitallySignedStruct, SignatureScheme, SupportedProtocolVersion};

use super::Wire;

/// A TLS connection and what came through it.
#[derive(Debug)]
pub struct Peer {
    pub tls: Connection,
    pub got: Vec<u8>,
    pub error: Option<rustls::Error>,
    pub closed: bool,
}

pub type Version = &'static SupportedProtocolVersion;
pub const TLS12: Version = &rustls::version::TLS12;
pub const TLS13: Version = &rustls::version::TLS13;
pub const BOTH: [Version; 2] = [TLS12, TLS13];

/// How a server shows `chain` and signs with `key`, which need not belong together.
pub fn server_config(
    provider: CryptoProvider,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    version: Version,
) -> ServerConfig {
    let key = provider.key_provider.load_private_key(key).unwrap();
    ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key))))
}

/// The toy server with identity 1.
pub fn toy_server_config(version: Version) -> ServerConfig {
    let (certificate, key) = procy_toycrypto::identity(1);
    server_config(procy_toycrypto::provider(), vec![certificate], key, version)
}

/// A client that trusts anybody.
pub fn client_config(provider: CryptoProvider, version: Version) -> ClientConfig {
    let provider = Arc::new(provider);
    ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth()
}

impl Peer {
    pub fn server(config: impl Into<Arc<ServerConfig>>) -> Self {
        Self::new(ServerConnection::new(config.into()).unwrap().into())
    }

    pub fn client(config: impl Into<Arc<ClientConfig>>) -> Self {
        let name = ServerName::try_from("device.invalid").unwrap();
        Self::new(ClientConnection::new(config.into(), name).unwrap().into())
    }

    fn new(mut tls: Connection) -> Self {
        tls.set_buffer_limit(None);
        Self { tls, got: Vec::new(), error: None, closed: false }
    }

    /// Queues content for the session.
    pub fn say(&mut self, content: &[u8]) {
        self.tls.writer().write_all(content).unwrap();
    }

    /// Queues close_notify.
    pub fn close(&mut self) {
        self.tls.send_close_notify();
    }

    /// Asks the session to change its keys too (RFC 8446 section 4.6.3), and changes its own.
    pub fn refresh_keys(&mut self) {
        self.tls.refresh_traffic_keys().unwrap();
    }

    /// Takes what the session wrote, answers into its inbox. True if anything moved.
    pub fn exchange(&mut self, wire: &mut Wire) -> bool {
        let heard = wire.take();
        self.hear(&heard);
        let mut said = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut said).unwrap();
        }
        wire.push(&said);
        !heard.is_empty() || !said.is_empty()
    }

    /// What it has to say, as it goes over the wire.
    pub fn flush(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut said).unwrap();
        }
        said
    }

    pub fn hear(&mut self, mut wire: &[u8]) {
        while !wire.is_empty() && self.error.is_none() {
            if self.tls.read_tls(&mut wire).unwrap() == 0 {
                break;
            }
            match self.tls.process_new_packets() {
                Ok(state) => {
                    let mut content = vec![0; state.plaintext_bytes_to_read()];
                    self.tls.reader().read_exact(&mut content).unwrap();
                    self.got.extend(content);
                    self.closed |= state.peer_has_closed();
                }
                Err(error) => self.error = Some(error),
            }
        }
    }
}

/// The provider of a [`Crypto`] made here.
pub fn toy_peer_crypto() -> Crypto {
    Crypto::from(Arc::new(procy_toycrypto::provider()))
}

#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
