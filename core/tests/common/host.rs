//! A host in memory: a session, its scratch memory, a clock, and two streams of bytes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use procy_core::error::{Broken, Error};
use procy_core::event::{Event, Outcome, Side};
use procy_core::prologue::{console, device};
use procy_core::pump::{BUDGET, Io, Stream, Turn, pump};
use procy_core::session::{Pending, Visit};
use procy_core::timer::Instant;
use procy_core::{Scratch, Session};

/// One stream, seen from the session.
#[derive(Debug)]
pub struct Wire {
    /// What the session will read.
    pub inbox: VecDeque<u8>,
    /// What it wrote.
    pub outbox: Vec<u8>,
    /// Once the inbox is empty: the peer's FIN.
    pub fin: bool,
    /// Once the inbox is empty: the stream is broken.
    pub broken: Option<Broken>,
    /// Writing fails.
    pub deaf: Option<Broken>,
    /// How many more bytes may be written.
    pub room: usize,
    /// The most that one call moves.
    pub chunk: usize,
    /// Whether the session has shut it down.
    pub shut: bool,
    /// The length of every write.
    pub writes: Vec<usize>,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            inbox: VecDeque::new(),
            outbox: Vec::new(),
            fin: false,
            broken: None,
            deaf: None,
            room: usize::MAX,
            chunk: usize::MAX,
            shut: false,
            writes: Vec::new(),
        }
    }
}

impl Wire {
    pub fn push(&mut self, bytes: &[u8]) {
        self.inbox.extend(bytes);
    }

    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.outbox)
    }
}

impl Stream for Wire {
    fn read(&mut self, into: &mut [u8]) -> Io {
        assert!(!into.is_empty(), "an empty read looks like an end");
        let n = into.len().min(self.inbox.len()).min(self.chunk);
        if n == 0 {
            return match self.broken {
                Some(how) => Io::Gone(how),
                None if self.fin => Io::Moved(0),
                None => Io::Blocked,
            };
        }
        into.iter_mut().zip(self.inbox.drain(..n)).for_each(|(to, from)| *to = from);
        Io::Moved(n)
    }

    fn write(&mut self, parts: Pending<'_>) -> Io {
        assert!(!parts.is_empty() && !self.shut);
        if let Some(how) = self.deaf {
            return Io::Gone(how);
        }
        let before = self.outbox.len();
        let most = self.room.min(self.chunk);
        for part in parts {
            let n = part.len().min(most - (self.outbox.len() - before));
            self.outbox.extend_from_slice(&part[..n]);
        }
        let n = self.outbox.len() - before;
        self.room -= if self.room == usize::MAX { 0 } else { n };
        if n == 0 {
            return Io::Blocked;
        }
        self.writes.push(n);
        Io::Moved(n)
    }

    fn shutdown(&mut self) -> Io {
        assert!(!self.shut, "shut down twice");
        if let Some(how) = self.deaf {
            return Io::Gone(how);
        }
        self.shut = true;
        Io::Moved(0)
    }
}

/// A session with what its host has for it.
#[derive(Debug)]
pub struct Host {
    pub session: Session,
    pub scratch: Scratch<'static>,
    pub now: Instant,
    pub near: Wire,
    pub far: Wire,
    pub events: Vec<Event>,
}

impl Host {
    /// When every session here begins.
    pub const BIRTH: Instant = Instant::after_epoch(Duration::from_secs(1_000));

    pub fn new(session: Session) -> Self {
        let mut host = Self {
            session,
            scratch: Scratch::new(0),
            now: Self::BIRTH,
            near: Wire::default(),
            far: Wire::default(),
            events: Vec::new(),
        };
        host.listen();
        host
    }

    pub fn console(config: console::Config) -> Self {
        Self::new(Session::console(Arc::new(config), Self::BIRTH))
    }

    pub fn device(config: &device::Config) -> Self {
        Self::new(Session::device(config, Self::BIRTH).unwrap())
    }

    /// One visit: `act`, then the pump.
    pub fn act(&mut self, act: impl FnOnce(&mut Visit<'_, '_>)) -> Turn {
        let mut visit = self.session.visit(&mut self.scratch, self.now);
        act(&mut visit);
        let turn = pump(&mut visit, &mut self.near, &mut self.far, BUDGET);
        drop(visit);
        self.listen();
        self.check();
        turn
    }

    /// What a host waits for must be able to come: whoever waits for bytes has room for them.
    fn check(&mut self) {
        for side in Side::BOTH {
            let waits = self.session.wants_read(side);
            let mut visit = self.session.visit(&mut self.scratch, self.now);
            assert_eq!(waits, !visit.space(side).is_empty(), "{side:?} of {visit:?}");
        }
    }

    /// One visit: the pump.
    pub fn turn(&mut self) -> Turn {
        self.act(|_| {})
    }

    /// One visit: `act` alone, no byte moves.
    pub fn only(&mut self, act: impl FnOnce(&mut Visit<'_, '_>)) {
        act(&mut self.session.visit(&mut self.scratch, self.now));
        self.listen();
    }

    /// Time passes, then a turn.
    pub fn wait(&mut self, time: Duration) -> Turn {
        self.now = self.now + time;
        self.turn()
    }

    /// How it went: an error's code, `ended`, or `-` while it goes on.
    pub fn code(&self) -> &'static str {
        match self.session.outcome() {
            None => "-",
            Some(Outcome::Ended(_)) => "ended",
            Some(Outcome::Failed(error)) => error.code(),
        }
    }

    pub fn error(&self) -> &Error {
        match self.session.outcome() {
            Some(Outcome::Failed(error)) => error,
            other => panic!("no failure but {other:?}"),
        }
    }

    /// The events so far, by name.
    pub fn said(&self) -> Vec<String> {
        let name = |event: &Event| {
            format!("{event:?}").split([' ', '(', '{']).next().unwrap_or_default().to_owned()
        };
        self.events.iter().map(name).collect()
    }

    fn listen(&mut self) {
        while let Some(event) = self.session.event() {
            self.events.push(event);
        }
    }
}
