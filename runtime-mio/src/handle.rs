//! A shard, as other threads see it.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use mio::Waker;
use procy_core::Session;
use procy_core::event::Side;

use crate::command::{Answer, Command, Opening, Order, Queue, Refusal, Refused, RunState};
use crate::stats::{Stats, Tally};

/// Names one session among all that this process's shards ever have. It is never given to another one, so what comes
/// too late for one session cannot reach the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub(crate) shard: u32,
    serial: u64,
}

/// Names one listener among all that this process's shards ever have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ListenerId(u64);

/// Tells a shard what to do, from any thread. Clones are the same handle.
///
/// No call waits for the shard: what it has no room for is refused and given back.
#[derive(Clone, Debug)]
pub struct Handle(pub(crate) Arc<Shared>);

/// What a shard shares with its handles.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) shard: u32,
    serial: AtomicU64,
    most: usize,
    taken: AtomicUsize,
    pub(crate) queue: Queue,
    pub(crate) tally: Tally,
    waker: Waker,
}

static SHARDS: AtomicU32 = AtomicU32::new(0);
static LISTENERS: AtomicU64 = AtomicU64::new(0);

impl Handle {
    pub(crate) fn new(sessions: usize, commands: usize, waker: Waker) -> Self {
        Self(Arc::new(Shared {
            shard: SHARDS.fetch_add(1, Relaxed),
            serial: AtomicU64::new(0),
            most: sessions,
            taken: AtomicUsize::new(0),
            queue: Queue::new(commands),
            tally: Tally::default(),
            waker,
        }))
    }

    /// Takes a place for one more session, and so learns its key before the shard's host does.
    ///
    /// # Errors
    /// [`Refusal::Full`] if the shard has [`Config::sessions`](crate::Config::sessions), [`Refusal::Stopped`] if it
    /// takes no more.
    pub fn place(&self) -> Result<Place, Refusal> {
        if self.0.queue.state() != RunState::Running {
            return Err(Refusal::Stopped);
        }
        let one_more = |taken| (taken < self.0.most).then_some(taken + 1);
        self.0.taken.fetch_update(Relaxed, Relaxed, one_more).map_err(|_| Refusal::Full)?;
        let serial = self.0.serial.fetch_add(1, Relaxed);
        Ok(Place { key: Key { shard: self.0.shard, serial }, shared: self.0.clone() })
    }

    /// Listens for connections, each for `side` of a session that [`Host::arrived`](crate::Host::arrived) makes for it:
    /// viewers come to a console's near side, consoles to a device's far one. [`bind`](crate::bind) makes a listener.
    ///
    /// # Errors
    /// [`Refused`] if the shard cannot be told.
    pub fn listen(&self, listener: TcpListener, side: Side) -> Result<ListenerId, Refused> {
        let id = ListenerId(LISTENERS.fetch_add(1, Relaxed));
        self.send(Command(Order::Listen(id, listener, side)))?;
        Ok(id)
    }

    /// Closes a listener; its sessions go on.
    ///
    /// # Errors
    /// [`Refused`] if the shard cannot be told.
    pub fn unlisten(&self, listener: ListenerId) -> Result<(), Refused> {
        self.send(Command(Order::Unlisten(listener)))
    }

    /// Gives any answer to a session, which need not have asked. One that is over, or is another shard's, is passed over.
    ///
    /// # Errors
    /// [`Refused`] if the shard cannot be told.
    pub fn answer(&self, key: Key, answer: Answer) -> Result<(), Refused> {
        self.send(Command(Order::Answer(key, answer)))
    }

    /// Sends a command that was refused, once more.
    ///
    /// # Errors
    /// [`Refused`], with the command in it.
    pub fn send(&self, command: Command) -> Result<(), Refused> {
        if self.0.queue.push(command.0)? {
            self.wake();
        }
        Ok(())
    }

    /// Ends the shard gracefully: it accepts and opens nothing more, closes every session politely, and
    /// [`Shard::run`](crate::Shard::run) returns when the last is over, which their close deadlines bound.
    pub fn drain(&self) {
        self.0.queue.steer(RunState::Draining);
        self.wake();
    }

    /// Ends the shard now: every socket closes as it is.
    pub fn stop(&self) {
        self.0.queue.steer(RunState::Stopped);
        self.wake();
    }

    /// What the shard has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.tally.read(self.load())
    }

    /// Sessions, and places taken for them.
    pub(crate) fn load(&self) -> usize {
        self.0.taken.load(Relaxed)
    }

    fn wake(&self) {
        // It fails only when the shard's poll is gone, and then nobody is left to wake.
        let _ = self.0.waker.wake();
    }
}

/// A place for one session at a shard; dropped, it is free again.
#[derive(Debug)]
pub struct Place {
    key: Key,
    shared: Arc<Shared>,
}

impl Place {
    pub(crate) fn handle(&self) -> Handle {
        Handle(self.shared.clone())
    }

    /// The key of the session to come.
    #[must_use]
    pub const fn key(&self) -> Key {
        self.key
    }

    /// Opens a session here, with what streams there are (connected, in either blocking mode; see
    /// [`tune`](crate::tune)).
    ///
    /// # Errors
    /// [`Refused`] if the shard cannot be told.
    pub fn open(
        self,
        session: Session,
        near: Option<TcpStream>,
        far: Option<TcpStream>,
    ) -> Result<Key, Refused> {
        let (key, handle) = (self.key, self.handle());
        handle.send(Command(Order::Open(Box::new(Opening { place: self, session, near, far }))))?;
        Ok(key)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.taken.fetch_sub(1, Relaxed);
    }
}
