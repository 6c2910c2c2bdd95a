//! **INSECURE ON PURPOSE.** A fast and deterministic [`CryptoProvider`] for simulating TLS.
//!
//! Nothing here keeps anything secret from anyone, or keeps anyone from forging anything: the key
//! exchange sends its private keys, whoever knows a public key can sign for it, the cipher and the
//! hash are a few multiplications, and all randomness follows from a seed. Its only use is to run
//! thousands of whole TLS handshakes a second in a simulator that can be replayed. It must never be
//! a dependency of anything that is released; it is a dev-dependency only, and is not published.
//!
//! What it does give, so that a simulation means something, is *detection*: a changed bit in any
//! record, a signature by another key or over another message, and other keys on the two sides all
//! fail as they would with real cryptography (by chance, not against an adversary).
//!
//! It borrows the code points and shapes of real algorithms, so that rustls, X.509 parsers and key
//! loaders treat it like any other provider:
//!
//! | borrowed name | what it is here |
//! |---|---|
//! | `TLS13_AES_128_GCM_SHA256`, `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256` | XOR with a word generator, 16-byte digest as tag |
//! | SHA-256, HMAC, HKDF, the TLS 1.2 PRF | a four-word mixer, with rustls' own HKDF and PRF on top |
//! | X25519 | the public key *is* the private key; the secret is both XORed |
//! | Ed25519 | the signature is a digest of public key and message |
//!
//! [`transparent`] is the same without even detection, for fuzzers.
//!
//! A peer with real cryptography never gets through a handshake with it.
//!
//! # Randomness
//!
//! [`seed_thread`] seeds the calling thread; everything random is drawn from there, in the order of
//! the calls. On a thread that was never seeded, drawing fails: a simulation that forgot its seed
//! could not be replayed.
//!
//! ```
//! use std::sync::Arc;
//!
//! procy_toycrypto::seed_thread(42);
//! let provider = Arc::new(procy_toycrypto::provider());
//! let (certificate, key) = procy_toycrypto::identity(7);
//! let signer = provider.key_provider.load_private_key(key)?;
//! let certified = rustls::sign::CertifiedKey::new(vec![certificate], signer);
//! certified.keys_match()?;
//! # Ok::<(), rustls::Error>(())
//! ```

#![forbid(unsafe_code)]

mod aead;
mod digest;
mod identity;
mod kx;
mod random;
mod record;
mod sign;
mod suites;
mod transparent;

use rustls::crypto::CryptoProvider;

pub use self::identity::identity;
pub use self::random::seed_thread;
pub use self::transparent::transparent;

/// The insecure provider: one TLS 1.3 and one TLS 1.2 cipher suite, one key exchange, one kind of
/// signature.
///
/// All of it stateless but for the thread's generator, so call [`seed_thread`] before the first
/// configuration or connection is made.
pub fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![suites::TLS13, suites::TLS12],
        kx_groups: vec![&kx::ToyX25519],
        signature_verification_algorithms: sign::ALGORITHMS,
        secure_random: &random::ThreadRandom,
        key_provider: &sign::ToyKeys,
    }
}
