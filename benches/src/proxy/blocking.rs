//! procy-blocking: a thread for each viewer.

use std::net::TcpListener;

use procy_blocking::{CONNECT_WITHIN, Stop, connect, console, listen, now};

use super::Job;
use crate::Result;

/// As many as files allow.
const MOST: usize = 10_000;

pub(super) fn run(listener: &TcpListener, job: &Job) -> Result<()> {
    listen(listener, &Stop::new()?, MOST, |viewer, _| {
        let Job { device, credential, config, .. } = job.clone();
        // A device that cannot be connected to shows: the client sees its viewer closed.
        let Ok(device) = connect(&device.ip().to_string(), device.port(), CONNECT_WITHIN) else {
            return;
        };
        console(config, credential, now(), viewer, device, |_| {});
    })?;
    Ok(())
}
