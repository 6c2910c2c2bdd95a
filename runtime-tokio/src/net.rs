//! TCP as sessions want it: connected within a bound, without Nagle's delay, and watched.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use procy_core::error::Broken;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

use crate::stream::broken;

/// How long [`connect`] takes at the most, names and all addresses together: less than the core's default for this wait, so
/// that it is this one which ends, and tells of each address.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(9);

/// How many of a name's addresses are tried.
pub const MAX_ADDRESSES: usize = 8;

/// A connection that says nothing for so long is asked for a sign of life,
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// then this often,
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// and so many times: an unplugged device is noticed after 60 s.
#[cfg(not(any(target_os = "openbsd", target_os = "haiku", target_os = "solaris")))]
const KEEPALIVE_PROBES: u32 = 3;
/// The same while data is in flight to a device, where keepalive is silent and retransmission lasts for a quarter of an
/// hour. It also counts the time in which the peer lives but takes nothing (tcp(7)), so it is longer, and a viewer has
/// none: somebody may have suspended it.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(120);

/// Why a device could not be connected to: pass [`ConnectError::how`] to [`Run::broken`](crate::Run::broken).
#[derive(Debug, thiserror::Error)]
#[error("{host} port {port} cannot be reached: {words}")]
pub struct ConnectError {
    host: String,
    port: u16,
    how: Broken,
    words: String,
}

impl ConnectError {
    /// The same in the core's terms; if several addresses were tried, that of the one that tells most.
    #[must_use]
    pub const fn how(&self) -> Broken {
        self.how
    }
}

/// Connects to a device, and [`tune`]s the connection. The host's addresses are tried one after another, each for its
/// share of what is left of [`CONNECT_WITHIN`].
///
/// # Errors
/// [`ConnectError`] with each address's error in words. Nothing is left open.
pub async fn connect(host: &str, port: u16) -> Result<TcpStream, ConnectError> {
    let end = Instant::now() + CONNECT_WITHIN;
    let error = |how, words| ConnectError { host: host.to_owned(), port, how, words };

    let addresses: Vec<SocketAddr> = match timeout_at(end, lookup_host((host, port))).await {
        Ok(Ok(addresses)) => addresses.take(MAX_ADDRESSES).collect(),
        Ok(Err(why)) => return Err(error(Broken::Unreachable, why.to_string())),
        Err(_) => {
            return Err(error(Broken::Unreachable, "its name does not resolve in time".into()));
        }
    };
    let mut how = Broken::Unreachable;
    let mut words = Vec::new();
    for (tried, address) in addresses.iter().enumerate() {
        let left = end.saturating_duration_since(Instant::now());
        // Not zero: `tried` counts from 0 up to less than the length, and that is at most MAX_ADDRESSES.
        let share = left / u32::try_from(addresses.len() - tried).unwrap_or(1);
        let why = match timeout_at(Instant::now() + share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                tune(&stream);
                #[cfg(target_os = "linux")]
                let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(USER_TIMEOUT));
                return Ok(stream);
            }
            Ok(Err(why)) => why,
            Err(_) => io::Error::new(ErrorKind::TimedOut, "no answer"),
        };
        let this = broken(&why);
        how = if tried == 0 || telling(this) > telling(how) { this } else { how };
        words.push(format!("{address}: {why}"));
    }
    if words.is_empty() {
        words.push("its name has no address".into());
    }
    Err(error(how, words.join("; ")))
}

/// An answer tells more than none, and none more than no way there.
const fn telling(how: Broken) -> u8 {
    match how {
        Broken::Refused => 3,
        Broken::Reset => 2,
        Broken::TimedOut => 1,
        _ => 0,
    }
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

fn passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
    )
}

/// Switches off Nagle's delay, and has the operating system notice a peer that is no longer there within about a
/// minute. What it refuses is left as it is: a session works without.
pub fn tune(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
    #[cfg(not(any(target_os = "openbsd", target_os = "haiku", target_os = "solaris")))]
    let keepalive = keepalive.with_retries(KEEPALIVE_PROBES);

    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&keepalive);
}
