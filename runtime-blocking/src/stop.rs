//! Ending sessions from other threads.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use procy_std::now;
use rustix::event::{PollFd, PollFlags};

use crate::driver::wait;

/// Ends every session that it was given to ([`Run::stopped_by`](crate::Run::stopped_by)), waking their threads at once:
/// one for each session, or one for all of them. Clones are one and the same; what is stopped stays stopped.
#[derive(Clone, Debug)]
pub struct Stop(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    stopped: AtomicBool,
    /// Readable for ever once stopped, so that it wakes any number of threads.
    reader: PipeReader,
    writer: PipeWriter,
}

impl Stop {
    /// A new one, which costs a pipe.
    ///
    /// # Errors
    /// If the process may open no more files.
    pub fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        Ok(Self(Arc::new(Shared { stopped: AtomicBool::new(false), reader, writer })))
    }

    /// Ends the sessions politely: each says goodbye to both its peers and comes to
    /// [`Step::Over`](crate::Step::Over) within [`close`](procy_core::timer::Deadlines::close).
    pub fn stop(&self) {
        if !self.0.stopped.swap(true, Ordering::SeqCst) {
            // The pipe is empty and its reader is here: one byte always goes in.
            let _ = (&self.0.writer).write_all(&[0]);
        }
    }

    /// Whether it was stopped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// A pause that a stop ends. True if it was stopped.
    pub fn pause(&self, at_most: Duration) -> bool {
        let end = now() + at_most;
        while !self.is_stopped() && now() < end {
            let mut fds = [PollFd::new(&self.0.reader, PollFlags::IN)];
            if wait(&mut fds, Some(end)).is_err() {
                std::thread::yield_now();
            }
        }
        self.is_stopped()
    }
}

/// Readable once stopped, for hosts with a poll(2) of their own. Do not read from it.
impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.reader.as_fd()
    }
}
