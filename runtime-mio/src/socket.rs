//! A TCP socket as the core's pump sees it, with what the operating system last said of it.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::event::Event;
use mio::net::TcpStream;
use procy_core::pump::{Io, Stream};
use procy_core::session::Pending;
use procy_std::{SLICES, broken, gather};

/// How often an interrupted call is repeated at once; then others have their turn.
const INTERRUPTIONS: usize = 8;

/// Whether a short read or write is as good as the "would block" that would follow it: with epoll and kqueue the next
/// byte, or byte of room, is a new edge. mio's emulation by poll(2) wants to see the call that would block.
const SHORT_IS_ALL: bool = cfg!(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "illumos",
    target_os = "ios",
    target_os = "linux",
    target_os = "macos",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "redox",
    target_os = "tvos",
    target_os = "visionos",
    target_os = "watchos",
));

/// One side's connected socket. Events are edges, so what they said holds until a call shows that it no longer does.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    readable: bool,
    writable: bool,
    /// The peer's end, or an error, has been seen. No edge will follow it: the socket is read until it says so itself,
    /// and a short read proves nothing.
    ended: bool,
    /// Calls were interrupted for too long: it is ready, and no edge will say so again.
    interrupted: bool,
}

impl Socket {
    /// A socket that has just been registered, which brings an edge if there is anything to read.
    pub(crate) const fn new(stream: TcpStream) -> Self {
        Self { stream, readable: false, writable: true, ended: false, interrupted: false }
    }

    /// Takes in what the operating system says.
    pub(crate) fn ready(&mut self, event: &Event) {
        let ended = event.is_read_closed() || event.is_error();
        self.ended |= ended;
        self.readable |= ended || event.is_readable();
        self.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
    }

    /// Whether the session must be visited again although no event will come. Asking clears it.
    pub(crate) const fn take_interrupted(&mut self) -> bool {
        std::mem::replace(&mut self.interrupted, false)
    }

    pub(crate) const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn attempt(&mut self, mut call: impl FnMut(&mut TcpStream) -> io::Result<usize>) -> Io {
        for _ in 0..INTERRUPTIONS {
            match call(&mut self.stream) {
                Ok(n) => return Io::Moved(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Io::Blocked,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Io::Gone(broken(&error)),
            }
        }
        self.interrupted = true;
        Io::Blocked
    }
}

impl Stream for Socket {
    fn read(&mut self, into: &mut [u8]) -> Io {
        if !self.readable {
            return Io::Blocked;
        }
        let io = self.attempt(|stream| stream.read(into));
        self.readable = match io {
            Io::Moved(n) => n == into.len() || self.ended || !SHORT_IS_ALL,
            Io::Blocked => self.interrupted,
            Io::Gone(_) => true,
        };
        io
    }

    fn write(&mut self, parts: Pending<'_>) -> Io {
        if !self.writable {
            return Io::Blocked;
        }
        let mut room = [IoSlice::new(&[]); SLICES];
        let slices = gather(parts, &mut room);
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let io = self.attempt(|stream| stream.write_vectored(slices));
        self.writable = match io {
            Io::Moved(n) => n == offered || !SHORT_IS_ALL,
            Io::Blocked => self.interrupted,
            Io::Gone(_) => true,
        };
        io
    }

    fn shutdown(&mut self) -> Io {
        self.attempt(|stream| stream.shutdown(Shutdown::Write).map(|()| 0))
    }
}
