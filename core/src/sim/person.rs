//! Whoever is at one of a world's outer ends: a viewer, or a VNC server.

use alloc::vec::Vec;

use super::plan::ViewerKind;
use super::{Pipe, Random, World};
use crate::pump::Io;
use crate::rfb;
use crate::timer::Instant;

/// Whoever is at one of the outer ends.
#[derive(Debug, Default)]
pub(super) struct Person {
    pub(super) got: Vec<u8>,
    /// How much of it has been held against what was said.
    pub(super) checked: usize,
    pub(super) sent: u64,
    pub(super) ended: bool,
    pub(super) gone: bool,
    /// Until then it reads nothing.
    pub(super) stalled_until: Instant,
}

impl Person {
    fn listen(&mut self, pipe: &mut Pipe, now: Instant, random: &mut Random) -> bool {
        if now < self.stalled_until {
            return false;
        }
        let mut buffer = [0; 8_192];
        match pipe.read(&mut buffer, now, random) {
            Io::Moved(0) | Io::Gone(_) => !core::mem::replace(&mut self.ended, true),
            Io::Moved(n) => {
                self.got.extend_from_slice(&buffer[..n]);
                true
            }
            Io::Blocked => false,
        }
    }

    fn talk(
        &mut self,
        pipe: &mut Pipe,
        most: u64,
        first: &[u8],
        now: Instant,
        random: &mut Random,
    ) -> bool {
        let more = most.saturating_sub(self.sent);
        if more == 0 {
            return false;
        }
        let n = more.min(pipe.takes().min(8_192) as u64);
        let words: Vec<u8> = (self.sent..self.sent + n).map(|at| said(first, at)).collect();
        match pipe.write(&words, now, random) {
            Io::Moved(n) => {
                self.sent += n as u64;
                n > 0
            }
            Io::Gone(_) => !core::mem::replace(&mut self.ended, true),
            Io::Blocked => false,
        }
    }
}

impl World {
    pub(super) fn viewer_acts(&mut self) -> bool {
        if !self.console.near || self.viewer.gone {
            return false;
        }
        let mut moved = self.viewer.listen(&mut self.to_viewer, self.now, &mut self.random);
        let may = self.may_upload();
        let person = &mut self.viewer;
        moved |= person.talk(&mut self.to_console, may, b"", self.now, &mut self.random);
        let said = person.sent == self.plan.upload && person.got.len() as u64 >= self.plan.download;
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

    pub(super) fn service_acts(&mut self) -> bool {
        let person = &mut self.service;
        if !self.device.near || person.gone {
            return false;
        }
        let mut moved = person.listen(&mut self.to_service, self.now, &mut self.random);
        let (most, now) = (self.plan.download, self.now);
        moved |= person.talk(&mut self.from_service, most, &hello(), now, &mut self.random);
        if person.ended {
            person.gone = true;
            self.from_service.end(self.now, &mut self.random);
            moved = true;
        }
        moved
    }

    /// How much the viewer may have said by now: it begins after the hello, unless it is eager.
    pub(super) fn may_upload(&self) -> u64 {
        if self.viewer.got.starts_with(&hello()) {
            self.plan.upload
        } else if self.plan.viewer == ViewerKind::Eager {
            self.plan.upload.min(50)
        } else {
            0
        }
    }
}

/// What a VNC server says first.
pub(super) fn hello() -> [u8; rfb::HELLO_LEN] {
    rfb::Version::V3_8.hello_bytes()
}

/// What somebody says at a position: `first`, then bytes that follow from it, so that any loss or mix-up shows. A viewer
/// does not begin with what could end a command.
pub(super) fn said(first: &[u8], at: u64) -> u8 {
    let rest = || ((at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8 ^ first.len() as u8;
    usize::try_from(at).ok().and_then(|at| first.get(at).copied()).unwrap_or_else(rest)
}
