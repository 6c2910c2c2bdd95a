//! Stand-ins for UMS, a device and a desktop, and the real programs procy is tested with.
//!
//! `procy demo` runs these parts, and the tests do. They are never part of what a release does with a real device.
//!
//! - [`certificates`]: the certificates that devices show, odd ones included.
//! - [`ums`]: a UMS that speaks IMI v2 and v3 over HTTPS on loopback.
//! - [`device`]: a device that speaks Secure VNC, well or badly, in front of any VNC server.
//! - [`desktop`]: a small moving desktop behind a VNC server.
//! - `conformance`, a feature: one list of scenarios that every runtime passes, and the `parts` that runtimes' own tests are
//!   made of.

pub mod certificates;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod desktop;
pub mod device;
#[cfg(feature = "conformance")]
pub mod parts;
#[cfg(all(feature = "real", target_os = "linux"))]
pub mod real;
pub mod ums;
