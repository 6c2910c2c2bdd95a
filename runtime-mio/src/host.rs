//! Who decides: the user's part of a shard.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};

use procy_core::Session;
use procy_core::credential::Credential;
use procy_core::error::Broken;
use procy_core::event::{Event, Outcome, Side, Traffic};
use procy_core::timer::Instant;

use procy_std::ConnectError;

use crate::{Answer, Key, ListenerId};

/// Decides for a shard's sessions. Every method is called on the shard's thread, between visits: while it works, no
/// byte of any session moves. What takes its time (asking UMS, resolving a name) is done elsewhere, and its answer
/// comes through the [`Handle`](crate::Handle).
pub trait Host {
    /// A connection has come. `Some` is the session that it is for, which the shard attaches it to at the side that
    /// its listener stands at; `None` closes it.
    fn arrived(&mut self, key: Key, listener: ListenerId, from: SocketAddr) -> Option<Session> {
        let _ = (key, listener, from);
        None
    }

    /// A fact about a session. Those named `...Needed`, and `PasswordOffered`, want an answer before the session's
    /// deadline: here, or later.
    fn event(&mut self, key: Key, event: Event, answers: &mut Answers<'_>);

    /// What came of [`Answer::Connect`]: the address that this side is connected to, or why there is none. The session
    /// knows already. One that is given up is not told of.
    fn dialled(&mut self, key: Key, side: Side, result: Result<SocketAddr, ConnectError>) {
        let _ = (key, side, result);
    }

    /// A session is over, and its sockets are closed. Told once for each.
    fn over(&mut self, key: Key, over: Over) {
        let _ = (key, over);
    }

    /// A listener cannot accept; it pauses, and tries again. Mostly there are too many open files.
    fn trouble(&mut self, listener: ListenerId, error: &io::Error) {
        let _ = (listener, error);
    }
}

/// What came of a session.
#[derive(Debug)]
#[non_exhaustive]
pub struct Over {
    /// How it ended.
    pub outcome: Outcome,
    /// What was relayed.
    pub traffic: Traffic,
    /// The viewer, if the session has failed and left it untold for another one
    /// ([`retriable`](procy_core::prologue::console::Config::retriable)): open that with it. It does not block.
    pub near: Option<TcpStream>,
}

/// Takes the answers to one event. They take effect when [`Host::event`] returns, in order.
#[derive(Debug)]
pub struct Answers<'a>(pub(crate) &'a mut VecDeque<Answer>);

impl Answers<'_> {
    /// Gives any answer.
    pub fn give(&mut self, answer: Answer) {
        self.0.push_back(answer);
    }

    /// Console: what UMS has for the device, and when ([`now`](crate::now)) it was asked for it.
    pub fn credential(&mut self, credential: Credential, asked: Instant) {
        self.give(Answer::Credential { credential, asked });
    }

    /// See [`Answer::Connect`].
    pub fn connect(&mut self, side: Side, addresses: impl Into<Vec<SocketAddr>>) {
        self.give(Answer::Connect { side, addresses: addresses.into() });
    }

    /// See [`Answer::Attach`].
    pub fn attach(&mut self, side: Side, stream: TcpStream) {
        self.give(Answer::Attach { side, stream });
    }

    /// See [`Answer::Broken`].
    pub fn broken(&mut self, side: Side, how: Broken) {
        self.give(Answer::Broken { side, how });
    }

    /// Device: the offered password holds.
    pub fn accept(&mut self) {
        self.give(Answer::Accept);
    }

    /// Device: the offered password does not hold.
    pub fn refuse(&mut self) {
        self.give(Answer::Refuse);
    }

    /// See [`Answer::Close`].
    pub fn close(&mut self) {
        self.give(Answer::Close);
    }

    /// See [`Answer::Abandon`].
    pub fn abandon(&mut self, reason: impl Into<String>) {
        self.give(Answer::Abandon { reason: reason.into() });
    }
}
