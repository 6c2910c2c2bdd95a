//! TCP as sessions want it: listened for with room, without Nagle's delay, and watched.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1_024;

/// A connection that says nothing for so long is asked for a sign of life,
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// then this often,
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// and so many times: an unplugged device is noticed after 60 s.
#[cfg(not(any(target_os = "openbsd", target_os = "haiku", target_os = "solaris")))]
const KEEPALIVE_PROBES: u32 = 3;
/// The same while data is in flight, where keepalive is silent and retransmission lasts for a quarter of an hour.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(60);

/// A listening socket with room for a crowd to wait in, for [`Handle::listen`](crate::Handle::listen).
///
/// # Errors
/// Those of the operating system, such as an address in use.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // As the standard library does: a restarted service must not wait for its old connections' last packets.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Switches off Nagle's delay, and has the operating system notice a peer that is no longer there within about a
/// minute. What it refuses is left as it is: a session works without. A shard does this to what it accepts and
/// connects.
pub fn tune(stream: &impl AsFd) {
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
    #[cfg(not(any(target_os = "openbsd", target_os = "haiku", target_os = "solaris")))]
    let keepalive = keepalive.with_retries(KEEPALIVE_PROBES);

    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&keepalive);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(USER_TIMEOUT));
}
