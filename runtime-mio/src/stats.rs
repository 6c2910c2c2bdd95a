//! What a shard has done, told to other threads.

use std::iter::Sum;
use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use procy_core::error::Fault;
use procy_core::event::{Outcome, Traffic};

/// A shard's figures, each true at some moment of the call that asks for them, but not all at the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Sessions that there are now, and places taken for those about to be opened.
    pub sessions: u64,
    /// Sessions that have been opened.
    pub opened: u64,
    /// Of them, those that came to relaying and were then ended by somebody.
    pub ended: u64,
    /// Those that failed by a peer's fault.
    pub failed_by_peer: u64,
    /// Those that failed by the host's fault or wish.
    pub failed_by_caller: u64,
    /// Those that failed by what the operator has set, or by what UMS holds.
    pub failed_by_configuration: u64,
    /// Bytes relayed from far sides to near ones, without TLS.
    pub to_near: u64,
    /// Bytes relayed from near sides to far ones, without TLS.
    pub to_far: u64,
    /// Bytes of buffers that sessions hold now, because a peer does not take them or has sent a part of a record.
    pub held: u64,
    /// Visits to sessions.
    pub turns: u64,
    /// Returns of the operating system's wait.
    pub wakeups: u64,
}

/// Sums of several shards' figures.
impl Add for Stats {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            sessions: self.sessions + other.sessions,
            opened: self.opened + other.opened,
            ended: self.ended + other.ended,
            failed_by_peer: self.failed_by_peer + other.failed_by_peer,
            failed_by_caller: self.failed_by_caller + other.failed_by_caller,
            failed_by_configuration: self.failed_by_configuration + other.failed_by_configuration,
            to_near: self.to_near + other.to_near,
            to_far: self.to_far + other.to_far,
            held: self.held + other.held,
            turns: self.turns + other.turns,
            wakeups: self.wakeups + other.wakeups,
        }
    }
}

impl Sum for Stats {
    fn sum<I: Iterator<Item = Self>>(stats: I) -> Self {
        stats.fold(Self::default(), Add::add)
    }
}

/// The same, as the shard's thread counts. Nothing is ordered by it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    opened: AtomicU64,
    ended: AtomicU64,
    failed_by_peer: AtomicU64,
    failed_by_caller: AtomicU64,
    failed_by_configuration: AtomicU64,
    to_near: AtomicU64,
    to_far: AtomicU64,
    held: AtomicU64,
    turns: AtomicU64,
    wakeups: AtomicU64,
}

impl Tally {
    pub(crate) fn opened(&self) {
        self.opened.fetch_add(1, Relaxed);
    }

    pub(crate) fn woke(&self) {
        self.wakeups.fetch_add(1, Relaxed);
    }

    pub(crate) fn closed(&self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Ended(_) => &self.ended,
            Outcome::Failed(error) => match error.fault() {
                Fault::Peer => &self.failed_by_peer,
                Fault::Caller => &self.failed_by_caller,
                Fault::Configuration => &self.failed_by_configuration,
            },
        };
        count.fetch_add(1, Relaxed);
    }

    /// One visit, and what has changed by it.
    pub(crate) fn turned(&self, before: Measure, after: Measure) {
        self.turns.fetch_add(1, Relaxed);
        self.to_near.fetch_add(after.traffic.to_near - before.traffic.to_near, Relaxed);
        self.to_far.fetch_add(after.traffic.to_far - before.traffic.to_far, Relaxed);
        self.holds(before, after);
    }

    pub(crate) fn holds(&self, before: Measure, after: Measure) {
        if after.held != before.held {
            self.held.fetch_add((after.held as u64).wrapping_sub(before.held as u64), Relaxed);
        }
    }

    pub(crate) fn read(&self, sessions: usize) -> Stats {
        Stats {
            sessions: sessions as u64,
            opened: self.opened.load(Relaxed),
            ended: self.ended.load(Relaxed),
            failed_by_peer: self.failed_by_peer.load(Relaxed),
            failed_by_caller: self.failed_by_caller.load(Relaxed),
            failed_by_configuration: self.failed_by_configuration.load(Relaxed),
            to_near: self.to_near.load(Relaxed),
            to_far: self.to_far.load(Relaxed),
            held: self.held.load(Relaxed),
            turns: self.turns.load(Relaxed),
            wakeups: self.wakeups.load(Relaxed),
        }
    }
}

/// What a session has relayed and holds, at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measure {
    pub(crate) traffic: Traffic,
    pub(crate) held: usize,
}
