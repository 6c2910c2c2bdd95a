//! The loop: waits for all sockets of all sessions at once, and visits those that can go on.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;

use mio::{Events, Poll, Token, Waker};
use procy_core::Scratch;
use procy_core::pump::{BUDGET, Turn};

use crate::command::{Answer, RunState};
use crate::listeners::Listeners;
use crate::slot::Lent;
use crate::table::Table;
use crate::{Answers, Handle, Host, now};

/// How many events one wait brings at the most.
const EVENTS: usize = 1_024;

/// The longest wait: some systems count it in a few bits of milliseconds.
const LONGEST: Duration = Duration::from_secs(3_600);

pub(crate) const WAKER: Token = Token(usize::MAX);

/// How much a shard takes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Sessions at once; beyond, connections wait in their listener's backlog. Default 10,000.
    pub sessions: usize,
    /// Commands from other threads that may wait. Default 1,024.
    pub commands: usize,
    /// Bytes that a session may move before others get their turn. Default [`BUDGET`].
    pub budget: usize,
    /// The size of the thread's [`Scratch`] windows. Default [`Scratch::DEFAULT`].
    pub window: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { sessions: 10_000, commands: 1_024, budget: BUDGET, window: Scratch::DEFAULT }
    }
}

/// One thread's event loop, its sessions, and the [`Host`] that decides for them.
#[derive(Debug)]
pub struct Shard<H> {
    pub(crate) host: H,
    pub(crate) handle: Owner,
    pub(crate) table: Table,
    pub(crate) listeners: Listeners,
    pub(crate) lent: Lent,
    pub(crate) state: RunState,
    /// Where arrivals may go; this shard is among them.
    pub(crate) peers: Vec<Handle>,
    answers: VecDeque<Answer>,
    poll: Poll,
    events: Events,
}

impl<H: Host> Shard<H> {
    /// A shard that has nothing to do yet. [`Shard::handle`] brings it sessions and listeners.
    ///
    /// # Errors
    /// Those of the operating system, such as too many open files.
    pub fn new(config: &Config, host: H) -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER)?;
        let handle = Handle::new(config.sessions, config.commands, waker);
        let lent = Lent {
            scratch: Scratch::new(config.window),
            registry: poll.registry().try_clone()?,
            budget: config.budget,
        };
        Ok(Self {
            host,
            peers: vec![handle.clone()],
            handle: Owner(handle),
            table: Table::default(),
            listeners: Listeners::default(),
            lent,
            state: RunState::Running,
            answers: VecDeque::new(),
            poll,
            events: Events::with_capacity(EVENTS),
        })
    }

    /// For other threads.
    pub fn handle(&self) -> Handle {
        self.handle.0.clone()
    }

    /// Runs until [`Handle::drain`] or [`Handle::stop`] has ended it, and gives the host back.
    ///
    /// # Errors
    /// Those of the operating system's wait, which nothing can go on after; every socket is closed then.
    pub fn run(mut self) -> io::Result<H> {
        while self.turn(None)? {}
        Ok(self.host)
    }

    /// One turn, for a thread that has more to do: waits until something can go on, though not longer than `most`,
    /// and visits each session that can, once. False if the shard has ended.
    ///
    /// # Errors
    /// As [`Shard::run`].
    pub fn turn(&mut self, most: Option<Duration>) -> io::Result<bool> {
        let wait = self.wait(most);
        match self.poll.poll(&mut self.events, wait) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => self.handle.0.0.tally.woke(),
        }
        let mut called = false;
        for event in &self.events {
            match event.token() {
                WAKER => called = true,
                token if self.listeners.event(token) => {}
                token => self.table.event(token, event),
            }
        }
        if called {
            self.take_commands();
        }
        self.table.expire(now());
        self.accept();
        // Those that queue up anew meanwhile come after the next look at the sockets.
        for _ in 0..self.table.waiting() {
            if let Some(index) = self.table.next() {
                self.visit(index);
            }
        }
        Ok(match self.state {
            RunState::Running => true,
            RunState::Draining => !self.table.is_empty(),
            RunState::Stopped => false,
        })
    }

    fn wait(&self, most: Option<Duration>) -> Option<Duration> {
        if self.table.waiting() > 0 {
            return Some(Duration::ZERO);
        }
        let next = self.table.deadline().into_iter().chain(self.listeners.deadline()).min();
        let next = next.map_or(LONGEST, |at| at.since(now()).min(LONGEST));
        Some(most.map_or(next, |most| next.min(most)))
    }

    /// Visits a session, and tells the host what came of it.
    fn visit(&mut self, index: usize) {
        let Some(slot) = self.table.get(index) else { return };
        let mut turn = slot.turn(&mut self.lent, &self.handle.0.0.tally);
        if let Some((side, dialled)) = slot.take_dialled() {
            self.host.dialled(slot.key(), side, dialled);
        }
        while let Some(event) = slot.session.event() {
            self.host.event(slot.key(), event, &mut Answers(&mut self.answers));
            for answer in self.answers.drain(..) {
                slot.answer(answer, &mut self.lent);
                turn = if turn == Turn::Wait { Turn::Again } else { turn };
            }
        }
        match turn {
            _ if slot.cancelled => self.end(index),
            Turn::Over => self.end(index),
            Turn::Again => self.table.enqueue(index),
            Turn::Wait => self.table.arm(index),
        }
    }

    pub(crate) fn end(&mut self, index: usize) {
        let Some(slot) = self.table.remove(index) else { return };
        let (key, over) = slot.end(&self.lent.registry, &self.handle.0.0.tally);
        self.host.over(key, over);
    }
}

/// A shard's own handle: when the shard goes, even by a panic, nobody waits for it in vain.
#[derive(Debug)]
pub(crate) struct Owner(pub(crate) Handle);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.0.queue.close();
    }
}
