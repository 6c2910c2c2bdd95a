//! Sessions without sockets: an in-memory pair, and a seeded network and clocks around it.
//!
//! Behind the feature `sim`, for tests, fuzzing, benchmarks and examples. It is as sans-IO as the rest: whoever runs it
//! brings the crypto provider, and for a run that can be replayed a deterministic one.

mod cast;
mod fault;
mod host;
mod network;
mod person;
mod plan;
mod random;
mod watch;
mod world;

pub use cast::Cast;
#[cfg(feature = "fuzzing")]
pub(crate) use host::PASSWORD;
pub use network::{Conditions, Line, Pipe};
pub use plan::{DeviceKind, HostKind, Plan, ViewerKind};
pub use random::Random;
#[cfg(feature = "fuzzing")]
pub(crate) use watch::Watch;
pub use world::{Report, World};
