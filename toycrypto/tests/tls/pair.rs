//! A client and a server over rustls' unbuffered API, and the wire between them.

use std::collections::VecDeque;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::unbuffered::{ConnectionState, UnbufferedStatus};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};

/// Enough for the longest flight or record.
const OUT_LEN: usize = 32 * 1024;

/// Which way a record goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    ToServer,
    ToClient,
}

/// What a side is told to do once it may.
#[derive(Debug)]
pub(crate) enum Do {
    Send(Vec<u8>),
    RefreshKeys,
}

/// The one difference between the two connection types.
pub(crate) trait Engine {
    type Data;
    fn process<'c, 'i>(&'c mut self, tls: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data>;
}

impl Engine for UnbufferedClientConnection {
    type Data = ClientConnectionData;
    fn process<'c, 'i>(&'c mut self, tls: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(tls)
    }
}

impl Engine for UnbufferedServerConnection {
    type Data = ServerConnectionData;
    fn process<'c, 'i>(&'c mut self, tls: &'i mut [u8]) -> UnbufferedStatus<'c, 'i, Self::Data> {
        self.process_tls_records(tls)
    }
}

pub(crate) struct Side<E> {
    pub(crate) engine: E,
    pub(crate) incoming: Vec<u8>,
    pub(crate) outgoing: Vec<u8>,
    /// What the peer said.
    pub(crate) heard: Vec<u8>,
    pub(crate) todo: VecDeque<Do>,
    pub(crate) established: bool,
    pub(crate) error: Option<Error>,
}

impl<E: Engine> Side<E> {
    pub(crate) fn new(engine: E) -> Self {
        Self {
            engine,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            heard: Vec::new(),
            todo: VecDeque::new(),
            established: false,
            error: None,
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.todo.push_back(Do::Send(bytes.to_vec()));
    }

    /// Does all that can be done with what came.
    pub(crate) fn run(&mut self) {
        let mut out = vec![0; OUT_LEN];
        while self.error.is_none() {
            let UnbufferedStatus { mut discard, state, .. } =
                self.engine.process(&mut self.incoming);
            let mut waits = false;
            match state {
                Err(error) => self.error = Some(error),
                Ok(ConnectionState::EncodeTlsData(mut encode)) => {
                    let len = encode.encode(&mut out).unwrap();
                    self.outgoing.extend_from_slice(&out[..len]);
                }
                Ok(ConnectionState::TransmitTlsData(transmit)) => transmit.done(),
                Ok(ConnectionState::ReadTraffic(mut read)) => {
                    while let Some(record) = read.next_record() {
                        let record = record.unwrap();
                        discard += record.discard;
                        self.heard.extend_from_slice(record.payload);
                    }
                }
                Ok(ConnectionState::WriteTraffic(mut write)) => {
                    self.established = true;
                    match self.todo.pop_front() {
                        Some(Do::Send(bytes)) => {
                            let len = write.encrypt(&bytes, &mut out).unwrap();
                            self.outgoing.extend_from_slice(&out[..len]);
                        }
                        Some(Do::RefreshKeys) => write.refresh_traffic_keys().unwrap(),
                        None => waits = true,
                    }
                }
                Ok(_) => waits = true,
            }
            self.incoming.drain(..discard);
            if waits {
                break;
            }
        }
    }
}

/// Both sides and everything that passed between them.
pub(crate) struct Pair {
    pub(crate) client: Side<UnbufferedClientConnection>,
    pub(crate) server: Side<UnbufferedServerConnection>,
    /// Every record in the order it was sent, with its header.
    pub(crate) wire: Vec<(Way, Vec<u8>)>,
}

impl Pair {
    /// Identity 1 is what the client expects and what the server shows and signs with.
    pub(crate) fn new(version: &'static SupportedProtocolVersion) -> Self {
        Self::with_server(version, 1, 1)
    }

    /// A server that shows the certificate of `shown` and signs with the key of `signs`.
    pub(crate) fn with_server(
        version: &'static SupportedProtocolVersion,
        shown: u64,
        signs: u64,
    ) -> Self {
        let provider = Arc::new(procy_toycrypto::provider());
        let client = client(&provider, version);
        let server =
            UnbufferedServerConnection::new(server_config(&provider, version, shown, signs));
        Self {
            client: Side::new(client.unwrap()),
            server: Side::new(server.unwrap()),
            wire: Vec::new(),
        }
    }

    /// Runs both sides until neither has anything more to say.
    pub(crate) fn run(&mut self) {
        self.run_with(|_, _, _| {});
    }

    /// The same with every record shown to `touch`, with its number, before it arrives.
    pub(crate) fn run_with(&mut self, mut touch: impl FnMut(Way, usize, &mut [u8])) {
        loop {
            self.client.run();
            self.server.run();
            if self.client.outgoing.is_empty() && self.server.outgoing.is_empty() {
                break;
            }
            for (way, from, to) in [
                (Way::ToServer, &mut self.client.outgoing, &mut self.server.incoming),
                (Way::ToClient, &mut self.server.outgoing, &mut self.client.incoming),
            ] {
                while !from.is_empty() {
                    let len = 5 + usize::from(u16::from_be_bytes([from[3], from[4]]));
                    let mut record: Vec<u8> = from.drain(..len).collect();
                    touch(way, self.wire.len(), &mut record);
                    to.extend_from_slice(&record);
                    self.wire.push((way, record));
                }
            }
        }
    }

    /// The first error of either side.
    pub(crate) fn error(&self) -> Option<&Error> {
        self.client.error.as_ref().or(self.server.error.as_ref())
    }

    pub(crate) fn is_established(&self) -> bool {
        self.error().is_none() && self.client.established && self.server.established
    }
}

/// A client that expects identity 1.
pub(crate) fn client(
    provider: &Arc<CryptoProvider>,
    version: &'static SupportedProtocolVersion,
) -> Result<UnbufferedClientConnection, Error> {
    let name = ServerName::try_from("device.example").unwrap();
    UnbufferedClientConnection::new(client_config(provider, version), name)
}

fn client_config(
    provider: &Arc<CryptoProvider>,
    version: &'static SupportedProtocolVersion,
) -> Arc<ClientConfig> {
    let (certificate, _) = procy_toycrypto::identity(1);
    let algorithms = provider.signature_verification_algorithms;
    let mut config = ClientConfig::builder_with_details(provider.clone(), Arc::new(FixedTime))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pin { certificate, algorithms }))
        .with_no_client_auth();
    config.enable_secret_extraction = true;
    Arc::new(config)
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    version: &'static SupportedProtocolVersion,
    shown: u64,
    signs: u64,
) -> Arc<ServerConfig> {
    let (certificate, _) = procy_toycrypto::identity(shown);
    let (_, key) = procy_toycrypto::identity(signs);
    let key = provider.key_provider.load_private_key(key).unwrap();
    let resolver = SingleCertAndKey::from(CertifiedKey::new(vec![certificate], key));
    let mut config = ServerConfig::builder_with_details(provider.clone(), Arc::new(FixedTime))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    config.enable_secret_extraction = true;
    // Tickets are not what is tested, and cannot be handled by a kernel connection of a server.
    config.send_tls13_tickets = 0;
    Arc::new(config)
}

#[derive(Debug)]
struct FixedTime;

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_700_000_000)))
    }
}

/// Takes exactly one certificate, and its signatures only.
#[derive(Debug)]
struct Pin {
    certificate: CertificateDer<'static>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if *end_entity == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
