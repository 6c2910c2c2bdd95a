//! Connecting without waiting.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use procy_core::event::Side;
use procy_core::timer::Instant;
use procy_std::{Attempts, ConnectError, tune, tune_device};

use crate::socket::Socket;

/// A peer's addresses, tried one after another, each for its share of the time that is left.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) side: Side,
    attempts: Attempts,
    socket: Option<Socket>,
    /// When the attempt under way is given up.
    pub(crate) until: Instant,
}

/// How it stands.
#[derive(Debug)]
pub(crate) enum Dialled {
    /// It takes its time: until an event comes, or until [`Dial::until`].
    Waiting(Box<Dial>),
    /// Connected to this address, and registered.
    Connected(Socket, SocketAddr),
    /// None of the addresses could be reached.
    Failed(ConnectError),
}

impl Dial {
    /// All attempts are over at `end`.
    pub(crate) fn new(side: Side, addresses: Vec<SocketAddr>, end: Instant) -> Self {
        Self { side, attempts: Attempts::of(addresses, end), socket: None, until: Instant::ZERO }
    }

    /// Takes in what the operating system says of the attempt under way. What comes with its success says more than
    /// that, and will not be said again: a peer may have spoken already, and even have ended.
    pub(crate) fn ready(&mut self, event: &Event) {
        if let Some(socket) = &mut self.socket {
            socket.ready(event);
        }
    }

    /// Goes on, and looks how it stands.
    pub(crate) fn step(
        mut self: Box<Self>,
        registry: &Registry,
        token: Token,
        now: Instant,
    ) -> Dialled {
        loop {
            if let Some(socket) = self.socket.take() {
                match peer(socket.stream()) {
                    Ok(Some(peer)) => {
                        match self.side {
                            Side::Far => tune_device(socket.stream()),
                            Side::Near => tune(socket.stream()),
                        }
                        return Dialled::Connected(socket, peer);
                    }
                    Ok(None) if now < self.until => {
                        self.socket = Some(socket);
                        return Dialled::Waiting(self);
                    }
                    Ok(None) => {
                        let late = io::Error::new(ErrorKind::TimedOut, "no answer");
                        self.attempts.failed(&late);
                    }
                    Err(error) => self.attempts.failed(&error),
                }
            }
            let Some((address, share)) = self.attempts.next(now) else {
                return Dialled::Failed(self.attempts.error());
            };
            self.until = now + share;
            match start(address, registry, token) {
                Ok(stream) => self.socket = Some(Socket::new(stream)),
                Err(error) => self.attempts.failed(&error),
            }
        }
    }
}

fn start(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(stream)
}

/// Whom it is connected to, if it is yet.
fn peer(stream: &TcpStream) -> io::Result<Option<SocketAddr>> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(peer) => Ok(Some(peer)),
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(None),
        Err(error) => Err(error),
    }
}
