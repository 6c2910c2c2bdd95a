//! The session: who waits for what, and what comes next.
//!
//! A session joins two byte streams, the *near* side (a viewer, or a device's local VNC server) and the *far* side (the
//! device, or its console), first by a prologue, then by relaying. All its transitions stand here; each is made by
//! [`Visit`]'s machine (`machine.rs`), which runs to rest within every call.
//!
//! ```text
//!  console                                       device
//!  ~~~~~~~                                       ~~~~~~
//!  AwaitCredential  host: credential(..)
//!        | (pin refused: Failed)
//!  AwaitFar         host: attach(Far)            AwaitFar      host: attach(Far)
//!        |                                             |
//!  Handshake        pin and signature hold       Handshake
//!        |                                             |
//!  AwaitViewer      host: attach(Near)           AwaitCommand  the whole PROCYCMD line
//!        | the command leaves, in one record           |
//!  AwaitHello       12 bytes, "RFB ddd.ddd\n"    AwaitVerdict  host: accept() or refuse()
//!        |                                             |
//!        |                                       AwaitService  host: attach(Near)
//!        |                                             |
//!        +--------------->  Relaying  <----------------+
//!                              |      each direction ends for itself
//!        any failure -->    Closing   outcome is set; farewells leave, input is dropped
//!                              |      both streams ended, or the close deadline
//!                             Over
//! ```
//!
//! | phase | near's bytes | far's bytes | near ends | far ends | deadline |
//! |---|---|---|---|---|---|
//! | AwaitCredential | kept, bounded | | `Left` | | credential |
//! | AwaitFar | kept, bounded | | `Left` | `Connect` | connect, password |
//! | Handshake | kept, bounded | TLS | `Left` | `LeftInHandshake` | handshake, password |
//! | AwaitViewer | | `SpokeFirst` | | `Left` | viewer, password |
//! | AwaitHello | kept, bounded | hello, or `NotRfb` | `Left` | `ClosedBeforeHello` | hello |
//! | AwaitCommand | | command, or `Command` | | `Left` | command |
//! | AwaitVerdict | | kept, bounded | | `Left` | verdict |
//! | AwaitService | | kept, bounded | `Connect` | `Left` | service |
//! | Relaying | to far | to near | half-close | half-close | idle, close once half-closed |
//! | Closing | dropped | dropped | | | close |

mod machine;
mod visit;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::fmt;

pub use visit::{Pending, Visit};

use crate::error::{Error, Party};
use crate::event::{Event, Outcome, Side, Traffic};
use crate::limits::MAX_EARLY;
use crate::link::{Input, Link, Output, Port};
use crate::procycmd::Trailer;
use crate::prologue::{Bounds, Prologue, console, device};
use crate::scratch::Scratch;
use crate::timer::{Instant, Why};
use crate::tls::Engine;

/// One session, in either role. See the crate's documentation for how to drive it.
#[derive(Debug)]
pub struct Session {
    state: State,
    near: Port,
    far: Port,
}

impl Session {
    /// A console's session: it asks for the credential first, or takes it at once by [`Visit::credential`].
    #[must_use]
    pub fn console(config: Arc<console::Config>, now: Instant) -> Self {
        let bounds = config.bounds.clone();
        let prologue = Prologue::Console(Box::new(console::Prologue::new(config)));
        let mut session = Self::new(prologue, bounds, Phase::AwaitCredential, Role::Console, now);
        session.state.tell(Event::CredentialNeeded);
        session
    }

    /// A device's session, for a connection from a console.
    ///
    /// # Errors
    /// [`Error::Setup`] if TLS cannot be set up.
    pub fn device(config: &device::Config, now: Instant) -> Result<Self, Error> {
        let prologue = Prologue::Device(Box::new(device::Prologue::new()));
        let mut session =
            Self::new(prologue, config.bounds.clone(), Phase::AwaitFar, Role::Device, now);
        session.far.link = Link::Tls(Box::new(Engine::server(&config.tls)?));
        Ok(session)
    }

    fn new(prologue: Prologue, mut bounds: Bounds, phase: Phase, role: Role, now: Instant) -> Self {
        bounds.limits.early = bounds.limits.early.min(MAX_EARLY);
        let first_read = bounds.limits.first_read;
        Self {
            state: State {
                role,
                phase,
                prologue,
                bounds,
                born: now,
                now,
                since: now,
                moved: now,
                events: VecDeque::new(),
                outcome: None,
                ended_first: None,
                truncated: false,
                traffic: Traffic::default(),
                trailer: None,
                visited: false,
            },
            near: Port::new(first_read),
            far: Port::new(first_read),
        }
    }

    /// Lends `scratch` for one wake-up, at `now`. Deadlines that have passed take effect here.
    ///
    /// Bytes move only while the visit lasts; when it is dropped, what is undelivered moves into the session. No byte that
    /// another session has left in `scratch` is taken for one of this session's, even if that one's visit was leaked,
    /// unless the host reports more bytes than it has read. A session whose visit was leaked has lost bytes, and fails
    /// with [`Error::Misuse`].
    pub fn visit<'v, 'm>(
        &'v mut self,
        scratch: &'v mut Scratch<'m>,
        now: Instant,
    ) -> Visit<'v, 'm> {
        scratch.clear();
        Visit::enter(&mut self.state, &mut self.near, &mut self.far, scratch, now)
    }

    /// The next fact, if there is one. Ask after every visit until there is none.
    #[must_use = "an event is told once"]
    pub fn event(&mut self) -> Option<Event> {
        let event = self.state.events.pop_front();
        if self.state.events.is_empty() {
            // There will be few more: an idle session keeps no memory for them.
            self.state.events = VecDeque::new();
        }
        event
    }

    /// When to visit at the latest, and what will then have failed. Changes with every visit; `None` only while
    /// relaying without an idle or absolute deadline, and when over.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Why)> {
        self.state.deadline(&self.near, &self.far)
    }

    /// Whether to wait for bytes from this side. Changes with every visit.
    #[must_use]
    pub fn wants_read(&self, side: Side) -> bool {
        let (port, other) = self.ports(side);
        self.state.may_read(side, port, port.carried(), other.has_spill()) > 0
    }

    /// Whether to wait until this side takes bytes, or a shutdown. Changes with every visit.
    #[must_use]
    pub fn wants_write(&self, side: Side) -> bool {
        let (port, _) = self.ports(side);
        port.deliverable() && (port.has_spill() || port.output == Output::Ending)
    }

    /// How it is over, once that is decided. Farewells may still be on their way: see [`Session::is_over`].
    #[must_use]
    pub fn outcome(&self) -> Option<&Outcome> {
        self.state.outcome.as_ref()
    }

    /// Whether nothing is left to do: drop both streams, and the session.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state.phase == Phase::Over
    }

    /// Whether the session has failed and left the near stream as it was, untold and unclosed, for another one
    /// ([`console::Config::retriable`]).
    #[must_use]
    pub fn spares_near(&self) -> bool {
        self.state.outcome.is_some() && !self.near.attached
    }

    /// Whether bytes have begun to flow.
    #[must_use]
    pub fn is_relaying(&self) -> bool {
        self.state.phase == Phase::Relaying
    }

    /// What has been relayed.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.state.traffic
    }

    /// Bytes of buffers that the session owns between visits.
    #[must_use]
    pub fn holds(&self) -> usize {
        self.near.holds() + self.far.holds()
    }

    fn ports(&self, side: Side) -> (&Port, &Port) {
        match side {
            Side::Near => (&self.near, &self.far),
            Side::Far => (&self.far, &self.near),
        }
    }
}

/// Where a session stands. See the module's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    AwaitCredential,
    AwaitFar,
    Handshake,
    AwaitViewer,
    AwaitHello,
    AwaitCommand,
    AwaitVerdict,
    AwaitService,
    Relaying,
    Closing,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Console,
    Device,
}

impl Role {
    const fn party(self, side: Side) -> Party {
        match (self, side) {
            (Self::Console, Side::Near) => Party::Viewer,
            (Self::Console, Side::Far) => Party::Device,
            (Self::Device, Side::Near) => Party::Service,
            (Self::Device, Side::Far) => Party::Console,
        }
    }

    /// Whether it is this side that serves: its loss is a failure, the other's is an ordinary end.
    const fn serves(self, side: Side) -> bool {
        matches!((self, side), (Self::Console, Side::Far) | (Self::Device, Side::Near))
    }
}

/// All of a session but its two ports.
struct State {
    role: Role,
    phase: Phase,
    prologue: Prologue,
    bounds: Bounds,
    born: Instant,
    now: Instant,
    /// When the phase was entered.
    since: Instant,
    /// When a byte last moved.
    moved: Instant,
    events: VecDeque<Event>,
    outcome: Option<Outcome>,
    ended_first: Option<Side>,
    truncated: bool,
    traffic: Traffic,
    /// Device: what ends the command may come after the service has been connected.
    trailer: Option<Trailer>,
    /// A visit is under way; or was, and never left.
    visited: bool,
}

impl State {
    fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = self.now;
        self.moved = self.now;
    }

    /// How many bytes may be read from a side that has `unread` ones already.
    ///
    /// The rule: a lane reads only while the other side's output is empty, so that it holds one read
    /// at the most. A viewer is read ahead a little even so: else nobody would see it leave while its
    /// device stands still.
    fn may_read(&self, side: Side, port: &Port, unread: usize, other_pending: bool) -> usize {
        let ready = match self.phase {
            Phase::Over => false,
            // Before that, what the far side says is not looked at.
            Phase::AwaitCredential => side == Side::Near,
            _ => true,
        };
        if !(ready && port.attached && port.input == Input::Open) {
            0
        } else if self.phase != Phase::Relaying || !other_pending {
            usize::MAX
        } else if side == Side::Near {
            port.first_read().saturating_sub(unread)
        } else {
            0
        }
    }

    fn deadline(&self, near: &Port, far: &Port) -> Option<(Instant, Why)> {
        let deadlines = &self.bounds.deadlines;
        let (wait, why) = match self.phase {
            Phase::Over => return None,
            Phase::Closing => {
                let still = self.moved + deadlines.close;
                return Some((still.min(self.since + deadlines.drain), Why::Close));
            }
            Phase::AwaitCredential => (deadlines.credential, Why::Credential),
            Phase::AwaitFar => (deadlines.connect, Why::Connect),
            Phase::Handshake => (deadlines.handshake, Why::Handshake),
            Phase::AwaitViewer => (deadlines.viewer, Why::Viewer),
            Phase::AwaitHello => (deadlines.hello, Why::Hello),
            Phase::AwaitCommand => (deadlines.command, Why::Command),
            Phase::AwaitVerdict => (deadlines.verdict, Why::Verdict),
            Phase::AwaitService => (deadlines.service, Why::Service),
            Phase::Relaying => {
                let ending = [near, far].iter().any(|port| port.output != Output::Open);
                let close = ending.then_some((self.moved + deadlines.close, Why::Close));
                let idle = deadlines.idle.map(|idle| (self.moved + idle, Why::Idle));
                return [close, idle, self.absolute()]
                    .into_iter()
                    .flatten()
                    .min_by_key(|(at, _)| *at);
            }
        };
        let expires = match &self.prologue {
            Prologue::Console(console) if self.phase != Phase::AwaitHello => {
                console.expires.map(|at| (at, Why::Password))
            }
            _ => None,
        };
        [Some((self.since + wait, why)), expires, self.absolute()]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }

    fn absolute(&self) -> Option<(Instant, Why)> {
        self.bounds.deadlines.absolute.map(|most| (self.born + most, Why::Absolute))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("role", &self.role)
            .field("phase", &self.phase)
            .field("outcome", &self.outcome)
            .field("traffic", &self.traffic)
            .finish_non_exhaustive()
    }
}
