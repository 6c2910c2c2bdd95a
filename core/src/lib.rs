//! The sans-IO core of procy: Secure VNC sessions as pure state machines.
//!
//! A [`Session`] joins two byte streams: the *near* side (a person's VNC viewer, or a device's local VNC server) and the
//! *far* side (the device, or the console that shadows it). It speaks the *Secure VNC* procedure on the far one (TLS
//! with the exact certificate pinned, `PROCYCMD PW_<one-time password>`, the RFB hello) and then relays. It does no
//! I/O, reads no clock, starts no thread, and owns no buffer while idle: bytes, time and memory are lent to it.
//!
//! # The contract
//!
//! > A session moves only inside a [`Visit`]; a visit borrows a thread's [`Scratch`] memory and the time; every call on it
//! > that feeds the session runs it to rest. After the visit, ask the session what to wait for.
//!
//! 1. `visit` the session when a stream it waits for is ready, or its deadline has come.
//! 2. [`pump`](pump::pump) the visit over both streams (or call `space`/`read`, `pending`/`written` by hand); drop it.
//! 3. Take every [`Event`](event::Event); those named `...Needed` want an answer by another visit: `credential`,
//!    `attach`, `accept`.
//!    After any answer, go to 1: it may have ended the session, or made bytes to write.
//! 4. [`Turn::Over`](pump::Turn): drop the streams; [`Session::outcome`] says how it went. `Again`: go to 1. `Wait`: wait
//!    for what [`Session::wants_read`], [`Session::wants_write`] and [`Session::deadline`] say, then go to 1.
//!
//! ```
//! # #[cfg(feature = "aws-lc-rs")] {
//! use std::sync::Arc;
//! use procy_core::prologue::console::Config;
//! use procy_core::pump::{BUDGET, Io, Stream, Turn, pump};
//! use procy_core::session::Pending;
//! use procy_core::timer::Instant;
//! use procy_core::tls::Crypto;
//! use procy_core::{Scratch, Session};
//!
//! /// A viewer that has just hung up.
//! struct HungUp;
//! impl Stream for HungUp {
//!     fn read(&mut self, _: &mut [u8]) -> Io { Io::Moved(0) }
//!     fn write(&mut self, parts: Pending<'_>) -> Io { Io::Moved(parts.map(<[u8]>::len).sum()) }
//!     fn shutdown(&mut self) -> Io { Io::Moved(0) }
//! }
//!
//! let mut scratch = Scratch::default();
//! let mut session = Session::console(Arc::new(Config::new(Crypto::aws_lc_rs())), Instant::ZERO);
//! let mut visit = session.visit(&mut scratch, Instant::ZERO);
//! visit.attach(procy_core::event::Side::Near);
//! let turn = pump(&mut visit, &mut HungUp, &mut None::<HungUp>, BUDGET);
//! drop(visit);
//! assert_eq!(turn, Turn::Over);
//! println!("{:?}", session.outcome()); // Failed(Left { party: Viewer, how: Fin })
//! # }
//! ```
//!
//! # The map
//!
//! From the ground up; nothing looks upward.
//!
//! | module | what it is |
//! |---|---|
//! | [`timer`], [`limits`], [`error`], [`event`], [`credential`] | deadlines, bounds, faults, facts, secrets |
//! | [`procycmd`], [`rfb`], [`tls`] | one codec each, over slices, knowing no session |
//! | [`ums`] | the UMS management interface: requests and answers as data |
//! | `scratch`, `link` | memory lent for a visit; what lies between a stream and the relayed protocol |
//! | [`prologue`] | what is said before bytes flow, as console and as device |
//! | [`session`] | the machine: phases and inputs in one table |
//! | [`pump`] | the one loop that moves bytes |
//! | `fuzzing` | the bodies of the fuzz targets, behind the feature `fuzzing` |
//! | `sim` | an in-memory pair and a seeded network, behind the feature `sim` |
//!
//! # Invariants
//!
//! Each has a test that bears its name (`tests/i1_...` to `tests/i10_...`), and the simulator checks them after every step.
//!
//! | | |
//! |---|---|
//! | I1 | no I/O, clock, threads, environment or global state; randomness only inside the TLS provider |
//! | I2 | no allocation of ours a record while relaying and both peers keep up; idle holds nothing but the machine |
//! | I3 | bounded memory whatever the peer sends |
//! | I4 | liveness: it waits for something that can still come, or is over; before relaying there is always a deadline |
//! | I5 | any split of the same input gives the same plaintext, events and outcome |
//! | I6 | failure is latched: after it only farewells leave |
//! | I7 | no panic on anything that a peer sends |
//! | I8 | directions are independent: a stalled viewer never stops its own keys |
//! | I9 | no truncation unnoticed, and nothing received is lost |
//! | I10 | the password leaves only after pin and signature hold, once, in one TLS record; it is zeroized and never shown |

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(test)]
extern crate std;

mod link;
mod scratch;

pub mod credential;
pub mod error;
pub mod event;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod limits;
pub mod procycmd;
pub mod prologue;
pub mod pump;
pub mod rfb;
pub mod session;
#[cfg(feature = "sim")]
pub mod sim;
pub mod timer;
pub mod tls;
pub mod ums;

pub use scratch::Scratch;
pub use session::{Session, Visit};
