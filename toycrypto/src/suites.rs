//! The two cipher suites.

use rustls::crypto::tls12::PrfUsingHmac;
use rustls::crypto::tls13::HkdfUsingHmac;
use rustls::crypto::{CipherSuiteCommon, KeyExchangeAlgorithm};
use rustls::{
    CipherSuite, SignatureScheme, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite,
};

use crate::digest::{ToyHash, ToyHmac};
use crate::record::{Tls12Records, Tls13Records};

/// Records before rustls renews the keys by itself (1.3) or closes (1.2): that of AES-GCM, so that
/// a simulation sees neither earlier nor later than the real suite would.
const CONFIDENTIALITY_LIMIT: u64 = 1 << 24;

pub(crate) const TLS13: SupportedCipherSuite = SupportedCipherSuite::Tls13(&Tls13CipherSuite {
    common: CipherSuiteCommon {
        suite: CipherSuite::TLS13_AES_128_GCM_SHA256,
        hash_provider: &ToyHash,
        confidentiality_limit: CONFIDENTIALITY_LIMIT,
    },
    hkdf_provider: &HkdfUsingHmac(&ToyHmac),
    aead_alg: &Tls13Records,
    quic: None,
});

pub(crate) const TLS12: SupportedCipherSuite = SupportedCipherSuite::Tls12(&Tls12CipherSuite {
    common: CipherSuiteCommon {
        suite: CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        hash_provider: &ToyHash,
        confidentiality_limit: CONFIDENTIALITY_LIMIT,
    },
    prf_provider: &PrfUsingHmac(&ToyHmac),
    kx: KeyExchangeAlgorithm::ECDHE,
    // RFC 8422, 5.10: Ed25519 signs under the ECDSA suites.
    sign: &[SignatureScheme::ED25519],
    aead_alg: &Tls12Records,
});
