//! Connecting without waiting.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;
use std::vec;

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use procy_core::error::Broken;
use procy_core::event::Side;
use procy_core::timer::Instant;

use procy_std::{broken, tune, tune_device};

use crate::socket::Socket;

/// How many addresses of one peer are tried.
pub const MAX_ADDRESSES: usize = 8;

/// How long an attempt may take if the session has no deadline: the core's default for this wait.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// A peer's addresses, tried one after another, each for its share of the time that is left.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) side: Side,
    socket: Option<Socket>,
    rest: vec::IntoIter<SocketAddr>,
    /// When the attempt under way is given up.
    pub(crate) until: Instant,
    /// What the failed ones met; that of the one that tells most.
    how: Broken,
}

/// How it stands.
#[derive(Debug)]
pub(crate) enum Dialled {
    /// It takes its time: until an event comes, or until [`Dial::until`].
    Waiting,
    /// Connected, and registered.
    Connected(Socket),
    /// None of the addresses could be reached.
    Failed(Broken),
}

impl Dial {
    pub(crate) fn new(side: Side, mut addresses: Vec<SocketAddr>) -> Self {
        addresses.truncate(MAX_ADDRESSES);
        let rest = addresses.into_iter();
        Self { side, socket: None, rest, until: Instant::ZERO, how: Broken::Unreachable }
    }

    /// Takes in what the operating system says of the attempt under way. What comes with its success says more than
    /// that, and will not be said again: a peer may have spoken already, and even have ended.
    pub(crate) fn ready(&mut self, event: &Event) {
        if let Some(socket) = &mut self.socket {
            socket.ready(event);
        }
    }

    /// Goes on, and looks how it stands. `end` is the session's own deadline.
    pub(crate) fn step(
        &mut self,
        registry: &Registry,
        token: Token,
        now: Instant,
        end: Option<Instant>,
    ) -> Dialled {
        loop {
            if let Some(socket) = self.socket.take() {
                match is_connected(socket.stream()) {
                    Ok(true) => {
                        match self.side {
                            Side::Far => tune_device(socket.stream()),
                            Side::Near => tune(socket.stream()),
                        }
                        return Dialled::Connected(socket);
                    }
                    Ok(false) if now < self.until => {
                        self.socket = Some(socket);
                        return Dialled::Waiting;
                    }
                    Ok(false) => self.met(Broken::TimedOut),
                    Err(error) => self.met(broken(&error)),
                }
            }
            let Some(address) = self.rest.next() else { return Dialled::Failed(self.how) };
            let left = end.map_or(CONNECT_WITHIN, |end| end.since(now));
            self.until = now + left / (1 + u32::try_from(self.rest.len()).unwrap_or(u32::MAX - 1));
            match start(address, registry, token) {
                Ok(stream) => self.socket = Some(Socket::new(stream)),
                Err(error) => self.met(broken(&error)),
            }
        }
    }

    fn met(&mut self, how: Broken) {
        if telling(how) > telling(self.how) {
            self.how = how;
        }
    }
}

fn start(address: SocketAddr, registry: &Registry, token: Token) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok(stream)
}

fn is_connected(stream: &TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}

/// An answer tells more than none, and none more than no way there.
const fn telling(how: Broken) -> u8 {
    match how {
        Broken::Refused => 4,
        Broken::Reset => 3,
        Broken::TimedOut => 2,
        Broken::Other => 1,
        _ => 0,
    }
}
