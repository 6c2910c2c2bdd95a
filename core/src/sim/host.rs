//! The programs that drive the two sessions. They visit only when the contract tells them to: a wake-up that the core
//! forgets to ask for does not come.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::plan::{DeviceKind, HostKind, ViewerKind};
use super::watch::Watch;
use super::{Line, Pipe, Random, World};
use crate::credential::{Credential, Password};
use crate::error::Broken;
use crate::event::{Event, Side};
use crate::pump::{Io, Turn, pump};
use crate::scratch::Scratch;
use crate::session::{Session, Visit};
use crate::timer::Instant;

/// The password of every simulated device.
pub(crate) const PASSWORD: &str = "6ce714ad-6629-4296-a676-1c0ca5f4689c";

/// One visit in so many is made without need, as runtimes may.
const NEEDLESS: usize = 16;

/// A session with its host.
#[derive(Debug)]
pub(super) struct Actor {
    pub(super) session: Option<Session>,
    /// What the host will do, and when.
    pub(super) todo: Vec<(Instant, Deed)>,
    pub(super) near: bool,
    pub(super) far: bool,
    /// How far its clock is behind the world's.
    pub(super) behind: Duration,
    pub(super) watch: Watch,
    /// It has not yet been visited, or the last visit was not the end of it.
    pub(super) again: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Credential,
    Connect,
    Viewer,
    Verdict,
    Service,
}

/// A side's streams: what comes, and what goes.
type Ways<'a> = (&'a mut Pipe, &'a mut Pipe);

impl Actor {
    pub(super) fn new(session: Option<Session>) -> Self {
        Self {
            session,
            todo: Vec::new(),
            near: false,
            far: false,
            behind: Duration::ZERO,
            watch: Watch::default(),
            again: true,
        }
    }

    /// Whether it has nothing left to do.
    pub(super) fn is_over(&self) -> bool {
        self.session.as_ref().is_none_or(Session::is_over)
    }

    /// When the world's clock shows what this host's shows at its session's deadline.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let (at, _) = self.session.as_ref()?.deadline()?;
        Some(at + self.behind)
    }

    pub(super) fn clock(&self, now: Instant) -> Instant {
        Instant::after_epoch(now.since(Instant::ZERO).saturating_sub(self.behind))
    }

    /// One turn of the host's loop: a visit if something asks for one. `answer` does a deed, and says which side it has
    /// a stream for.
    fn wake(
        &mut self,
        scratch: &mut Scratch<'_>,
        now: Instant,
        random: &mut Random,
        (near, far): (Ways<'_>, Ways<'_>),
        answer: impl FnOnce(&mut Visit<'_, '_>, Deed) -> Option<Side>,
    ) -> Result<bool, String> {
        let (clock, deadline) = (self.clock(now), self.deadline());
        let deed = due(&mut self.todo, now);
        let Some(session) = self.session.as_mut().filter(|session| !session.is_over()) else {
            return Ok(false);
        };
        let ready = |side, attached: bool, (rx, tx): (&Pipe, &Pipe)| {
            attached
                && (session.wants_read(side) && rx.is_readable(now)
                    || session.wants_write(side) && tx.is_writable())
        };
        let needed = self.again
            || deed.is_some()
            || deadline.is_some_and(|at| at <= now)
            || ready(Side::Near, self.near, (near.0, near.1))
            || ready(Side::Far, self.far, (far.0, far.1));
        if !needed && !random.one_in(NEEDLESS) {
            return Ok(false);
        }
        self.watch.told(clock);
        let mut visit = session.visit(scratch, clock);
        if let Some(side) = deed.and_then(|deed| answer(&mut visit, deed)) {
            match side {
                Side::Near => self.near = true,
                Side::Far => self.far = true,
            }
            visit.attach(side);
        }
        let mut own = [Random::new(random.word()), Random::new(random.word())];
        let [mine, yours] = &mut own;
        let mut near = line(self.near, near, now, mine);
        let mut far = line(self.far, far, now, yours);
        let moved = |lines: [&Option<Line<'_>>; 2]| -> u64 {
            lines.into_iter().flatten().map(|line| line.rx.moved() + line.tx.moved()).sum()
        };
        let before = moved([&near, &far]);
        // A short turn, so that others get theirs in between.
        let turn = pump(&mut visit, &mut near, &mut far, 1);
        drop(visit);
        self.again = turn == Turn::Again;
        let moved = turn != Turn::Wait || moved([&near, &far]) != before;
        if moved && !needed {
            return Err("I4: it had something to do, and did not ask to be woken".to_string());
        }
        Ok(moved || deed.is_some())
    }

    /// The next fact, once the invariants agree with it.
    fn event(&mut self) -> Result<Option<Event>, String> {
        let event = self.session.as_mut().and_then(Session::event);
        event.as_ref().map_or(Ok(()), |event| self.watch.event(event))?;
        Ok(event)
    }
}

impl World {
    pub(super) fn console_turn(&mut self, scratch: &mut Scratch<'_>) -> Result<bool, String> {
        let (plan, certificate) = (&self.plan, &self.cast.certificate);
        let clock = self.console.clock(self.now);
        let refused = plan.device == DeviceKind::Noise && self.random.one_in(4);
        let had = self.console.far;
        let moved = self.console.wake(
            scratch,
            self.now,
            &mut self.random,
            (
                (&mut self.to_console, &mut self.to_viewer),
                (&mut self.from_device, &mut self.to_device),
            ),
            |visit, deed| match deed {
                Deed::Viewer => Some(Side::Near),
                Deed::Credential if plan.console_host == HostKind::Refusing => {
                    visit.abandon("UMS is down");
                    None
                }
                Deed::Credential => {
                    if let Ok(password) = Password::parse(PASSWORD) {
                        let certificate = certificate.clone();
                        let asked = clock.since(Instant::ZERO).saturating_sub(plan.password_age);
                        visit.credential(
                            Credential { certificate, password },
                            Instant::after_epoch(asked),
                        );
                    }
                    None
                }
                Deed::Connect if refused => {
                    visit.broken(Side::Far, Broken::Refused);
                    None
                }
                _ => Some(Side::Far),
            },
        )?;
        if self.console.far && !had {
            self.device_begins(scratch)?;
        }
        Ok(moved | self.console_events()?)
    }

    /// What the console's session tells is heard. True if it told anything.
    pub(super) fn console_events(&mut self) -> Result<bool, String> {
        let mut told = false;
        while let Some(event) = self.console.event()? {
            self.console_event(&event)?;
            told = true;
        }
        Ok(told)
    }

    fn console_event(&mut self, event: &Event) -> Result<(), String> {
        let thinking = self.random.below(self.plan.thinking.as_millis() as usize + 1);
        let at = self.now + Duration::from_millis(thinking as u64);
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

    /// The console has connected: whoever stands at the device's address begins.
    fn device_begins(&mut self, scratch: &mut Scratch<'_>) -> Result<(), String> {
        let config = match self.plan.device {
            DeviceKind::Honest => &self.cast.device,
            DeviceKind::Stranger => &self.cast.stranger,
            DeviceKind::Impostor => &self.cast.impostor,
            DeviceKind::Noise | DeviceKind::Silent => return Ok(()),
        };
        let clock = self.device.clock(self.now);
        let mut session = Session::device(config, clock).map_err(|error| error.to_string())?;
        session.visit(scratch, clock).attach(Side::Far);
        self.device.session = Some(session);
        self.device.far = true;
        Ok(())
    }

    pub(super) fn device_turn(&mut self, scratch: &mut Scratch<'_>) -> Result<bool, String> {
        if self.plan.device == DeviceKind::Noise && self.console.far {
            if self.from_device.carried >= 1_000 {
                return Ok(false);
            }
            let mut noise = [0; 32];
            noise.iter_mut().for_each(|byte| *byte = self.random.word() as u8);
            let io = self.from_device.write(&noise, self.now, &mut self.random);
            return Ok(matches!(io, Io::Moved(_)));
        }
        let refusing = self.plan.device_host == HostKind::Refusing;
        let moved = self.device.wake(
            scratch,
            self.now,
            &mut self.random,
            (
                (&mut self.from_service, &mut self.to_service),
                (&mut self.to_device, &mut self.from_device),
            ),
            |visit, deed| {
                match deed {
                    Deed::Verdict if refusing => visit.refuse(),
                    Deed::Verdict => visit.accept(),
                    _ => return Some(Side::Near),
                }
                None
            },
        )?;
        Ok(moved | self.device_events()?)
    }

    /// The same for the device's.
    pub(super) fn device_events(&mut self) -> Result<bool, String> {
        let mut told = false;
        while let Some(event) = self.device.event()? {
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
        Ok(told)
    }
}

fn line<'a>(
    attached: bool,
    (rx, tx): Ways<'a>,
    now: Instant,
    random: &'a mut Random,
) -> Option<Line<'a>> {
    attached.then_some(Line { rx, tx, now, random })
}

fn due(todo: &mut Vec<(Instant, Deed)>, now: Instant) -> Option<Deed> {
    let index = todo.iter().position(|(at, _)| *at <= now)?;
    Some(todo.swap_remove(index).1)
}
