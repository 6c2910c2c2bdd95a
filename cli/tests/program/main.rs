//! The program itself, as a child process, against stand-ins for UMS and the device.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

mod demo;
mod device_errors;
mod devices;
mod eager;
mod ending;
#[cfg(target_os = "linux")]
mod faults;
mod given;
#[cfg(target_os = "linux")]
mod lan;
mod options;
#[cfg(target_os = "linux")]
mod partition;
mod program;
mod rig;
mod runtimes;
mod secrets;
mod shadow;
mod ums_errors;
mod verbs;
mod viewer_command;
mod viewers;
