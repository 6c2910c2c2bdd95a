//! A stand-in for a device: the device's side of Secure VNC in front of any VNC server, and the ways in which it can
//! go wrong.
//!
//! ```no_run
//! use procy_testkit::device::{DeviceConfig, DeviceStandIn, Service};
//!
//! # async fn demo() -> Result<(), Box<dyn std::error::Error>> {
//! let identity = procy_testkit::certificates::fresh("device", &["localhost"])?;
//! let service = Service::at("127.0.0.1:5999".parse()?);
//! let check = |password: procy_core::credential::Password| async move {
//!     password.expose() == "01234567-89ab-cdef-0123-456789abcdef"
//! };
//! let device = DeviceStandIn::start(DeviceConfig::new(identity, check, service)).await?;
//! let mut events = device.subscribe();
//! println!("a device listens on {}", device.address());
//! while let Ok(event) = events.recv().await {
//!     println!("{event}");
//! }
//! # Ok(())
//! # }
//! ```

mod event;
mod serve;
mod watched;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use procy_core::credential::{Certificate, Password};
use procy_core::error::Error;
use procy_core::prologue::{Bounds, device};
use procy_core::tls::Crypto;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, broadcast, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use crate::certificates::Identity;

pub use event::{DeviceEvent, What};

/// How many sessions a device serves at once, unless said otherwise.
pub const MAX_SESSIONS: usize = 16;

/// How many events a subscriber may be behind.
const EVENTS: usize = 1_024;

/// How long to pause when the system has no more files to open.
const PAUSE: Duration = Duration::from_millis(100);

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Connected = io::Result<Box<dyn Stream>>;
type Check = Arc<dyn Fn(Password) -> Boxed<bool> + Send + Sync>;

/// How a device behaves.
#[derive(Clone, Debug, Default)]
pub enum Behaviour {
    /// As documented.
    #[default]
    Normal,
    /// It takes the command, and closes without asking anybody.
    CloseBeforeHello,
    /// Where the VNC server's hello should come, these bytes come, and then nothing.
    GarbageHello(Vec<u8>),
    /// It takes connections, and says nothing, not even TLS.
    Silent,
    /// A VNC server without TLS.
    PlainVnc,
    /// It resets the connection when so many bytes of the VNC server's have left.
    ResetAfter(u64),
    /// It ends the stream (FIN, no close_notify) when so many bytes of the VNC server's have left.
    CutAfter(u64),
    /// Somebody at the device has to consent, and does so when this is notified.
    SlowConsent(Arc<Notify>),
    /// It takes the command only if it is spelt `PROXYCMD`, and closes otherwise without asking anybody.
    ProxycmdOnly,
}

/// What a device is made of.
#[derive(Clone)]
pub struct DeviceConfig {
    /// Where it listens; a free port on loopback unless said otherwise.
    pub listen: SocketAddr,
    /// Its certificate and key.
    pub identity: Identity,
    /// Its cryptography.
    pub crypto: Crypto,
    /// Its VNC server.
    pub service: Service,
    /// How it behaves.
    pub behaviour: Behaviour,
    /// How many sessions it serves at once; others wait in the listener's queue.
    pub max_sessions: usize,
    /// Its deadlines and limits: those of real devices, as far as known.
    pub bounds: Bounds,
    check: Check,
}

impl DeviceConfig {
    /// A device that behaves; `check` asks UMS about a password (steps 9 and 10).
    #[must_use]
    pub fn new<C, A>(identity: Identity, check: C, service: Service) -> Self
    where
        C: Fn(Password) -> A + Send + Sync + 'static,
        A: Future<Output = bool> + Send + 'static,
    {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            identity,
            crypto: Crypto::aws_lc_rs(),
            service,
            behaviour: Behaviour::Normal,
            max_sessions: MAX_SESSIONS,
            bounds: Bounds::default(),
            check: Arc::new(move |password| Box::pin(check(password))),
        }
    }

    /// The same device with this behaviour.
    #[must_use]
    pub fn behaving(mut self, behaviour: Behaviour) -> Self {
        if let Behaviour::SlowConsent(_) = behaviour {
            // As long as the device's tunnel itself may take.
            self.bounds.deadlines.verdict = self.bounds.deadlines.command;
        }
        self.behaviour = behaviour;
        self
    }

    fn session_config(&self) -> Result<device::Config, StartError> {
        let certificate =
            Certificate::from_der(&self.identity.certificate_der).map_err(Error::from)?;
        let key =
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.identity.key_pkcs8_der.clone()));
        let mut config = device::Config::new(&certificate, &key, &self.crypto)?;
        config.bounds = self.bounds.clone();
        Ok(config)
    }
}

impl fmt::Debug for DeviceConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceConfig")
            .field("listen", &self.listen)
            .field("behaviour", &self.behaviour)
            .finish_non_exhaustive()
    }
}

/// Any stream to a VNC server.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// Where a device finds its VNC server: a new stream for every session.
#[derive(Clone)]
pub struct Service(Arc<dyn Fn() -> Boxed<Connected> + Send + Sync>);

impl Service {
    /// A VNC server that listens there.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self::new(move || async move {
            let stream = TcpStream::connect(address).await?;
            procy_tokio::tune(&stream);
            Ok(stream)
        })
    }

    /// A VNC server to which `connect` makes streams.
    #[must_use]
    pub fn new<C, A, S>(connect: C) -> Self
    where
        C: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = io::Result<S>> + Send + 'static,
        S: Stream + 'static,
    {
        Self(Arc::new(move || {
            let stream = connect();
            Box::pin(async move { Ok(Box::new(stream.await?) as Box<dyn Stream>) })
        }))
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Service")
    }
}

/// Why a device cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It cannot listen there.
    #[error("the stand-in device cannot listen: {0}")]
    Listen(#[from] io::Error),
    /// Its certificate or key cannot be used.
    #[error("the stand-in device cannot use its certificate: {0}")]
    Identity(#[from] Error),
}

/// A device that listens. To drop it is to end it and all of its sessions; [`DeviceStandIn::shutdown`] waits for that.
#[derive(Debug)]
pub struct DeviceStandIn {
    address: SocketAddr,
    events: broadcast::Sender<DeviceEvent>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl DeviceStandIn {
    /// Starts a device, in the background of the tokio runtime that this is called on.
    ///
    /// # Errors
    /// [`StartError`]; then nothing has been started.
    pub async fn start(config: DeviceConfig) -> Result<Self, StartError> {
        let session = config.session_config()?;
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        let (events, _) = broadcast::channel(EVENTS);
        let (stop, stopped) = oneshot::channel();
        let parts = serve::Parts { config, session, events: events.clone() };
        let task = tokio::spawn(listen(listener, Arc::new(parts), stopped));
        Ok(Self { address, events, stop: Some(stop), task })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happens from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<DeviceEvent> {
        self.events.subscribe()
    }

    /// Ends it; when this returns, no task and no socket is left.
    pub async fn shutdown(mut self) {
        drop(self.stop.take());
        let _ = (&mut self.task).await;
    }
}

impl Drop for DeviceStandIn {
    fn drop(&mut self) {
        // Its sessions are dropped with it.
        self.task.abort();
    }
}

/// Serves until told to stop. All sessions belong to this task.
async fn listen(
    listener: TcpListener,
    parts: Arc<serve::Parts>,
    mut stopped: oneshot::Receiver<()>,
) {
    let mut sessions = JoinSet::new();
    let mut number = 0;
    loop {
        let room = sessions.len() < parts.config.max_sessions;
        tokio::select! {
            _ = &mut stopped => break,
            Some(_) = sessions.join_next() => {}
            accepted = procy_tokio::accept(&listener), if room => match accepted {
                Ok((stream, _)) => {
                    number += 1;
                    sessions.spawn(serve::serve(parts.clone(), number, stream));
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
        }
    }
    drop(listener);
    sessions.shutdown().await;
}
