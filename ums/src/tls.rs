//! TLS to UMS: whom to trust, and what to say when it is not to be trusted.

use std::io;
use std::sync::Arc;

use procy_core::credential::Fingerprint;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};

use crate::error::{Distrust, Error, Stage, Unreachable};
use crate::{Config, Trust};

/// The TLS configuration of a client: TLS 1.2 and 1.3, HTTP/1.1, nothing resumed (a resumed handshake shows no
/// certificate).
pub(crate) fn client_config(
    config: &Config,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<ClientConfig>, Error> {
    let setup = |error: rustls::Error| Error::Setup { what: error.to_string() };
    let judge = Judge {
        trust: Trusted::new(&config.trust, &provider)?,
        algorithms: provider.signature_verification_algorithms,
    };
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(setup)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(judge))
        .with_no_client_auth();
    tls.resumption = Resumption::disabled();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(tls))
}

/// What an error of a TLS stream means.
pub(crate) fn explain(address: &str, stage: Stage, error: &io::Error) -> Error {
    let address = address.to_owned();
    if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return match error {
            rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other))) => {
                match other.downcast_ref::<Untrusted>() {
                    Some(Untrusted { shown, why }) => {
                        Error::Untrusted { address, shown: *shown, why: why.clone() }
                    }
                    None => Error::TlsFailed { address, what: error.to_string() },
                }
            }
            rustls::Error::InvalidMessage(_) if stage == Stage::Handshake => {
                Error::NotTls { address }
            }
            _ => Error::TlsFailed { address, what: error.to_string() },
        };
    }
    let how = match error.kind() {
        // A blocking socket whose time is up says either, by platform.
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Unreachable::Timeout { stage },
        // rustls' own words are for programmers.
        io::ErrorKind::UnexpectedEof => {
            Unreachable::Lost { stage, what: "the server closed it without TLS's goodbye".into() }
        }
        _ => Unreachable::Lost { stage, what: error.to_string() },
    };
    Error::Unreachable { address, how }
}

/// Judges the server's certificate and keeps its fingerprint in the refusal.
#[derive(Debug)]
struct Judge {
    trust: Trusted,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
enum Trusted {
    Roots(Arc<WebPkiServerVerifier>),
    Pin(Fingerprint),
}

impl Trusted {
    fn new(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Self, Error> {
        let unreadable = |what: String| Error::Ca { what };
        let certificates: Vec<_> = match trust {
            Trust::Fingerprint(expected) => return Ok(Self::Pin(*expected)),
            Trust::System => rustls_native_certs::load_native_certs().certs,
            Trust::CaFile(path) => CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect)
                .map_err(|error| unreadable(format!("{}: {error}", path.display())))?,
            Trust::CaPem(pem) => CertificateDer::pem_slice_iter(pem)
                .collect::<Result<_, _>>()
                .map_err(|error| unreadable(error.to_string()))?,
        };
        let mut roots = RootCertStore::empty();
        // A system may hold a few that rustls cannot read; those in a file were chosen one by one, but it is enough that
        // the right one is among them.
        roots.add_parsable_certificates(certificates);
        if roots.is_empty() {
            return Err(unreadable("there is no usable certificate in it".into()));
        }
        WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone())
            .build()
            .map(Self::Roots)
            .map_err(|error| unreadable(error.to_string()))
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let shown = Fingerprint::of(end_entity);
        let why = match &self.trust {
            Trusted::Pin(expected) if *expected == shown => {
                return Ok(ServerCertVerified::assertion());
            }
            Trusted::Pin(expected) => Distrust::Pin { expected: *expected },
            Trusted::Roots(roots) => {
                match roots.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
                    Ok(verified) => return Ok(verified),
                    Err(rustls::Error::InvalidCertificate(error)) => distrust(error),
                    Err(other) => return Err(other),
                }
            }
        };
        let untrusted = OtherError(Arc::new(Untrusted { shown, why }));
        Err(CertificateError::Other(untrusted).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// How a refusal travels through rustls.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
struct Untrusted {
    shown: Fingerprint,
    why: Distrust,
}

fn distrust(error: CertificateError) -> Distrust {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Distrust::Issuer,
        CertificateError::NotValidForName => Distrust::Name { names: Vec::new() },
        CertificateError::NotValidForNameContext { presented, .. } => {
            Distrust::Name { names: presented }
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => Distrust::Validity,
        other => Distrust::Other { what: other.to_string() },
    }
}
