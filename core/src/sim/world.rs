//! A whole session, from the viewer to the device's VNC server, under a seeded schedule; every invariant is checked after
//! every step.

mod fault;

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use super::person::{Person, said};
use super::plan::{DeviceKind, HostKind, Plan, ViewerKind};
use super::{Line, Pipe, Random, invariants};
use crate::credential::{Certificate, Credential, Password};
use crate::error::Broken;
use crate::event::{Event, Outcome, Side};
use crate::prologue::{Bounds, console, device};
use crate::pump::{Io, Turn, pump};
use crate::rfb;
use crate::scratch::Scratch;
use crate::session::{Session, Visit};
use crate::timer::Instant;

/// A schedule that has not ended by then never will.
const MAX_STEPS: usize = 200_000;

/// The password of every simulated device.
pub(crate) const PASSWORD: &str = "6ce714ad-6629-4296-a676-1c0ca5f4689c";

/// Who plays: made once, as keys are costly, and shared by all worlds.
#[derive(Clone, Debug)]
pub struct Cast {
    /// How the console's sessions are made.
    pub console: Arc<console::Config>,
    /// The certificate that UMS has.
    pub certificate: Certificate,
    /// The device that holds its key.
    pub device: device::Config,
    /// A device with another certificate.
    pub stranger: device::Config,
    /// A device that shows the first one's certificate and holds another key.
    pub impostor: device::Config,
}

/// What came of a world.
#[derive(Debug)]
pub struct Report {
    /// How the console's session ended.
    pub console: Outcome,
    /// How the device's session ended; `None` if it never began.
    pub device: Option<Outcome>,
    /// The console's events, by name.
    pub events: Vec<String>,
    /// Bytes that reached the viewer.
    pub viewer_got: Vec<u8>,
    /// Bytes that reached the VNC server.
    pub service_got: Vec<u8>,
    /// Steps taken.
    pub steps: usize,
}

/// One world under its plan.
#[derive(Debug)]
pub struct World {
    plan: Plan,
    random: Random,
    now: Instant,
    scratch: Scratch<'static>,
    console: Actor,
    device: Actor,
    cast: Cast,
    /// Towards the console, and away from it; then the same for the wire towards the device, and its VNC server.
    to_console: Pipe,
    to_viewer: Pipe,
    to_device: Pipe,
    from_device: Pipe,
    to_service: Pipe,
    from_service: Pipe,
    viewer: Person,
    service: Person,
    verified: bool,
    password_sent: bool,
    events: Vec<String>,
}

/// A session with its host.
#[derive(Debug)]
struct Actor {
    session: Option<Session>,
    /// What the host will do, and when.
    todo: Vec<(Instant, Deed)>,
    outcome: Option<Outcome>,
    near: bool,
    far: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Credential,
    Connect,
    Viewer,
    Verdict,
    Service,
}

impl World {
    /// A world in which `plan` happens, in the order that `random` chooses.
    #[must_use]
    pub fn new(cast: &Cast, plan: Plan, random: Random) -> Self {
        let now = Instant::after_epoch(Duration::from_secs(1_000));
        let mut world = Self {
            scratch: Scratch::new(plan.window),
            console: Actor::new(Some(Session::console(cast.console.clone(), now))),
            device: Actor::new(None),
            cast: cast.clone(),
            to_console: Pipe::new(plan.local),
            to_viewer: Pipe::new(plan.local),
            to_device: Pipe::new(plan.wire),
            from_device: Pipe::new(plan.wire),
            to_service: Pipe::new(plan.local),
            from_service: Pipe::new(plan.local),
            viewer: Person::default(),
            service: Person::default(),
            verified: false,
            password_sent: false,
            events: Vec::new(),
            plan,
            random,
            now,
        };
        match world.plan.viewer {
            ViewerKind::Late | ViewerKind::Missing => {}
            ViewerKind::Stalling => {
                world.console.todo.push((now, Deed::Viewer));
                world.viewer.stalled_until = now + Duration::from_secs(30);
            }
            _ => world.console.todo.push((now, Deed::Viewer)),
        }
        world
    }

    /// A random world of the seed's.
    #[must_use]
    pub fn drawn(cast: &Cast, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let plan = Plan::draw(&mut random);
        Self::new(cast, plan, random)
    }

    /// The plan that it follows.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// The invariant that was broken, in words.
    pub fn run(mut self) -> Result<Report, String> {
        for steps in 0..MAX_STEPS {
            let moved = self.step()?;
            let over = |actor: &Actor| actor.session.as_ref().is_none_or(Session::is_over);
            if over(&self.console) && over(&self.device) {
                return self.report(steps);
            }
            if !moved && !self.skip_ahead() {
                return Err(format!("I4: nothing will ever happen again: {self:?}"));
            }
        }
        Err(format!("I4: not over after {MAX_STEPS} steps: {:?}", self.plan))
    }

    fn report(self, steps: usize) -> Result<Report, String> {
        let report = Report {
            console: self.console.outcome.ok_or("over without an outcome")?,
            device: self.device.outcome,
            events: self.events,
            viewer_got: self.viewer.got,
            service_got: self.service.got,
            steps,
        };
        if self.plan.is_benign() {
            let all = report.viewer_got.len() as u64 == self.plan.download
                && report.service_got.len() as u64 == self.plan.upload;
            match &report.console {
                Outcome::Ended(ended) if all && !ended.truncated => {}
                _ => {
                    return Err(format!(
                        "a session in which all went well went wrong: {:?} {report:?}",
                        self.plan
                    ));
                }
            }
        }
        Ok(report)
    }

    /// One random thing happens. False if it moved nothing.
    fn step(&mut self) -> Result<bool, String> {
        if self.plan.faults > 0 && self.random.one_in(self.plan.faults) {
            self.fault();
        }
        let mut moved = false;
        let first = self.random.below(4);
        for actor in 0..4 {
            moved |= match (first + actor) % 4 {
                0 => self.console_turn()?,
                1 => self.device_turn()?,
                2 => self.viewer_acts(),
                _ => self.service_acts(),
            };
            self.check()?;
            if moved && self.random.one_in(3) {
                break;
            }
        }
        Ok(moved)
    }

    /// Nothing moves: on to the next arrival, deed or deadline. False if there is none.
    fn skip_ahead(&mut self) -> bool {
        let mut next: Option<Instant> = None;
        let mut consider = |at: Option<Instant>| {
            if let Some(at) = at.filter(|at| *at > self.now) {
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        };
        let pipes = [
            &self.to_console,
            &self.to_viewer,
            &self.to_device,
            &self.from_device,
            &self.to_service,
            &self.from_service,
        ];
        pipes.into_iter().for_each(|pipe| consider(pipe.next_arrival()));
        for actor in [&self.console, &self.device] {
            consider(actor.session.as_ref().and_then(Session::deadline).map(|(at, _)| at));
            actor.todo.iter().for_each(|(at, _)| consider(Some(*at)));
        }
        consider(Some(self.viewer.stalled_until));
        let found = next.is_some();
        self.now = next.unwrap_or(self.now);
        found
    }

    fn console_turn(&mut self) -> Result<bool, String> {
        let Some(session) = &mut self.console.session else { return Ok(false) };
        if session.is_over() {
            return Ok(false);
        }
        let due = due(&mut self.console.todo, self.now)
            .filter(|deed| *deed != Deed::Connect || !self.console.far);
        let mut visit = session.visit(&mut self.scratch, self.now);
        match due {
            Some(Deed::Viewer) => {
                self.console.near = true;
                visit.attach(Side::Near);
            }
            Some(Deed::Credential) => match self.plan.console_host {
                HostKind::Refusing => visit.abandon("UMS is down"),
                _ => {
                    let password = Password::parse(PASSWORD).map_err(|error| format!("{error}"))?;
                    let certificate = self.cast.certificate.clone();
                    visit.credential(Credential { certificate, password }, self.now);
                }
            },
            Some(Deed::Connect)
                if self.plan.device == DeviceKind::Noise && self.random.one_in(4) =>
            {
                visit.broken(Side::Far, Broken::Refused);
            }
            Some(Deed::Connect) => {
                self.console.far = true;
                visit.attach(Side::Far);
            }
            _ => {}
        }
        let mut own = Random::new(self.random.word());
        let mut near = self.console.near.then_some(Line {
            rx: &mut self.to_console,
            tx: &mut self.to_viewer,
            now: self.now,
            random: &mut own,
        });
        let mut fork = Random::new(self.random.word());
        let mut far = self.console.far.then_some(Line {
            rx: &mut self.from_device,
            tx: &mut self.to_device,
            now: self.now,
            random: &mut fork,
        });
        let moved = turn(&mut visit, &mut near, &mut far);
        drop(visit);
        let connected = due == Some(Deed::Connect) && self.console.far;
        if connected
            && matches!(
                self.plan.device,
                DeviceKind::Honest | DeviceKind::Stranger | DeviceKind::Impostor
            )
        {
            let config = match self.plan.device {
                DeviceKind::Stranger => &self.cast.stranger,
                DeviceKind::Impostor => &self.cast.impostor,
                _ => &self.cast.device,
            };
            let mut session =
                Session::device(config, self.now).map_err(|error| format!("{error}"))?;
            session.visit(&mut self.scratch, self.now).attach(Side::Far);
            self.device.session = Some(session);
            self.device.far = true;
        }
        let mut told = false;
        while let Some(event) = self.console.session.as_mut().and_then(Session::event) {
            self.console_event(&event)?;
            told = true;
        }
        Ok(moved || told || due.is_some())
    }

    fn console_event(&mut self, event: &Event) -> Result<(), String> {
        let at = self.now
            + Duration::from_millis(
                self.random.below(self.plan.thinking.as_millis() as usize + 1) as u64
            );
        let deed = match event {
            Event::CredentialNeeded => Some(Deed::Credential),
            Event::ConnectNeeded => Some(Deed::Connect),
            Event::ViewerNeeded if self.plan.viewer == ViewerKind::Late => Some(Deed::Viewer),
            Event::Verified { fingerprint } => {
                if *fingerprint != self.cast.certificate.fingerprint()
                    || self.plan.device != DeviceKind::Honest
                {
                    return Err("I10: verified what is not the device".into());
                }
                self.verified = true;
                None
            }
            Event::PasswordSent => {
                if !self.verified || self.password_sent || !self.console.near {
                    return Err("I10: the password left too early, or twice".into());
                }
                self.password_sent = true;
                None
            }
            _ => None,
        };
        let absent = self.plan.console_host == HostKind::Absent;
        if let Some(deed) = deed.filter(|deed| !absent || *deed == Deed::Viewer) {
            self.console.todo.push((at, deed));
        }
        let name = format!("{event:?}");
        self.events.push(name.split(&[' ', '(', '{']).next().unwrap_or_default().into());
        Ok(())
    }

    fn device_turn(&mut self) -> Result<bool, String> {
        if self.plan.device == DeviceKind::Noise && self.console.far {
            if self.from_device.carried >= 1_000 {
                return Ok(false);
            }
            let mut noise = [0; 32];
            noise.iter_mut().for_each(|byte| *byte = self.random.word() as u8);
            let io = self.from_device.write(&noise, self.now, &mut self.random);
            return Ok(matches!(io, Io::Moved(_)));
        }
        let Some(session) = &mut self.device.session else { return Ok(false) };
        if session.is_over() {
            return Ok(false);
        }
        let due = due(&mut self.device.todo, self.now);
        let mut visit = session.visit(&mut self.scratch, self.now);
        match (due, self.plan.device_host) {
            (Some(Deed::Verdict), HostKind::Refusing) => visit.refuse(),
            (Some(Deed::Verdict), _) => visit.accept(),
            (Some(Deed::Service), _) => {
                self.device.near = true;
                visit.attach(Side::Near);
            }
            _ => {}
        }
        let mut own = Random::new(self.random.word());
        let mut near = self.device.near.then_some(Line {
            rx: &mut self.from_service,
            tx: &mut self.to_service,
            now: self.now,
            random: &mut own,
        });
        let mut fork = Random::new(self.random.word());
        let mut far = self.device.far.then_some(Line {
            rx: &mut self.to_device,
            tx: &mut self.from_device,
            now: self.now,
            random: &mut fork,
        });
        let moved = turn(&mut visit, &mut near, &mut far);
        drop(visit);
        let mut told = false;
        while let Some(event) = self.device.session.as_mut().and_then(Session::event) {
            told = true;
            let deed = match &event {
                Event::PasswordOffered(offer)
                    if offer.password.expose() == PASSWORD && self.password_sent =>
                {
                    Deed::Verdict
                }
                Event::PasswordOffered(_) => {
                    return Err("I10: a device got a password that was not sent to it".into());
                }
                Event::ServiceNeeded => Deed::Service,
                _ => continue,
            };
            if self.plan.device_host != HostKind::Absent {
                self.device.todo.push((self.now, deed));
            }
        }
        Ok(moved || told || due.is_some())
    }

    fn viewer_acts(&mut self) -> bool {
        let person = &mut self.viewer;
        if !self.console.near || person.gone || self.now < person.stalled_until {
            return false;
        }
        let mut moved = person.listen(&mut self.to_viewer, self.now, &mut self.random);
        let greeted = person.got.starts_with(&rfb::Version::V3_8.hello_bytes());
        let early =
            if self.plan.viewer == ViewerKind::Eager { self.plan.upload.min(50) } else { 0 };
        let may = if greeted { self.plan.upload } else { early };
        moved |= person.talk(&mut self.to_console, may, b"", self.now, &mut self.random);
        let said = greeted
            && person.sent == self.plan.upload
            && person.got.len() as u64 >= self.plan.download;
        let fickle = self.plan.viewer == ViewerKind::Fickle && self.random.one_in(40);
        if said || person.ended || fickle {
            person.gone = true;
            if fickle && self.random.one_in(2) {
                self.to_console.reset();
                self.to_viewer.reset();
            } else {
                self.to_console.end(self.now, &mut self.random);
            }
            moved = true;
        }
        moved
    }

    fn service_acts(&mut self) -> bool {
        let person = &mut self.service;
        if !self.device.near || person.gone {
            return false;
        }
        let mut moved = person.listen(&mut self.to_service, self.now, &mut self.random);
        let hello = rfb::Version::V3_8.hello_bytes();
        moved |= person.talk(
            &mut self.from_service,
            self.plan.download,
            &hello,
            self.now,
            &mut self.random,
        );
        if person.ended {
            person.gone = true;
            self.from_service.end(self.now, &mut self.random);
            moved = true;
        }
        moved
    }

    /// What holds after every step.
    fn check(&mut self) -> Result<(), String> {
        for (name, actor) in [("console", &mut self.console), ("device", &mut self.device)] {
            let Some(session) = &actor.session else { continue };
            invariants::check(name, session, &mut actor.outcome, self.plan.window)?;
        }
        self.check_content()
    }
}

impl World {
    /// What arrives is what was said, from its beginning; or the farewell, and nothing else.
    fn check_content(&mut self) -> Result<(), String> {
        const FAREWELL: &[u8] = b"RFB 003.003\n\0\0\0\0";
        let hello = rfb::Version::V3_8.hello_bytes();
        let got = &self.viewer.got;
        let refused = got.starts_with(&FAREWELL[..got.len().min(FAREWELL.len())]);
        let wrong = |person: &Person, first: &[u8]| {
            (person.checked..person.got.len()).find(|at| person.got[*at] != said(first, *at as u64))
        };
        if let Some(at) = wrong(&self.viewer, &hello).filter(|_| !refused) {
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
}

impl Actor {
    const fn new(session: Option<Session>) -> Self {
        Self { session, todo: Vec::new(), outcome: None, near: false, far: false }
    }
}

fn due(todo: &mut Vec<(Instant, Deed)>, now: Instant) -> Option<Deed> {
    let index = todo.iter().position(|(at, _)| *at <= now)?;
    Some(todo.swap_remove(index).1)
}

/// A short turn, so that others get theirs in between. True if anything moved.
fn turn(
    visit: &mut Visit<'_, '_>,
    near: &mut Option<Line<'_>>,
    far: &mut Option<Line<'_>>,
) -> bool {
    let carried = |near: &Option<Line<'_>>, far: &Option<Line<'_>>| {
        [near, far].into_iter().flatten().map(|line| line.tx.carried).sum::<u64>()
    };
    let before = carried(near, far);
    let turn = pump(visit, near, far, 1);
    turn != Turn::Wait || carried(near, far) != before
}

/// The bounds that simulated sessions run under: the defaults, and an end to silence.
impl Cast {
    /// Bounds for `config`s of a cast: every wait ends, so that every world does.
    #[must_use]
    pub fn bounds() -> Bounds {
        let mut bounds = Bounds::default();
        bounds.deadlines.idle = Some(Duration::from_secs(600));
        bounds
    }
}
