//! What stands between a device's TLS and its VNC server: it takes the command, judges the password, and then
//! lets bytes through, or misbehaves as asked.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::process::loopback;
use super::{BOUND, Result, RigError};

/// Both spellings that are known of real devices; the password's form follows.
const VERBS: [&str; 2] = ["PROCYCMD PW_", "PROXYCMD PW_"];

/// The whole command without its terminator: a verb and a UUID of 36 characters.
const COMMAND: usize = 12 + 36;

/// What may end the command; RFB starts with none of these.
const TERMINATORS: &[u8] = b"\r\n\0";

/// What is moved at once, in bytes.
const BUFFER: usize = 16 * 1024;

/// What a gate does with a connection once it is let in. Bytes are counted from the server to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// Joins it to the server, each direction until its end.
    Relay,
    /// Closes it: no hello comes.
    Close,
    /// Sends this instead of a hello, and then nothing.
    Say(Vec<u8>),
    /// Joins it to the server, but later.
    Wait(Duration),
    /// Breaks it by RST after so many bytes.
    ResetAfter(u64),
    /// Ends it by FIN after so many bytes.
    FinAfter(u64),
    /// Moves nothing any more after so many bytes; the connection stays open.
    StallAfter(u64),
}

/// A TCP relay that asks for the command first ([`Gate::start`], behind a TLS front), or does not
/// ([`Gate::wire`], before one, to break the wire itself). It ends, with all its connections, when dropped.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

impl Gate {
    /// Opens a gate before the server at `to`. `accepts` judges each password, given without `PW_`; to a wrong
    /// one, as to anything that is no command, the answer is a silent close.
    pub fn start(
        to: SocketAddr,
        accepts: impl Fn(&str) -> bool + Send + Sync + 'static,
        then: Then,
    ) -> Result<Self> {
        Self::open(to, Some(Box::new(accepts)), then)
    }

    /// Opens a relay to `to` that asks for nothing.
    pub fn wire(to: SocketAddr, then: Then) -> Result<Self> {
        Self::open(to, None, then)
    }

    fn open(to: SocketAddr, accepts: Option<Accepts>, then: Then) -> Result<Self> {
        let listener = TcpListener::bind(loopback(0)).map_err(RigError::of("opening a gate"))?;
        let address = listener.local_addr().map_err(RigError::of("opening a gate"))?;
        let state = Mutex::default();
        let shared = Arc::new(Shared { to, accepts, then, state, ended: Condvar::new() });
        let served = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || served.accept(&listener));
        Ok(Self { address, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All that clients sent as their command, in order, as far as it was read.
    pub fn commands(&self) -> Vec<String> {
        self.shared.state().commands.clone()
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> usize {
        self.shared.state().open.len()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.over = true;
        for stream in state.open.values().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        self.shared.ended.notify_all();
        // Accepting has no other end than one more connection.
        let _ = TcpStream::connect_timeout(&self.address, BOUND);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

type Accepts = Box<dyn Fn(&str) -> bool + Send + Sync>;

struct Shared {
    to: SocketAddr,
    accepts: Option<Accepts>,
    then: Then,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    over: bool,
    commands: Vec<String>,
    /// The sockets of each connection, so that whoever blocks on one can be woken.
    open: HashMap<u64, Vec<TcpStream>>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        let mut threads = Vec::new();
        for (id, client) in (0..).zip(listener.incoming()) {
            if self.state().over {
                break;
            }
            let Ok(client) = client else { continue };
            let shared = Arc::clone(self);
            threads.push(std::thread::spawn(move || {
                let _ = shared.serve(id, &client);
                // The registry's copies go first: a reset is sent when the last one is closed.
                shared.state().open.remove(&id);
            }));
        }
        for thread in threads {
            let _ = thread.join();
        }
    }

    /// Makes a socket known, so that dropping the gate ends it; false if that has begun.
    fn register(&self, id: u64, stream: &TcpStream) -> io::Result<bool> {
        let copy = stream.try_clone()?;
        let mut state = self.state();
        state.open.entry(id).or_default().push(copy);
        Ok(!state.over)
    }

    fn serve(&self, id: u64, client: &TcpStream) -> io::Result<()> {
        if !self.register(id, client)? {
            return Ok(());
        }
        if !self.lets_in(client)? || self.then == Then::Close {
            return hang_up(client);
        }
        match &self.then {
            Then::Say(words) => {
                (&mut &*client).write_all(words)?;
                return drain(client);
            }
            Then::Wait(delay) => {
                let wait = self.ended.wait_timeout_while(self.state(), *delay, |state| !state.over);
                drop(wait);
            }
            _ => {}
        }
        let server = TcpStream::connect_timeout(&self.to, BOUND)?;
        if !self.register(id, &server)? {
            return Ok(());
        }
        std::thread::scope(|scope| {
            scope.spawn(|| self.upstream(client, &server));
            self.downstream(client, &server)
        })
    }

    /// Reads the command, byte by byte so that nothing after it is taken, and judges it.
    fn lets_in(&self, client: &TcpStream) -> io::Result<bool> {
        let Some(accepts) = &self.accepts else { return Ok(true) };
        client.set_read_timeout(Some(BOUND))?;
        let mut command = Vec::new();
        let mut byte = [0];
        while command.len() < COMMAND {
            match (&mut &*client).read(&mut byte) {
                Ok(1) if !TERMINATORS.contains(&byte[0]) => command.push(byte[0]),
                _ => break,
            }
        }
        client.set_read_timeout(None)?;
        let command = String::from_utf8_lossy(&command).into_owned();
        self.state().commands.push(command.clone());
        let password = VERBS.iter().find_map(|verb| command.strip_prefix(verb));
        Ok(command.len() == COMMAND && password.is_some_and(accepts))
    }

    /// From the client to the server until the client's end; what the server no longer takes is thrown away.
    fn upstream(&self, mut client: &TcpStream, mut server: &TcpStream) {
        let mut buffer = [0; BUFFER];
        // The command's terminator may come long after it. A viewer's first byte is none.
        let mut before_rfb = self.accepts.is_some();
        let how = loop {
            let bytes = match client.read(&mut buffer) {
                Ok(0) => break Shutdown::Write,
                Ok(n) => &buffer[..n],
                Err(_) => break Shutdown::Both,
            };
            let skipped = bytes.iter().take_while(|byte| before_rfb && TERMINATORS.contains(byte));
            let bytes = &bytes[skipped.count()..];
            before_rfb &= bytes.is_empty();
            let _ = server.write_all(bytes);
        };
        let _ = server.shutdown(how);
    }

    /// From the server to the client until the server's end or the misdeed.
    fn downstream(&self, mut client: &TcpStream, mut server: &TcpStream) -> io::Result<()> {
        let mut buffer = [0; BUFFER];
        let mut left = match self.then {
            Then::ResetAfter(bytes) | Then::FinAfter(bytes) | Then::StallAfter(bytes) => bytes,
            _ => u64::MAX,
        };
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
            match server.read(&mut buffer[..most]) {
                Ok(0) | Err(_) => return client.shutdown(Shutdown::Write),
                Ok(n) => {
                    if client.write_all(&buffer[..n]).is_err() {
                        return server.shutdown(Shutdown::Both);
                    }
                    left = left.saturating_sub(n as u64);
                }
            }
        }
        match self.then {
            Then::ResetAfter(_) => {
                set_socket_linger(client, Some(Duration::ZERO))?;
                server.shutdown(Shutdown::Both)?;
                // Only wakes the other direction: the reset itself is the socket's last close.
                client.shutdown(Shutdown::Read)
            }
            Then::FinAfter(_) => {
                server.shutdown(Shutdown::Both)?;
                client.shutdown(Shutdown::Write)
            }
            // The other direction keeps the connection until the client or the gate ends it.
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("to", &self.to).field("then", &self.then).finish()
    }
}

/// Ends a connection by FIN. Closing it with bytes still to be read would be a reset.
fn hang_up(client: &TcpStream) -> io::Result<()> {
    client.shutdown(Shutdown::Write)?;
    drain(client)
}

/// Reads and forgets until the client (or the gate's drop) ends it.
fn drain(mut client: &TcpStream) -> io::Result<()> {
    io::copy(&mut client, &mut io::sink()).map(drop)
}
