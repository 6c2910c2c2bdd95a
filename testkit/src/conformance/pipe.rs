//! A connection in memory, which behaves as TCP does: bounded, ended each way for itself, or reset.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// How many bytes lie in each direction at the most.
const ROOM: usize = 64 * 1024;

/// One end of a pipe. Its clones are handles on the same end; when the last is dropped, the end is closed.
#[derive(Clone, Debug)]
pub struct End(Arc<Handle>);

#[derive(Debug)]
struct Handle {
    pipe: Arc<Pipe>,
    /// Which of the two ends this is: it writes into that lane, and reads from the other.
    index: usize,
}

#[derive(Debug, Default)]
struct Pipe {
    lanes: Mutex<[Lane; 2]>,
    /// For ends that block.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lane {
    bytes: VecDeque<u8>,
    ended: bool,
    /// Nobody will read any more.
    deaf: bool,
    reset: bool,
    /// Threads that were told that nothing moves, and are unparked when it does.
    waiting: Vec<Thread>,
}

/// A new connection's ends.
pub(crate) fn pipe() -> (End, End) {
    let pipe = Arc::new(Pipe::default());
    let end = |index| End(Arc::new(Handle { pipe: pipe.clone(), index }));
    (end(0), end(1))
}

impl End {
    /// Reads what is there. `within` is how long to wait for something; without it, this thread is unparked later.
    ///
    /// # Errors
    /// `WouldBlock`, `TimedOut`, `ConnectionReset`.
    pub fn read(&self, into: &mut [u8], within: Option<Duration>) -> io::Result<usize> {
        self.attempt(1 - self.0.index, within, |lane| {
            if lane.reset {
                return Some(Err(ErrorKind::ConnectionReset.into()));
            }
            if lane.bytes.is_empty() {
                return lane.ended.then_some(Ok(0));
            }
            let n = into.len().min(lane.bytes.len());
            for (to, byte) in into.iter_mut().zip(lane.bytes.drain(..n)) {
                *to = byte;
            }
            Some(Ok(n))
        })
    }

    /// Writes what there is room for. `within` is as in [`End::read`].
    ///
    /// # Errors
    /// `WouldBlock`, `TimedOut`, `ConnectionReset`, `BrokenPipe`.
    pub fn write(&self, bytes: &[u8], within: Option<Duration>) -> io::Result<usize> {
        self.attempt(self.0.index, within, |lane| {
            if lane.reset {
                return Some(Err(ErrorKind::ConnectionReset.into()));
            }
            if lane.deaf || lane.ended {
                return Some(Err(ErrorKind::BrokenPipe.into()));
            }
            let n = bytes.len().min(ROOM - lane.bytes.len());
            lane.bytes.extend(&bytes[..n]);
            (n > 0 || bytes.is_empty()).then_some(Ok(n))
        })
    }

    /// Nothing more will be written here.
    pub fn end(&self) {
        let mut lanes = self.0.pipe.lock();
        lanes[self.0.index].ended = true;
        self.0.pipe.wake(&mut lanes);
    }

    /// Both directions break; what is on its way is lost.
    pub(crate) fn reset(&self) {
        let mut lanes = self.0.pipe.lock();
        for lane in &mut *lanes {
            lane.reset = true;
            lane.bytes.clear();
        }
        self.0.pipe.wake(&mut lanes);
    }

    fn attempt(
        &self,
        lane: usize,
        within: Option<Duration>,
        mut work: impl FnMut(&mut Lane) -> Option<io::Result<usize>>,
    ) -> io::Result<usize> {
        let pipe = &self.0.pipe;
        let end = within.map(|within| Instant::now() + within);
        let mut lanes = pipe.lock();
        loop {
            if let Some(result) = work(&mut lanes[lane]) {
                pipe.wake(&mut lanes);
                return result;
            }
            let Some(end) = end else {
                lanes[lane].waiting.push(std::thread::current());
                return Err(ErrorKind::WouldBlock.into());
            };
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            let woken = pipe.changed.wait_timeout(lanes, left);
            lanes = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, [Lane; 2]> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, lanes: &mut [Lane; 2]) {
        for lane in lanes {
            for thread in lane.waiting.drain(..) {
                thread.unpark();
            }
        }
        self.changed.notify_all();
    }
}

/// As when a socket is closed: what was written may still be read; what is unread is lost.
impl Drop for Handle {
    fn drop(&mut self) {
        let mut lanes = self.pipe.lock();
        lanes[self.index].ended = true;
        lanes[1 - self.index].deaf = true;
        lanes[1 - self.index].bytes.clear();
        self.pipe.wake(&mut lanes);
    }
}
