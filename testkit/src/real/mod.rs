//! The rig of real programs that this project did not write: a VNC server, viewers, TLS fronts.
//!
//! A device's Secure VNC is put together from parts, each a program of its own or a few lines of Rust:
//!
//! ```text
//! console --TLS--> TlsFront (stunnel, openssl s_server, socat) --plain--> Gate --> Xvnc
//!                  certificate and key                   reads PROCYCMD    the desktop
//! viewer: Viewer (TigerVNC under Xvfb), or vncdo (scripted)
//! ```
//!
//! Every part listens on loopback on a port that nobody else has, is ready when its constructor returns, and
//! ends with its value: a dropped part leaves no process, thread, socket or file. No wait is unbounded.
//! `cargo xtask test` installs the programs; an error names the one that is missing and its Debian package.

mod gate;
mod picture;
mod process;
mod s_server;
mod tls_front;
mod viewer;
mod vncdo;
mod xvnc;

use std::fmt;
use std::time::Duration;

pub use gate::{Gate, Then};
pub use picture::Picture;
pub use process::{Process, VENV, from_venv, wait_for};
pub use tls_front::{TlsFront, TlsVersions};
pub use viewer::Viewer;
pub use vncdo::{capture, type_text, vncdo};
pub use xvnc::{Typed, Xvnc};

/// How long a part may take to be ready, to answer or to end before it counts as broken. Generous, as a busy
/// machine is no reason for a test to fail; nothing waits this long when all is well.
pub const BOUND: Duration = Duration::from_secs(30);

/// Why a part of the rig could not be had: a sentence, with what the program said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RigError(String);

/// What the rig's functions give.
pub type Result<T> = std::result::Result<T, RigError>;

impl RigError {
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// For `map_err`: what was tried, and the system's word on it.
    pub(crate) fn of<E: fmt::Display>(tried: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |error| Self(format!("{tried}: {error}"))
    }
}

impl fmt::Display for RigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RigError {}
