//! The invariants, as far as they show in a session from outside.

use alloc::format;
use alloc::string::String;

use super::World;
use super::host::Actor;
use super::network::Pipe;
use super::person::{Person, said};
use crate::error::{Error, Party};
use crate::event::{Ended, Event, Outcome, Side, Traffic};
use crate::scratch::Scratch;
use crate::session::Session;
use crate::timer::{Instant, Why};

/// What a session showed when it was last looked at.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// The latest time that it was told.
    latest: Instant,
    pub(crate) outcome: Option<Outcome>,
    deadline: Option<(Instant, Why)>,
    traffic: Traffic,
    /// A deadline has passed: what was still to be delivered may have been given up.
    expired: bool,
    /// How far its events have come.
    stage: usize,
}

impl Watch {
    /// The session has been told that it is `now`.
    pub(crate) fn told(&mut self, now: Instant) {
        self.latest = self.latest.max(now);
    }

    /// Compares what `session` shows now with what it showed before. Its scratch lies over `memory` bytes.
    pub(crate) fn look(&mut self, session: &Session, memory: usize) -> Result<(), String> {
        let waits = Side::BOTH
            .into_iter()
            .any(|side| session.wants_read(side) || session.wants_write(side));
        let deadline = session.deadline();
        if !session.is_over() && deadline.is_none() && !(session.is_relaying() && waits) {
            return Err("I4: it waits for nothing, without a deadline".into());
        }
        // A clock that goes back stands still for the core: nothing is taken back, and nothing put off.
        if let Some((at, why)) = deadline.filter(|(at, _)| *at <= self.latest) {
            return Err(format!("I4: {why:?} was due at {at:?} and has no effect"));
        }
        if let (Some((before, why)), Some((at, still))) = (self.deadline, deadline)
            && why == still
            && at < before
        {
            return Err(format!("I4: {why:?} moved from {before:?} back to {at:?}"));
        }
        let passed = self.deadline.filter(|(at, _)| *at <= self.latest);
        self.expired |= passed.is_some();
        match (&self.outcome, session.outcome()) {
            // A password may have expired before it is brought.
            (None, Some(Outcome::Failed(Error::Timeout(why))))
                if *why != Why::Password
                    && self.deadline.is_some()
                    && passed.map(|(_, due)| due) != Some(*why) =>
            {
                return Err(format!("I4: {why:?} was not due"));
            }
            (Some(before), now) if Some(before) != now => {
                return Err(format!("I6: the outcome changed from {before:?} to {now:?}"));
            }
            (Some(_), _) if self.traffic != session.traffic() => {
                return Err("I6: it relays after its end".into());
            }
            _ => {}
        }
        // One read of what was lent, a unit that is not complete a layer, the early bytes, the farewell.
        let bound = memory.max(Scratch::MIN_MEMORY) / 2
            + 3 * crate::limits::MAX_TLS_RECORD
            + 65_536
            + 8_192;
        if session.holds() > if session.is_over() { 0 } else { bound } {
            return Err(format!("I3: it holds {} bytes", session.holds()));
        }
        self.outcome = session.outcome().cloned();
        self.deadline = deadline;
        self.traffic = session.traffic();
        Ok(())
    }

    /// Facts come in one order, each once (either side may end), and none after the end.
    pub(crate) fn event(&mut self, event: &Event) -> Result<(), String> {
        let stage = match event {
            Event::CredentialNeeded => 1,
            Event::ConnectNeeded => 2,
            Event::Established { .. } => 3,
            Event::Verified { .. } => 4,
            Event::ViewerNeeded => 5,
            Event::PasswordSent | Event::PasswordOffered(_) => 6,
            Event::ServiceNeeded => 7,
            Event::Hello(_) => 8,
            Event::Relaying => 9,
            Event::HalfClosed(_) => self.stage.max(9) + 1,
        };
        if stage <= self.stage || stage > 11 || self.outcome.is_some() {
            return Err(format!("I6: {event:?} comes too late, or twice"));
        }
        self.stage = stage;
        Ok(())
    }

    /// How the session's end is known to fit what moved. `near` is where it delivers; `peer` is the session at the other
    /// end of TLS.
    fn end(&self, far: Party, near: &Pipe, peer: &Self) -> Result<(), String> {
        let delivered = near.is_broken() || near.carried == self.traffic.to_near;
        if self.traffic.to_near > 0 && !self.expired && !delivered {
            return Err("I9: it did not deliver what it had taken".into());
        }
        if let Some(Outcome::Ended(Ended { by: Some(by), truncated: false })) = &self.outcome
            && *by == far
            && !(delivered && self.traffic.to_near == peer.traffic.to_far)
        {
            let (got, said) = (self.traffic, peer.traffic);
            let ends = (&self.outcome, &peer.outcome);
            let more = near.carried;
            return Err(format!(
                "I9: {got:?} of {said:?}, {more} of it delivered, and nothing missing? {ends:?}"
            ));
        }
        Ok(())
    }
}

impl World {
    /// What holds after every step.
    pub(super) fn check(&mut self) -> Result<(), String> {
        for (name, actor) in [("console", &mut self.console), ("device", &mut self.device)] {
            let Some(session) = &actor.session else { continue };
            let looked = actor.watch.look(session, self.plan.memory);
            looked.map_err(|broken| format!("{broken} (the {name}'s session)"))?;
        }
        self.check_content()
    }

    /// What arrives is what was said, from its beginning; or the farewell, and nothing else.
    fn check_content(&mut self) -> Result<(), String> {
        const FAREWELL: &[u8] = b"RFB 003.003\n\0\0\0\0";
        let got = &self.viewer.got;
        let refused = got.starts_with(&FAREWELL[..got.len().min(FAREWELL.len())]);
        let wrong = |person: &Person, first: &[u8]| {
            (person.checked..person.got.len()).find(|at| person.got[*at] != said(first, *at as u64))
        };
        if let Some(at) = wrong(&self.viewer, &super::person::hello()).filter(|_| !refused) {
            return Err(format!("I9: the viewer got what the VNC server did not say, at {at}"));
        }
        if let Some(at) = wrong(&self.service, b"") {
            return Err(format!("I9: the VNC server got what the viewer did not say, at {at}"));
        }
        for person in [&mut self.viewer, &mut self.service] {
            person.checked = person.got.len();
        }
        Ok(())
    }

    /// What holds when nothing moves while bytes may flow both ways: each direction has delivered all, unless whoever
    /// reads it does not.
    pub(super) fn check_rest(&self) -> Result<(), String> {
        let flows = |actor: &Actor| actor.session.as_ref().is_some_and(Session::is_relaying);
        let still = |pipe: &Pipe| pipe.is_open() && pipe.next_arrival().is_none();
        let both = flows(&self.console) && flows(&self.device);
        if self.corrupted || self.erred || !both || !self.pipes().into_iter().all(still) {
            return Ok(());
        }
        let (viewer, service) = (&self.viewer, &self.service);
        for (from, to, most) in
            [(viewer, service, self.may_upload()), (service, viewer, self.plan.download)]
        {
            let got = to.got.len() as u64;
            if self.now >= to.stalled_until && !(got == from.sent && got == most) {
                return Err(format!(
                    "I8: a direction rests, with {got} of {most} bytes delivered and {} sent",
                    from.sent
                ));
            }
        }
        Ok(())
    }

    /// What holds when all is over.
    pub(super) fn check_end(&self) -> Result<(), String> {
        if self.erred {
            return Ok(());
        }
        let (console, device) = (&self.console.watch, &self.device.watch);
        for (name, end) in [
            ("console", console.end(Party::Device, &self.to_viewer, device)),
            ("device", device.end(Party::Console, &self.to_service, console)),
        ] {
            end.map_err(|broken| format!("{broken} (the {name}'s session)"))?;
        }
        if self.plan.is_benign() {
            let all = self.viewer.got.len() as u64 == self.plan.download
                && self.service.got.len() as u64 == self.plan.upload;
            match &console.outcome {
                Some(Outcome::Ended(ended)) if all && !ended.truncated => {}
                other => return Err(format!("all went well, and yet it ended so: {other:?}")),
            }
        }
        Ok(())
    }
}
