//! A stream of an async runtime's, as the core's pump sees it: written once, over the four polls that it comes down to.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::marker::PhantomData;
use std::task::{Context, Poll};

use procy_core::Session;
use procy_core::error::Broken;
use procy_core::event::Side;
use procy_core::pump::{BUDGET, Io, Stream, Turn, pump};
use procy_core::session::Pending;
use procy_core::timer::Instant;

use crate::{SLICES, broken, gather, visit};

/// How often an interrupted call is repeated at once; then others have their turn.
const INTERRUPTIONS: usize = 8;

/// How a runtime polls a stream `S`: a type of its own stands for the runtime. What is not ready wakes the context's task
/// later.
pub trait Polls<S> {
    /// Reads; 0 is the end.
    fn read(stream: &mut S, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Writes of these slices what it can, in order.
    fn write(
        stream: &mut S,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Makes what was written leave.
    fn flush(stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Sends the end (FIN).
    fn close(stream: &mut S, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Whether a write takes more than its first slice, if that is known.
    fn is_write_vectored(stream: &S) -> bool {
        let _ = stream;
        true
    }
}

/// One side's stream, if it is there yet, polled as `P` does.
pub struct Port<S, P> {
    stream: Option<S>,
    /// Bytes were written, and perhaps lie in a buffer of the stream's own.
    unflushed: bool,
    /// The last write has to wait, and will wake the task.
    blocked: bool,
    polls: PhantomData<fn() -> P>,
}

impl<S, P> Port<S, P> {
    /// Without a stream.
    #[must_use]
    pub const fn empty() -> Self {
        Self { stream: None, unflushed: false, blocked: false, polls: PhantomData }
    }

    /// Whether there is a stream.
    #[must_use]
    pub const fn is_some(&self) -> bool {
        self.stream.is_some()
    }

    /// The stream, which is here no more.
    pub const fn take(&mut self) -> Option<S> {
        self.stream.take()
    }
}

impl<S, P: Polls<S>> Port<S, P> {
    /// The stream during one wake-up.
    fn stream<'a>(&'a mut self, cx: &'a Context<'_>) -> Option<Polled<'a, S, P>> {
        let cx = Context::from_waker(cx.waker());
        let Self { stream, unflushed, blocked, polls } = self;
        let polls = *polls;
        stream.as_mut().map(|stream| Polled { stream, unflushed, blocked, cx, polls })
    }

    /// Makes what was written leave. A flush that has to wait is gone on with at the next wake-up. While a write waits
    /// there is none: smol's sockets forget who waits to write when they are flushed.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Broken> {
        let Some(stream) = self.stream.as_mut().filter(|_| self.unflushed && !self.blocked) else {
            return Ok(());
        };
        match io(cx, |cx| P::flush(stream, cx).map_ok(|()| 0)) {
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

impl<S, P> From<S> for Port<S, P> {
    fn from(stream: S) -> Self {
        Self { stream: Some(stream), ..Self::empty() }
    }
}

impl<S: fmt::Debug, P> fmt::Debug for Port<S, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Port").field(&self.stream).finish()
    }
}

/// Moves what can be moved between a session's streams, at `now`, and makes it leave. After [`Turn::Wait`] they wake the
/// context's task.
pub fn turn<N, F, P: Polls<N> + Polls<F>>(
    session: &mut Session,
    near: &mut Port<N, P>,
    far: &mut Port<F, P>,
    now: Instant,
    cx: &mut Context<'_>,
) -> Turn {
    visit(session, now, |visit| {
        let mut turn = pump(visit, &mut near.stream(cx), &mut far.stream(cx), BUDGET);
        for (side, flushed) in [(Side::Near, near.flush(cx)), (Side::Far, far.flush(cx))] {
            if let Err(how) = flushed {
                visit.unwritable(side, how);
                // What has come of that is still to be seen, unless nothing can.
                turn = if visit.is_over() { Turn::Over } else { Turn::Again };
            }
        }
        turn
    })
}

/// A stream with the task that waits for it.
struct Polled<'a, S, P> {
    stream: &'a mut S,
    unflushed: &'a mut bool,
    blocked: &'a mut bool,
    cx: Context<'a>,
    polls: PhantomData<fn() -> P>,
}

impl<S, P: Polls<S>> Stream for Polled<'_, S, P> {
    fn read(&mut self, into: &mut [u8]) -> Io {
        io(&mut self.cx, |cx| match P::read(self.stream, cx, into) {
            // A TLS stream's word for an end without close_notify: here, an end like any other.
            Poll::Ready(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                Poll::Ready(Ok(0))
            }
            result => result,
        })
    }

    fn write(&mut self, parts: Pending<'_>) -> Io {
        let mut room = [IoSlice::new(&[]); SLICES];
        let most = if P::is_write_vectored(self.stream) { SLICES } else { 1 };
        let slices = gather(parts, &mut room[..most]);
        let written = io(&mut self.cx, |cx| P::write(self.stream, cx, slices));
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
        io(&mut self.cx, |cx| P::close(self.stream, cx).map_ok(|()| 0))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;

    use procy_core::prologue::console::Config;
    use procy_core::tls::Crypto;

    use super::*;

    /// A viewer that has hung up, takes so many bytes of what it is told, and cannot be flushed.
    struct HungUp {
        room: usize,
        flushes: usize,
    }

    struct Test;

    impl Polls<HungUp> for Test {
        fn read(_: &mut HungUp, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(0))
        }

        fn write(
            stream: &mut HungUp,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let n = slices.iter().map(|slice| slice.len()).sum::<usize>().min(stream.room);
            stream.room -= n;
            if n == 0 { Poll::Pending } else { Poll::Ready(Ok(n)) }
        }

        fn flush(stream: &mut HungUp, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            stream.flushes += 1;
            Poll::Ready(Err(ErrorKind::BrokenPipe.into()))
        }

        fn close(_: &mut HungUp, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// One turn of a session whose viewer is all there is, and how often that was flushed.
    fn told(room: usize) -> (Turn, usize) {
        let config = Arc::new(Config::new(Crypto::aws_lc_rs()));
        let mut session = Session::console(config, Instant::ZERO);
        let mut near = Port::<_, Test>::from(HungUp { room, flushes: 0 });
        visit(&mut session, Instant::ZERO, |visit| visit.attach(Side::Near));
        let (mut far, mut cx) = (Port::empty(), Context::from_waker(Waker::noop()));
        let turn = turn::<_, HungUp, _>(&mut session, &mut near, &mut far, Instant::ZERO, &mut cx);
        (turn, near.take().unwrap().flushes)
    }

    #[test]
    fn a_session_that_is_over_stays_so_whatever_becomes_of_a_flush() {
        assert_eq!(told(usize::MAX), (Turn::Over, 1));
    }

    #[test]
    fn nothing_is_flushed_while_a_write_waits() {
        assert_eq!(told(1), (Turn::Wait, 0));
    }
}
