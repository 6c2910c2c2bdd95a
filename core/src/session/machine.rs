//! What a session does with what it is fed: one function a phase, run to rest after every call.

use alloc::vec::Vec;

use super::{Phase, Role, State, Visit};
use crate::error::{Broken, Error, Leave, Party};
use crate::event::{Ended, Event, Outcome, Side};
use crate::link::{Input, Link, Output};
use crate::procycmd;
use crate::prologue::Prologue;
use crate::rfb;
use crate::timer::Why;
use crate::tls::Step;

/// How much of what a peer said too early is shown.
const SHOWN: usize = 16;

impl Visit<'_, '_> {
    /// Runs until nothing moves. Every round consumes input or changes the phase, so rounds are bounded by what was
    /// fed.
    pub(super) fn run(&mut self) {
        loop {
            let moved = match self.state.phase {
                Phase::AwaitCredential | Phase::Over => Ok(false),
                Phase::AwaitFar => Ok(self.await_far()),
                Phase::Handshake => self.handshake(),
                Phase::AwaitViewer => self.await_viewer(),
                Phase::AwaitHello => self.await_hello(),
                Phase::AwaitCommand | Phase::AwaitVerdict | Phase::AwaitService => {
                    self.await_host()
                }
                Phase::Relaying => self.relay(),
                Phase::Closing => {
                    self.closing();
                    Ok(false)
                }
            };
            match moved {
                Ok(true) => {}
                Ok(false) => match self.judge_ends() {
                    Some(error) => self.fail(error),
                    None => return,
                },
                Err(error) => self.fail(error),
            }
        }
    }

    /// Lets deadlines that have passed take effect; a failure's farewell has one of its own.
    pub(super) fn expire(&mut self) {
        while let Some((at, why)) = self.state.deadline(self.near.port, self.far.port) {
            if at > self.state.now {
                return;
            }
            match self.state.phase {
                Phase::Closing => self.over(),
                Phase::Relaying if why == Why::Close => {
                    // What a side has not taken by now it will not take.
                    for side in Side::BOTH {
                        self.state.truncated |= self.end(side).has_pending();
                        self.end(side).drop_output();
                    }
                    self.finish(self.ended());
                }
                // It is not for a device to connect: its console has not come.
                Phase::AwaitFar if self.state.role == Role::Device && why == Why::Connect => {
                    self.fail(Error::Connect { party: Party::Console, how: Broken::TimedOut });
                }
                _ => self.fail(Error::Timeout(why)),
            }
        }
    }

    /// The session fails: once, and for good. A viewer that waits for its desktop is told why in its own protocol; a
    /// peer behind TLS is told nothing but close_notify, or TLS's own alert.
    pub(super) fn fail(&mut self, error: Error) {
        if self.state.outcome.is_some() {
            return;
        }
        if self.may_be_retried(&error) {
            self.near.port.attached = false;
        }
        let waiting = self.state.phase != Phase::Relaying && self.near.port.attached;
        self.state.outcome = Some(Outcome::Failed(error));
        if waiting {
            self.bid_farewell();
        }
        self.wind_up();
    }

    /// Tells a console's viewer, in its own protocol, why there will be no desktop.
    pub(super) fn bid_farewell(&mut self) {
        if let (Role::Console, Some(Outcome::Failed(error))) =
            (self.state.role, &self.state.outcome)
        {
            let farewell = rfb::connection_failure(&error.viewer_text());
            // There is room: nothing else has been sent to it.
            let _ = self.near.deliver(&*farewell);
        }
    }

    /// Whether the viewer is to be left to another session. Not if it has spoken: its words would
    /// be lost.
    fn may_be_retried(&mut self, error: &Error) -> bool {
        let silent = self.near.unread().is_empty();
        let console = self.state.prologue.console();
        let retriable = console.is_some_and(|console| console.config.retriable);
        retriable && silent && matches!(error, Error::ClosedBeforeHello { .. })
    }

    /// Sets the outcome, if it is not yet, and lets farewells leave.
    pub(super) fn finish(&mut self, outcome: Outcome) {
        if self.state.outcome.is_none() {
            self.state.outcome = Some(outcome);
            self.wind_up();
        }
    }

    fn wind_up(&mut self) {
        self.state.prologue = Prologue::Over;
        for side in Side::BOTH {
            if self.end(side).port.attached {
                self.end(side).end();
            }
        }
        self.state.enter(Phase::Closing);
        self.closing();
    }

    fn over(&mut self) {
        for side in Side::BOTH {
            self.end(side).drop_input();
            self.end(side).drop_output();
            // Its keys go, too.
            self.end(side).port.link = Link::Plain;
        }
        self.state.enter(Phase::Over);
    }

    fn await_far(&mut self) -> bool {
        if self.far.port.attached {
            self.state.enter(Phase::Handshake);
        }
        self.far.port.attached
    }

    fn handshake(&mut self) -> Result<bool, Error> {
        // No content can come before the handshake is over.
        match self.far.step(false, &mut |_| {})? {
            Step::Moved => Ok(true),
            Step::Starved | Step::Crowded => Ok(false),
            Step::Closed => {
                self.far.port.input = Input::Ended(Leave::Closed);
                Ok(false)
            }
            Step::Established => {
                if let Link::Tls(engine) = &self.far.port.link {
                    let version = engine.version();
                    self.state.tell(Event::Established { version });
                }
                match self.state.role {
                    Role::Console => {
                        let console = self.state.prologue.console();
                        if let Some(fingerprint) = console.and_then(|console| console.fingerprint) {
                            self.state.tell(Event::Verified { fingerprint });
                        }
                        self.state.enter(Phase::AwaitViewer);
                        if !self.near.port.attached {
                            self.state.tell(Event::ViewerNeeded);
                        }
                    }
                    Role::Device => self.state.enter(Phase::AwaitCommand),
                }
                Ok(true)
            }
        }
    }

    /// Only here does the password leave, and only once: the phase is reached through `Established` alone, which says
    /// that the pin and the handshake's signature hold.
    fn await_viewer(&mut self) -> Result<bool, Error> {
        let viewer = &self.near.port;
        if !(viewer.attached && viewer.looked && viewer.input == Input::Open) {
            let mut shown = Vec::new();
            return match self.far.step(true, &mut |content| keep(&mut shown, content.bytes))? {
                Step::Closed => {
                    self.far.port.input = Input::Ended(Leave::Closed);
                    Ok(false)
                }
                step if shown.is_empty() => Ok(step == Step::Moved),
                _ => Err(Error::SpokeFirst { shown }),
            };
        }
        if self.far.port.output != Output::Open {
            // It takes nothing any more; what it still says will tell why.
            return Ok(false);
        }
        let Some(console) = self.state.prologue.console() else { return Ok(false) };
        let Some(password) = console.password.take() else { return Ok(false) };
        let command = procycmd::encode(console.config.style, &password);
        self.far.deliver(command.as_bytes())?;
        self.state.tell(Event::PasswordSent);
        self.state.enter(Phase::AwaitHello);
        Ok(true)
    }

    fn await_hello(&mut self) -> Result<bool, Error> {
        let Some(console) = self.state.prologue.console() else { return Ok(false) };
        let hello = &mut console.hello;
        let near = &mut self.near;
        let traffic = &mut self.state.traffic;
        let mut heard = None;
        let mut delivered = Ok(());
        let room = near.has_room_for_record(rfb::HELLO_LEN);
        let step = self.far.step(room, &mut |content| {
            if heard.is_some() {
                // One record a step: never taken.
                return;
            }
            let (taken, answer) = hello.feed(content.bytes);
            if let Some(Ok(version)) = &answer {
                let rest = content.skip(taken);
                delivered =
                    near.deliver(&version.hello_bytes()[..]).and_then(|()| near.deliver(rest));
                traffic.to_near += (rfb::HELLO_LEN + rest.bytes.len()) as u64;
            }
            heard = answer;
        })?;
        delivered?;
        match heard {
            Some(Ok(version)) => {
                self.state.tell(Event::Hello(version));
                self.begin_relaying();
                return Ok(true);
            }
            Some(Err(not_rfb)) => return Err(Error::NotRfb(not_rfb)),
            None => {}
        }
        if step == Step::Closed {
            self.far.port.input = Input::Ended(Leave::Closed);
        }
        Ok(step == Step::Moved)
    }

    /// The device's prologue after its handshake: the command, then the host's two answers.
    fn await_host(&mut self) -> Result<bool, Error> {
        if self.state.phase == Phase::AwaitService && self.near.port.attached {
            let early =
                self.state.prologue.device().map(|device| core::mem::take(&mut device.early));
            if let Some(early) = early {
                self.near.deliver(&*early)?;
                self.state.traffic.to_near += early.len() as u64;
            }
            self.begin_relaying();
            return Ok(true);
        }
        let Some(device) = self.state.prologue.device() else { return Ok(false) };
        let limit = self.state.bounds.limits.early;
        let mut offered = None;
        let mut kept = true;
        let awaiting = self.state.phase == Phase::AwaitCommand;
        let step = self.far.step_in_secret(true, &mut |content| {
            let mut content = content.bytes;
            if awaiting && offered.is_none() {
                let (taken, answer) = device.decoder.feed(content);
                offered = answer;
                content = &content[taken..];
            }
            if !awaiting || offered.is_some() {
                kept &= device.follow(content, limit);
            }
        })?;
        if !kept {
            return Err(Error::Early { party: self.state.role.party(Side::Far), limit });
        }
        match offered {
            Some(Ok(offer)) => {
                self.state.enter(Phase::AwaitVerdict);
                self.state.tell(Event::PasswordOffered(offer));
            }
            Some(Err(error)) => return Err(Error::Command(error)),
            None => {}
        }
        if step == Step::Closed {
            self.far.port.input = Input::Ended(Leave::Closed);
        }
        Ok(step == Step::Moved)
    }

    fn begin_relaying(&mut self) {
        self.state.trailer = self.state.prologue.device().map(|device| device.trailer);
        self.state.prologue = Prologue::Over;
        self.state.enter(Phase::Relaying);
        self.state.tell(Event::Relaying);
    }

    /// Both directions, each for itself. It moves all that it can in one call.
    fn relay(&mut self) -> Result<bool, Error> {
        for side in Side::BOTH {
            let all = self.lane(side)?;
            let port = &mut self.end(side).port;
            if let Input::Ended(how) = port.input
                && all
                && !core::mem::replace(&mut port.judged, true)
            {
                self.direction_ends(side, how)?;
            }
            if self.state.phase != Phase::Relaying {
                return Ok(true);
            }
        }
        // A side that neither speaks nor hears any more leaves nothing to relay, whatever the other
        // still has to say to it; but what the other has to get, it gets first.
        for side in Side::BOTH {
            let port = &self.end(side).port;
            let done = port.judged && matches!(port.output, Output::Shut | Output::Broken(_));
            if done && !self.end(side.other()).has_pending() {
                self.finish(self.ended());
            }
        }
        Ok(false)
    }

    /// Moves what came in at `from` on to the other side. True if nothing whole is left. What the
    /// other side does not take any more is dropped, and does not count as life.
    fn lane(&mut self, from: Side) -> Result<bool, Error> {
        let Self { state, near, far } = self;
        let State { traffic, trailer, moved, now, .. } = &mut **state;
        let (from, to, count) = match from {
            Side::Near => (near, far, &mut traffic.to_far),
            Side::Far => (far, near, &mut traffic.to_near),
        };
        let open = to.port.output == Output::Open;
        let before = *count;
        let result = loop {
            if matches!(from.port.link, Link::Plain) {
                // What is read ahead waits in the window.
                let room = if to.has_pending() { 0 } else { to.room() };
                let n = room.min(from.unread().len());
                if n > 0 {
                    to.deliver(&from.unread()[..n])?;
                    from.consume(n);
                    *count += if open { n as u64 } else { 0 };
                }
                break from.unread().is_empty();
            }
            let mut delivered = Ok(());
            let room = to.has_room_for_record(0);
            let step = from.step(room, &mut |mut content| {
                if let Some(trailer) = trailer {
                    content = content.skip(trailer.strip(content.bytes));
                }
                delivered = to.deliver(content);
                *count += if open { content.bytes.len() as u64 } else { 0 };
            })?;
            delivered?;
            match step {
                Step::Moved | Step::Established => {}
                Step::Closed => from.port.input = Input::Ended(Leave::Closed),
                Step::Starved => break true,
                Step::Crowded => break false,
            }
        };
        if *count > before {
            *moved = *now;
        }
        Ok(result)
    }

    /// All that came from `from` is on its way, and nothing will follow.
    fn direction_ends(&mut self, from: Side, how: Leave) -> Result<(), Error> {
        let party = self.state.role.party(from);
        let first = *self.state.ended_first.get_or_insert(from) == from;
        // The other direction has its time from now on, however long both were silent.
        self.state.moved = self.state.now;
        let how = match (how, self.end(from).port.output) {
            // It took nothing any more before it ended: that was no goodbye.
            (Leave::Fin, Output::Broken(how)) => Leave::Broken(how),
            (how, _) => how,
        };
        match how {
            Leave::Broken(how) if first && self.state.role.serves(from) => {
                return Err(Error::Lost { party, how });
            }
            Leave::Broken(_) => self.finish(self.ended()),
            Leave::Closed | Leave::Fin => {
                self.end(from.other()).end();
                self.state.tell(Event::HalfClosed(party));
            }
        }
        Ok(())
    }

    pub(super) fn ended(&self) -> Outcome {
        let by = self.state.ended_first.map(|side| self.state.role.party(side));
        // Only close_notify says that all has come, whatever else has ended the far side.
        let told = self.far.port.input == Input::Ended(Leave::Closed);
        let untold = self.state.ended_first == Some(Side::Far) && !told;
        Outcome::Ended(Ended { by, truncated: self.state.truncated || untold })
    }

    /// Input means nothing any more; over when both streams are done with.
    fn closing(&mut self) {
        let mut done = true;
        for side in Side::BOTH {
            let end = self.end(side);
            end.drop_input();
            done &= !end.port.attached
                || (end.port.input != Input::Open
                    && matches!(end.port.output, Output::Shut | Output::Broken(_)));
        }
        if done {
            self.over();
        }
    }

    /// What a side's end, or what it said too early, means before relaying.
    fn judge_ends(&mut self) -> Option<Error> {
        if matches!(self.state.phase, Phase::Relaying | Phase::Closing | Phase::Over) {
            return None;
        }
        let limit = self.state.bounds.limits.early;
        let (near, far) = (self.state.role.party(Side::Near), self.state.role.party(Side::Far));
        if let Input::Ended(how) = self.far.port.input {
            return Some(match (self.state.phase, how) {
                (Phase::AwaitFar | Phase::AwaitCredential, Leave::Broken(how)) => {
                    Error::Connect { party: far, how }
                }
                (Phase::Handshake, how) => Error::LeftInHandshake { party: far, how },
                (Phase::AwaitHello, how) => Error::ClosedBeforeHello { how },
                (_, how) => Error::Left { party: far, how },
            });
        }
        match self.near.port.input {
            Input::Ended(Leave::Broken(how)) if self.state.phase == Phase::AwaitService => {
                Some(Error::Connect { party: near, how })
            }
            Input::Ended(how) => Some(Error::Left { party: near, how }),
            Input::Open => {
                (self.near.unread().len() > limit).then_some(Error::Early { party: near, limit })
            }
        }
    }
}

/// Keeps the beginning of what is only to be shown.
fn keep(shown: &mut Vec<u8>, content: &[u8]) {
    let more = SHOWN.saturating_sub(shown.len()).min(content.len());
    shown.extend_from_slice(&content[..more]);
}
