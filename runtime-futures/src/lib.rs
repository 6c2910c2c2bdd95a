//! Runs procy sessions on any executor, over futures-io streams and a timer passed in.
//!
//! All protocol is in [`procy_core`]; this crate moves bytes and waits. [`Run`] drives one session over any two streams,
//! in one task, without locks, channels or tasks of its own. [`console()`] does a whole console session whose parts are
//! at hand; [`connect`] and [`tune`] bring TCP streams; accepting is a line of the executor's own.
//!
//! No executor is among its dependencies: it is tested under smol and under async-std, and the latter is no longer
//! maintained (RUSTSEC-2025-0052), so new programs take another one; its sockets need [`Fin`]. `examples/` has a whole program for each.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use procy_futures::core::credential::{Certificate, Credential, Password};
//! use procy_futures::core::prologue::console::Config;
//! use procy_futures::core::tls::Crypto;
//! use procy_futures::{CONNECT_WITHIN, connect, console, system, tune};
//! use smol::net::{TcpListener, TcpStream, resolve};
//!
//! # #[cfg(feature = "aws-lc-rs")]
//! # async fn shadow(der: &[u8], password: &str) -> Result<(), Box<dyn std::error::Error>> {
//! // What UMS has for the device (steps 2 and 3 of Secure VNC, docs/protocol.md), and when it was asked.
//! let asked = procy_futures::now();
//! let credential = Credential {
//!     certificate: Certificate::from_der(der)?,
//!     password: Password::parse(password)?,
//! };
//! let config = Arc::new(Config::new(Crypto::aws_lc_rs()));
//! let timer = system(smol::Timer::after);
//!
//! let listener = TcpListener::bind(("127.0.0.1", 5901)).await?;
//! let (viewer, _) = listener.accept().await?;
//! tune(&viewer);
//! let addresses = resolve(("192.0.2.17", 5900));
//! let device =
//!     connect("192.0.2.17", 5900, CONNECT_WITHIN, &timer, addresses, TcpStream::connect).await?;
//!
//! let observe = |event: &_| println!("{event:?}");
//! let report = console(config, credential, asked, timer, viewer, device, observe).await;
//! println!("{:?} after {} bytes", report.outcome, report.traffic.to_near);
//! # Ok(())
//! # }
//! ```
//!
//! No crypto provider is installed globally; the one passed in is used. The features `aws-lc-rs` (default) and `ring`
//! choose which ones [`procy_core::tls::Crypto`] offers.

#![forbid(unsafe_code)]

mod console;
mod driver;
mod fin;
mod net;
mod stream;
mod timer;

pub use console::console;
pub use driver::Run;
pub use fin::Fin;
pub use net::connect;
pub use procy_core as core;
pub use procy_std::{
    Answer, CONNECT_WITHIN, ConnectError, MAX_ADDRESSES, Report, Step, broken, connect_within, now,
    passing, tune, tune_device,
};
pub use timer::{System, Timer, system};
