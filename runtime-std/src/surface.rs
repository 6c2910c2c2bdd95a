//! The surface that is the same in every runtime.

use procy_core::Session;
use procy_core::credential::Credential;
use procy_core::error::{Broken, Error};
use procy_core::event::{Event, Outcome, Side, Traffic};
use procy_core::timer::Instant;

/// What a session's next step brings.
#[derive(Debug)]
pub enum Step {
    /// A fact; those named `...Needed` ask for something.
    Event(Event),
    /// The session is over, and both streams are dropped, unless the viewer's is spared for another try
    /// (`Run::take_near`): look at `Run::outcome`.
    Over,
}

/// What a host tells a session, as data, for one that decides elsewhere than where the session runs: `Run::answer` takes
/// it. Every answer is harmless when it comes too late.
#[derive(Debug)]
pub enum Answer<N, F> {
    /// `Run::attach_near`.
    AttachNear(N),
    /// `Run::attach_far`.
    AttachFar(F),
    /// `Run::broken`.
    Broken(Side, Broken),
    /// `Run::credential`.
    Credential(Credential, Instant),
    /// `Run::accept`.
    Accept,
    /// `Run::refuse`.
    Refuse,
    /// `Run::close`.
    Close,
    /// `Run::abandon`.
    Abandon(String),
}

/// What came of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// What was relayed.
    pub traffic: Traffic,
}

impl Report {
    /// Of a session that is over.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        // A session that is over has an outcome.
        let unknown = || Outcome::Failed(Error::Misuse("the session ended without an outcome"));
        Self {
            outcome: session.outcome().cloned().unwrap_or_else(unknown),
            traffic: session.traffic(),
        }
    }
}

/// What a host does to a session and asks it, as methods of a runtime's `Run`: the same words in every runtime, because
/// they are written once. It stands inside an `impl` of a type with the fields `session`, `near` and `far` (made `From` a
/// stream, and with `is_some` and `take`), and a method `visit` that lends the session memory at this moment.
#[macro_export]
macro_rules! verbs {
    (near: $near:ty, far: $far:ty) => {
        /// The viewer has come, or the local VNC server is connected. A second one is dropped: nobody gets into the middle
        /// of another's session.
        pub fn attach_near(&mut self, stream: $near) {
            if self.near.is_some() || self.session.is_over() {
                return;
            }
            self.near = ::core::convert::From::from(stream);
            self.visit(|visit| visit.attach($crate::core::event::Side::Near));
        }

        /// The device is connected, or a console has connected. A second one is dropped, and so is one that comes when the
        /// end is decided.
        pub fn attach_far(&mut self, stream: $far) {
            if self.far.is_some() || self.session.outcome().is_some() {
                return;
            }
            self.far = ::core::convert::From::from(stream);
            self.visit(|visit| visit.attach($crate::core::event::Side::Far));
        }

        /// Console: the viewer, if the session is over and has left it as it was for another one
        /// ([`retriable`]($crate::core::prologue::console::Config::retriable)).
        pub fn take_near(&mut self) -> Option<$near> {
            if self.session.is_over() { self.near.take() } else { None }
        }

        /// This side cannot be connected.
        pub fn broken(
            &mut self,
            side: $crate::core::event::Side,
            how: $crate::core::error::Broken,
        ) {
            self.visit(|visit| visit.broken(side, how));
        }

        /// Console: what UMS has for the device, and when it was asked for it, on this runtime's clock.
        pub fn credential(
            &mut self,
            credential: $crate::core::credential::Credential,
            asked: $crate::core::timer::Instant,
        ) {
            self.visit(|visit| visit.credential(credential, asked));
        }

        /// Device: the offered password holds.
        pub fn accept(&mut self) {
            self.visit(|visit| visit.accept());
        }

        /// Device: the offered password does not hold.
        pub fn refuse(&mut self) {
            self.visit(|visit| visit.refuse());
        }

        /// Ends the session; farewells leave while `next` is called until it says [`Step::Over`]($crate::Step::Over).
        pub fn close(&mut self) {
            self.visit(|visit| visit.close());
        }

        /// Gives up for a reason of the host's own, which a waiting viewer is told. `reason` must hold no secret.
        pub fn abandon(&mut self, reason: &str) {
            self.visit(|visit| visit.abandon(reason));
        }

        /// Any of these, as data.
        pub fn answer(&mut self, answer: $crate::Answer<$near, $far>) {
            use $crate::Answer;
            match answer {
                Answer::AttachNear(stream) => self.attach_near(stream),
                Answer::AttachFar(stream) => self.attach_far(stream),
                Answer::Broken(side, how) => self.broken(side, how),
                Answer::Credential(credential, asked) => self.credential(credential, asked),
                Answer::Accept => self.accept(),
                Answer::Refuse => self.refuse(),
                Answer::Close => self.close(),
                Answer::Abandon(reason) => self.abandon(&reason),
            }
        }

        /// How it is over, once that is decided.
        #[must_use]
        pub fn outcome(&self) -> Option<&$crate::core::event::Outcome> {
            self.session.outcome()
        }

        /// What has been relayed so far.
        #[must_use]
        pub fn traffic(&self) -> $crate::core::event::Traffic {
            self.session.traffic()
        }

        /// The session itself, to ask it more.
        #[must_use]
        pub const fn session(&self) -> &$crate::core::Session {
            &self.session
        }
    };
}
