//! What goes wrong in a world that has faults.

use alloc::string::String;
use core::time::Duration;

use super::World;
use super::host::Deed;
use crate::error::Broken;
use crate::event::Side;
use crate::scratch::Scratch;

impl World {
    /// One random fault.
    pub(super) fn fault(&mut self, scratch: &mut Scratch<'_>) -> Result<(), String> {
        let seconds =
            |random: &mut super::Random, most| Duration::from_secs(random.below(most) as u64);
        match self.random.below(10) {
            // A connection breaks.
            0 => {
                let (one, other) = match self.random.below(3) {
                    0 => (&mut self.to_console, &mut self.to_viewer),
                    1 => (&mut self.to_device, &mut self.from_device),
                    _ => (&mut self.to_service, &mut self.from_service),
                };
                one.reset();
                other.reset();
            }
            // Somebody on the way ends the connection, which TLS must not take for a goodbye.
            1 => {
                self.to_device.cut(self.now, &mut self.random);
                self.from_device.cut(self.now, &mut self.random);
            }
            // One direction of one connection stands still: what comes later there on another overtakes it.
            2 => {
                let until = self.now + seconds(&mut self.random, 40);
                let which = self.random.below(6);
                if let Some(pipe) = self.pipes_mut().into_iter().nth(which) {
                    pipe.freeze(until);
                }
            }
            // Somebody stops reading, and goes on talking.
            3 => {
                let person =
                    if self.random.one_in(2) { &mut self.viewer } else { &mut self.service };
                person.stalled_until = self.now + seconds(&mut self.random, 40);
            }
            // A bit falls over.
            4 => {
                let way = [&mut self.from_device, &mut self.to_device];
                if let Some(pipe) = way.into_iter().nth(self.random.below(2)) {
                    self.corrupted |= pipe.corrupt(&mut self.random);
                }
            }
            // Nobody is woken for a while: past one deadline, or past all of them.
            5 => {
                let most = if self.random.one_in(8) { 3_600 } else { 30 };
                self.now = self.now + seconds(&mut self.random, most);
            }
            // A host's clock goes back, or comes forward again.
            6 | 7 => {
                let host = if self.random.one_in(2) { &mut self.console } else { &mut self.device };
                host.behind = seconds(&mut self.random, 60);
            }
            8 => self.deed_out_of_turn(),
            _ => self.word_out_of_turn(scratch)?,
        }
        Ok(())
    }

    /// A host does what it does at some time, but now.
    fn deed_out_of_turn(&mut self) {
        let now = self.now;
        let (console, device) = (&mut self.console, &mut self.device);
        match self.random.below(5) {
            0 if !console.near => console.todo.push((now, Deed::Viewer)),
            1 if !console.far => console.todo.push((now, Deed::Connect)),
            2 => console.todo.push((now, Deed::Credential)),
            3 => device.todo.push((now, Deed::Verdict)),
            4 => device.todo.push((now, Deed::Service)),
            _ => {}
        }
    }

    /// A host gives up, or says of a stream what is not so.
    fn word_out_of_turn(&mut self, scratch: &mut Scratch<'_>) -> Result<(), String> {
        let actor = if self.random.one_in(2) { &mut self.console } else { &mut self.device };
        let clock = actor.clock(self.now);
        let Some(session) = &mut actor.session else { return Ok(()) };
        self.erred = true;
        actor.watch.told(clock);
        actor.again = true;
        let side = self.random.choose(&Side::BOTH);
        let word = self.random.below(9);
        {
            let mut visit = session.visit(scratch, clock);
            match word {
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
        self.console_events()?;
        self.device_events()?;
        Ok(())
    }
}
