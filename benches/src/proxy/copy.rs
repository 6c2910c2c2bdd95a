//! The usual way in Rust: tokio-rustls, and tokio's `copy_bidirectional`. It pins the certificate and sends the command
//! as procy does, but looks at nothing that the device says.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use procy_core::credential::Certificate;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    crypto::aws_lc_rs,
};
use tokio::io::{AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Job, PASSWORD};
use crate::Result;

pub(super) fn run(listener: TcpListener, job: Job, threads: usize, buffer: usize) -> Result<()> {
    let connector = TlsConnector::from(Arc::new(config(&job)?));
    super::tokio::serve(listener, threads, move |viewer| {
        let session = session(viewer, job.clone(), connector.clone(), buffer);
        // How it ends shows: the client counts its bytes.
        async { drop(session.await) }
    })
}

async fn session(
    mut viewer: TcpStream,
    job: Job,
    connector: TlsConnector,
    buffer: usize,
) -> io::Result<()> {
    let device = TcpStream::connect(job.device).await?;
    device.set_nodelay(true)?;
    let name = ServerName::from(job.device.ip());
    let mut device = connector.connect(name, device).await?;
    device.write_all(format!("PROCYCMD PW_{PASSWORD}").as_bytes()).await?;
    copy_bidirectional_with_sizes(&mut viewer, &mut device, buffer, buffer).await?;
    Ok(())
}

fn config(job: &Job) -> Result<ClientConfig> {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups.retain(|group| group.name() == job.group);
    let provider = Arc::new(provider);
    let pin = Pin { certificate: job.credential.certificate.clone(), provider: provider.clone() };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pin))
        .with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// Exactly this certificate.
#[derive(Debug)]
struct Pin {
    certificate: Certificate,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> std::result::Result<ServerCertVerified, Error> {
        if **certificate == *self.certificate.der() {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
