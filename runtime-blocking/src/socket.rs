//! A socket as the core's pump sees it.

use std::io::IoSlice;
use std::os::fd::AsFd;

use procy_core::pump::{Io, Stream};
use procy_core::session::Pending;
use procy_std::{SLICES, broken, gather};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, recv, sendmsg, shutdown};

/// No `SIGPIPE` either: the program may be one that Rust's runtime has not told to ignore it. (Where there is no such
/// flag, the standard library sets the socket's own.)
#[cfg(not(target_vendor = "apple"))]
const SENDING: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
#[cfg(target_vendor = "apple")]
const SENDING: SendFlags = SendFlags::DONTWAIT;

/// A socket during one turn.
pub(crate) struct Socket<'s, S> {
    socket: &'s S,
    /// There may be something to read. If not, poll(2) tells when there is, as long as there is: to read once less than
    /// one could is never to miss anything.
    readable: bool,
}

impl<'s, S> Socket<'s, S> {
    pub(crate) const fn new(socket: &'s S, readable: bool) -> Self {
        Self { socket, readable }
    }
}

impl<S: AsFd> Stream for Socket<'_, S> {
    fn read(&mut self, into: &mut [u8]) -> Io {
        if !self.readable {
            return Io::Blocked;
        }
        let io = io(recv(self.socket, &mut *into, RecvFlags::DONTWAIT).map(|(n, _)| n));
        // A short read has mostly taken all there was.
        self.readable = io == Io::Moved(into.len());
        io
    }

    fn write(&mut self, parts: Pending<'_>) -> Io {
        let mut room = [IoSlice::new(&[]); SLICES];
        let slices = gather(parts, &mut room);
        io(sendmsg(self.socket, slices, &mut SendAncillaryBuffer::default(), SENDING))
    }

    fn shutdown(&mut self) -> Io {
        io(shutdown(self.socket, Shutdown::Write).map(|()| 0))
    }
}

fn io(result: rustix::io::Result<usize>) -> Io {
    match result {
        Ok(n) => Io::Moved(n),
        // An interrupted call is made again: poll(2) says at once that it can be.
        Err(Errno::AGAIN | Errno::INTR) => Io::Blocked,
        Err(error) => Io::Gone(broken(&error.into())),
    }
}
