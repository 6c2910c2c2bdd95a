//! A provider that hides nothing and believes everything, so that a fuzzer can change any byte of a
//! TLS session and still be listened to.

use rustls::SignatureScheme;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, hash, hmac};
use rustls::pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};

use crate::digest::DIGEST_LEN;
use crate::{kx, random, sign, suites};

/// The transparent provider: [`provider`](crate::provider) without any detection.
///
/// Records have the same shape and carry their content as it is; tags and signatures are there, and
/// any will do; `Finished` is the same for every transcript. What is left of TLS is its grammar and its states, which is what a fuzzer
/// is to get at. Whoever tests that changed bytes are *noticed* takes the other provider.
pub fn transparent() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![suites::TRANSPARENT_TLS13, suites::TRANSPARENT_TLS12],
        kx_groups: vec![&kx::ToyX25519],
        signature_verification_algorithms: BELIEVED,
        secure_random: &random::ThreadRandom,
        key_provider: &sign::ToyKeys,
    }
}

static BELIEVED: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[&Believing],
    mapping: &[(SignatureScheme::ED25519, &[&Believing])],
};

/// Takes every signature for good.
#[derive(Debug)]
struct Believing;

impl SignatureVerificationAlgorithm for Believing {
    fn verify_signature(&self, _: &[u8], _: &[u8], _: &[u8]) -> Result<(), InvalidSignature> {
        Ok(())
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ED25519
    }
}

/// Hash and HMAC of anything: always the same, so that a transcript with any change in it still fits
/// its `Finished`.
pub(crate) struct Same;

const DIGEST: [u8; DIGEST_LEN] = [0x5a; DIGEST_LEN];

impl hash::Hash for Same {
    fn start(&self) -> Box<dyn hash::Context> {
        Box::new(Self)
    }

    fn hash(&self, _: &[u8]) -> hash::Output {
        hash::Output::new(&DIGEST)
    }

    fn output_len(&self) -> usize {
        DIGEST_LEN
    }

    fn algorithm(&self) -> hash::HashAlgorithm {
        hash::HashAlgorithm::SHA256
    }
}

impl hash::Context for Same {
    fn fork_finish(&self) -> hash::Output {
        hash::Output::new(&DIGEST)
    }

    fn fork(&self) -> Box<dyn hash::Context> {
        Box::new(Self)
    }

    fn finish(self: Box<Self>) -> hash::Output {
        hash::Output::new(&DIGEST)
    }

    fn update(&mut self, _: &[u8]) {}
}

impl hmac::Hmac for Same {
    fn with_key(&self, _: &[u8]) -> Box<dyn hmac::Key> {
        Box::new(Self)
    }

    fn hash_output_len(&self) -> usize {
        DIGEST_LEN
    }
}

impl hmac::Key for Same {
    fn sign_concat(&self, _: &[u8], _: &[&[u8]], _: &[u8]) -> hmac::Tag {
        hmac::Tag::new(&DIGEST)
    }

    fn tag_len(&self) -> usize {
        DIGEST_LEN
    }
}
