//! What goes wrong in a world, once in a while.

use core::time::Duration;

use super::{Deed, World};
use crate::error::Broken;
use crate::event::Side;
use crate::timer::Instant;

impl World {
    pub(super) fn fault(&mut self) {
        let seconds =
            |most: usize, world: &mut Self| Duration::from_secs(world.random.below(most) as u64);
        match self.random.below(9) {
            0 => {
                let (one, other) = match self.random.below(3) {
                    0 => (&mut self.to_console, &mut self.to_viewer),
                    1 => (&mut self.to_device, &mut self.from_device),
                    _ => (&mut self.to_service, &mut self.from_service),
                };
                one.reset();
                other.reset();
            }
            1 => {
                let until = self.now + seconds(40, self);
                self.from_device.freeze(until);
            }
            2 => {
                let until = self.now + seconds(40, self);
                self.to_device.freeze(until);
            }
            3 => {
                self.from_device.corrupt(&mut self.random);
            }
            4 => self.now = self.now + seconds(30, self),
            // The core takes the latest that it was told.
            5 => {
                let since = self.now.since(Instant::ZERO).saturating_sub(seconds(30, self));
                self.now = Instant::after_epoch(since);
            }
            6 => self.deed_out_of_turn(),
            _ => self.word_out_of_turn(),
        }
    }

    /// A host does what it does at some time, but now.
    fn deed_out_of_turn(&mut self) {
        let now = self.now;
        match self.random.below(5) {
            0 if !self.console.near => self.console.todo.push((now, Deed::Viewer)),
            1 if !self.console.far => self.console.todo.push((now, Deed::Connect)),
            2 => self.console.todo.push((now, Deed::Credential)),
            3 => self.device.todo.push((now, Deed::Verdict)),
            4 => self.device.todo.push((now, Deed::Service)),
            _ => {}
        }
    }

    /// A host gives up, or says of a stream what is not so.
    fn word_out_of_turn(&mut self) {
        let actor = if self.random.one_in(2) { &mut self.console } else { &mut self.device };
        let Some(session) = &mut actor.session else { return };
        let side = self.random.choose(&Side::BOTH);
        let mut visit = session.visit(&mut self.scratch, self.now);
        match self.random.below(9) {
            0 => visit.close(),
            1 => visit.abandon("the host has lost its mind"),
            2 => visit.refuse(),
            3 => visit.eof(side),
            4 => visit.broken(side, Broken::TimedOut),
            5 => visit.unwritable(side, Broken::Reset),
            6 => visit.read(side, usize::MAX),
            7 => visit.written(side, usize::MAX),
            _ => core::mem::forget(visit),
        }
    }
}
