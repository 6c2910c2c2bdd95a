//! The sockets that a shard listens on.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use procy_core::event::Side;
use procy_core::timer::Instant;
use slab::Slab;

use crate::ListenerId;

/// How long a listener pauses that cannot accept, because there are too many open files or sessions.
const PAUSE: Duration = Duration::from_millis(100);

/// How many listeners a shard has at the most.
pub const MAX_LISTENERS: usize = 64;

/// Listeners' tokens begin here; sessions' lie below.
const TOKENS: usize = usize::MAX / 2 + 1;

#[derive(Debug, Default)]
pub(crate) struct Listeners {
    listeners: Slab<Listener>,
    /// Whose turn it is.
    turn: usize,
}

#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) id: ListenerId,
    pub(crate) side: Side,
    socket: TcpListener,
    /// Connections may be waiting: an edge said so, and no call has shown otherwise since.
    ready: bool,
    paused: Option<Instant>,
}

impl Listeners {
    pub(crate) fn open(
        &mut self,
        id: ListenerId,
        socket: std::net::TcpListener,
        side: Side,
        registry: &Registry,
    ) -> io::Result<()> {
        if self.listeners.len() >= MAX_LISTENERS {
            return Err(io::Error::other("there are too many listeners"));
        }
        socket.set_nonblocking(true)?;
        let mut socket = TcpListener::from_std(socket);
        let entry = self.listeners.vacant_entry();
        registry.register(&mut socket, Token(TOKENS + entry.key()), Interest::READABLE)?;
        entry.insert(Listener { id, side, socket, ready: true, paused: None });
        Ok(())
    }

    pub(crate) fn close(&mut self, id: ListenerId) {
        self.listeners.retain(|_, listener| listener.id != id);
    }

    pub(crate) fn clear(&mut self) {
        self.listeners.clear();
    }

    /// Takes in an event; false if it is for none of these.
    pub(crate) fn event(&mut self, token: Token) -> bool {
        if let Some(listener) =
            token.0.checked_sub(TOKENS).and_then(|index| self.listeners.get_mut(index))
        {
            listener.ready = true;
        }
        token.0 >= TOKENS
    }

    /// One at which a connection may be waiting; every one gets its turn.
    pub(crate) fn ready(&mut self, now: Instant) -> Option<&mut Listener> {
        let after = |index: &usize| (*index <= self.turn, *index);
        let ready = self.listeners.iter().filter(|(_, listener)| listener.may_accept(now));
        self.turn = ready.map(|(index, _)| index).min_by_key(after)?;
        self.listeners.get_mut(self.turn)
    }

    /// When one of them is to be tried again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let ready = self.listeners.iter().filter(|(_, listener)| listener.ready);
        ready.map(|(_, listener)| listener.paused.unwrap_or(Instant::ZERO)).min()
    }
}

impl Listener {
    /// Accepts one connection; none if none is waiting.
    ///
    /// # Errors
    /// Those that call for a pause. A connection that went away while it waited is passed over.
    pub(crate) fn accept(&mut self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        self.paused = None;
        match self.socket.accept() {
            Ok(accepted) => Ok(Some(accepted)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => {
                    self.ready = false;
                    Ok(None)
                }
                ErrorKind::ConnectionAborted
                | ErrorKind::ConnectionReset
                | ErrorKind::Interrupted => Ok(None),
                _ => Err(error),
            },
        }
    }

    pub(crate) fn pause(&mut self, now: Instant) {
        self.paused = Some(now + PAUSE);
    }

    fn may_accept(&self, now: Instant) -> bool {
        self.ready && self.paused.is_none_or(|until| until <= now)
    }
}
