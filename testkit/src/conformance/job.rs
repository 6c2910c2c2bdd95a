//! What an adapter is given, and what it gives back.

use std::sync::Arc;

use procy_core::Session;
use procy_core::credential::Credential;
use procy_core::error::{Broken, Error};
use procy_core::event::{Event, Outcome, Side, Traffic};
use procy_core::prologue::{console, device};
use procy_core::timer::Instant;

use super::cues::Cues;

/// What a host does to a session. Each is one verb of a runtime's.
#[derive(Debug)]
pub enum Answer<S> {
    /// Here is that side's stream.
    Attach(Side, S),
    /// That side cannot be connected.
    Broken(Side, Broken),
    /// The device's credential, asked for at this moment.
    Credential(Credential),
    /// The offered password holds.
    Accept,
    /// It does not.
    Refuse,
    /// End the session politely.
    Close,
    /// Give up, for this reason.
    Abandon(&'static str),
}

/// What a scenario's host will do, without the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Attach(Side),
    Broken(Side, Broken),
    Credential,
    Accept,
    Refuse,
    Close,
    Abandon(&'static str),
}

/// The moment before the first event.
pub(crate) const START: &str = "";

#[derive(Clone, Debug)]
pub(crate) enum Maker {
    Console(Arc<console::Config>),
    Device(Arc<device::Config>),
}

/// One session to run: make [`Job::session`], do what [`Job::begin`] says, then what [`Job::event`] answers to each of
/// the session's events, until it is over; then [`Job::report`]. After every wake-up ask [`Job::goes_on`].
#[derive(Debug)]
pub struct Job<S> {
    pub(crate) maker: Maker,
    pub(crate) credential: Credential,
    pub(crate) near: Option<S>,
    pub(crate) far: Option<S>,
    pub(crate) plan: Vec<(&'static str, Deed)>,
    /// After so many wake-ups the session is dropped.
    pub(crate) turns: Option<u32>,
    pub(crate) cues: Arc<Cues>,
    pub(crate) events: Vec<String>,
    pub(crate) holds: usize,
}

impl<S> Job<S> {
    /// The session, made at this moment of the runtime's clock.
    ///
    /// # Errors
    /// Those of [`Session::device`].
    pub fn session(&self, now: Instant) -> Result<Session, Error> {
        match &self.maker {
            Maker::Console(config) => Ok(Session::console(config.clone(), now)),
            Maker::Device(config) => Session::device(config, now),
        }
    }

    /// What the host does first.
    #[must_use]
    pub fn begin(&mut self) -> Vec<Answer<S>> {
        self.answers(START)
    }

    /// What the host answers to an event, in this order.
    #[must_use]
    pub fn event(&mut self, event: &Event) -> Vec<Answer<S>> {
        let name = name(event);
        self.cues.tell(&name);
        let answers = self.answers(&name);
        self.events.push(name);
        answers
    }

    /// To be asked after every wake-up of the session, which is told with what the session holds, if that is known. If
    /// false, drop the session and its streams now, whatever it does.
    #[must_use]
    pub fn goes_on(&mut self, holds: usize) -> bool {
        self.holds = self.holds.max(holds);
        match &mut self.turns {
            None => true,
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
        }
    }

    /// How it was; without an outcome for a session that was dropped.
    #[must_use]
    pub fn report(self, outcome: Option<Outcome>, traffic: Traffic) -> Report {
        self.cues.tell("over");
        Report { outcome, traffic, events: self.events, holds: self.holds }
    }

    fn answers(&mut self, at: &str) -> Vec<Answer<S>> {
        let mut answers = Vec::new();
        for (when, deed) in &self.plan {
            if *when == at {
                answers.extend(match *deed {
                    Deed::Attach(Side::Near) => {
                        self.near.take().map(|stream| Answer::Attach(Side::Near, stream))
                    }
                    Deed::Attach(Side::Far) => {
                        self.far.take().map(|stream| Answer::Attach(Side::Far, stream))
                    }
                    Deed::Broken(side, how) => Some(Answer::Broken(side, how)),
                    Deed::Credential => Some(Answer::Credential(self.credential.clone())),
                    Deed::Accept => Some(Answer::Accept),
                    Deed::Refuse => Some(Answer::Refuse),
                    Deed::Close => Some(Answer::Close),
                    Deed::Abandon(reason) => Some(Answer::Abandon(reason)),
                });
            }
        }
        answers
    }
}

/// How a session went.
#[derive(Debug)]
pub struct Report {
    pub(crate) outcome: Option<Outcome>,
    pub(crate) traffic: Traffic,
    pub(crate) events: Vec<String>,
    pub(crate) holds: usize,
}

/// An event's name, without what else it tells; of an end, whose it was.
fn name(event: &Event) -> String {
    match event {
        Event::HalfClosed(party) => format!("HalfClosed({party:?})"),
        event => {
            let text = format!("{event:?}");
            text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
        }
    }
}
