//! Whoever is at one of a world's outer ends: a viewer, or a VNC server.

use alloc::vec::Vec;

use super::{Pipe, Random};
use crate::pump::Io;
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
    pub(super) stalled_until: Instant,
}

impl Person {
    pub(super) fn listen(&mut self, pipe: &mut Pipe, now: Instant, random: &mut Random) -> bool {
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

    pub(super) fn talk(
        &mut self,
        pipe: &mut Pipe,
        most: u64,
        first: &[u8],
        now: Instant,
        random: &mut Random,
    ) -> bool {
        let n = most.saturating_sub(self.sent).min(8_192);
        let words: Vec<u8> = (self.sent..self.sent + n).map(|at| said(first, at)).collect();
        if words.is_empty() {
            return false;
        }
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

/// What somebody says at a position: `first`, then bytes that follow from it, so that any loss or mix-up shows. A viewer
/// does not begin with what could end a command.
pub(super) fn said(first: &[u8], at: u64) -> u8 {
    let rest = || ((at + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8 ^ first.len() as u8;
    usize::try_from(at).ok().and_then(|at| first.get(at).copied()).unwrap_or_else(rest)
}
