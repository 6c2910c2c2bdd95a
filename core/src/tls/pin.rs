//! The pin: a device is its certificate, byte for byte, and the proof that it holds the certificate's key.
//!
//! Devices sign their own certificates, all with the same name, some in X.509 v1 or long expired; no path, name or date
//! can be checked, and none needs to be, as UMS has given the very certificate. So the comparison is of DER, in constant
//! time, and the handshake's signature is *always* verified with the key inside it: whoever has only seen the certificate
//! cannot pass. Nothing falls back to a certificate authority.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use der::asn1::{BitStringRef, ObjectIdentifier, SequenceRef, UintRef};
use der::{AnyRef, Decode, SliceReader, Tag, TagNumber};
use once_cell::race::OnceBox;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, PeerMisbehaved, SignatureScheme};
use subtle::ConstantTimeEq;

use super::Crypto;
use crate::credential::{Certificate, Fingerprint};

/// RSA keys below this are legacy: providers refuse them, and so do we unless told otherwise (NIST SP 800-131A).
const RSA_BITS: usize = 2048;
/// The least that legacy keys may have, and the most that providers take.
const RSA_BITS_LEGACY: usize = 1024;
const RSA_BITS_MOST: usize = 8192;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const DSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ED448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.113");

/// Why a certificate's key can never be proven, whoever shows it. Known before connecting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// An RSA key that is too small to prove anything.
    #[error(
        "the device's certificate holds an RSA key of {bits} bits; less than {RSA_BITS} proves little"
    )]
    TooSmall {
        /// The modulus' length.
        bits: usize,
        /// Whether legacy keys may be allowed for it.
        curable: bool,
    },
    /// A kind of key that the crypto provider does not know.
    #[error("the device's certificate holds a key of a kind that cannot be verified here: {kind}")]
    Unsupported {
        /// The kind, by name, or else by object identifier.
        kind: String,
    },
    /// The certificate cannot be read.
    #[error("the device's certificate cannot be read as X.509: its {part} is malformed")]
    Unreadable {
        /// Where reading stopped.
        part: &'static str,
    },
}

impl KeyError {
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::TooSmall { .. } => "key-too-small",
            Self::Unsupported { .. } => "key-unsupported",
            Self::Unreadable { .. } => "certificate-unreadable",
        }
    }

    pub(crate) fn help(&self) -> &'static str {
        match self {
            Self::TooSmall { curable: true, .. } => {
                "Update the device's firmware so that it makes a larger key, or accept the risk: allow legacy keys."
            }
            Self::TooSmall { .. } => "Update the device's firmware so that it makes a larger key.",
            Self::Unsupported { .. } => {
                "Use a build with the aws-lc-rs provider if this is one with ring, or have the device make another key."
            }
            Self::Unreadable { .. } => {
                "Reboot the device so that it sends its certificate to UMS again."
            }
        }
    }
}

/// A certificate whose key can be proven: what a console session trusts, and all that it trusts.
#[derive(Clone, Debug)]
pub struct Pin {
    certificate: Certificate,
    /// The contents of the key's `AlgorithmIdentifier`.
    algorithm: Arc<[u8]>,
    key: Arc<[u8]>,
    legacy: bool,
}

impl Pin {
    /// Takes the key out of `certificate` and sees whether `crypto` can verify what it signs.
    ///
    /// `allow_legacy` lets RSA keys of 1,024 to 2,047 bits pass; their sessions use TLS 1.2 with PKCS #1 signatures, and
    /// possession is proven all the same.
    ///
    /// # Errors
    /// [`KeyError`] for what can never work, before anything is sent.
    pub fn new(
        certificate: &Certificate,
        crypto: &Crypto,
        allow_legacy: bool,
    ) -> Result<Self, KeyError> {
        let (algorithm, key) = subject_public_key(certificate.der())?;
        let bits = match oid(algorithm) {
            Some(RSA) => Some(rsa_bits(key).ok_or(KeyError::Unreadable { part: "RSA key" })?),
            _ => None,
        };
        let legacy = bits.is_some_and(|bits| bits < RSA_BITS);
        if let (true, Some(bits)) = (legacy, bits) {
            let curable = bits >= RSA_BITS_LEGACY && !crypto.legacy.is_empty();
            if !(allow_legacy && curable) {
                return Err(KeyError::TooSmall { bits, curable });
            }
        }
        let known = crypto
            .provider
            .signature_verification_algorithms
            .all
            .iter()
            .any(|known| known.public_key_alg_id().as_ref() == algorithm);
        if !known || bits.is_some_and(|bits| bits > RSA_BITS_MOST) {
            return Err(KeyError::Unsupported { kind: kind(algorithm, bits) });
        }
        Ok(Self {
            certificate: certificate.clone(),
            algorithm: algorithm.into(),
            key: key.into(),
            legacy,
        })
    }

    /// The certificate's SHA-256.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.certificate.fingerprint()
    }

    /// Whether the key is an old, small one, for which TLS 1.2 alone will do.
    pub(super) fn legacy(&self) -> bool {
        self.legacy
    }
}

/// Holds a peer against the [`Pin`], and keeps what else it showed.
pub(super) struct Verifier {
    pin: Pin,
    crypto: Crypto,
    shown: OnceBox<Fingerprint>,
}

impl Verifier {
    pub(super) fn new(pin: Pin, crypto: Crypto) -> Self {
        Self { pin, crypto, shown: OnceBox::new() }
    }

    /// The pinned fingerprint, and the one shown instead of it, if another was.
    pub(super) fn mismatch(&self) -> Option<(Fingerprint, Fingerprint)> {
        self.shown.get().map(|shown| (self.pin.fingerprint(), *shown))
    }

    fn prove(
        &self,
        message: &[u8],
        signed: &DigitallySignedStruct,
        tls13: bool,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let candidates = self.algorithms(signed.scheme);
        if candidates.is_empty() || (tls13 && !suits_tls13(signed.scheme)) {
            return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        // In TLS 1.3 a scheme names its curve, and the first algorithm is the one for it; TLS 1.2 names the hash alone.
        let candidates = if tls13 { &candidates[..1] } else { &candidates[..] };
        let proven = candidates.iter().any(|algorithm| {
            algorithm.public_key_alg_id().as_ref() == &*self.pin.algorithm
                && algorithm.verify_signature(&self.pin.key, message, signed.signature()).is_ok()
        });
        if proven {
            Ok(HandshakeSignatureValid::assertion())
        } else {
            Err(CertificateError::BadSignature.into())
        }
    }

    fn algorithms(
        &self,
        scheme: SignatureScheme,
    ) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
        if self.pin.legacy {
            return self
                .crypto
                .legacy
                .iter()
                .filter(|known| known.0 == scheme)
                .map(|known| known.1)
                .collect();
        }
        let mapping = self.crypto.provider.signature_verification_algorithms.mapping;
        mapping
            .iter()
            .find(|known| known.0 == scheme)
            .map_or_else(Vec::new, |known| known.1.to_vec())
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if bool::from(end_entity.as_ref().ct_eq(self.pin.certificate.der())) {
            return Ok(ServerCertVerified::assertion());
        }
        let _ = self.shown.set(Box::new(Fingerprint::of(end_entity)));
        // The reason travels beside, as rustls' catch-all error changes its shape with `std`.
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        _: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.prove(message, signed, false)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        _: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.prove(message, signed, true)
    }

    /// All that the provider knows, not the pinned key's alone: a peer with another certificate shall get to show it, so
    /// that both fingerprints can be told.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        if self.pin.legacy {
            self.crypto.legacy.iter().map(|known| known.0).collect()
        } else {
            self.crypto.provider.signature_verification_algorithms.supported_schemes()
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verifier").field(&self.pin.fingerprint()).finish()
    }
}

/// RFC 8446 section 4.2.3: no PKCS #1 and no SHA-1 in handshake signatures.
fn suits_tls13(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::ECDSA_NISTP256_SHA256
            | SignatureScheme::ECDSA_NISTP384_SHA384
            | SignatureScheme::ECDSA_NISTP521_SHA512
            | SignatureScheme::ED25519
            | SignatureScheme::ED448
            | SignatureScheme::RSA_PSS_SHA256
            | SignatureScheme::RSA_PSS_SHA384
            | SignatureScheme::RSA_PSS_SHA512
    )
}

/// The contents of the key's `AlgorithmIdentifier`, and the key, from an X.509 certificate of any version (RFC 5280
/// section 4.1). Everything else in it is passed over, as nothing else matters.
fn subject_public_key(certificate: &[u8]) -> Result<(&[u8], &[u8]), KeyError> {
    fn contents<'a>(bytes: &'a [u8], part: &'static str) -> Result<SliceReader<'a>, KeyError> {
        SliceReader::new(bytes).map_err(|_| KeyError::Unreadable { part })
    }
    fn sequence<'a>(
        reader: &mut SliceReader<'a>,
        part: &'static str,
    ) -> Result<&'a [u8], KeyError> {
        <&SequenceRef>::decode(reader)
            .map(SequenceRef::as_bytes)
            .map_err(|_| KeyError::Unreadable { part })
    }

    let mut outer = contents(certificate, "outermost sequence")?;
    let mut signed = contents(sequence(&mut outer, "outermost sequence")?, "outermost sequence")?;
    let mut fields = contents(sequence(&mut signed, "signed part")?, "signed part")?;
    let version = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };
    let versioned = Tag::peek(&fields).ok() == Some(version);
    // The version where there is one (v1 has none), serial number, signature algorithm, issuer, validity, subject.
    for _ in 0..if versioned { 6 } else { 5 } {
        AnyRef::decode(&mut fields)
            .map_err(|_| KeyError::Unreadable { part: "fields before the key" })?;
    }
    let mut info = contents(sequence(&mut fields, "key")?, "key")?;
    let algorithm = sequence(&mut info, "key's algorithm")?;
    let key = BitStringRef::decode(&mut info)
        .ok()
        .and_then(|bits| bits.as_bytes())
        .ok_or(KeyError::Unreadable { part: "key" })?;
    Ok((algorithm, key))
}

fn oid(algorithm: &[u8]) -> Option<ObjectIdentifier> {
    ObjectIdentifier::decode(&mut SliceReader::new(algorithm).ok()?).ok()
}

fn rsa_bits(key: &[u8]) -> Option<usize> {
    let mut outer = SliceReader::new(key).ok()?;
    let mut fields = SliceReader::new(<&SequenceRef>::decode(&mut outer).ok()?.as_bytes()).ok()?;
    let modulus = UintRef::decode(&mut fields).ok()?;
    let bytes = modulus.as_bytes();
    let first = bytes.first()?;
    Some(bytes.len() * 8 - first.leading_zeros() as usize)
}

fn kind(algorithm: &[u8], bits: Option<usize>) -> String {
    let named_curve = || {
        let mut reader = SliceReader::new(algorithm).ok()?;
        AnyRef::decode(&mut reader).ok()?;
        ObjectIdentifier::decode(&mut reader).ok()
    };
    match (oid(algorithm), bits) {
        (Some(RSA), Some(bits)) => alloc::format!("RSA of {bits} bits"),
        (Some(RSA), None) => "RSA".into(),
        (Some(RSA_PSS), _) => "RSA-PSS".into(),
        (Some(DSA), _) => "DSA".into(),
        (Some(ED25519), _) => "Ed25519".into(),
        (Some(ED448), _) => "Ed448".into(),
        (Some(EC), _) => match named_curve() {
            Some(P256) => "ECDSA P-256".into(),
            Some(P384) => "ECDSA P-384".into(),
            Some(P521) => "ECDSA P-521".into(),
            Some(other) => alloc::format!("ECDSA on the curve {other}"),
            None => "ECDSA on a curve without a name".into(),
        },
        (Some(other), _) => other.to_string(),
        (None, _) => "an unreadable one".into(),
    }
}

/// Verification of small RSA keys, which the providers keep apart.
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
pub(super) mod legacy {
    use rustls::SignatureScheme;
    use rustls::pki_types::{
        AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
    };

    type Schemes = &'static [(SignatureScheme, &'static dyn SignatureVerificationAlgorithm)];

    macro_rules! legacy {
        ($name:ident, $struct:ident, $provider:ident) => {
            pub(crate) static $name: Schemes = &[
                (
                    SignatureScheme::RSA_PKCS1_SHA256,
                    &$struct(
                        &$provider::signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
                        alg_id::RSA_PKCS1_SHA256,
                    ),
                ),
                (
                    SignatureScheme::RSA_PKCS1_SHA512,
                    &$struct(
                        &$provider::signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
                        alg_id::RSA_PKCS1_SHA512,
                    ),
                ),
            ];

            #[derive(Debug)]
            struct $struct(&'static $provider::signature::RsaParameters, AlgorithmIdentifier);

            impl SignatureVerificationAlgorithm for $struct {
                fn public_key_alg_id(&self) -> AlgorithmIdentifier {
                    alg_id::RSA_ENCRYPTION
                }

                fn signature_alg_id(&self) -> AlgorithmIdentifier {
                    self.1
                }

                fn verify_signature(
                    &self,
                    public_key: &[u8],
                    message: &[u8],
                    signature: &[u8],
                ) -> Result<(), InvalidSignature> {
                    $provider::signature::UnparsedPublicKey::new(self.0, public_key)
                        .verify(message, signature)
                        .map_err(|_| InvalidSignature)
                }
            }
        };
    }

    #[cfg(feature = "aws-lc-rs")]
    legacy!(AWS_LC_RS, AwsLcRs, aws_lc_rs);
    #[cfg(feature = "ring")]
    legacy!(RING, Ring, ring);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_is_debugged_as_the_fingerprint_that_it_pins() {
        procy_toycrypto::seed_thread(0);
        let crypto = Crypto::from(Arc::new(procy_toycrypto::provider()));
        let certificate = Certificate::from_der(&procy_toycrypto::identity(1).0).unwrap();
        let pin = Pin::new(&certificate, &crypto, false).unwrap();
        let shown = alloc::format!("{:?}", Verifier::new(pin, crypto));
        assert_eq!(shown, alloc::format!("Verifier({:?})", certificate.fingerprint()));
    }
}
