//! Certificates of devices: committed ones in the shapes that real devices show, and a fresh one made at run time.
//!
//! The committed ones are in `testkit/fixtures`, with the script that made them. Their keys belong to no device.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use der::pem::{self, LineEnding};
use rustls::SupportedProtocolVersion;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ServerConfig;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use sha2::{Digest, Sha256};

/// A committed certificate, by what is particular about it.
///
/// Unless said otherwise: X.509 v3 without extensions, `C=DE, L=Bremen, O=IGEL`, self-signed with SHA-256, valid from
/// 2014 to 2099.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// RSA-2048: the plain one.
    Rsa2048,
    /// RSA-2048 of another device: same name, other key.
    Twin,
    /// The key of [`Kind::Rsa2048`] under another certificate, which UMS does not know yet.
    Renewed,
    /// RSA-2048, X.509 version 1: what OpenSSL makes when there are no extensions.
    V1,
    /// RSA-2048, ended in 2015.
    Expired,
    /// RSA-2048 for `CN=not-this-device.invalid`.
    WrongName,
    /// RSA-4096 with exponent 65337, signed with SHA-512: OS 10 and 11.
    Rsa4096,
    /// RSA-1024 with exponent 65337, signed with MD5: OS 5.
    Rsa1024Md5,
    /// RSA-1024 with exponent 65337, signed with SHA-1.
    Rsa1024Sha1,
    /// RSA-2048 whose key itself says `id-RSASSA-PSS`.
    RsaPss,
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384, signed with SHA-384.
    P384,
    /// ECDSA on P-521, signed with SHA-512.
    P521,
    /// Ed25519.
    Ed25519,
}

impl Kind {
    /// Every kind once.
    pub const ALL: [Self; 14] = [
        Self::Rsa2048,
        Self::Twin,
        Self::Renewed,
        Self::V1,
        Self::Expired,
        Self::WrongName,
        Self::Rsa4096,
        Self::Rsa1024Md5,
        Self::Rsa1024Sha1,
        Self::RsaPss,
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Ed25519,
    ];

    /// The name of its files in `testkit/fixtures`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.files().0
    }

    /// Name, certificate, key.
    const fn files(self) -> (&'static str, &'static str, &'static str) {
        macro_rules! files {
            ($name:literal) => {
                files!($name, $name)
            };
            ($name:literal, $key:literal) => {
                (
                    $name,
                    include_str!(concat!("../fixtures/", $name, ".crt.pem")),
                    include_str!(concat!("../fixtures/", $key, ".key.pem")),
                )
            };
        }
        match self {
            Self::Rsa2048 => files!("rsa-2048"),
            Self::Twin => files!("twin"),
            Self::Renewed => files!("renewed", "rsa-2048"),
            Self::V1 => files!("v1"),
            Self::Expired => files!("expired"),
            Self::WrongName => files!("wrong-name"),
            Self::Rsa4096 => files!("rsa-4096"),
            Self::Rsa1024Md5 => files!("rsa-1024-md5"),
            Self::Rsa1024Sha1 => files!("rsa-1024-sha1"),
            Self::RsaPss => files!("rsa-pss"),
            Self::P256 => files!("p256"),
            Self::P384 => files!("p384"),
            Self::P521 => files!("p521"),
            Self::Ed25519 => files!("ed25519"),
        }
    }
}

/// The committed certificate of this kind with its key.
#[must_use]
pub fn identity(kind: Kind) -> Identity {
    let (_, certificate, key) = kind.files();
    Identity { certificate_der: fixture(certificate), key_pkcs8_der: fixture(key) }
}

/// A new ECDSA P-256 certificate, self-signed, for these host names and addresses; valid now and for long.
///
/// Unlike a device's it has extensions (the names), so that it serves HTTPS too, as its own authority.
///
/// # Errors
/// When a name is not ASCII, or the system has no randomness.
pub fn fresh(common_name: &str, hosts: &[&str]) -> Result<Identity, Error> {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut parameters = rcgen::CertificateParams::new(hosts)?;
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, common_name);
    let key = rcgen::KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    Ok(Identity { certificate_der: certificate.der().to_vec(), key_pkcs8_der: key.serialize_der() })
}

/// A certificate and its private key.
///
/// The parts may be mixed: another's certificate with one's own key is what an impostor has.
#[derive(Clone)]
pub struct Identity {
    /// The certificate, DER.
    pub certificate_der: Vec<u8>,
    /// The private key, PKCS #8 in DER.
    pub key_pkcs8_der: Vec<u8>,
}

impl Identity {
    /// The certificate as PEM text, lines ended by LF.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        to_pem("CERTIFICATE", LineEnding::LF, &self.certificate_der)
    }

    /// The certificate as PEM text, lines ended by CR LF.
    #[must_use]
    pub fn certificate_pem_crlf(&self) -> String {
        to_pem("CERTIFICATE", LineEnding::CRLF, &self.certificate_der)
    }

    /// The private key as PEM text.
    #[must_use]
    pub fn key_pem(&self) -> String {
        to_pem("PRIVATE KEY", LineEnding::LF, &self.key_pkcs8_der)
    }

    /// SHA-256 of the certificate's DER: 32 bytes as upper-case hexadecimal with colons, as OpenSSL prints it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let bytes: Vec<String> =
            Sha256::digest(&self.certificate_der).iter().map(|b| format!("{b:02X}")).collect();
        bytes.join(":")
    }

    /// Writes `certificate.pem` and `key.pem` into a directory that exists, readable by their owner only, as stunnel
    /// wants them.
    ///
    /// # Errors
    /// When a file cannot be written, or is there already.
    pub fn write_pem_files(&self, directory: &Path) -> io::Result<PemFiles> {
        let files = PemFiles {
            certificate: directory.join("certificate.pem"),
            key: directory.join("key.pem"),
        };
        write_new(&files.certificate, &self.certificate_pem())?;
        write_new(&files.key, &self.key_pem())?;
        Ok(files)
    }

    /// A TLS server's configuration that shows this certificate, whatever its shape, and issues no tickets.
    ///
    /// The certificate is not looked at and not compared with the key, so version 1 and impostors work.
    ///
    /// # Errors
    /// When aws-lc-rs cannot sign with this key: see [`Identity::rustls_can_sign`].
    pub fn server_config(&self, versions: TlsVersions) -> Result<ServerConfig, rustls::Error> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let key = provider.key_provider.load_private_key(self.private_key())?;
        let shown =
            CertifiedKey::new(vec![CertificateDer::from(self.certificate_der.clone())], key);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions.supported())?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    /// Whether a server in this process can use the key; others need OpenSSL.
    #[must_use]
    pub fn rustls_can_sign(&self) -> bool {
        aws_lc_rs::default_provider().key_provider.load_private_key(self.private_key()).is_ok()
    }

    fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key_pkcs8_der.clone().into())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint()).finish_non_exhaustive()
    }
}

/// The TLS versions that a server accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsVersions {
    /// TLS 1.2 and 1.3.
    #[default]
    Both,
    /// TLS 1.2 only.
    Tls12,
    /// TLS 1.3 only.
    Tls13,
}

impl TlsVersions {
    fn supported(self) -> &'static [&'static SupportedProtocolVersion] {
        static TLS12: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS12];
        static TLS13: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];
        match self {
            Self::Both => rustls::ALL_VERSIONS,
            Self::Tls12 => &TLS12,
            Self::Tls13 => &TLS13,
        }
    }
}

/// Where [`Identity::write_pem_files`] wrote.
#[derive(Clone, Debug)]
pub struct PemFiles {
    /// The certificate.
    pub certificate: PathBuf,
    /// The private key, PKCS #8.
    pub key: PathBuf,
}

/// A certificate could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a certificate: {0}")]
pub struct Error(#[from] rcgen::Error);

#[expect(clippy::expect_used, reason = "the files are part of the program, and a test reads each")]
fn fixture(text: &str) -> Vec<u8> {
    pem::decode_vec(text.as_bytes()).expect("a committed fixture is PEM").1
}

#[expect(
    clippy::expect_used,
    reason = "fails only on labels that are not ASCII, and sizes over isize"
)]
pub(crate) fn to_pem(label: &'static str, ending: LineEnding, der: &[u8]) -> String {
    pem::encode_string(label, ending, der).expect("a constant label and a small certificate")
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
