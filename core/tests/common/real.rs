//! Devices with real keys: the fixtures, and an RSA signer for what no provider signs with.

use std::fmt;
use std::sync::Arc;

use der::asn1::{AnyRef, OctetStringRef, SequenceRef, UintRef};
use der::{Decode, SliceReader};
use num_bigint::BigUint;
use procy_core::credential::{Certificate, Credential, Password};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::ServerConfig;
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::{SignatureAlgorithm, SignatureScheme};
use sha2::{Digest, Sha256, Sha512};

use super::peer::Version;

macro_rules! fixture {
    ($name:literal, $kind:literal) => {
        include_bytes!(concat!("../../../testkit/fixtures/", $name, ".", $kind, ".pem"))
    };
}

macro_rules! fixtures {
    ($($name:literal $key:literal),*) => {
        &[$(($name, fixture!($name, "crt"), fixture!($key, "key"))),*]
    };
}

/// Name, certificate, key.
const FIXTURES: &[(&str, &[u8], &[u8])] = fixtures! {
    "rsa-2048" "rsa-2048", "twin" "twin", "renewed" "rsa-2048", "v1" "v1", "expired" "expired",
    "wrong-name" "wrong-name", "rsa-4096" "rsa-4096", "rsa-1024-md5" "rsa-1024-md5",
    "rsa-1024-sha1" "rsa-1024-sha1", "rsa-pss" "rsa-pss", "p256" "p256", "p384" "p384",
    "p521" "p521", "ed25519" "ed25519"
};

fn fixture(name: &str) -> &'static (&'static str, &'static [u8], &'static [u8]) {
    FIXTURES.iter().find(|known| known.0 == name).unwrap()
}

pub fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(fixture(name).1).unwrap()
}

pub fn key(name: &str) -> PrivateKeyDer<'static> {
    PrivateKeyDer::from_pem_slice(fixture(name).2).unwrap()
}

/// The certificate as UMS gives it.
pub fn pinned(name: &str) -> Certificate {
    Certificate::from_der(&certificate(name)).unwrap()
}

pub fn credential(name: &str) -> Credential {
    Credential { certificate: pinned(name), password: Password::parse(super::PASSWORD).unwrap() }
}

/// A server on AWS-LC that shows `chain` and signs with `signer`.
#[cfg(feature = "aws-lc-rs")]
pub fn server(
    chain: Vec<CertificateDer<'static>>,
    signer: Arc<dyn SigningKey>,
    version: Version,
) -> ServerConfig {
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, signer))))
}

/// The fixture's key as AWS-LC signs with it, if it does.
#[cfg(feature = "aws-lc-rs")]
pub fn signer(name: &str) -> Result<Arc<dyn SigningKey>, rustls::Error> {
    rustls::crypto::aws_lc_rs::default_provider().key_provider.load_private_key(key(name))
}

/// RSA with PKCS #1 signatures and a key of any size: what old devices do (RFC 8017 section 8.2.1).
pub struct OldRsa {
    modulus: BigUint,
    exponent: BigUint,
    len: usize,
    /// Whether to sign so although TLS 1.3 forbids it.
    pub stubborn: bool,
}

impl OldRsa {
    pub fn new(name: &str) -> Self {
        let key = key(name);
        fn sequence<'a>(bytes: &'a [u8]) -> SliceReader<'a> {
            let mut outer = SliceReader::new(bytes).unwrap();
            SliceReader::new(<&SequenceRef>::decode(&mut outer).unwrap().as_bytes()).unwrap()
        }
        // PKCS #8 (RFC 5208 section 5): version, algorithm, key; RSA (RFC 8017 A.1.2): version, n, e, d.
        let mut info = sequence(key.secret_der());
        AnyRef::decode(&mut info).unwrap();
        AnyRef::decode(&mut info).unwrap();
        let mut rsa = sequence(<&OctetStringRef>::decode(&mut info).unwrap().as_bytes());
        let mut number = || UintRef::decode(&mut rsa).unwrap().as_bytes();
        let (_, modulus, _, exponent) = (number(), number(), number(), number());
        Self {
            modulus: BigUint::from_bytes_be(modulus),
            exponent: BigUint::from_bytes_be(exponent),
            len: modulus.len(),
            stubborn: false,
        }
    }
}

impl fmt::Debug for OldRsa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OldRsa")
    }
}

impl SigningKey for OldRsa {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = [SignatureScheme::RSA_PKCS1_SHA512, SignatureScheme::RSA_PKCS1_SHA256]
            .into_iter()
            .find(|scheme| self.stubborn || offered.contains(scheme))?;
        let (modulus, exponent) = (self.modulus.clone(), self.exponent.clone());
        Some(Box::new(OldSigner { modulus, exponent, len: self.len, scheme }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

#[derive(Debug)]
struct OldSigner {
    modulus: BigUint,
    exponent: BigUint,
    len: usize,
    scheme: SignatureScheme,
}

impl Signer for OldSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        // DigestInfo (RFC 8017 section 9.2, note 1).
        let info = if self.scheme == SignatureScheme::RSA_PKCS1_SHA256 {
            let prefix =
                b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\0\x04\x20";
            [&prefix[..], &Sha256::digest(message)].concat()
        } else {
            let prefix =
                b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\0\x04\x40";
            [&prefix[..], &Sha512::digest(message)].concat()
        };
        let padding = vec![0xff; self.len - info.len() - 3];
        let block = [&[0, 1][..], &padding, &[0], &info].concat();
        let signed = BigUint::from_bytes_be(&block).modpow(&self.exponent, &self.modulus);
        let bytes = signed.to_bytes_be();
        Ok([vec![0; self.len - bytes.len()], bytes].concat())
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}
