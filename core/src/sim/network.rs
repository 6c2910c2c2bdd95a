//! Byte streams in memory: cut, delayed, stalled, ended and broken as their conditions say.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::Random;
use crate::error::Broken;
use crate::pump::{Io, Stream};
use crate::session::Pending;
use crate::timer::Instant;

/// What a stream does to the bytes on it, besides keeping their order.
#[derive(Clone, Copy, Debug)]
pub struct Conditions {
    /// The most bytes that one read or write moves; each moves a random number up to it.
    pub chunk: usize,
    /// The longest delay.
    pub delay: Duration,
    /// How many bytes are under way or unread before a write blocks.
    pub room: usize,
}

impl Conditions {
    /// Nothing is cut, nothing delayed.
    pub const IDEAL: Self = Self { chunk: usize::MAX, delay: Duration::ZERO, room: 1 << 20 };
}

/// One direction of a stream.
#[derive(Debug)]
pub struct Pipe {
    conditions: Conditions,
    flight: VecDeque<(Instant, Segment)>,
    arrived: VecDeque<u8>,
    fin: bool,
    ended: bool,
    broken: Option<Broken>,
    /// What is written from now on is answered by a reset.
    severed: bool,
    frozen: Instant,
    /// Bytes under way or unread.
    held: usize,
    /// Bytes accepted so far.
    pub carried: u64,
    /// Bytes read so far.
    taken: u64,
}

#[derive(Debug)]
enum Segment {
    Bytes(Vec<u8>),
    Fin,
}

impl Pipe {
    /// An open pipe with nothing on it.
    #[must_use]
    pub const fn new(conditions: Conditions) -> Self {
        Self {
            conditions,
            flight: VecDeque::new(),
            arrived: VecDeque::new(),
            fin: false,
            ended: false,
            broken: None,
            severed: false,
            frozen: Instant::ZERO,
            held: 0,
            carried: 0,
            taken: 0,
        }
    }

    /// Takes what it can of `bytes`.
    pub fn write(&mut self, bytes: &[u8], now: Instant, random: &mut Random) -> Io {
        if let Some(how) = self.broken.or_else(|| self.severed.then_some(Broken::Reset)) {
            return Io::Gone(how);
        }
        let n = bytes
            .len()
            .min(self.conditions.room.saturating_sub(self.held))
            .min(cut(self.conditions, random));
        if self.fin || n == 0 {
            return Io::Blocked;
        }
        self.carried += n as u64;
        self.held += n;
        self.send(Segment::Bytes(bytes[..n].to_vec()), now, random);
        Io::Moved(n)
    }

    /// Gives what has arrived.
    pub fn read(&mut self, into: &mut [u8], now: Instant, random: &mut Random) -> Io {
        self.arrive(now);
        let n = into.len().min(self.arrived.len()).min(cut(self.conditions, random));
        if n == 0 {
            return match self.broken {
                Some(how) => Io::Gone(how),
                None if self.ended => Io::Moved(0),
                None => Io::Blocked,
            };
        }
        self.held -= n;
        self.taken += n as u64;
        for (slot, byte) in into.iter_mut().zip(self.arrived.drain(..n)) {
            *slot = byte;
        }
        Io::Moved(n)
    }

    /// Ends it (FIN).
    pub fn end(&mut self, now: Instant, random: &mut Random) {
        if !self.fin {
            self.fin = true;
            self.send(Segment::Fin, now, random);
        }
    }

    /// Breaks it (RST): what is under way is lost, what has arrived can still be read.
    pub fn reset(&mut self) {
        self.flight.clear();
        self.held = self.arrived.len();
        self.broken = self.broken.or(Some(Broken::Reset));
    }

    /// Ends it from the middle: who reads meets a FIN after what is under way, who writes a reset.
    pub fn cut(&mut self, now: Instant, random: &mut Random) {
        self.severed = true;
        self.end(now, random);
    }

    /// Lets nothing arrive before `until`.
    pub fn freeze(&mut self, until: Instant) {
        self.frozen = self.frozen.max(until);
    }

    /// Changes a bit of what is under way or unread. False if there is nothing.
    pub fn corrupt(&mut self, random: &mut Random) -> bool {
        let len = self.arrived.len();
        let Some(byte) = self.arrived.get_mut(random.below(len)) else { return false };
        *byte ^= 1 << random.below(8);
        true
    }

    /// When something will arrive next, if anything is under way.
    #[must_use]
    pub fn next_arrival(&self) -> Option<Instant> {
        self.flight.front().map(|(at, _)| (*at).max(self.frozen))
    }

    /// Whether nothing has ended or broken it.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !self.fin && self.broken.is_none()
    }

    /// Whether it has been reset.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Whether a read would not block.
    #[must_use]
    pub fn is_readable(&self, now: Instant) -> bool {
        let comes = self.next_arrival().is_some_and(|at| at <= now);
        comes || !self.arrived.is_empty() || self.ended || self.broken.is_some()
    }

    /// Whether a write would not block.
    #[must_use]
    pub const fn is_writable(&self) -> bool {
        self.held < self.conditions.room || self.broken.is_some() || self.severed
    }

    /// The most that one write moves now.
    pub(super) fn takes(&self) -> usize {
        self.conditions.room.saturating_sub(self.held).min(self.conditions.chunk)
    }

    /// How much has been written, read and ended: it changes when anything moves.
    pub(super) const fn moved(&self) -> u64 {
        self.carried + self.taken + self.fin as u64
    }

    fn send(&mut self, segment: Segment, now: Instant, random: &mut Random) {
        let delay = self.conditions.delay.as_micros() as usize;
        let at = now + Duration::from_micros(random.below(delay + 1) as u64);
        // Order is kept: nothing overtakes.
        let at = self.flight.back().map_or(at, |(last, _)| at.max(*last));
        self.flight.push_back((at, segment));
        self.arrive(now);
    }

    fn arrive(&mut self, now: Instant) {
        if now < self.frozen {
            return;
        }
        while self.flight.front().is_some_and(|(at, _)| *at <= now) {
            match self.flight.pop_front() {
                Some((_, Segment::Bytes(bytes))) => self.arrived.extend(bytes),
                Some((_, Segment::Fin)) => self.ended = true,
                None => {}
            }
        }
    }
}

fn cut(conditions: Conditions, random: &mut Random) -> usize {
    if conditions.chunk == usize::MAX { usize::MAX } else { 1 + random.below(conditions.chunk) }
}

/// One end of a stream: a pipe to read from and a pipe to write to.
#[derive(Debug)]
pub struct Line<'a> {
    /// What comes.
    pub rx: &'a mut Pipe,
    /// What goes.
    pub tx: &'a mut Pipe,
    /// The time.
    pub now: Instant,
    /// Where cuts and delays come from.
    pub random: &'a mut Random,
}

impl Stream for Line<'_> {
    fn read(&mut self, into: &mut [u8]) -> Io {
        self.rx.read(into, self.now, self.random)
    }

    fn write(&mut self, parts: Pending<'_>) -> Io {
        let mut total = 0;
        for part in parts {
            match self.tx.write(part, self.now, self.random) {
                Io::Moved(n) if n == part.len() => total += n,
                Io::Moved(n) => return Io::Moved(total + n),
                other => return if total > 0 { Io::Moved(total) } else { other },
            }
        }
        Io::Moved(total)
    }

    fn shutdown(&mut self) -> Io {
        self.tx.end(self.now, self.random);
        Io::Moved(0)
    }
}
