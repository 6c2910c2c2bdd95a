//! The one loop that moves bytes between two streams and a session. A runtime brings the streams, and waits.

use crate::error::Broken;
use crate::event::Side;
use crate::session::{Pending, Visit};

/// A non-blocking byte stream, as a runtime sees it.
pub trait Stream {
    /// Reads into `into`, which is not empty. `Moved(0)` is the stream's end.
    fn read(&mut self, into: &mut [u8]) -> Io;

    /// Writes what it can of `parts`, in order, in one call if it can.
    fn write(&mut self, parts: Pending<'_>) -> Io;

    /// Shuts the stream down for writing (FIN). `Moved` says that it is done; the number means nothing.
    fn shutdown(&mut self) -> Io;
}

/// What came of one attempt to move bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// So many bytes moved.
    Moved(usize),
    /// None can move now; the runtime will know when that changes. A stream that says so when it is read is not read again
    /// in this turn.
    Blocked,
    /// None will ever move again.
    Gone(Broken),
}

/// What a session needs after a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Wait for a stream, or for the deadline.
    Wait,
    /// The budget is used up and there is more: let others have their turn, then come again.
    Again,
    /// The session is over: drop it, and both streams.
    Over,
}

/// A stream that is not there yet moves nothing.
impl<S: Stream> Stream for Option<S> {
    fn read(&mut self, into: &mut [u8]) -> Io {
        self.as_mut().map_or(Io::Blocked, |stream| stream.read(into))
    }

    fn write(&mut self, parts: Pending<'_>) -> Io {
        self.as_mut().map_or(Io::Blocked, |stream| stream.write(parts))
    }

    fn shutdown(&mut self) -> Io {
        self.as_mut().map_or(Io::Blocked, Stream::shutdown)
    }
}

impl<S: Stream + ?Sized> Stream for &mut S {
    fn read(&mut self, into: &mut [u8]) -> Io {
        (**self).read(into)
    }

    fn write(&mut self, parts: Pending<'_>) -> Io {
        (**self).write(parts)
    }

    fn shutdown(&mut self) -> Io {
        (**self).shutdown()
    }
}

/// How many bytes a session may move in one turn before others get theirs. One read a turn measured 1.3 times the CPU.
pub const BUDGET: usize = 8 << 20;

/// Moves bytes until nothing moves, or until `budget` bytes have: near to far, then far to near, round by round. The near
/// side comes first so that a viewer which has left is noticed before its device is given a password.
pub fn pump(
    visit: &mut Visit<'_, '_>,
    near: &mut impl Stream,
    far: &mut impl Stream,
    budget: usize,
) -> Turn {
    let mut moved = 0;
    let mut dry = [false; Side::BOTH.len()];
    loop {
        if visit.is_over() {
            return Turn::Over;
        }
        if moved >= budget {
            return Turn::Again;
        }
        let before = moved;
        let mut ended = false;
        for (side, dry) in Side::BOTH.into_iter().zip(&mut dry) {
            let (from, to): (&mut dyn Stream, &mut dyn Stream) = match side {
                Side::Far => (far, near),
                Side::Near => (near, far),
            };
            if !*dry {
                moved += read(visit, side, from, dry, &mut ended);
            }
            moved += write(visit, side.other(), to, &mut ended);
        }
        if moved == before && !ended {
            return if visit.is_over() { Turn::Over } else { Turn::Wait };
        }
    }
}

fn read(
    visit: &mut Visit<'_, '_>,
    side: Side,
    stream: &mut dyn Stream,
    dry: &mut bool,
    ended: &mut bool,
) -> usize {
    let space = visit.space(side);
    if space.is_empty() {
        return 0;
    }
    match stream.read(space) {
        Io::Blocked => {
            visit.blocked(side);
            *dry = true;
            return 0;
        }
        Io::Moved(0) => visit.eof(side),
        Io::Moved(n) => {
            visit.read(side, n);
            return n;
        }
        Io::Gone(how) => visit.broken(side, how),
    }
    *ended = true;
    0
}

fn write(
    visit: &mut Visit<'_, '_>,
    side: Side,
    stream: &mut dyn Stream,
    ended: &mut bool,
) -> usize {
    let mut moved = 0;
    while !visit.pending(side).is_empty() {
        match stream.write(visit.pending(side)) {
            Io::Moved(n) if n > 0 => {
                visit.written(side, n);
                moved += n;
            }
            Io::Blocked => return moved,
            // A stream that takes nothing of something will never take anything.
            Io::Moved(_) => {
                visit.unwritable(side, Broken::Other);
                *ended = true;
                return moved;
            }
            Io::Gone(how) => {
                visit.unwritable(side, how);
                *ended = true;
                return moved;
            }
        }
    }
    if visit.wants_shutdown(side) {
        match stream.shutdown() {
            Io::Moved(_) => visit.shut(side),
            Io::Gone(how) => visit.unwritable(side, how),
            Io::Blocked => return moved,
        }
        *ended = true;
    }
    moved
}
