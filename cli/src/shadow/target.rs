//! The device that is shadowed, and where its credentials come from.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use procy_core::Session;
use procy_core::credential::Credential;
use procy_core::error::{Error, Party};
use procy_core::procycmd::{Style, Verb};
use procy_core::prologue::Bounds;
use procy_core::prologue::console;
use procy_core::timer::{Deadlines, Instant};
use procy_core::tls::Crypto;
use procy_tokio::ConnectError;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio::time;

use super::runtime::{Running, Runtime};
use crate::error::Failure;
use crate::settings::DeviceSettings;
use crate::ums::Ums;

/// The least time between two connections that procy makes by itself: devices limit how often they may be connected to.
const BETWEEN_CONNECTS: Duration = Duration::from_secs(2);

/// How long a viewer may wait for its credentials. That takes in the others before it, for whom the device may be asking
/// its person for consent (120 s).
const CREDENTIAL_WITHIN: Duration = Duration::from_secs(240);

/// One device, shared by all its sessions.
#[derive(Debug)]
pub(crate) struct Target {
    source: Source,
    runtime: Runtime,
    /// For people: its name and id.
    label: String,
    host: String,
    port: u16,
    crypto: Crypto,
    settings: DeviceSettings,
    deadlines: Deadlines,
    /// From asking for a password up to the hello: one session at a time.
    turn: Arc<Turn<()>>,
    connected: Mutex<Option<time::Instant>>,
}

/// Where credentials come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// UMS is asked, for each session.
    Ums { ums: Arc<Ums>, id: procy_core::ums::DeviceId },
    /// They were given, for one session.
    Given(Mutex<Option<Credential>>),
}

impl Target {
    pub(crate) fn new(
        source: Source,
        runtime: Runtime,
        label: String,
        host: String,
        settings: DeviceSettings,
        hold: Duration,
    ) -> Self {
        let deadlines =
            Deadlines { credential: CREDENTIAL_WITHIN, viewer: hold, ..Deadlines::default() };
        Self {
            source,
            runtime,
            label,
            host,
            port: settings.port,
            crypto: Crypto::aws_lc_rs(),
            settings,
            deadlines,
            turn: Arc::default(),
            connected: Mutex::default(),
        }
    }

    pub(crate) fn label(&self) -> &str {
        &self.label
    }

    /// The spelling to begin with, and whether the other one is to be tried too.
    pub(crate) const fn verb(&self) -> (Verb, bool) {
        self.settings.verb
    }

    /// Whether UMS is asked; given credentials serve one session.
    pub(crate) const fn asks_ums(&self) -> bool {
        matches!(self.source, Source::Ums { .. })
    }

    /// Begins one of its sessions. A retriable one spares its viewer if the device closes before its hello.
    pub(crate) fn run(&self, verb: Verb, retriable: bool) -> Running {
        let config = Arc::new(console::Config {
            crypto: self.crypto.clone(),
            style: Style { verb, terminator: self.settings.terminator },
            allow_legacy_keys: self.settings.allow_legacy_keys,
            retriable,
            bounds: Bounds { deadlines: self.deadlines.clone(), ..Bounds::default() },
        });
        self.runtime.run(move || Session::console(Arc::clone(&config), procy_tokio::now()))
    }

    /// Waits for this session's turn: other sessions are between their password and their hello. Dropping the guard
    /// passes it on.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }

    /// Waits until the device may be connected to again.
    pub(crate) async fn pause(&self) {
        let last = *self.connected.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last {
            time::sleep_until(last + BETWEEN_CONNECTS).await;
        }
    }

    /// Fresh credentials (steps 2 and 3), and when they were asked for.
    pub(crate) async fn credential(&self) -> Result<(Credential, Instant), Failure> {
        let asked = procy_tokio::now();
        match &self.source {
            Source::Ums { ums, id } => Ok((ums.shadow(id).await?, asked)),
            Source::Given(credential) => {
                let credential = credential.lock().unwrap_or_else(PoisonError::into_inner).take();
                let used = || {
                    Failure::usage(
                        "password-used",
                        "the given one-time password has been used already",
                        "Ask UMS for a new one.",
                    )
                };
                Ok((credential.ok_or_else(used)?, asked))
            }
        }
    }

    /// Where to connect to (step 4), now.
    pub(crate) fn connecting(&self) -> (String, u16) {
        *self.connected.lock().unwrap_or_else(PoisonError::into_inner) = Some(time::Instant::now());
        (self.host.clone(), self.port)
    }

    /// It could not be connected to.
    pub(crate) fn unreachable(&self, error: &ConnectError) -> Failure {
        let core = Error::Connect { party: Party::Device, how: error.how() };
        let message = format!("the device cannot be reached at {}: {}", self.host, error.why());
        Failure { message, ..Failure::from(&core) }
    }
}
