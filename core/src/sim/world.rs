//! A whole session, from the viewer to the device's VNC server, under a seeded schedule; every invariant is checked after
//! every step.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::host::{Actor, Deed};
use super::person::Person;
use super::plan::{Plan, ViewerKind};
use super::{Cast, Pipe, Random};
use crate::event::Outcome;
use crate::scratch::Scratch;
use crate::session::Session;
use crate::timer::Instant;

/// A schedule that has not ended by then never will.
const MAX_STEPS: usize = 200_000;

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
    pub(super) plan: Plan,
    pub(super) random: Random,
    pub(super) now: Instant,
    pub(super) console: Actor,
    pub(super) device: Actor,
    pub(super) cast: Cast,
    /// Towards the console, and away from it; then the same for the wire towards the device, and its VNC server.
    pub(super) to_console: Pipe,
    pub(super) to_viewer: Pipe,
    pub(super) to_device: Pipe,
    pub(super) from_device: Pipe,
    pub(super) to_service: Pipe,
    pub(super) from_service: Pipe,
    pub(super) viewer: Person,
    pub(super) service: Person,
    /// A bit on the wire has changed: a record may now seem to be longer than what will come.
    pub(super) corrupted: bool,
    /// A host has said what is not so: what becomes of the bytes is its own fault.
    pub(super) erred: bool,
    pub(super) verified: bool,
    pub(super) password_sent: bool,
    pub(super) events: Vec<String>,
}

impl World {
    /// A world in which `plan` happens, in the order that `random` chooses.
    #[must_use]
    pub fn new(cast: &Cast, plan: Plan, random: Random) -> Self {
        let now = Instant::after_epoch(Duration::from_secs(100_000));
        let mut world = Self {
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
            corrupted: false,
            erred: false,
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
    pub fn run(self) -> Result<Report, String> {
        self.run_over(&mut Vec::new())
    }

    /// Runs it to its end with the sessions' scratch memory in `memory`, which grows as needed: whoever runs many worlds
    /// pays for it once, and each finds there what the one before has left.
    ///
    /// # Errors
    /// As [`World::run`].
    pub fn run_over(mut self, memory: &mut Vec<u8>) -> Result<Report, String> {
        let size = self.plan.memory.max(Scratch::MIN_MEMORY);
        memory.resize(memory.len().max(size), 0);
        let mut scratch = Scratch::over(&mut memory[..size]).ok_or("too little memory")?;
        for steps in 0..MAX_STEPS {
            let moved = self.step(&mut scratch)?;
            if self.console.is_over() && self.device.is_over() {
                self.check_end()?;
                return Ok(Report {
                    console: self.console.watch.outcome.ok_or("over without an outcome")?,
                    device: self.device.watch.outcome,
                    events: self.events,
                    viewer_got: self.viewer.got,
                    service_got: self.service.got,
                    steps,
                });
            }
            if !moved {
                self.check_rest()?;
                if !self.skip_ahead() {
                    return Err(format!("I4: nothing will ever happen again: {self:?}"));
                }
            }
        }
        Err(format!("I4: not over after {MAX_STEPS} steps"))
    }

    /// One random thing happens. False if it moved nothing.
    fn step(&mut self, scratch: &mut Scratch<'_>) -> Result<bool, String> {
        if self.plan.faults > 0 && self.random.one_in(self.plan.faults) {
            self.fault(scratch)?;
        }
        let mut moved = false;
        let first = self.random.below(4);
        for actor in 0..4 {
            moved |= match (first + actor) % 4 {
                0 => self.console_turn(scratch)?,
                1 => self.device_turn(scratch)?,
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
        self.pipes().into_iter().for_each(|pipe| consider(pipe.next_arrival()));
        for actor in [&self.console, &self.device] {
            consider(actor.deadline());
            actor.todo.iter().for_each(|(at, _)| consider(Some(*at)));
        }
        consider(Some(self.service.stalled_until));
        consider(Some(self.viewer.stalled_until));
        let found = next.is_some();
        self.now = next.unwrap_or(self.now);
        found
    }

    pub(super) const fn pipes(&self) -> [&Pipe; 6] {
        [
            &self.to_console,
            &self.to_viewer,
            &self.to_device,
            &self.from_device,
            &self.to_service,
            &self.from_service,
        ]
    }

    pub(super) const fn pipes_mut(&mut self) -> [&mut Pipe; 6] {
        [
            &mut self.to_console,
            &mut self.to_viewer,
            &mut self.to_device,
            &mut self.from_device,
            &mut self.to_service,
            &mut self.from_service,
        ]
    }
}
