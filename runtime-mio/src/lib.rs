//! Runs procy sessions on raw event loops: thousands a thread, with the least CPU a byte.
//!
//! All protocol is in [`procy_core`]; this crate moves bytes and waits. A [`Shard`] is one thread's loop over mio's
//! [`Poll`](mio::Poll), edge-triggered; [`Shards`] are several, which share what comes to a listener. Its user brings a
//! [`Host`], which decides for the sessions on the shard's thread, and a [`Handle`] adds, answers and ends sessions
//! from any other.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use procy_mio::core::Session;
//! use procy_mio::core::credential::Credential;
//! use procy_mio::core::event::{Event, Side};
//! use procy_mio::core::prologue::console::Config;
//! use procy_mio::core::tls::Crypto;
//! use procy_mio::{Answers, Host, Key, ListenerId, Over, Shards};
//!
//! /// Whoever connects sees this device. With a real UMS, every session asks it for a fresh credential, on another
//! /// thread, and [`procy_mio::Handle::answer`] brings it.
//! struct OneDevice(Arc<Config>, Credential);
//!
//! impl Host for OneDevice {
//!     fn arrived(&mut self, _: Key, _: ListenerId, _: std::net::SocketAddr) -> Option<Session> {
//!         Some(Session::console(self.0.clone(), procy_mio::now()))
//!     }
//!
//!     fn event(&mut self, key: Key, event: Event, answers: &mut Answers<'_>) {
//!         match event {
//!             Event::CredentialNeeded => answers.credential(self.1.clone(), procy_mio::now()),
//!             Event::ConnectNeeded => answers.connect(Side::Far, [([192, 0, 2, 17], 5900).into()]),
//!             event => println!("{key:?}: {event:?}"),
//!         }
//!     }
//!
//!     fn over(&mut self, key: Key, over: Over) {
//!         println!("{key:?}: {:?} after {} bytes", over.outcome, over.traffic.to_near);
//!     }
//! }
//!
//! # #[cfg(feature = "aws-lc-rs")]
//! # fn run(credential: Credential) -> Result<(), Box<dyn std::error::Error>> {
//! let config = Arc::new(Config::new(Crypto::aws_lc_rs()));
//! let shards = Shards::start(2, &procy_mio::Config::default(), |_| {
//!     OneDevice(config.clone(), credential.clone())
//! })?;
//! shards.listen(procy_mio::bind(([127, 0, 0, 1], 5901).into())?, Side::Near)?;
//! // ... until somebody wants an end:
//! shards.drain();
//! shards.join()?;
//! # Ok(())
//! # }
//! ```
//!
//! It is for Unix: Linux, and what else mio has epoll, kqueue or poll(2) for. Elsewhere the crate is empty.
//!
//! No crypto provider is installed globally; the one passed in is used. The features `aws-lc-rs` (default) and `ring`
//! choose which ones [`procy_core::tls::Crypto`] offers.
//!
//! # How it works
//!
//! Every socket is registered once, for reading and writing, by edges. What an edge said holds (`socket`) until a call
//! would block, or moves less than it could, which spares the call that would block; after a peer's end or an error,
//! for which no further edge comes, only the socket's own word counts. A turn of the loop (`shard`) takes in all events
//! first, then other threads' commands, deadlines and connections, then visits each session that can go on, once, for
//! at most [`Config::budget`] bytes; one that is not done then queues up behind the others. Deadlines stand in one
//! ordered set, one entry a session, and are looked at again only when they fire. Memory to read into and to seal in is
//! the shard's; a session that waits owns none, except for what a peer does not take.

#![cfg(unix)]
#![forbid(unsafe_code)]

mod command;
mod dial;
mod handle;
mod host;
mod listeners;
mod net;
mod orders;
mod shard;
mod shards;
mod slot;
mod socket;
mod stats;
mod table;
mod timers;

pub use command::{Answer, Command, Refusal, Refused};
pub use handle::{Handle, Key, ListenerId, Place};
pub use host::{Answers, Host, Over};
pub use listeners::MAX_LISTENERS;
pub use net::bind;
pub use procy_core as core;
pub use procy_std::{
    CONNECT_WITHIN, ConnectError, MAX_ADDRESSES, broken, connect_within, now, tune, tune_device,
};
pub use shard::{Config, Shard};
pub use shards::Shards;
pub use stats::Stats;
