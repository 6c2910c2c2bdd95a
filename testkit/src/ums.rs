//! A stand-in UMS: the management interface IMI v2 and v3 over HTTPS on loopback, as far as Secure VNC needs it.
//!
//! It keeps the interface's habits, as IGEL documents them: identifiers are strings, some booleans too; errors carry an
//! `ITG-` code and a stack trace; lists contain recycled devices; a device's certificate is the empty string until the
//! device has started once; each shadow facet makes a new one-time password. Which HTTP status carries which code is
//! documented for few of them; the choices are in `error.rs`, and clients must go by the code.
//!
//! Devices talk to UMS by a protocol that is not public; here they have a [`DeviceDoor`] for what they must do: send
//! their certificate when they start, and ask whether a password is right (steps 1, 9 and 10 of the Secure VNC
//! procedure).
//!
//! ```
//! use procy_testkit::certificates::{Kind, identity};
//! use procy_testkit::ums::{Device, UmsConfig, UmsStandIn};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let ums = UmsStandIn::start(UmsConfig::default()).await?;
//! ums.add_device(Device::new(7, "reception", "127.0.0.1"));
//! ums.device_boots(7, &identity(Kind::Rsa4096).certificate_der);
//! println!("{}umsapi/v3/ with fingerprint {}", ums.url(), ums.fingerprint());
//! ums.shutdown().await;
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod api;
mod device;
mod error;
mod log;
mod password;
mod serve;
mod state;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::certificates::{self, Identity, TlsVersions};

pub use device::{Device, SecretForm};
pub use error::STACK_TRACE;
pub use log::{Call, Fault, Request};
pub use password::{CheckBehaviour, PasswordCheck, Verdict};

use state::Shared;

/// What a stand-in UMS is like. The default suits a test: loopback, port 0, user `imi`, password `imi-password`.
#[derive(Clone)]
pub struct UmsConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The one user that may log in.
    pub user: String,
    /// That user's password.
    pub password: String,
    /// The certificate to show; `None` makes a fresh one for `localhost`, `127.0.0.1` and `::1`.
    pub identity: Option<Identity>,
    /// How long a session lives after the last successful request. UMS: 30 minutes.
    pub session_lifetime: Duration,
    /// How long a one-time password is good. UMS: 5 minutes.
    pub password_lifetime: Duration,
    /// Whether a new password for a device voids its older ones. What UMS does is not known.
    pub newest_password_only: bool,
    /// Whether lists come inside `{"results": [...]}`, which UMS has offered since 12.08.130, or bare.
    pub wrapped_lists: bool,
    /// Whether `serverstatus` keeps its versions to itself, as UMS 12 does.
    pub degraded_status: bool,
    /// Whether IMI v3 is there. UMS before 5.07.100 has v2 only.
    pub v3: bool,
    /// How the shadow facet shows the secret.
    pub secret_form: SecretForm,
    /// Whether it remembers every secret that it gives, so that a test can look for them where they must not be.
    pub audited: bool,
}

impl Default for UmsConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            user: "imi".to_owned(),
            password: "imi-password".to_owned(),
            identity: None,
            session_lifetime: Duration::from_secs(30 * 60),
            password_lifetime: Duration::from_secs(5 * 60),
            newest_password_only: false,
            wrapped_lists: false,
            degraded_status: false,
            v3: true,
            secret_form: SecretForm::Pem,
            audited: false,
        }
    }
}

/// Without the user's password.
impl fmt::Debug for UmsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UmsConfig")
            .field("listen", &self.listen)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A running stand-in UMS. Dropping it ends every task and socket that it has; [`UmsStandIn::shutdown`] waits for that.
#[derive(Debug)]
pub struct UmsStandIn {
    address: SocketAddr,
    identity: Identity,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl UmsStandIn {
    /// Binds the port and serves from then on.
    ///
    /// # Errors
    /// When the port is taken, or the certificate's key cannot sign in this process.
    pub async fn start(config: UmsConfig) -> Result<Self, StartError> {
        let identity = match config.identity.clone() {
            Some(identity) => identity,
            None => certificates::fresh("procy stand-in UMS", &["localhost", "127.0.0.1", "::1"])?,
        };
        let tls = identity.server_config(TlsVersions::Both)?;
        let listener = TcpListener::bind(config.listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(config, address));
        let task = tokio::spawn(serve::serve(listener, Arc::new(tls), Arc::clone(&shared)));
        Ok(Self { address, identity, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its address as an operator types it: `https://127.0.0.1:PORT/`, without the interface's path.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}/", self.address)
    }

    /// The certificate that it shows, PEM: what a client may take as its only authority.
    #[must_use]
    pub fn certificate_pem(&self) -> String {
        self.identity.certificate_pem()
    }

    /// SHA-256 of that certificate, upper-case hexadecimal with colons.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.identity.fingerprint()
    }

    /// Registers a device; one with the same identifier is replaced, its certificate and passwords forgotten.
    pub fn add_device(&self, device: Device) {
        self.shared.state().devices.insert(device.id, device.into());
    }

    /// A device starts and sends its certificate (step 1). Returns whether UMS knows the device.
    pub fn device_boots(&self, device: u32, certificate_der: &[u8]) -> bool {
        self.door().device_boots(device, certificate_der)
    }

    /// What devices use to talk to this UMS; it outlives the handle, and then answers as a UMS that is out of reach.
    #[must_use]
    pub fn door(&self) -> DeviceDoor {
        DeviceDoor { shared: Arc::clone(&self.shared) }
    }

    /// Moves its clock forward: sessions and passwords age at once.
    pub fn advance(&self, by: Duration) {
        self.shared.state().advance(by);
    }

    /// Ends every session, as a restart of UMS would: the next call of a client fails with `ITG-0B004`.
    pub fn expire_sessions(&self) {
        self.shared.state().sessions.clear();
    }

    /// How many sessions are open: zero once every client has logged out.
    #[must_use]
    pub fn open_sessions(&self) -> usize {
        self.shared.state().open_sessions()
    }

    /// The next request of this kind meets the fault; several calls queue up.
    pub fn fail_next(&self, call: Call, fault: Fault) {
        self.shared.state().faults.push((call, fault));
    }

    /// How password checks go from now on.
    pub fn set_password_checks(&self, behaviour: CheckBehaviour) {
        self.shared.state().check_behaviour = behaviour;
    }

    /// Every check that a device has asked for, oldest first.
    #[must_use]
    pub fn password_checks(&self) -> Vec<PasswordCheck> {
        self.shared.state().checks.iter().copied().collect()
    }

    /// Every request so far, oldest first, without what was secret in it.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.iter().cloned().collect()
    }

    /// Every session and one-time password that it has given, oldest first; none unless [`UmsConfig::audited`].
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.shared.state().given.iter().cloned().collect()
    }

    /// How many requests of this kind have arrived.
    #[must_use]
    pub fn count(&self, call: Call) -> usize {
        self.shared.state().requests.iter().filter(|r| call.covers(r.call)).count()
    }

    /// Waits until so many requests of this kind have arrived; bound it with a timeout.
    pub async fn arrived(&self, call: Call, count: usize) {
        let mut changed = self.shared.changed.subscribe();
        while self.count(call) < count && changed.changed().await.is_ok() {}
    }

    /// Stops and waits until its tasks have ended and its port is free.
    pub async fn shutdown(mut self) {
        self.task.abort();
        // Aborted is how it ends: the error says only that.
        let _ = (&mut self.task).await;
    }
}

impl Drop for UmsStandIn {
    fn drop(&mut self) {
        self.shared.state().gone = true;
        self.task.abort();
    }
}

/// What a device can say to UMS.
#[derive(Clone, Debug)]
pub struct DeviceDoor {
    shared: Arc<Shared>,
}

impl DeviceDoor {
    /// A device starts and sends its certificate (step 1). Returns whether UMS knows the device.
    pub fn device_boots(&self, device: u32, certificate_der: &[u8]) -> bool {
        self.shared.state().device_boots(device, certificate_der)
    }

    /// A device asks whether this password lets someone in (steps 9 and 10). A right one is used up by it.
    ///
    /// `false` also when UMS is gone. Pending for ever under [`CheckBehaviour::Hang`]: put a bound around it.
    pub async fn check_password(&self, device: u32, password: &str) -> bool {
        let verdict = self.shared.state().check_password(device, password);
        self.shared.changed.send_replace(());
        match verdict {
            Some(verdict) => verdict == Verdict::Accepted,
            None => std::future::pending().await,
        }
    }

    /// Becomes ready at the next request or password check.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.shared.changed.subscribe()
    }
}

/// The stand-in UMS could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port could not be bound.
    #[error("the stand-in UMS cannot listen: {0}")]
    Listen(#[from] std::io::Error),
    /// No certificate could be made.
    #[error(transparent)]
    Certificate(#[from] certificates::Error),
    /// The given certificate's key cannot be used.
    #[error("the stand-in UMS cannot use its key: {0}")]
    Key(#[from] rustls::Error),
}
