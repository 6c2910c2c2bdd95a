//! The driver: moves bytes between two streams and a session, and waits.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use procy_core::pump::Turn;
use procy_core::{Session, Visit};
use procy_std::{Port, Step};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

use crate::clock;
use crate::stream::Tokio;

/// A session and its streams. To run it is to call [`Run::next`] until it says [`Step::Over`].
///
/// All state is in here and none in a future, so any future of [`Run::next`] may be dropped at any time. To drop the
/// `Run` is to drop both streams at once; [`Run::close`] is the polite way.
#[derive(Debug)]
pub struct Run<N, F> {
    session: Session,
    near: Port<N, Tokio>,
    far: Port<F, Tokio>,
    /// Armed for the session's deadline, or for an earlier instant.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<N, F> Run<N, F>
where
    N: AsyncRead + AsyncWrite + Unpin,
    F: AsyncRead + AsyncWrite + Unpin,
{
    /// Takes the session over; its streams are attached as they come.
    #[must_use]
    pub const fn new(session: Session) -> Self {
        Self { session, near: Port::empty(), far: Port::empty(), sleep: None }
    }

    /// Moves bytes until there is something to tell. Bytes move, and deadlines take effect, only while this is polled:
    /// whoever works on an answer meanwhile does both at once (`tokio::select!`).
    pub async fn next(&mut self) -> Step {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`Run::next`], for those who write futures by hand.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        if let Some(event) = self.session.event() {
            return Poll::Ready(Step::Event(event));
        }
        let Self { session, near, far, .. } = self;
        let turn = procy_std::turn(session, near, far, clock::now(), cx);
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

    /// Makes the deadline wake this task. One that has moved on is looked at only when its timer fires: that costs a
    /// wake-up at times, and saves touching the timer at every one.
    fn wait(&mut self, cx: &mut Context<'_>) {
        let Some(at) = self.session.deadline().and_then(|(at, _)| clock::to_tokio(at)) else {
            self.sleep = None;
            return;
        };
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        if sleep.is_elapsed() || at < sleep.deadline() {
            sleep.as_mut().reset(at);
        }
        if sleep.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    fn visit<T>(&mut self, work: impl FnOnce(&mut Visit<'_, '_>) -> T) -> T {
        procy_std::visit(&mut self.session, clock::now(), work)
    }

    procy_std::verbs! { near: N, far: F }
}
