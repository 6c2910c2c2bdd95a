//! Signatures in the shape of Ed25519: a digest of the public key and the message, which anyone can
//! make who knows the public key.

use std::sync::Arc;

use rustls::crypto::{KeyProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, PrivateKeyDer, SignatureVerificationAlgorithm,
    SubjectPublicKeyInfoDer, alg_id,
};
use rustls::sign::{Signer, SigningKey, public_key_to_spki};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

use crate::digest::{DIGEST_LEN, Digest, Purpose};

/// Bytes of a public and of a private key.
pub(crate) const KEY_LEN: usize = 32;
/// Bytes of a signature.
pub(crate) const SIGNATURE_LEN: usize = 2 * DIGEST_LEN;
/// Everything before the private key in its PKCS #8 form (RFC 8410, 7).
pub(crate) const PKCS8_PREFIX: &[u8] =
    b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";

pub(crate) static ALGORITHMS: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[&ToyEd25519],
    mapping: &[(SignatureScheme::ED25519, &[&ToyEd25519])],
};

/// A toy key pair.
#[derive(Clone, Debug)]
pub(crate) struct ToyKey {
    public: [u8; KEY_LEN],
}

impl ToyKey {
    pub(crate) fn new(private: &[u8; KEY_LEN]) -> Self {
        Self { public: Digest::of(Purpose::PublicKey, &[private]) }
    }

    pub(crate) fn spki(&self) -> SubjectPublicKeyInfoDer<'static> {
        public_key_to_spki(&alg_id::ED25519, self.public)
    }

    pub(crate) fn signature(&self, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        signature(&self.public, message)
    }
}

fn signature(public: &[u8; KEY_LEN], message: &[u8]) -> [u8; SIGNATURE_LEN] {
    let first = Digest::of(Purpose::Signature, &[public, message]);
    let second = Digest::of(Purpose::Signature, &[&first]);
    let mut signature = [0; SIGNATURE_LEN];
    for (to, from) in signature.iter_mut().zip(first.iter().chain(&second)) {
        *to = *from;
    }
    signature
}

impl SigningKey for ToyKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&SignatureScheme::ED25519)
            .then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(self.spki())
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl Signer for ToyKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.signature(message).to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// Loads private keys in the PKCS #8 form of Ed25519 (version 1, without the public key) and
/// refuses everything else.
#[derive(Debug)]
pub(crate) struct ToyKeys;

impl KeyProvider for ToyKeys {
    fn load_private_key(
        &self,
        key_der: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, Error> {
        key_der
            .secret_der()
            .strip_prefix(PKCS8_PREFIX)
            .filter(|_| matches!(key_der, PrivateKeyDer::Pkcs8(_)))
            .and_then(|private| private.try_into().ok())
            .map(|private| Arc::new(ToyKey::new(private)) as Arc<dyn SigningKey>)
            .ok_or_else(|| Error::General("toy crypto: not a PKCS #8 Ed25519 key".into()))
    }
}

#[derive(Debug)]
struct ToyEd25519;

impl SignatureVerificationAlgorithm for ToyEd25519 {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        shown: &[u8],
    ) -> Result<(), InvalidSignature> {
        let public_key = public_key.try_into().map_err(|_| InvalidSignature)?;
        if signature(public_key, message) == shown { Ok(()) } else { Err(InvalidSignature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_its_key_and_its_message_only() {
        let [key, other] = [1, 2].map(|n| ToyKey::new(&[n; KEY_LEN]));
        let good = key.signature(b"message");
        let holds = |public: &[u8], message: &[u8], signature: &[u8]| {
            ToyEd25519.verify_signature(public, message, signature).is_ok()
        };
        assert!(holds(&key.public, b"message", &good));
        assert!(!holds(&other.public, b"message", &good));
        assert!(!holds(&key.public, b"massage", &good));
        assert!(!holds(&key.public[1..], b"message", &good));
        assert!(!holds(&key.public, b"message", &good[1..]));
        for bit in 0..SIGNATURE_LEN * 8 {
            let mut changed = good;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!holds(&key.public, b"message", &changed), "bit {bit}");
        }
    }

    #[test]
    fn only_the_one_form_of_key_is_loaded() {
        let pkcs8 = |der: Vec<u8>| ToyKeys.load_private_key(PrivateKeyDer::Pkcs8(der.into()));
        let good = [PKCS8_PREFIX, &[9; KEY_LEN]].concat();
        assert!(pkcs8(good.clone()).is_ok());
        assert!(pkcs8(good[..good.len() - 1].to_vec()).is_err());
        assert!(pkcs8([&good[..], b"\0"].concat()).is_err());
        assert!(pkcs8(vec![0x30; good.len()]).is_err());
        assert!(ToyKeys.load_private_key(PrivateKeyDer::Sec1(good.into())).is_err());
    }
}
