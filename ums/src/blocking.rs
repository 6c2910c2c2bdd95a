//! The client for hosts without an async runtime: the same verbs, each of which blocks its thread until it is done or its
//! time is up.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use procy_core::credential::Credential;
use procy_core::ums::{
    Api, Call, Device, DeviceId, DeviceQuery, FindError, Request, Response, ServerStatus,
    SessionCookie, UmsError, answer,
};
use procy_std::{Attempts, now};
use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ClientConnection};

use crate::conversation::{Ask, Conversation, Session, Step};
use crate::error::Stage;
use crate::exchange::{Answer, Exchange};
use crate::{Config, Error, tls};

/// A client of one UMS, for one user. It may be shared between threads: calls run side by side, each on its own
/// connection.
///
/// It signs in with the first call that needs it. Dropping the client leaves the session to UMS, which ends it after 30
/// minutes: [`close`](Self::close) it. All calls fail with an [`Error`], whose code, fault and help say the rest.
#[derive(Debug)]
pub struct Client {
    config: Config,
    tls: Arc<ClientConfig>,
    session: Session,
}

impl Client {
    /// Prepares a client; nothing is sent yet. Reads the certificates to trust.
    ///
    /// # Errors
    ///
    /// [`Error::Ca`] and [`Error::Setup`].
    pub fn new(config: Config, provider: Arc<CryptoProvider>) -> Result<Self, Error> {
        let tls = tls::client_config(&config, provider)?;
        Ok(Self { config, tls, session: Session::default() })
    }

    /// Signs in, if there is no session yet: to find out early whether it can be done.
    ///
    /// # Errors
    ///
    /// As all calls.
    pub fn login(&self) -> Result<(), Error> {
        self.run(Call::Login, Ask::Session, |_| Ok(()))
    }

    /// Signs out. A later call would sign in again.
    ///
    /// # Errors
    ///
    /// As all calls; the session is forgotten in any case.
    pub fn logout(&self) -> Result<(), Error> {
        let deadline = Instant::now() + self.config.timeouts.call;
        let mut outcome = Ok(());
        for request in self.session.sign_out() {
            let answered = self.exchange(&request, deadline);
            let ended = answered.and_then(|answer| Ok(answer::logout(&answer.response())?));
            outcome = outcome.and(ended);
        }
        outcome
    }

    /// Signs out, for good.
    ///
    /// # Errors
    ///
    /// As [`logout`](Self::logout).
    pub fn close(self) -> Result<(), Error> {
        self.logout()
    }

    /// Asks what the server says of itself; this needs no session.
    ///
    /// # Errors
    ///
    /// As all calls.
    pub fn server_status(&self) -> Result<ServerStatus, Error> {
        self.run(Call::ServerStatus, Ask::Open(Api::server_status), answer::server_status)
    }

    /// Lists the devices with their details, without those in the bin.
    ///
    /// # Errors
    ///
    /// As all calls.
    pub fn devices(&self) -> Result<Vec<Device>, Error> {
        let mut devices = self.list(Api::devices_with_details)?;
        devices.retain(|device| !device.in_bin);
        Ok(devices)
    }

    /// Describes one device, with its details.
    ///
    /// # Errors
    ///
    /// As all calls.
    pub fn device(&self, id: &DeviceId) -> Result<Device, Error> {
        self.signed(Call::Device, &|api, cookie| api.device(cookie, id), answer::device)
    }

    /// Finds the one device that is called so, with its details.
    ///
    /// # Errors
    ///
    /// [`Error::Find`]; as all calls.
    pub fn find(&self, query: &DeviceQuery) -> Result<Device, Error> {
        let device = match query {
            DeviceQuery::Id(id) => self.device(id)?,
            _ => self.device(&query.select(&self.list(Api::devices)?)?.id)?,
        };
        if device.in_bin { Err(FindError::InBin(device.into()).into()) } else { Ok(device) }
    }

    /// Asks whether a device is online; UMS connects to it for that. `None`: UMS does not say.
    ///
    /// # Errors
    ///
    /// As all calls.
    pub fn online(&self, id: &DeviceId) -> Result<Option<bool>, Error> {
        self.signed(Call::Online, &|api, cookie| api.online(cookie, id), answer::online)
    }

    /// Asks for what one session with a device needs (steps 2 and 3). The password is good for one session and for five
    /// minutes from now.
    ///
    /// # Errors
    ///
    /// As all calls.
    pub fn shadow(&self, id: &DeviceId) -> Result<Credential, Error> {
        self.signed(Call::Shadow, &|api, cookie| api.shadow(cookie, id), answer::shadow)
    }

    fn list(&self, ask: fn(Api, &SessionCookie) -> Request) -> Result<Vec<Device>, Error> {
        self.signed(Call::Devices, &ask, answer::devices)
    }

    fn signed<T>(
        &self,
        call: Call,
        ask: &(dyn Fn(Api, &SessionCookie) -> Request + Sync),
        read: fn(&Response<'_>) -> Result<T, UmsError>,
    ) -> Result<T, Error> {
        self.run(call, Ask::Signed(ask), read)
    }

    fn run<T>(
        &self,
        call: Call,
        ask: Ask<'_>,
        read: fn(&Response<'_>) -> Result<T, UmsError>,
    ) -> Result<T, Error> {
        let deadline = Instant::now() + self.config.timeouts.of(call);
        let (mut conversation, mut step) =
            Conversation::begin(&self.config, &self.session, ask, read);
        loop {
            match step {
                Step::Done(outcome) => return outcome,
                Step::Send(request) => {
                    let answer = self.exchange(&request, deadline)?;
                    step = conversation.answered(&answer);
                }
            }
        }
    }

    fn exchange(&self, request: &Request, deadline: Instant) -> Result<Answer, Error> {
        let address = &self.config.endpoint.authority;
        let mut exchange = Exchange::new(request, &self.config.endpoint);
        let mut tls =
            ClientConnection::new(self.tls.clone(), self.config.endpoint.name.clone()).map_err(
                |error| Error::TlsFailed { address: address.clone(), what: error.to_string() },
            )?;
        let mut stream = Bounded { stream: self.connect(deadline)?, deadline };
        while tls.is_handshaking() {
            let moved = tls.complete_io(&mut stream);
            moved.map_err(|error| tls::explain(address, Stage::Handshake, &error))?;
        }
        let explain = |error: io::Error| tls::explain(address, Stage::Answer, &error);
        let mut stream = rustls::Stream::new(&mut tls, &mut stream);
        stream.write_all(exchange.request()).and_then(|()| stream.flush()).map_err(explain)?;
        loop {
            let count = stream.read(exchange.space()).map_err(explain)?;
            if exchange.read(count)? {
                return Ok(exchange.finish());
            }
        }
    }

    /// Tries all addresses in turn; each has an equal share of what time is left.
    fn connect(&self, deadline: Instant) -> Result<TcpStream, Error> {
        let deadline = deadline.min(Instant::now() + self.config.timeouts.connect);
        let endpoint = &self.config.endpoint;
        let addresses = resolve(&endpoint.host, endpoint.port, deadline)
            .map_err(|error| Error::unresolved(&endpoint.authority, &error))?;
        let left = deadline.saturating_duration_since(Instant::now());
        let mut attempts = Attempts::of(addresses, now() + left);
        while let Some((address, share)) = attempts.next(now()) {
            match TcpStream::connect_timeout(&address, share) {
                Ok(stream) => return Ok(stream),
                Err(error) => attempts.failed(&error),
            }
        }
        Err(Error::unconnected(&endpoint.authority, &attempts.error()))
    }
}

/// The addresses of a host. The system's resolver takes no time limit, so a name is resolved on a thread of its own, which
/// is left to itself when the time is up; it ends when the resolver gives up.
fn resolve(host: &str, port: u16, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let host = host.to_owned();
    thread::Builder::new().name("procy-ums-resolve".into()).spawn(move || {
        let addresses = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // Nobody waits any longer if this fails.
        let _ = sender.send(addresses);
    })?;
    let left = deadline.saturating_duration_since(Instant::now());
    receiver.recv_timeout(left).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// A socket whose every operation ends at one deadline, so that a peer cannot prolong a call by a drip of bytes.
struct Bounded {
    stream: TcpStream,
    deadline: Instant,
}

impl Bounded {
    fn left(&self) -> io::Result<Duration> {
        match self.deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for Bounded {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
