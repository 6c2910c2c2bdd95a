//! A futures-io stream as the core's pump sees it.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use procy_core::error::Broken;
use procy_core::pump::{Io, Stream};
use procy_core::session::Pending;
use procy_std::broken;

/// How many slices one vectored write takes; the next takes the rest.
const SLICES: usize = 64;

/// How often an interrupted call is repeated at once; then others have their turn.
const INTERRUPTIONS: usize = 8;

/// One side's stream, if it is there yet.
#[derive(Debug)]
pub(crate) struct Port<S> {
    stream: Option<S>,
    /// Bytes were written, and perhaps lie in a buffer of the stream's own.
    unflushed: bool,
    /// The last write has to wait, and will wake the task.
    blocked: bool,
}

impl<S> Port<S> {
    pub(crate) const fn empty() -> Self {
        Self { stream: None, unflushed: false, blocked: false }
    }

    pub(crate) const fn is_some(&self) -> bool {
        self.stream.is_some()
    }

    pub(crate) fn take(&mut self) -> Option<S> {
        self.stream.take()
    }
}

impl<S> From<S> for Port<S> {
    fn from(stream: S) -> Self {
        Self { stream: Some(stream), unflushed: false, blocked: false }
    }
}

impl<S: AsyncWrite + Unpin> Port<S> {
    /// The stream during one wake-up.
    pub(crate) fn stream<'a>(&'a mut self, cx: &'a Context<'_>) -> Option<Polled<'a, S>> {
        let cx = Context::from_waker(cx.waker());
        let Self { stream, unflushed, blocked } = self;
        stream.as_mut().map(|stream| Polled { stream, unflushed, blocked, cx })
    }

    /// Makes what was written leave. A flush that has to wait is gone on with at the next wake-up. While a write waits
    /// there is none: smol's sockets forget who waits to write when they are flushed.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        let Some(stream) = self.stream.as_mut().filter(|_| self.unflushed && !self.blocked) else {
            return Ok(());
        };
        match io(cx, |cx| Pin::new(&mut *stream).poll_flush(cx).map_ok(|()| 0)) {
            Io::Moved(_) => self.unflushed = false,
            Io::Blocked => {}
            Io::Gone(how) => {
                self.unflushed = false;
                return Err(how);
            }
        }
        Ok(())
    }
}

/// A stream with the task that waits for it.
pub(crate) struct Polled<'a, S> {
    stream: &'a mut S,
    unflushed: &'a mut bool,
    blocked: &'a mut bool,
    cx: Context<'a>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Polled<'_, S> {
    fn read(&mut self, into: &mut [u8]) -> Io {
        io(&mut self.cx, |cx| {
            match Pin::new(&mut *self.stream).poll_read(cx, into) {
                // A TLS stream's word for an end without close_notify: here, an end like any other.
                Poll::Ready(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                    Poll::Ready(Ok(0))
                }
                result => result,
            }
        })
    }

    fn write(&mut self, parts: Pending<'_>) -> Io {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let mut count = 0;
        for (slice, part) in slices.iter_mut().zip(parts) {
            *slice = IoSlice::new(part);
            count += 1;
        }
        let written = io(&mut self.cx, |cx| {
            Pin::new(&mut *self.stream).poll_write_vectored(cx, &slices[..count])
        });
        *self.blocked = written == Io::Blocked;
        match written {
            // Nothing taken, and nobody to wake us: it never will take more.
            Io::Moved(0) => Io::Gone(Broken::Reset),
            Io::Moved(_) => {
                *self.unflushed = true;
                written
            }
            _ => written,
        }
    }

    fn shutdown(&mut self) -> Io {
        io(&mut self.cx, |cx| Pin::new(&mut *self.stream).poll_close(cx).map_ok(|()| 0))
    }
}

fn io(
    cx: &mut Context<'_>,
    mut attempt: impl FnMut(&mut Context<'_>) -> Poll<io::Result<usize>>,
) -> Io {
    for _ in 0..INTERRUPTIONS {
        match attempt(cx) {
            Poll::Ready(Ok(n)) => return Io::Moved(n),
            Poll::Pending => return Io::Blocked,
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
            Poll::Ready(Err(error)) => return Io::Gone(broken(&error)),
        }
    }
    // It is ready, and may be tried again.
    cx.waker().wake_by_ref();
    Io::Blocked
}
