//! The visit: the only place where a session's bytes move.

use core::fmt;

use alloc::boxed::Box;
use alloc::string::ToString;

use super::{Phase, State};
use crate::credential::Credential;
use crate::error::{Broken, Error, Leave};
use crate::event::{Event, Side};
use crate::link::{End, Input, Link, Output, Port};
use crate::scratch::{Pieces, Scratch};
use crate::timer::Instant;
use crate::tls::{Engine, Pin};

/// A session with memory lent to it, for one wake-up. [`pump`](crate::pump::pump) drives it over streams; a host may
/// also call it by hand.
///
/// Every call that feeds the session runs it to rest before it returns, so there is no order in which to drain it. All
/// calls are harmless when they come too late.
pub struct Visit<'v, 'm> {
    pub(super) state: &'v mut State,
    pub(super) near: End<'v, 'm>,
    pub(super) far: End<'v, 'm>,
}

impl<'v, 'm> Visit<'v, 'm> {
    pub(super) fn enter(
        state: &'v mut State,
        near: &'v mut Port,
        far: &'v mut Port,
        scratch: &'v mut Scratch<'m>,
        now: Instant,
    ) -> Self {
        let near = End { port: near, desk: &mut scratch.near };
        let far = End { port: far, desk: &mut scratch.far };
        let mut visit = Self { state, near, far };
        visit.state.now = visit.state.now.max(now);
        if core::mem::replace(&mut visit.state.visited, true) {
            visit.near.port.poison();
            visit.far.port.poison();
            visit.fail(Error::Misuse("a visit was leaked, and bytes with it"));
        }
        visit.expire();
        visit
    }

    /// Room to read this side's bytes into. Empty means: do not read now (back-pressure, or nothing is awaited). Then say
    /// what came of reading: [`Visit::read`], [`Visit::blocked`], [`Visit::eof`] or [`Visit::broken`].
    #[must_use]
    pub fn space(&mut self, side: Side) -> &mut [u8] {
        let (end, other) = match side {
            Side::Near => (&mut self.near, &self.far),
            Side::Far => (&mut self.far, &self.near),
        };
        let unread = end.unread().len();
        match self.state.may_read(side, end.port, unread, other.has_pending()) {
            0 => end.no_space(),
            most => end.space(most, other.desk.out.lies_in_window()),
        }
    }

    /// `n` bytes have been read into the last [`Visit::space`] of this side. More than it held fails the session: what
    /// would be taken for input could be another session's.
    pub fn read(&mut self, side: Side, n: usize) {
        if n == 0 {
            return;
        }
        if !self.end(side).read(n) {
            self.fail(Error::Misuse("more bytes were reported than there was room for"));
        }
        self.end(side).port.looked = true;
        self.run();
    }

    /// This side's stream has nothing to read at the moment. A console's password does not leave before its viewer's
    /// stream has been looked at: a viewer that has come and gone shall not cost one.
    pub fn blocked(&mut self, side: Side) {
        let port = &mut self.end(side).port;
        if port.attached && !core::mem::replace(&mut port.looked, true) {
            self.run();
        }
    }

    /// This side's stream has ended (FIN): nothing more can be read.
    pub fn eof(&mut self, side: Side) {
        self.input_ends(side, Leave::Fin);
    }

    /// This side's stream is broken for reading: reset, timed out; or the host could not connect it.
    pub fn broken(&mut self, side: Side, how: Broken) {
        self.end(side).port.output = Output::Broken(how);
        self.end(side).drop_output();
        self.input_ends(side, Leave::Broken(how));
    }

    /// This side's stream takes no more bytes. What it has sent before may still be read, and tells more than this.
    pub fn unwritable(&mut self, side: Side, how: Broken) {
        let end = self.end(side);
        if matches!(end.port.output, Output::Open | Output::Ending) {
            end.port.output = Output::Broken(how);
        }
        end.drop_output();
        if self.state.phase == Phase::Relaying {
            self.state.ended_first.get_or_insert(side);
        }
        self.state.moved = self.state.now;
        self.run();
    }

    /// What waits to be written to this side, in order, as slices for one vectored write. None means nothing.
    pub fn pending(&self, side: Side) -> Pending<'_> {
        let (end, other) = match side {
            Side::Near => (&self.near, &self.far),
            Side::Far => (&self.far, &self.near),
        };
        let spill = end.port.spill();
        let pieces = end.desk.out.pieces(&other.desk.window);
        Pending { spill: (!spill.is_empty()).then_some(spill), pieces }
    }

    /// The first `n` pending bytes of this side have been written. More than were pending fails the session.
    pub fn written(&mut self, side: Side, n: usize) {
        if n == 0 {
            return;
        }
        if !self.end(side).written(n) {
            self.fail(Error::Misuse("more bytes were reported written than were pending"));
        }
        self.state.moved = self.state.now;
        self.run();
    }

    /// Whether this side's stream is to be shut down for writing now; then say [`Visit::shut`].
    #[must_use]
    pub fn wants_shutdown(&mut self, side: Side) -> bool {
        let end = self.end(side);
        end.port.attached && end.port.output == Output::Ending && !end.has_pending()
    }

    /// This side's stream has been shut down for writing.
    pub fn shut(&mut self, side: Side) {
        let end = self.end(side);
        if end.port.output == Output::Ending {
            end.port.output = Output::Shut;
        }
        self.run();
    }

    /// The host has a stream for this side: the viewer has come, or the device is connected.
    ///
    /// A viewer that comes too late is told why. To a far side there is nothing to say any more: its stream goes with
    /// the session, which does not wait for it.
    pub fn attach(&mut self, side: Side) {
        match (self.state.phase, side) {
            (Phase::Over, _) | (Phase::Closing, Side::Far) => return,
            (Phase::Closing, Side::Near) => {
                self.near.port.attached = true;
                self.bid_farewell();
                self.near.end();
            }
            _ => self.end(side).port.attached = true,
        }
        self.run();
    }

    /// Console: what UMS has for the device, and when it was asked for it, which is when the password's five minutes
    /// began.
    ///
    /// A certificate whose key can never be proven fails the session here, before anything is sent.
    pub fn credential(&mut self, credential: Credential, asked: Instant) {
        if self.state.phase != Phase::AwaitCredential {
            return;
        }
        let Some(console) = self.state.prologue.console() else { return };
        let config = console.config.clone();
        console.password = Some(credential.password);
        console.fingerprint = Some(credential.certificate.fingerprint());
        console.expires = Some(asked + config.bounds.deadlines.password);
        let engine = Pin::new(&credential.certificate, &config.crypto, config.allow_legacy_keys)
            .map_err(Error::from)
            .and_then(|pin| Engine::client(pin, &config.crypto));
        match engine {
            Ok(engine) => {
                self.far.port.link = Link::Tls(Box::new(engine));
                self.state.enter(Phase::AwaitFar);
                if !self.far.port.attached {
                    self.state.tell(Event::ConnectNeeded);
                }
                self.run();
            }
            Err(error) => self.fail(error),
        }
        self.expire();
    }

    /// Device: UMS says that the password holds (step 11).
    pub fn accept(&mut self) {
        if self.state.phase == Phase::AwaitVerdict {
            self.state.enter(Phase::AwaitService);
            self.state.tell(Event::ServiceNeeded);
            self.run();
        }
    }

    /// Device: UMS says that it does not. The console is told nothing: the connection closes (step 11).
    pub fn refuse(&mut self) {
        if self.state.phase == Phase::AwaitVerdict {
            self.fail(Error::Refused);
        }
    }

    /// The host ends the session: while relaying that is an ordinary end, before it a failure.
    pub fn close(&mut self) {
        if self.state.phase == Phase::Relaying {
            self.finish(self.ended());
        } else {
            self.fail(Error::Cancelled);
        }
    }

    /// The host cannot go on, for a reason of its own, which a waiting viewer is told (UMS is down, say). `reason` must
    /// hold no secret.
    pub fn abandon(&mut self, reason: &str) {
        self.fail(Error::Abandoned(reason.to_string()));
    }

    /// Whether nothing is left to do: drop both streams.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state.phase == Phase::Over
    }

    pub(super) fn end(&mut self, side: Side) -> &mut End<'v, 'm> {
        match side {
            Side::Near => &mut self.near,
            Side::Far => &mut self.far,
        }
    }

    fn input_ends(&mut self, side: Side, how: Leave) {
        let port = &mut self.end(side).port;
        port.looked = true;
        if port.input == Input::Open {
            port.input = Input::Ended(how);
        }
        self.state.moved = self.state.now;
        self.run();
    }
}

/// What is undelivered moves into the session; the scratch memory is free again.
impl Drop for Visit<'_, '_> {
    fn drop(&mut self) {
        self.near.leave(&self.far.desk.window);
        self.far.leave(&self.near.desk.window);
        self.near.stalls(self.far.port);
        self.far.stalls(self.near.port);
        self.state.visited = false;
    }
}

impl fmt::Debug for Visit<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("state", self.state).finish_non_exhaustive()
    }
}

/// Slices to be written, in order; see [`Visit::pending`].
#[derive(Clone)]
pub struct Pending<'a> {
    spill: Option<&'a [u8]>,
    pieces: Pieces<'a>,
}

/// Nothing of the bytes is shown.
impl fmt::Debug for Pending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("spill", &self.spill.map(<[u8]>::len))
            .field("pieces", &self.pieces)
            .finish()
    }
}

impl Pending<'_> {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clone().next().is_none()
    }
}

impl<'a> Iterator for Pending<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.spill.take().or_else(|| self.pieces.next())
    }
}
