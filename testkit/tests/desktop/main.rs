//! The built-in desktop, seen by a viewer that knows nothing of its insides.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod opening;
mod picture;
mod viewer;
