//! TCP as sessions want it: connected within a bound, without Nagle's delay, and watched.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use procy_std::{Attempts, ConnectError, passing, tune, tune_device};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::time::timeout;

use crate::now;

/// Connects to a device, and has the connection [tuned](crate::tune_device). The host's addresses are tried one after
/// another, each for its share of what is left of `within`, which bounds all of it together: [`connect_within`] the
/// session's deadline, or [`CONNECT_WITHIN`](crate::CONNECT_WITHIN) for the default one. Cancellation-safe.
///
/// [`connect_within`]: crate::connect_within
///
/// # Errors
/// [`ConnectError`] with each address's error in words. Nothing is left open.
pub async fn connect(host: &str, port: u16, within: Duration) -> Result<TcpStream, ConnectError> {
    let end = now() + within;
    let late = |words| io::Error::new(ErrorKind::TimedOut, words);
    let resolved = timeout(within, lookup_host((host, port))).await;
    let resolved = resolved.unwrap_or_else(|_| Err(late("its name does not resolve in time")));
    let mut attempts = Attempts::new(host, port, end, resolved);
    while let Some((address, share)) = attempts.next(now()) {
        match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                tune_device(&stream);
                return Ok(stream);
            }
            Ok(Err(why)) => attempts.failed(&why),
            Err(_) => attempts.failed(&late("no answer")),
        }
    }
    Err(attempts.error())
}

/// Accepts a viewer, or a console, and [`tune`]s its connection. Cancellation-safe.
///
/// # Errors
/// Those of the listener itself, such as too many open files: pause before the next call. A connection that went away
/// while it waited is passed over.
pub async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                tune(&stream);
                return Ok((stream, from));
            }
            Err(error) if passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
}
