//! What procy's runtimes share where there is a standard library. It waits for nothing, and does no I/O of its own.
//!
//! | item | what for |
//! |---|---|
//! | [`now`], [`to_std`] | the core's clock, counted from an epoch of this process |
//! | [`visit`], [`visit_shared`] | a visit with warm memory: this thread's, or what all threads share |
//! | [`broken`], [`is_exhausted`], [`passing`], [`tune`], [`tune_device`] | the operating system's errors and sockets, as sessions want them |
//! | [`gather`] | what is to be written, as slices for one call |
//! | [`Port`], [`Polls`], [`turn`] | an async runtime's streams, and what they move at one wake-up |
//! | [`Attempts`] | a host's addresses in turn, within a bound |
//! | [`Step`], [`Answer`], [`Report`], [`verbs!`] | the surface that is the same in every runtime |

#![forbid(unsafe_code)]

mod attempts;
mod clock;
mod port;
mod socket;
mod surface;
mod warm;

pub use attempts::{Attempts, CONNECT_WITHIN, ConnectError, MAX_ADDRESSES, connect_within};
pub use clock::{now, to_std};
pub use port::{Polls, Port, turn};
pub use procy_core as core;
pub use socket::{SLICES, broken, gather, is_exhausted, passing, tune, tune_device};
pub use socket2::SockRef;
pub use surface::{Answer, Report, Step};
pub use warm::{visit, visit_shared};
