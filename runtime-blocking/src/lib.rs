//! Runs procy sessions on threads that wait in poll(2).
//!
//! All protocol is in [`procy_core`]; this crate moves bytes and waits. [`Run`] drives one session over two sockets, on
//! whatever thread calls [`Run::next`]: for hosts without an async runtime, and there is none in this crate's
//! dependencies. [`console()`] does a whole console session whose parts are at hand; [`connect`], [`accept`] and
//! [`tune`] bring TCP streams, [`listen`] serves each connection on a thread of its own, [`Stop`] ends
//! sessions from other threads, and a [`Remote`] answers one from there.
//!
//! ```no_run
//! # #[cfg(all(unix, feature = "aws-lc-rs"))]
//! # fn shadow(der: &[u8], password: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use procy_blocking::core::credential::{Certificate, Credential, Password};
//! use procy_blocking::core::prologue::console::Config;
//! use procy_blocking::core::tls::Crypto;
//!
//! // What UMS has for the device (steps 2 and 3 of Secure VNC, docs/protocol.md), and when it was asked.
//! let asked = procy_blocking::now();
//! let credential = Credential {
//!     certificate: Certificate::from_der(der)?,
//!     password: Password::parse(password)?,
//! };
//! let config = Arc::new(Config::new(Crypto::aws_lc_rs()));
//!
//! let listener = std::net::TcpListener::bind(("127.0.0.1", 5901))?;
//! let (viewer, _) = procy_blocking::accept(&listener)?;
//! let device = procy_blocking::connect("192.0.2.17", 5900, procy_blocking::CONNECT_WITHIN)?;
//!
//! let observe = |event: &_| println!("{event:?}");
//! let report = procy_blocking::console(config, credential, asked, viewer, device, observe);
//! println!("{:?} after {} bytes", report.outcome, report.traffic.to_near);
//! # Ok(())
//! # }
//! ```
//!
//! A thread that waits holds no buffer: memory for visits (see [`Scratch`](procy_core::Scratch)) is shared by all, and as
//! many are kept as there are cores. No crypto provider is installed globally; the one passed in is used. The features `aws-lc-rs` (default) and
//! `ring` choose which ones [`procy_core::tls::Crypto`] offers.
//!
//! **Unix only**, for now: elsewhere this crate is empty. Windows has a poll of its own (`WSAPoll`), but nothing like a
//! pipe in it to wake a thread by.

#![cfg(unix)]
#![forbid(unsafe_code)]

mod console;
mod driver;
mod net;
mod remote;
mod socket;
mod stop;

pub use console::console;
pub use driver::Run;
pub use net::{accept, connect, listen};
pub use procy_core as core;
pub use procy_std::{
    Answer, CONNECT_WITHIN, ConnectError, MAX_ADDRESSES, Report, Step, broken, connect_within, now,
    passing, tune, tune_device,
};
pub use remote::Remote;
pub use stop::Stop;
