//! A client for the UMS management interface (IMI v2 and v3), async and blocking.
//!
//! What is said stands in [`procy_core::ums`]; this crate brings it over HTTPS. [`Client`] runs on tokio;
//! [`blocking::Client`] has the same verbs and no async runtime under it. Both sign in when they must, keep the session
//! and renew it when UMS has ended it.
//!
//! ```no_run
//! # #[cfg(all(feature = "blocking", any(feature = "aws-lc-rs", feature = "ring")))]
//! # fn main() -> Result<(), procy_ums::Error> {
//! use procy_ums::{Config, Secret, Trust, blocking::Client};
//!
//! let mut config = Config::new("https://ums.example:8443", "helpdesk", Secret::new("...".into()))?;
//! config.trust = Trust::CaFile("ums-ca.pem".into());
//! let client = Client::new(config, procy_ums::provider())?;
//! let device = client.find(&"pc-7".parse()?)?;
//! let credential = client.shadow(&device.id)?;
//! client.close()
//! # }
//! # #[cfg(not(all(feature = "blocking", any(feature = "aws-lc-rs", feature = "ring"))))]
//! # fn main() {}
//! ```
//!
//! # Inside
//!
//! ```text
//!   Client             blocking::Client      resolve, connect, wait: nothing else differs
//!        └──────┬──────────────┘
//!         conversation   sign in, ask, renew once, fall back from v3 to v2
//!         exchange       one HTTP/1.1 request and its answer, over bytes
//!         tls            who is trusted
//! ```
//!
//! Every call is one connection: a helpdesk asks UMS a few times a session, and a connection kept open would only bring
//! in the question whether it still is. HTTP is parsed by `httparse`. Larger crates were looked at and left: `hyper`
//! brings tokio into the blocking face, and `ureq` and its sans-IO part `ureq-proto` (0.7.1) write every byte received to
//! the log at level trace, which would put one-time passwords and session cookies there.
//!
//! Secrets reach no URL, log or `Debug`; requests and answers are zeroized. What rustls and the operating system hold in
//! their buffers is out of reach.

#![forbid(unsafe_code)]
// Without a face nothing is driven; the types are still there for those who only name them.
#![cfg_attr(not(any(feature = "async", feature = "blocking")), allow(dead_code, unused_imports))]

#[cfg(feature = "async")]
mod asynchronous;
#[cfg(feature = "blocking")]
pub mod blocking;
mod config;
#[cfg(any(feature = "async", feature = "blocking"))]
mod conversation;
mod error;
mod exchange;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod tls;

#[cfg(feature = "async")]
pub use asynchronous::Client;
pub use config::{ApiChoice, Config, DEFAULT_PORT, Timeouts, Trust};
pub use error::{Distrust, Error, Stage, Unreachable};
pub use exchange::MAX_HEAD;
pub use procy_core::ums::{
    Api, Device, DeviceId, DeviceQuery, FindError, Refusal, Secret, ServerStatus, UmsError,
};

/// The crypto provider that the features chose: AWS-LC with `aws-lc-rs`, else *ring*. It is made for this call and not
/// installed anywhere.
#[cfg(any(feature = "aws-lc-rs", feature = "ring"))]
#[must_use]
pub fn provider() -> std::sync::Arc<rustls::crypto::CryptoProvider> {
    #[cfg(feature = "aws-lc-rs")]
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    #[cfg(not(feature = "aws-lc-rs"))]
    let provider = rustls::crypto::ring::default_provider();
    provider.into()
}
