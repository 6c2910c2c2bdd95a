//! Whole TLS connections between rustls' own client and server, in memory, with this provider.
#![allow(clippy::unwrap_used, reason = "helpers of tests, which clippy does not take for tests")]

mod determinism;
mod established;
mod kernel;
mod pair;
mod refusals;
