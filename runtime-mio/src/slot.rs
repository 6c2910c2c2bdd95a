//! One session with its sockets.

use std::net::{self, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use procy_core::error::Error;
use procy_core::event::{Outcome, Side};
use procy_core::pump::{Turn, pump};
use procy_core::timer::{Instant, Why};
use procy_core::{Scratch, Session};
use procy_std::{CONNECT_WITHIN, ConnectError, broken, connect_within};

use crate::command::Answer;
use crate::dial::{Dial, Dialled};
use crate::handle::Place;
use crate::now;
use crate::socket::Socket;
use crate::stats::{Measure, Tally};
use crate::{Key, Over};

/// What a shard lends to its slots.
#[derive(Debug)]
pub(crate) struct Lent {
    pub(crate) scratch: Scratch<'static>,
    pub(crate) registry: Registry,
    pub(crate) budget: usize,
}

/// A session at its place in a shard.
#[derive(Debug)]
pub(crate) struct Slot {
    place: Place,
    /// Where it stands in the shard's table, which its sockets' tokens say.
    index: usize,
    pub(crate) session: Session,
    near: Option<Socket>,
    far: Option<Socket>,
    dial: Option<Box<Dial>>,
    /// What came of the last one, until the host is told.
    dialled: Option<(Side, Result<SocketAddr, ConnectError>)>,
    /// Where its timer stands.
    pub(crate) armed: Option<Instant>,
    /// It is in the queue of those to be visited.
    pub(crate) queued: bool,
    pub(crate) cancelled: bool,
    measured: Measure,
}

impl Slot {
    pub(crate) fn new(place: Place, index: usize, session: Session) -> Self {
        Self {
            place,
            index,
            session,
            near: None,
            far: None,
            dial: None,
            dialled: None,
            armed: None,
            queued: false,
            cancelled: false,
            measured: Measure::default(),
        }
    }

    pub(crate) const fn key(&self) -> Key {
        self.place.key()
    }

    /// Takes in what the operating system says of one side's socket.
    pub(crate) fn ready(&mut self, side: Side, event: &Event) {
        if let Some(socket) = self.port(side) {
            socket.ready(event);
        } else if let Some(dial) = &mut self.dial {
            dial.ready(event);
        }
    }

    /// One visit: moves bytes until nothing moves, or until the budget is used up.
    pub(crate) fn turn(&mut self, lent: &mut Lent, tally: &Tally) -> Turn {
        let now = now();
        if self.dial.is_some() {
            self.dial(lent, now);
        }
        let Self { session, near, far, .. } = self;
        let mut visit = session.visit(&mut lent.scratch, now);
        let turn = pump(&mut visit, near, far, lent.budget);
        drop(visit);
        let measure = Measure { traffic: self.session.traffic(), held: self.session.holds() };
        tally.turned(std::mem::replace(&mut self.measured, measure), measure);

        let mut interrupted = false;
        for socket in [&mut self.near, &mut self.far].into_iter().flatten() {
            interrupted |= socket.take_interrupted();
        }
        if interrupted && turn == Turn::Wait { Turn::Again } else { turn }
    }

    /// When it must be visited at the latest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let own = self.session.deadline().map(|(at, _)| at);
        let dial = self.dial.as_ref().map(|dial| dial.until);
        own.into_iter().chain(dial).min()
    }

    /// What came of connecting, told once.
    pub(crate) const fn take_dialled(
        &mut self,
    ) -> Option<(Side, Result<SocketAddr, ConnectError>)> {
        self.dialled.take()
    }

    pub(crate) fn answer(&mut self, answer: Answer, lent: &mut Lent) {
        match answer {
            Answer::Connect { side, addresses } => {
                // Not twice, and not for a session that is saying its farewells.
                if self.port(side).is_none() && self.dial.is_none() && !self.is_decided() {
                    let now = now();
                    let end = now + time_to_connect(self.session.deadline(), now);
                    self.dial = Some(Box::new(Dial::new(side, addresses, end)));
                    self.dial(lent, now);
                }
                return;
            }
            Answer::Attach { side, stream } => return self.adopt(side, stream, lent),
            Answer::Cancel => self.cancelled = true,
            _ => {}
        }
        let mut visit = self.session.visit(&mut lent.scratch, now());
        match answer {
            Answer::Credential { credential, asked } => visit.credential(credential, asked),
            Answer::Broken { side, how } => visit.broken(side, how),
            Answer::Accept => visit.accept(),
            Answer::Refuse => visit.refuse(),
            Answer::Close | Answer::Cancel => visit.close(),
            Answer::Abandon { reason } => visit.abandon(&reason),
            Answer::Connect { .. } | Answer::Attach { .. } => {}
        }
    }

    /// Takes a connection that somebody else has made.
    pub(crate) fn adopt(&mut self, side: Side, stream: net::TcpStream, lent: &mut Lent) {
        match stream.set_nonblocking(true) {
            Ok(()) => self.attach(side, TcpStream::from_std(stream), lent),
            Err(error) => self.session.visit(&mut lent.scratch, now()).broken(side, broken(&error)),
        }
    }

    /// Takes a connection that does not block and is not registered.
    pub(crate) fn attach(&mut self, side: Side, mut stream: TcpStream, lent: &mut Lent) {
        let interest = Interest::READABLE | Interest::WRITABLE;
        // A viewer is told, however late it comes, while there is somebody to tell it; a device is of no use to a session
        // that has failed.
        let late = self.session.is_over() || (side == Side::Far && self.is_decided());
        if late || self.port(side).is_some() {
            return;
        }
        // Nor may one that is being made take its place.
        self.dial.take_if(|dial| dial.side == side);
        match lent.registry.register(&mut stream, token(self.index, side), interest) {
            Ok(()) => self.attached(side, Socket::new(stream), lent),
            Err(error) => self.session.visit(&mut lent.scratch, now()).broken(side, broken(&error)),
        }
    }

    /// It is over, or cancelled: takes all of it apart.
    pub(crate) fn end(mut self, registry: &Registry, tally: &Tally) -> (Key, Over) {
        tally.holds(self.measured, Measure::default());
        let near = self.near.take().filter(|_| self.session.spares_near());
        // A session that is over has an outcome.
        let unknown = || Outcome::Failed(Error::Misuse("the session ended without an outcome"));
        let outcome = self.session.outcome().cloned().unwrap_or_else(unknown);
        tally.closed(&outcome);
        let near = near.and_then(|socket| release(socket, registry));
        (self.key(), Over { outcome, traffic: self.session.traffic(), near })
    }

    fn dial(&mut self, lent: &mut Lent, now: Instant) {
        let Some(dial) = self.dial.take().filter(|_| !self.is_decided()) else { return };
        let side = dial.side;
        match dial.step(&lent.registry, token(self.index, side), now) {
            Dialled::Waiting(dial) => self.dial = Some(dial),
            Dialled::Connected(socket, peer) => {
                self.dialled = Some((side, Ok(peer)));
                self.attached(side, socket, lent);
            }
            Dialled::Failed(error) => {
                self.session.visit(&mut lent.scratch, now).broken(side, error.how());
                self.dialled = Some((side, Err(error)));
            }
        }
    }

    fn attached(&mut self, side: Side, socket: Socket, lent: &mut Lent) {
        *self.port(side) = Some(socket);
        self.session.visit(&mut lent.scratch, now()).attach(side);
    }

    fn is_decided(&self) -> bool {
        self.session.outcome().is_some()
    }

    const fn port(&mut self, side: Side) -> &mut Option<Socket> {
        match side {
            Side::Near => &mut self.near,
            Side::Far => &mut self.far,
        }
    }
}

/// How long a session that waits like this may be connected to something from `now` on.
fn time_to_connect(deadline: Option<(Instant, Why)>, now: Instant) -> Duration {
    match deadline {
        // It waits for just this.
        Some((at, Why::Connect | Why::Service)) => connect_within(at.since(now)),
        Some((at, _)) => at.since(now).min(CONNECT_WITHIN),
        None => CONNECT_WITHIN,
    }
}

/// The token of one side's socket of the session at `index`; [`of_token`] reads it.
const fn token(index: usize, side: Side) -> Token {
    Token(index << 1 | matches!(side, Side::Far) as usize)
}

pub(crate) const fn of_token(token: Token) -> (usize, Side) {
    (token.0 >> 1, if token.0 & 1 == 0 { Side::Near } else { Side::Far })
}

fn release(socket: Socket, registry: &Registry) -> Option<net::TcpStream> {
    let mut stream = socket.into_stream();
    registry.deregister(&mut stream).ok()?;
    Some(OwnedFd::from(stream).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connecting_has_the_time_that_its_session_gives_it() {
        let now = Instant::after_epoch(Duration::from_secs(100));
        let time = |seconds, why| {
            let deadline = now + Duration::from_secs(seconds);
            time_to_connect(Some((deadline, why)), now).as_secs()
        };
        assert_eq!([10, 60].map(|it| time(it, Why::Connect)), [9, 59]);
        assert_eq!(time(30, Why::Service), 29);
        // Another wait's deadline says nothing of how long this may take, but is the end of it.
        assert_eq!([5, 30].map(|it| time(it, Why::Credential)), [5, 9]);
    }
}
