//! TCP as sessions want it: connected within a bound, without Nagle's delay, and watched.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use procy_std::{Attempts, CONNECT_WITHIN, ConnectError, passing, tune, tune_device};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::time::timeout;

use crate::now;

/// Connects to a device, and has the connection tuned: see [`tune_device`]. A name's addresses are tried one after another,
/// each for its share of what is left of [`CONNECT_WITHIN`]. Cancellation-safe.
///
/// # Errors
/// [`ConnectError`] with each address's error in words. Nothing is left open.
pub async fn connect(host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let end = now() + CONNECT_WITHIN;
    let late = |words| io::Error::new(ErrorKind::TimedOut, words);
    let resolved = timeout(CONNECT_WITHIN, lookup_host((host, port))).await;
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
