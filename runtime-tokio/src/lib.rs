//! Runs procy sessions on tokio.
//!
//! All protocol is in [`procy_core`]; this crate moves bytes and waits. [`Run`] drives one session over any two
//! streams, in one task, without locks, channels or tasks of its own. [`console()`] does a whole console session whose
//! parts are at hand, [`connect`], [`accept`] and [`tune`] bring TCP streams. Two whole programs stand in `examples/`:
//! `shadow`, from a device's name in UMS to the session's end, and `device`, the other side's role.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use procy_tokio::core::credential::{Certificate, Credential, Password};
//! use procy_tokio::core::prologue::console::Config;
//! use procy_tokio::core::tls::Crypto;
//!
//! # #[cfg(feature = "aws-lc-rs")]
//! # async fn shadow(der: &[u8], password: &str) -> Result<(), Box<dyn std::error::Error>> {
//! // What UMS has for the device (steps 2 and 3 of Secure VNC, docs/protocol.md), and when it was asked.
//! let asked = procy_tokio::now();
//! let credential = Credential {
//!     certificate: Certificate::from_der(der)?,
//!     password: Password::parse(password)?,
//! };
//! let config = Arc::new(Config::new(Crypto::aws_lc_rs()));
//!
//! let listener = tokio::net::TcpListener::bind(("127.0.0.1", 5901)).await?;
//! let (viewer, _) = procy_tokio::accept(&listener).await?;
//! let device = procy_tokio::connect("192.0.2.17", 5900, procy_tokio::CONNECT_WITHIN).await?;
//!
//! let observe = |event: &_| println!("{event:?}");
//! let report = procy_tokio::console(config, credential, asked, viewer, device, observe).await;
//! println!("{:?} after {} bytes", report.outcome, report.traffic.to_near);
//! # Ok(())
//! # }
//! ```
//!
//! No crypto provider is installed globally; the one passed in is used. The features `aws-lc-rs` (default) and `ring`
//! choose which ones [`procy_core::tls::Crypto`] offers.

#![forbid(unsafe_code)]

mod clock;
mod console;
mod driver;
mod net;
mod stream;

pub use clock::now;
pub use console::console;
pub use driver::Run;
pub use net::{accept, connect};
pub use procy_core as core;
pub use procy_std::{
    Answer, CONNECT_WITHIN, ConnectError, MAX_ADDRESSES, Report, Step, broken, connect_within,
    tune, tune_device,
};

/// The README's example is compiled with this crate's own.
#[cfg(all(doctest, feature = "aws-lc-rs"))]
#[doc = include_str!("../../README.md")]
struct Readme;
