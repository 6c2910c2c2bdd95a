//! Answering a session from other threads.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use procy_std::Answer;
use rustix::io::ioctl_fionbio;

/// How many answers may wait for a session: more than it ever asks for.
const MOST: usize = 64;

/// Answers one session from any thread, waking its own: [`Run::remote`](crate::Run::remote) makes it. So bytes move and
/// deadlines take effect while somebody else works on an answer. Clones answer the same session.
#[derive(Debug)]
pub struct Remote<N, F> {
    answers: SyncSender<Answer<N, F>>,
    bell: Arc<PipeWriter>,
}

impl<N, F> Remote<N, F> {
    /// Tells the session this.
    ///
    /// # Errors
    /// The answer itself, if the `Run` is gone, or so many wait already as no session asks for.
    pub fn answer(&self, answer: Answer<N, F>) -> Result<(), Answer<N, F>> {
        self.answers.try_send(answer).map_err(|refused| match refused {
            TrySendError::Full(answer) | TrySendError::Disconnected(answer) => answer,
        })?;
        // One that cannot be written to is full, and wakes as it is; or nobody is left to be woken.
        let _ = (&*self.bell).write(&[0]);
        Ok(())
    }
}

impl<N, F> Clone for Remote<N, F> {
    fn clone(&self) -> Self {
        Self { answers: self.answers.clone(), bell: Arc::clone(&self.bell) }
    }
}

/// What [`Remote`]s have told, at the session's own thread.
#[derive(Debug)]
pub(crate) struct Inbox<N, F> {
    answers: Receiver<Answer<N, F>>,
    bell: PipeReader,
}

impl<N, F> Inbox<N, F> {
    pub(crate) fn new() -> io::Result<(Self, Remote<N, F>)> {
        let (reader, writer) = io::pipe()?;
        ioctl_fionbio(&reader, true)?;
        ioctl_fionbio(&writer, true)?;
        let (sender, receiver) = sync_channel(MOST);
        let remote = Remote { answers: sender, bell: Arc::new(writer) };
        Ok((Self { answers: receiver, bell: reader }, remote))
    }

    /// The next answer, if there is one.
    pub(crate) fn next(&self) -> Option<Answer<N, F>> {
        self.answers.try_recv().ok()
    }

    /// Makes it unreadable until the next answer comes. Those that have come are to be looked at after this.
    pub(crate) fn quieten(&self) {
        while let Ok(1..) = (&self.bell).read(&mut [0; MOST]) {}
    }
}

/// Readable when an answer has come.
impl<N, F> AsFd for Inbox<N, F> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
