//! The device's certificates, made afresh for a run: one that every proxy can be told to trust.

use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};

use crate::Result;

/// A device's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// ECDSA on P-256.
    Ecdsa,
    /// RSA with 2,048 bits.
    Rsa,
}

/// Where a certificate and its key are, in PEM.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Files {
    /// Makes them: self-signed, for `localhost`, so that a peer that wants an authority and a name has both at the price
    /// of no further signature.
    pub(crate) fn make(folder: &Path, kind: KeyKind) -> Result<Self> {
        let (name, key) = match kind {
            KeyKind::Ecdsa => ("ecdsa", KeyPair::generate()?),
            KeyKind::Rsa => {
                ("rsa", KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?)
            }
        };
        let certificate = CertificateParams::new(["localhost".to_owned()])?.self_signed(&key)?;
        let files = Self {
            certificate: folder.join(name).with_extension("pem"),
            key: folder.join(name).with_extension("key"),
        };
        std::fs::write(&files.certificate, certificate.pem())?;
        std::fs::write(&files.key, key.serialize_pem())?;
        Ok(files)
    }
}
