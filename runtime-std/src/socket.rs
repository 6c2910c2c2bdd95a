//! The operating system's errors and sockets, as sessions want them.

use std::io::{self, ErrorKind, IoSlice};
use std::time::Duration;

use procy_core::error::Broken;
use procy_core::session::Pending;
use socket2::{SockRef, TcpKeepalive};

/// A connection that says nothing for so long is asked for a sign of life,
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
/// then this often,
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// and so many times: an unplugged peer is noticed after 60 s, a device on Linux after [`USER_TIMEOUT`].
#[cfg(not(any(target_os = "openbsd", target_os = "haiku", target_os = "solaris")))]
const KEEPALIVE_PROBES: u32 = 3;
/// The same while data is in flight to a device, where keepalive is silent and retransmission lasts for a quarter of an
/// hour. It counts in place of the number of keepalive's probes, and the time in which the peer lives but takes nothing
/// (tcp(7)), so it is longer, and a viewer has none: somebody may have suspended it.
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(120);

/// Switches off Nagle's delay, and has the operating system notice a peer that is no longer there within about a
/// minute. What it refuses is left as it is: a session works without.
pub fn tune<'s>(stream: impl Into<SockRef<'s>>) {
    let socket = stream.into();
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL);
    #[cfg(not(any(target_os = "openbsd", target_os = "haiku", target_os = "solaris")))]
    let keepalive = keepalive.with_retries(KEEPALIVE_PROBES);

    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_tcp_keepalive(&keepalive);
}

/// [`tune`], for a connection to a device: it is lost too when what is sent to it is not taken for two minutes.
pub fn tune_device<'s>(stream: impl Into<SockRef<'s>>) {
    let socket = stream.into();
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(USER_TIMEOUT));
    tune(socket);
}

/// How many slices one vectored write takes; the next takes the rest.
pub const SLICES: usize = 64;

/// What is to be written, as slices for one vectored write: as many as there is `room` for.
pub fn gather<'s, 'b>(parts: Pending<'b>, room: &'s mut [IoSlice<'b>]) -> &'s [IoSlice<'b>] {
    let mut count = 0;
    for (slice, part) in room.iter_mut().zip(parts) {
        *slice = IoSlice::new(part);
        count += 1;
    }
    &room[..count]
}

/// What an error of the operating system means to a session.
#[must_use]
pub fn broken(error: &io::Error) -> Broken {
    match error.kind() {
        ErrorKind::ConnectionRefused => Broken::Refused,
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected => Broken::Reset,
        ErrorKind::TimedOut => Broken::TimedOut,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Broken::Unreachable,
        _ if is_exhausted(error) => Broken::Exhausted,
        _ => Broken::Other,
    }
}

/// Whether the process or the machine has no descriptor or memory left.
#[must_use]
pub fn is_exhausted(error: &io::Error) -> bool {
    #[cfg(unix)]
    {
        use rustix::io::Errno;
        let lacks = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
        Errno::from_io_error(error).is_some_and(|error| lacks.contains(&error))
    }
    #[cfg(not(unix))]
    {
        error.kind() == ErrorKind::OutOfMemory
    }
}

/// Whether what a listener says concerns one connection that went away while it waited, and not the listener.
#[must_use]
pub fn passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    #[cfg(unix)]
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_tuned_connection_has_no_delay_and_is_watched() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        tune(&stream);
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        #[cfg(target_os = "linux")]
        {
            assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE_IDLE);
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), KEEPALIVE_INTERVAL);
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), KEEPALIVE_PROBES);
            assert_eq!(socket.tcp_user_timeout().unwrap(), None, "a viewer may be suspended");
            tune_device(&stream);
            assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
        }
    }

    #[test]
    fn errors_are_told_in_the_cores_terms() {
        for (kind, how) in [
            (ErrorKind::ConnectionRefused, Broken::Refused),
            (ErrorKind::ConnectionReset, Broken::Reset),
            (ErrorKind::BrokenPipe, Broken::Reset),
            (ErrorKind::TimedOut, Broken::TimedOut),
            (ErrorKind::HostUnreachable, Broken::Unreachable),
            (ErrorKind::PermissionDenied, Broken::Other),
        ] {
            assert_eq!(broken(&kind.into()), how, "{kind}");
        }
        #[cfg(unix)]
        for lack in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert_eq!(broken(&lack.into()), Broken::Exhausted, "{lack}");
        }
    }
}
