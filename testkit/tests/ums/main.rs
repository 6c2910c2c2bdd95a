//! The stand-in UMS keeps the interface's habits, so that a client that works with it has met them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod client;
mod faults;
mod passwords;
mod sessions;
mod shapes;
