//! The driver: moves bytes between two sockets and a session, and waits in poll(2).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use procy_core::event::Side;
use procy_core::pump::{BUDGET, Turn, pump};
use procy_core::timer::Instant;
use procy_core::{Session, Visit};
use procy_std::{Step, now};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use crate::remote::Inbox;
use crate::socket::Socket;
use crate::{Remote, Stop};

/// One wait at the most; a longer one is several. Some systems count milliseconds in 32 bits.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// A session and its sockets. To run it is to call [`Run::next`] until it says [`Step::Over`], on any thread.
///
/// A socket is anything with a file descriptor that `recv` and `sendmsg` take. Each call says for itself that it must
/// not wait, so the sockets' own flags stay as the host set them.
///
/// To drop the `Run` is to close both sockets at once; [`Run::close`] and [`Stop`] are the polite ways.
#[derive(Debug)]
pub struct Run<N, F> {
    session: Session,
    near: Option<N>,
    far: Option<F>,
    stop: Option<Stop>,
    inbox: Option<Inbox<N, F>>,
}

impl<N: AsFd, F: AsFd> Run<N, F> {
    /// Takes the session over; its sockets are attached as they come.
    #[must_use]
    pub const fn new(session: Session) -> Self {
        Self { session, near: None, far: None, stop: None, inbox: None }
    }

    /// Lets `stop` end this session, from any thread, as [`Run::close`] does.
    #[must_use]
    pub fn stopped_by(mut self, stop: &Stop) -> Self {
        self.stop = Some(stop.clone());
        self
    }

    /// Lets other threads answer this session while its own is in [`Run::next`]. One remote counts, the last; its clones
    /// are as good.
    ///
    /// # Errors
    /// If the process may open no more files: it costs a pipe.
    pub fn remote(&mut self) -> io::Result<Remote<N, F>> {
        let (inbox, remote) = Inbox::new()?;
        self.inbox = Some(inbox);
        Ok(remote)
    }

    /// Moves bytes until there is something to tell; while there is nothing to move, the thread sleeps. Bytes move, and
    /// deadlines take effect, only in here: whoever works on an answer meanwhile does neither, unless that is done on
    /// another thread, and told by a [`Run::remote`].
    #[expect(clippy::should_implement_trait, reason = "an iterator's end comes once, and silently")]
    pub fn next(&mut self) -> Step {
        loop {
            if let Some(event) = self.session.event() {
                return Step::Event(event);
            }
            if self.session.is_over() {
                if !self.session.spares_near() {
                    self.near = None;
                }
                (self.far, self.stop, self.inbox) = (None, None, None);
                return Step::Over;
            }
            if self.stop.as_ref().is_some_and(Stop::is_stopped) {
                self.stop = None;
                self.close();
                continue;
            }
            while let Some(answer) = self.inbox.as_ref().and_then(Inbox::next) {
                self.answer(answer);
            }
            let turn = self.turn();
            if let Some(event) = self.session.event() {
                return Step::Event(event);
            }
            if turn == Turn::Wait
                && let Err(error) = self.wait()
            {
                self.abandon(&format!("this thread cannot wait: {error}"));
            }
        }
    }

    /// Moves what can be moved.
    fn turn(&mut self) -> Turn {
        let Self { session, near, far, .. } = self;
        let (mut near, mut far) = (near.as_ref().map(Socket), far.as_ref().map(Socket));
        procy_std::visit_shared(session, now(), |visit| pump(visit, &mut near, &mut far, BUDGET))
    }

    /// Sleeps until a socket is ready for what the session wants of it, the deadline has come, it is to stop, or it is
    /// answered.
    fn wait(&self) -> io::Result<()> {
        let near = self.near.as_ref().map(AsFd::as_fd);
        let far = self.far.as_ref().map(AsFd::as_fd);
        let stop =
            self.stop.as_ref().map(|stop| PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN));
        let inbox = self.inbox.as_ref();
        let bell = inbox.map(|inbox| PollFd::from_borrowed_fd(inbox.as_fd(), PollFlags::IN));
        let sides = [(Side::Near, near), (Side::Far, far)];
        let mut fds: Vec<PollFd<'_>> =
            sides.into_iter().filter_map(|(side, fd)| self.wanted(side, fd?)).chain(stop).collect();
        // The last, to be found again.
        fds.extend(bell);
        wait(&mut fds, self.session.deadline().map(|(at, _)| at))?;
        if let Some(inbox) = inbox
            && fds.last().is_some_and(|bell| !bell.revents().is_empty())
        {
            inbox.quieten();
        }
        Ok(())
    }

    /// A socket of which nothing is wanted is not looked at: poll(2) tells of its end all the same, again and again.
    fn wanted<'fd>(&self, side: Side, fd: BorrowedFd<'fd>) -> Option<PollFd<'fd>> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.session.wants_read(side));
        flags.set(PollFlags::OUT, self.session.wants_write(side));
        (!flags.is_empty()).then(|| PollFd::from_borrowed_fd(fd, flags))
    }

    fn visit<T>(&mut self, work: impl FnOnce(&mut Visit<'_, '_>) -> T) -> T {
        procy_std::visit_shared(&mut self.session, now(), work)
    }

    procy_std::verbs! { near: N, far: F }
}

/// Sleeps until one of `fds` is ready, or until `end`; perhaps less.
pub(crate) fn wait(fds: &mut [PollFd<'_>], end: Option<Instant>) -> io::Result<()> {
    let longest = end.map(|end| end.since(now()).min(LONGEST_WAIT));
    let timeout = longest.and_then(|longest| Timespec::try_from(longest).ok());
    match poll(fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
