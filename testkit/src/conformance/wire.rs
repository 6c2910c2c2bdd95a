//! A peer's end of a connection: a blocking stream, whatever the medium.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::LONG;
use super::pipe::End;

/// The peer's end of a connection. No call on it lasts longer than [`LONG`].
#[derive(Debug)]
pub struct Wire {
    medium: Medium,
    /// The most that one write takes.
    step: usize,
}

#[derive(Debug)]
enum Medium {
    Tcp(TcpStream),
    Pipe(End),
}

impl From<End> for Wire {
    fn from(end: End) -> Self {
        Self { medium: Medium::Pipe(end), step: usize::MAX }
    }
}

impl Wire {
    /// From here on, every byte is a write of its own.
    pub(crate) const fn byte_by_byte(mut self) -> Self {
        self.step = 1;
        self
    }

    /// Nothing more is sent (FIN).
    pub(crate) fn end(&self) -> io::Result<()> {
        match &self.medium {
            Medium::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Medium::Pipe(end) => {
                end.end();
                Ok(())
            }
        }
    }

    /// The connection breaks. There must be no other handle on it.
    pub(crate) fn reset(self) -> io::Result<()> {
        match self.medium {
            Medium::Tcp(stream) => SockRef::from(&stream).set_linger(Some(Duration::ZERO)),
            Medium::Pipe(end) => {
                end.reset();
                Ok(())
            }
        }
    }

    /// Another handle on the same end, for another thread.
    pub(crate) fn share(&self) -> io::Result<Self> {
        let medium = match &self.medium {
            Medium::Tcp(stream) => Medium::Tcp(stream.try_clone()?),
            Medium::Pipe(end) => Medium::Pipe(end.clone()),
        };
        Ok(Self { medium, step: self.step })
    }

    /// Writes what is taken within so long.
    ///
    /// # Errors
    /// `WouldBlock` or `TimedOut` if that is nothing.
    pub(crate) fn write_within(&self, bytes: &[u8], long: Duration) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(self.step)];
        match &self.medium {
            Medium::Tcp(stream) => {
                stream.set_write_timeout(Some(long))?;
                let mut stream: &TcpStream = stream;
                let result = stream.write(bytes);
                stream.set_write_timeout(Some(LONG))?;
                result
            }
            Medium::Pipe(end) => end.write(bytes, Some(long)),
        }
    }
}

impl Read for &Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = match &self.medium {
                Medium::Tcp(stream) => {
                    let mut stream: &TcpStream = stream;
                    stream.read(buf)
                }
                Medium::Pipe(end) => end.read(buf, Some(LONG)),
            };
            match result {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // What a socket's timeout is called differs from system to system.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Err(ErrorKind::TimedOut.into());
                }
                result => return result,
            }
        }
    }
}

impl Write for &Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.write_within(buf, LONG)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection over loopback: the peer's end, and the session's, which blocks until its runtime says otherwise.
///
/// # Errors
/// Those of the operating system.
pub fn tcp() -> io::Result<(Wire, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let ours = TcpStream::connect(listener.local_addr()?)?;
    let (theirs, _) = listener.accept()?;
    for stream in [&ours, &theirs] {
        stream.set_nodelay(true)?;
    }
    ours.set_read_timeout(Some(LONG))?;
    ours.set_write_timeout(Some(LONG))?;
    Ok((Wire { medium: Medium::Tcp(ours), step: usize::MAX }, theirs))
}
