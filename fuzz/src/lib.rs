//! What the fuzz targets share: who plays, with which crypto, and what happens when a promise is broken.
//!
//! The bodies stand in `procy_core::fuzzing` and `procy_ums::fuzzing`. Everything here is deterministic: an input does
//! the same each time.

use std::sync::Arc;

use procy_core::credential::Certificate;
use procy_core::fuzzing::{self, Verdict};
use procy_core::sim::Cast;
use procy_core::tls::Crypto;

/// The target's name, and what it does with an input.
type Target = (&'static str, fn(&Players, &[u8]) -> Verdict);

/// All targets.
pub const TARGETS: &[Target] = &[
    ("console", |players, input| fuzzing::console(&players.believing, input)),
    ("device", |players, input| fuzzing::device(&players.believing, input)),
    ("chunks", |players, input| fuzzing::chunks(&players.believing, seed, input)),
    ("records", |players, input| fuzzing::records(&players.believing, &players.plain, seed, input)),
    ("operations", |players, input| fuzzing::operations(&players.detecting, input)),
    ("certificate", |players, input| fuzzing::certificate(&players.crypto, input)),
    ("ums", |_, input| procy_ums::fuzzing::ums(input)),
    ("command", |_, input| fuzzing::command(input)),
    ("hello", |_, input| fuzzing::hello(input)),
];

/// Runs one input of a target.
///
/// # Panics
/// A promise is broken; the message says which.
pub fn run(target: &str, input: &[u8]) {
    thread_local! {
        static PLAYERS: Players = Players::new();
    }
    let Some((_, body)) = TARGETS.iter().find(|(name, _)| *name == target) else {
        panic!("no such target: {target}")
    };
    PLAYERS.with(|players| {
        seed();
        if let Err(broken) = body(players, input) {
            panic!("{broken}");
        }
    });
}

/// Makes all randomness to come the same again.
pub fn seed() {
    procy_toycrypto::seed_thread(0);
}

/// Who plays: made once a thread.
#[derive(Debug)]
pub struct Players {
    /// With a crypto that hides nothing and believes everything.
    pub believing: Cast,
    /// The same, with records left to rustls.
    pub plain: Cast,
    /// With one that notices every change.
    pub detecting: Cast,
    crypto: Crypto,
}

impl Players {
    /// All of them.
    ///
    /// # Panics
    /// If the toy crypto has lost its identities.
    #[expect(clippy::new_without_default, reason = "it is costly")]
    #[must_use]
    pub fn new() -> Self {
        seed();
        let crypto = Crypto::from(Arc::new(procy_toycrypto::provider()));
        let believing = Crypto::from(Arc::new(procy_toycrypto::transparent()));
        Self {
            plain: cast(&believing.clone().with_plain_records()),
            believing: cast(&believing),
            detecting: cast(&crypto),
            crypto,
        }
    }
}

fn cast(crypto: &Crypto) -> Cast {
    let identity = |number| {
        let (certificate, key) = procy_toycrypto::identity(number);
        (Certificate::from_der(&certificate).expect("the toy's certificate is one"), key)
    };
    Cast::new(crypto, identity(1), identity(2)).expect("the toy's keys are some")
}
