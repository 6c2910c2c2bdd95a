//! The two cipher suites, each as it is and transparent.

use rustls::crypto::hash::Hash;
use rustls::crypto::tls12::PrfUsingHmac;
use rustls::crypto::tls13::HkdfUsingHmac;
use rustls::crypto::{CipherSuiteCommon, KeyExchangeAlgorithm};
use rustls::{
    CipherSuite, SignatureScheme, SupportedCipherSuite, Tls12CipherSuite, Tls13CipherSuite,
};

use crate::aead::Kind;
use crate::digest::{ToyHash, ToyHmac};
use crate::record::{Tls12Records, Tls13Records};
use crate::transparent::Same;

/// Records before rustls renews the keys by itself (1.3) or closes (1.2): that of AES-GCM, so that
/// a simulation sees neither earlier nor later than the real suite would.
const CONFIDENTIALITY_LIMIT: u64 = 1 << 24;

pub(crate) const TLS13: SupportedCipherSuite = SupportedCipherSuite::Tls13(&Tls13CipherSuite {
    common: common(CipherSuite::TLS13_AES_128_GCM_SHA256, &ToyHash),
    hkdf_provider: &HkdfUsingHmac(&ToyHmac),
    aead_alg: &Tls13Records(Kind::Detecting),
    quic: None,
});

pub(crate) const TRANSPARENT_TLS13: SupportedCipherSuite =
    SupportedCipherSuite::Tls13(&Tls13CipherSuite {
        common: common(CipherSuite::TLS13_AES_128_GCM_SHA256, &Same),
        hkdf_provider: &HkdfUsingHmac(&Same),
        aead_alg: &Tls13Records(Kind::Transparent),
        quic: None,
    });

pub(crate) const TLS12: SupportedCipherSuite = SupportedCipherSuite::Tls12(&Tls12CipherSuite {
    common: common(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, &ToyHash),
    prf_provider: &PrfUsingHmac(&ToyHmac),
    kx: KeyExchangeAlgorithm::ECDHE,
    sign: SIGN,
    aead_alg: &Tls12Records(Kind::Detecting),
});

pub(crate) const TRANSPARENT_TLS12: SupportedCipherSuite =
    SupportedCipherSuite::Tls12(&Tls12CipherSuite {
        common: common(CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, &Same),
        prf_provider: &PrfUsingHmac(&Same),
        kx: KeyExchangeAlgorithm::ECDHE,
        sign: SIGN,
        aead_alg: &Tls12Records(Kind::Transparent),
    });

/// RFC 8422, 5.10: Ed25519 signs under the ECDSA suites.
const SIGN: &[SignatureScheme] = &[SignatureScheme::ED25519];

const fn common(suite: CipherSuite, hash_provider: &'static dyn Hash) -> CipherSuiteCommon {
    CipherSuiteCommon { suite, hash_provider, confidentiality_limit: CONFIDENTIALITY_LIMIT }
}
