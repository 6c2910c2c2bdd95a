//! What an adapter is given, and what it gives back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

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
    /// With a stream that is not this session's, as the side has had its own.
    AttachSecond(Side),
    Broken(Side, Broken),
    Credential,
    Accept,
    Refuse,
    Close,
    Abandon(&'static str),
}

/// The moment before the first event.
pub(crate) const START: &str = "";

/// Long enough for a session to have come to rest; a machine at a standstill only makes this mean less.
const REST: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub(crate) enum Maker {
    Console(Arc<console::Config>),
    Device(Arc<device::Config>),
}

/// One session to run: make [`Job::session`], do what [`Job::begin`] says, then what [`Job::event`] answers to each of
/// the session's events, and what [`Job::late`] brings meanwhile, until it is over; then [`Job::report`], unless it has
/// spared its viewer for [`Job::again`]. After every wake-up ask [`Job::goes_on`].
#[derive(Debug)]
pub struct Job<S> {
    pub(crate) maker: Maker,
    pub(crate) credential: Credential,
    pub(crate) near: Option<S>,
    /// One for each session that the viewer comes to.
    pub(crate) fars: VecDeque<S>,
    /// In the order of the plan, then of what comes later.
    pub(crate) seconds: VecDeque<S>,
    pub(crate) plan: Vec<(&'static str, Deed)>,
    pub(crate) later: Vec<(&'static str, Deed)>,
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

    /// What the host answers from elsewhere, if it does: to be taken from this on another thread, or wherever the
    /// runtime lets a session be answered while it waits, and given as it comes.
    #[must_use]
    pub fn late(&mut self) -> Option<Late<S>> {
        let deeds = std::mem::take(&mut self.later);
        let answers: VecDeque<_> =
            deeds.into_iter().filter_map(|(cue, deed)| Some((cue, self.answer(deed)?))).collect();
        (!answers.is_empty()).then(|| Late { answers, cues: self.cues.clone() })
    }

    /// The session is over like this, and has left its viewer untold: make another [`Job::session`] of the same job,
    /// give it that viewer's stream, and go on with these answers.
    #[must_use]
    pub fn again(&mut self, outcome: Option<&Outcome>) -> Vec<Answer<S>> {
        self.events.push(outcome.map_or_else(String::new, in_words));
        if self.fars.is_empty() {
            // Nobody has asked for that; it shall not go on for ever.
            self.turns = Some(0);
        }
        self.begin()
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
        let now = |(when, deed): &(&str, Deed)| (*when == at).then_some(*deed);
        let deeds: Vec<_> = self.plan.iter().filter_map(now).collect();
        deeds.into_iter().filter_map(|deed| self.answer(deed)).collect()
    }

    /// None if that stream is with the session already.
    fn answer(&mut self, deed: Deed) -> Option<Answer<S>> {
        Some(match deed {
            Deed::Attach(Side::Near) => Answer::Attach(Side::Near, self.near.take()?),
            Deed::Attach(Side::Far) => Answer::Attach(Side::Far, self.fars.pop_front()?),
            Deed::AttachSecond(side) => Answer::Attach(side, self.seconds.pop_front()?),
            Deed::Broken(side, how) => Answer::Broken(side, how),
            Deed::Credential => Answer::Credential(self.credential.clone()),
            Deed::Accept => Answer::Accept,
            Deed::Refuse => Answer::Refuse,
            Deed::Close => Answer::Close,
            Deed::Abandon(reason) => Answer::Abandon(reason),
        })
    }
}

/// Answers that come while the session waits. To ask for the next one blocks until its time has come, though not for
/// ever.
#[derive(Debug)]
pub struct Late<S> {
    answers: VecDeque<(&'static str, Answer<S>)>,
    cues: Arc<Cues>,
}

impl<S> Iterator for Late<S> {
    type Item = Answer<S>;

    fn next(&mut self) -> Option<Answer<S>> {
        let (cue, answer) = self.answers.pop_front()?;
        // What never comes to this shows in how the session ends.
        self.cues.wait(cue).ok()?;
        (!self.cues.within("over", REST)).then_some(answer)
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

pub(crate) fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(error) => error.code().to_owned(),
        Outcome::Ended(ended) => {
            let by = ended.by.map_or_else(|| "host".to_owned(), |party| party.to_string());
            let truncated = if ended.truncated { ", truncated" } else { "" };
            format!("ended by {by}{truncated}")
        }
    }
}
