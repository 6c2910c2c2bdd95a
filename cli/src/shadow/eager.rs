//! A verified connection that waits for its viewer, and is renewed before the device gives up.

use std::sync::Arc;

use super::session::{Attempt, Milestone};
use super::target::Target;
use crate::error::Failure;
use crate::fact::Level;
use crate::output::Output;

/// The connection that stands ready for the next viewer. All state is in here, so that futures may be dropped.
pub(crate) struct Standing {
    target: Arc<Target>,
    output: Output,
    attempt: Attempt,
    verified: bool,
    renewals: u16,
    renewals_left: u16,
}

impl Standing {
    /// Begins the first connection; it is made while [`Standing::verified`] or [`Standing::tend`] is polled.
    pub(crate) fn begin(target: Arc<Target>, output: Output, session: u32, renewals: u16) -> Self {
        let attempt = Self::attempt(&target, &output, session, false);
        Self { target, output, attempt, verified: false, renewals, renewals_left: renewals }
    }

    /// Waits until the device is verified for the first time.
    pub(crate) async fn verified(&mut self) -> Result<(), Failure> {
        match self.attempt.next().await {
            Milestone::ViewerNeeded => {
                self.verified = true;
                Ok(())
            }
            Milestone::Over => Err(self.failure()),
        }
    }

    /// Keeps it standing. Comes back only when the renewals are used up, or the device cannot be verified any more.
    /// `next_session` numbers sessions.
    pub(crate) async fn tend(&mut self, next_session: &mut u32) -> Failure {
        loop {
            match self.attempt.next().await {
                Milestone::ViewerNeeded => self.verified = true,
                Milestone::Over => {
                    if !self.verified {
                        return self.failure();
                    }
                    if self.renewals_left == 0 {
                        return Failure::viewer(
                            "viewer-timeout",
                            format!("no viewer came, after {} renewals", self.renewals),
                            "Start the viewer sooner, allow more with --eager-renewals, or leave --eager off.",
                        );
                    }
                    self.renewals_left -= 1;
                    let words = format!(
                        "no viewer yet: the connection to the device is renewed ({} left)",
                        self.renewals_left
                    );
                    self.output.say(Level::Plain, &words);
                    self.renew(next_session);
                }
            }
        }
    }

    /// Hands the connection over to a viewer that has come, in whatever state it is, and begins the next.
    pub(crate) fn take(&mut self, next_session: &mut u32) -> Attempt {
        self.renewals_left = self.renewals;
        self.renew(next_session)
    }

    /// Says goodbye to the device; the session's own bound for farewells holds.
    pub(crate) async fn close(mut self) {
        self.attempt.close();
        while !matches!(self.attempt.next().await, Milestone::Over) {}
    }

    fn renew(&mut self, next_session: &mut u32) -> Attempt {
        *next_session += 1;
        self.verified = false;
        let next = Self::attempt(&self.target, &self.output, *next_session, true);
        std::mem::replace(&mut self.attempt, next)
    }

    fn attempt(target: &Arc<Target>, output: &Output, session: u32, pause: bool) -> Attempt {
        Attempt::first(Arc::clone(target), output.session(session), pause)
    }

    fn failure(&self) -> Failure {
        match self.attempt.result() {
            Err(failure) => failure,
            // It cannot have relayed without a viewer.
            Ok(_) => (&procy_core::error::Error::Cancelled).into(),
        }
    }
}
