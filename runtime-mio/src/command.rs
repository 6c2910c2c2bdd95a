//! What other threads, and the host, tell a shard; and the queue that carries it.

use std::collections::VecDeque;
use std::fmt;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use procy_core::Session;
use procy_core::credential::Credential;
use procy_core::error::Broken;
use procy_core::event::Side;
use procy_core::timer::Instant;

use crate::handle::Place;
use crate::{Key, ListenerId};

/// What a host has decided for one session. Every answer is harmless when it comes too late.
#[derive(Debug)]
#[non_exhaustive]
pub enum Answer {
    /// Console: what UMS has for the device.
    Credential {
        /// The certificate and the one-time password.
        credential: Credential,
        /// When ([`now`](crate::now)) UMS was asked for it.
        asked: Instant,
    },
    /// Connect this side to the first of these addresses (at most [`MAX_ADDRESSES`](crate::MAX_ADDRESSES)) that can be
    /// reached. They are tried one after another, each for its share of the time that there is:
    /// [`connect_within`](crate::connect_within) the session's deadline for this; or, for a session that does not wait for
    /// it yet, [`CONNECT_WITHIN`](crate::CONNECT_WITHIN), or what is left of its deadline if that is less.
    /// [`Host::dialled`](crate::Host::dialled) hears what came of it; the session knows already. Not if it is given up,
    /// because another connection is brought for this side, or the session's end is decided.
    Connect {
        /// The console's far side, the device's near side.
        side: Side,
        /// In the order of preference.
        addresses: Vec<SocketAddr>,
    },
    /// Here is this side's connection, made elsewhere; see [`tune`](crate::tune).
    Attach {
        /// Which side.
        side: Side,
        /// Connected, in either blocking mode.
        stream: TcpStream,
    },
    /// This side cannot be connected: a name does not resolve, say.
    Broken {
        /// Which side.
        side: Side,
        /// What the host met.
        how: Broken,
    },
    /// Device: the offered password holds.
    Accept,
    /// Device: the offered password does not hold.
    Refuse,
    /// End it politely: farewells leave, bounded by the session's close deadline.
    Close,
    /// End it at once: the sockets close as they are.
    Cancel,
    /// Give up for a reason of the host's own, which a waiting viewer is told.
    Abandon {
        /// It must hold no secret.
        reason: String,
    },
}

/// Something for a shard to do; whoever holds one that was refused may send it again.
#[derive(Debug)]
pub struct Command(pub(crate) Order);

#[derive(Debug)]
pub(crate) enum Order {
    Open(Box<Opening>),
    Answer(Key, Answer),
    Listen(ListenerId, TcpListener, Side),
    Unlisten(ListenerId),
    Arrived {
        place: Place,
        listener: ListenerId,
        side: Side,
        stream: mio::net::TcpStream,
        from: SocketAddr,
    },
}

/// A session to be opened, with what streams it has.
pub(crate) struct Opening {
    pub(crate) place: Place,
    pub(crate) session: Session,
    pub(crate) near: Option<TcpStream>,
    pub(crate) far: Option<TcpStream>,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("session", &self.session).finish_non_exhaustive()
    }
}

/// How a shard is to go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RunState {
    #[default]
    Running,
    /// Accept and open nothing more, close every session politely, then end.
    Draining,
    /// End now.
    Stopped,
}

/// Why something cannot be done for a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has as many sessions, or commands waiting, as it may have: try again later.
    #[error("the shard has as much to do as it may have")]
    Full,
    /// It has ended, or drains and takes nothing new.
    #[error("the shard has ended, or is about to")]
    Stopped,
}

/// A command that was not taken.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    /// Why not.
    pub why: Refusal,
    /// It, for [`Handle::send`](crate::Handle::send) to try again. To drop it is to drop the sockets in it.
    pub command: Command,
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        refused.why
    }
}

/// Commands on their way to a shard, bounded.
#[derive(Debug)]
pub(crate) struct Queue {
    most: usize,
    inner: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    orders: VecDeque<Order>,
    state: RunState,
    gone: bool,
}

impl Queue {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, inner: Mutex::default() }
    }

    /// Adds an order. True if the shard must be woken: otherwise somebody has, and it has not looked yet.
    pub(crate) fn push(&self, order: Order) -> Result<bool, Refused> {
        let mut inner = self.lock();
        let why = if inner.gone {
            Refusal::Stopped
        } else if inner.orders.len() >= self.most {
            Refusal::Full
        } else {
            inner.orders.push_back(order);
            return Ok(inner.orders.len() == 1);
        };
        Err(Refused { why, command: Command(order) })
    }

    /// Sets the state, unless a later one is set. The shard must be woken.
    pub(crate) fn steer(&self, state: RunState) {
        let mut inner = self.lock();
        inner.state = inner.state.max(state);
    }

    pub(crate) fn state(&self) -> RunState {
        let inner = self.lock();
        if inner.gone { RunState::Stopped } else { inner.state }
    }

    /// All that waits, and the state.
    pub(crate) fn take(&self) -> (VecDeque<Order>, RunState) {
        let mut inner = self.lock();
        (std::mem::take(&mut inner.orders), inner.state)
    }

    /// The shard is no more: what waits is dropped, and nothing is taken from now on.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.gone = true;
        let orders = std::mem::take(&mut inner.orders);
        drop(inner);
        drop(orders);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing under this lock can be left half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
