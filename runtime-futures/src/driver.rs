//! The driver: moves bytes between two streams and a session, and waits.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use procy_core::pump::Turn;
use procy_core::timer::Instant;
use procy_core::{Session, Visit};
use procy_std::{Port, Step};

use crate::Timer;
use crate::stream::Futures;

/// One sleep at the most; a longer one is several. Not every timer can count for centuries.
const LONGEST_SLEEP: Duration = Duration::from_secs(3_600);

/// A session, its streams, and the timer that it is woken by. To run it is to call [`Run::next`] until it says
/// [`Step::Over`].
///
/// All state is in here and none in a future, so any future of [`Run::next`] may be dropped at any time. To drop the
/// `Run` is to drop both streams at once; [`Run::close`] is the polite way.
#[derive(Debug)]
pub struct Run<N, F, T: Timer> {
    session: Session,
    near: Port<N, Futures>,
    far: Port<F, Futures>,
    timer: T,
    sleep: Option<Armed<T::Sleep>>,
}

/// A sleep for the session's deadline, or for an earlier instant. Boxed, so that a `Run` may move.
#[derive(Debug)]
struct Armed<S> {
    at: Instant,
    sleep: Pin<Box<S>>,
}

impl<N, F, T> Run<N, F, T>
where
    N: AsyncRead + AsyncWrite + Unpin,
    F: AsyncRead + AsyncWrite + Unpin,
    T: Timer,
{
    /// Takes over a session that was made at `timer`'s [`now`](Timer::now); its streams are attached as they come.
    #[must_use]
    pub const fn new(session: Session, timer: T) -> Self {
        Self { session, near: Port::empty(), far: Port::empty(), timer, sleep: None }
    }

    /// Moves bytes until there is something to tell. Bytes move, and deadlines take effect, only while this is polled:
    /// whoever works on an answer meanwhile does both at once (`futures::select!`, `futures_lite::future::or`).
    pub async fn next(&mut self) -> Step {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`Run::next`], for those who write futures by hand.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        if let Some(event) = self.session.event() {
            return Poll::Ready(Step::Event(event));
        }
        let Self { session, near, far, timer, .. } = self;
        let turn = procy_std::turn(session, near, far, timer.now(), cx);
        if let Some(event) = self.session.event() {
            return Poll::Ready(Step::Event(event));
        }
        match turn {
            Turn::Over => {
                if !self.session.spares_near() {
                    self.near = Port::empty();
                }
                (self.far, self.sleep) = (Port::empty(), None);
                return Poll::Ready(Step::Over);
            }
            Turn::Again => cx.waker().wake_by_ref(),
            Turn::Wait => self.wait(cx),
        }
        Poll::Pending
    }

    /// Makes the deadline wake this task. One that has moved on is looked at only when its sleep ends: that costs a
    /// wake-up at times, and saves making a new sleep at every one.
    fn wait(&mut self, cx: &mut Context<'_>) {
        let Some((at, _)) = self.session.deadline() else {
            self.sleep = None;
            return;
        };
        if self.sleep.as_ref().is_none_or(|armed| at < armed.at) {
            let at = at.min(self.timer.now() + LONGEST_SLEEP);
            self.sleep = Some(Armed { at, sleep: Box::pin(self.timer.sleep_until(at)) });
        }
        let Some(armed) = &mut self.sleep else { return };
        if armed.sleep.as_mut().poll(cx).is_ready() {
            self.sleep = None;
            cx.waker().wake_by_ref();
        }
    }

    fn visit<R>(&mut self, work: impl FnOnce(&mut Visit<'_, '_>) -> R) -> R {
        procy_std::visit(&mut self.session, self.timer.now(), work)
    }

    procy_std::verbs! { near: N, far: F }
}
