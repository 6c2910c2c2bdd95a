//! The driver: moves bytes between two sockets and a session, and waits in poll(2).

use std::io;
use std::os::fd::AsFd;
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
        let mut ready = Ready::default();
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
            let turn = self.turn(std::mem::take(&mut ready));
            if let Some(event) = self.session.event() {
                return Step::Event(event);
            }
            if turn == Turn::Wait {
                match self.wait() {
                    Ok(told) => ready = told,
                    Err(error) => self.abandon(&format!("this thread cannot wait: {error}")),
                }
            }
        }
    }

    /// Moves what can be moved.
    fn turn(&mut self, ready: Ready) -> Turn {
        let Self { session, near, far, .. } = self;
        let mut near = near.as_ref().map(|socket| Socket::new(socket, ready.near));
        let mut far = far.as_ref().map(|socket| Socket::new(socket, ready.far));
        procy_std::visit_shared(session, now(), |visit| pump(visit, &mut near, &mut far, BUDGET))
    }

    /// Sleeps until a socket is ready for what the session wants of it, the deadline has come, it is to stop, or it is
    /// answered; and says what may be read.
    fn wait(&self) -> io::Result<Ready> {
        // A socket of which nothing is wanted is not looked at: poll(2) tells of its end all the same, again and again.
        let near = self.near.as_ref().zip(self.wanted(Side::Near));
        let far = self.far.as_ref().zip(self.wanted(Side::Far));
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(4);
        fds.extend(near.map(|(socket, flags)| PollFd::new(socket, flags)));
        fds.extend(far.map(|(socket, flags)| PollFd::new(socket, flags)));
        fds.extend(self.stop.as_ref().map(|stop| PollFd::new(stop, PollFlags::IN)));
        let inbox = self.inbox.as_ref();
        // The last, to be found again.
        fds.extend(inbox.map(|inbox| PollFd::new(inbox, PollFlags::IN)));
        wait(&mut fds, self.session.deadline().map(|(at, _)| at))?;
        if let Some(inbox) = inbox
            && fds.last().is_some_and(|bell| !bell.revents().is_empty())
        {
            inbox.quieten();
        }
        let mut told = fds.iter().map(PollFd::revents);
        let mut readable = |asked: Option<PollFlags>| {
            let Some(asked) = asked else { return true };
            let told = told.next().unwrap_or(asked);
            // An end or an error is read too.
            !asked.contains(PollFlags::IN) || !PollFlags::OUT.contains(told)
        };
        let (near, far) = (near.map(|(_, asked)| asked), far.map(|(_, asked)| asked));
        Ok(Ready { near: readable(near), far: readable(far) })
    }

    fn wanted(&self, side: Side) -> Option<PollFlags> {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::IN, self.session.wants_read(side));
        flags.set(PollFlags::OUT, self.session.wants_write(side));
        (!flags.is_empty()).then_some(flags)
    }

    fn visit<T>(&mut self, work: impl FnOnce(&mut Visit<'_, '_>) -> T) -> T {
        procy_std::visit_shared(&mut self.session, now(), work)
    }

    procy_std::verbs! { near: N, far: F }
}

/// Which sockets may have something to read: any, unless poll(2) has just been asked and said no.
struct Ready {
    near: bool,
    far: bool,
}

impl Default for Ready {
    fn default() -> Self {
        Self { near: true, far: true }
    }
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
