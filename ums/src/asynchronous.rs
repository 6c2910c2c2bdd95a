//! The client on tokio.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use procy_core::credential::Credential;
use procy_core::ums::{
    Api, Call, Device, DeviceId, DeviceQuery, FindError, Request, Response, ServerStatus,
    SessionCookie, UmsError, answer,
};
use procy_std::{Attempts, now};
use rustls::ClientConfig;
use rustls::crypto::CryptoProvider;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use crate::conversation::{Ask, Conversation, Session, Step};
use crate::error::{Stage, Unreachable};
use crate::exchange::{Answer, Exchange};
use crate::{Config, Error, tls};

/// A client of one UMS, for one user. It may be shared: calls run side by side, each on its own connection.
///
/// It signs in with the first call that needs it. Dropping a call's future ends that call; dropping the client leaves the
/// session to UMS, which ends it after 30 minutes: [`close`](Self::close) it. All calls fail with an [`Error`], whose
/// code, fault and help say the rest.
#[derive(Debug)]
pub struct Client {
    config: Config,
    tls: Arc<ClientConfig>,
    session: Session,
}

impl Client {
    /// Prepares a client; nothing is sent yet. Reads the certificates to trust, from files that may block for a moment.
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
    pub async fn login(&self) -> Result<(), Error> {
        self.run(Call::Login, Ask::Session, |_| Ok(())).await
    }

    /// Signs out. A later call would sign in again.
    ///
    /// # Errors
    ///
    /// As all calls; the session is forgotten in any case.
    pub async fn logout(&self) -> Result<(), Error> {
        let deadline = Instant::now() + self.config.timeouts.call;
        let mut outcome = Ok(());
        for request in self.session.sign_out() {
            let answered = self.exchange(&request, deadline).await;
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
    pub async fn close(self) -> Result<(), Error> {
        self.logout().await
    }

    /// Asks what the server says of itself; this needs no session.
    ///
    /// # Errors
    ///
    /// As all calls.
    pub async fn server_status(&self) -> Result<ServerStatus, Error> {
        self.run(Call::ServerStatus, Ask::Open(Api::server_status), answer::server_status).await
    }

    /// Lists the devices with their details, without those in the bin.
    ///
    /// # Errors
    ///
    /// As all calls.
    pub async fn devices(&self) -> Result<Vec<Device>, Error> {
        let mut devices = self.list(Api::devices_with_details).await?;
        devices.retain(|device| !device.in_bin);
        Ok(devices)
    }

    /// Describes one device, with its details.
    ///
    /// # Errors
    ///
    /// As all calls.
    pub async fn device(&self, id: &DeviceId) -> Result<Device, Error> {
        self.signed(Call::Device, &|api, cookie| api.device(cookie, id), answer::device).await
    }

    /// Finds the one device that is called so, with its details.
    ///
    /// # Errors
    ///
    /// [`Error::Find`]; as all calls.
    pub async fn find(&self, query: &DeviceQuery) -> Result<Device, Error> {
        let device = match query {
            DeviceQuery::Id(id) => self.device(id).await?,
            _ => {
                let devices = self.list(Api::devices).await?;
                self.device(&query.select(&devices)?.id).await?
            }
        };
        if device.in_bin { Err(FindError::InBin(device.into()).into()) } else { Ok(device) }
    }

    /// Asks whether a device is online; UMS connects to it for that. `None`: UMS does not say.
    ///
    /// # Errors
    ///
    /// As all calls.
    pub async fn online(&self, id: &DeviceId) -> Result<Option<bool>, Error> {
        self.signed(Call::Online, &|api, cookie| api.online(cookie, id), answer::online).await
    }

    /// Asks for what one session with a device needs (steps 2 and 3). The password is good for one session and for five
    /// minutes from now.
    ///
    /// # Errors
    ///
    /// As all calls.
    pub async fn shadow(&self, id: &DeviceId) -> Result<Credential, Error> {
        self.signed(Call::Shadow, &|api, cookie| api.shadow(cookie, id), answer::shadow).await
    }

    async fn list(&self, ask: fn(Api, &SessionCookie) -> Request) -> Result<Vec<Device>, Error> {
        self.signed(Call::Devices, &ask, answer::devices).await
    }

    async fn signed<T>(
        &self,
        call: Call,
        ask: &(dyn Fn(Api, &SessionCookie) -> Request + Sync),
        read: fn(&Response<'_>) -> Result<T, UmsError>,
    ) -> Result<T, Error> {
        self.run(call, Ask::Signed(ask), read).await
    }

    async fn run<T>(
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
                    let answer = self.exchange(&request, deadline).await?;
                    step = conversation.answered(&answer);
                }
            }
        }
    }

    async fn exchange(&self, request: &Request, deadline: Instant) -> Result<Answer, Error> {
        let mut exchange = Exchange::new(request, &self.config.endpoint);
        let stream = self.connect(deadline).await?;
        let connecting =
            TlsConnector::from(self.tls.clone()).connect(self.config.endpoint.name.clone(), stream);
        let mut stream = self.within(deadline, Stage::Handshake, connecting).await?;
        self.within(deadline, Stage::Answer, stream.write_all(exchange.request())).await?;
        self.within(deadline, Stage::Answer, stream.flush()).await?;
        loop {
            let read = stream.read(exchange.space());
            let count = self.within(deadline, Stage::Answer, read).await?;
            if exchange.read(count)? {
                return Ok(exchange.finish());
            }
        }
    }

    /// Tries all addresses in turn; each has an equal share of what time is left.
    async fn connect(&self, deadline: Instant) -> Result<TcpStream, Error> {
        let deadline = deadline.min(Instant::now() + self.config.timeouts.connect);
        let endpoint = &self.config.endpoint;
        let resolving = tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port));
        let addresses: Vec<SocketAddr> = match timeout_at(deadline, resolving).await {
            Ok(Ok(addresses)) => addresses.collect(),
            Ok(Err(error)) => return Err(Error::unresolved(&endpoint.authority, &error)),
            Err(_) => return Err(self.unreachable(Unreachable::Timeout { stage: Stage::Connect })),
        };
        let mut attempts = Attempts::of(addresses, now() + (deadline - Instant::now()));
        while let Some((address, share)) = attempts.next(now()) {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => attempts.failed(&error),
                Err(late) => attempts.failed(&late.into()),
            }
        }
        Err(Error::unconnected(&endpoint.authority, &attempts.error()))
    }

    async fn within<T>(
        &self,
        deadline: Instant,
        stage: Stage,
        future: impl Future<Output = io::Result<T>>,
    ) -> Result<T, Error> {
        match timeout_at(deadline, future).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(tls::explain(&self.config.endpoint.authority, stage, &error)),
            Err(_) => Err(self.unreachable(Unreachable::Timeout { stage })),
        }
    }

    fn unreachable(&self, how: Unreachable) -> Error {
        Error::Unreachable { address: self.config.endpoint.authority.clone(), how }
    }
}
