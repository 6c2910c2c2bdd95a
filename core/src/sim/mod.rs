//! Sessions without sockets: an in-memory pair, and a seeded network and clock around it.
//!
//! Behind the feature `sim`, for tests, fuzzing, benchmarks and examples. It is as sans-IO as the rest: whoever runs it
//! brings the crypto provider, and for a run that can be replayed a deterministic one.

pub(crate) mod invariants;
mod network;
mod person;
mod plan;
mod random;
mod world;

pub use network::{Conditions, Line, Pipe};
pub use plan::{DeviceKind, HostKind, Plan, ViewerKind};
pub use random::Random;
pub(crate) use world::PASSWORD;
pub use world::{Cast, Report, World};
