//! What the stand-in UMS remembers.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use uuid::Uuid;

use super::UmsConfig;
use super::device::Entry;
use super::log::{Call, Fault, Request};
use super::password::{CheckBehaviour, PasswordCheck, Verdict};

/// Requests and password checks kept for assertions; beyond it the oldest are forgotten.
const REMEMBERED: usize = 10_000;
/// Sessions at once; beyond it the one that ends first is ended.
const MAX_SESSIONS: usize = 1_000;

/// What the server's tasks and the handles share.
pub(super) struct Shared {
    pub(super) config: UmsConfig,
    pub(super) address: SocketAddr,
    /// Told at each request and each password check.
    pub(super) changed: watch::Sender<()>,
    state: Mutex<State>,
}

impl Shared {
    pub(super) fn new(config: UmsConfig, address: SocketAddr) -> Self {
        let state = State {
            devices: BTreeMap::new(),
            sessions: BTreeMap::new(),
            faults: Vec::new(),
            requests: VecDeque::new(),
            checks: VecDeque::new(),
            given: VecDeque::new(),
            audited: config.audited,
            check_behaviour: CheckBehaviour::default(),
            gone: false,
            ahead: Duration::ZERO,
            session_lifetime: config.session_lifetime,
            password_lifetime: config.password_lifetime,
        };
        Self { config, address, changed: watch::Sender::new(()), state: Mutex::new(state) }
    }

    /// Never held across an await. A test that panicked with it must not hide its message behind another.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says nothing of users, sessions and passwords.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("address", &self.address).finish_non_exhaustive()
    }
}

pub(super) struct State {
    pub(super) devices: BTreeMap<u32, Entry>,
    /// By identifier: when it ends.
    pub(super) sessions: BTreeMap<String, Instant>,
    pub(super) faults: Vec<(Call, Fault)>,
    pub(super) requests: VecDeque<Request>,
    pub(super) checks: VecDeque<PasswordCheck>,
    /// Secrets, if an audit wants to know them.
    pub(super) given: VecDeque<String>,
    audited: bool,
    pub(super) check_behaviour: CheckBehaviour,
    pub(super) gone: bool,
    /// How far its clock has been moved.
    ahead: Duration,
    session_lifetime: Duration,
    password_lifetime: Duration,
}

impl State {
    pub(super) fn now(&self) -> Instant {
        Instant::now() + self.ahead
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_add(by);
    }

    pub(super) fn open_session(&mut self) -> String {
        let now = self.now();
        self.sessions.retain(|_, end| *end > now);
        if self.sessions.len() >= MAX_SESSIONS {
            let first = self.sessions.iter().min_by_key(|(_, end)| **end).map(|(id, _)| id.clone());
            first.and_then(|id| self.sessions.remove(&id));
        }
        let id = session_id();
        self.sessions.insert(id.clone(), now + self.session_lifetime);
        id
    }

    /// A secret is given to a client.
    pub(super) fn gives(&mut self, secret: &str) {
        if self.audited {
            keep(&mut self.given, secret.to_owned());
        }
    }

    pub(super) fn session_is_open(&self, id: &str) -> bool {
        self.sessions.get(id).is_some_and(|end| *end > self.now())
    }

    /// A request was successful: the session's time starts again.
    pub(super) fn renew_session(&mut self, id: &str) {
        let end = self.now() + self.session_lifetime;
        if let Some(session) = self.sessions.get_mut(id) {
            *session = end;
        }
    }

    pub(super) fn open_sessions(&self) -> usize {
        let now = self.now();
        self.sessions.values().filter(|end| **end > now).count()
    }

    pub(super) fn take_fault(&mut self, call: Call) -> Option<Fault> {
        let found = self.faults.iter().position(|(of, _)| of.covers(call))?;
        Some(self.faults.remove(found).1)
    }

    pub(super) fn remember(&mut self, request: Request) {
        keep(&mut self.requests, request);
    }

    pub(super) fn device_boots(&mut self, device: u32, certificate_der: &[u8]) -> bool {
        let entry = self.devices.get_mut(&device).filter(|_| !self.gone);
        match entry {
            Some(entry) => {
                entry.certificate_der = Some(certificate_der.to_vec());
                true
            }
            None => false,
        }
    }

    /// `None`: no answer will come.
    pub(super) fn check_password(&mut self, device: u32, password: &str) -> Option<Verdict> {
        let now = self.now();
        let verdict = match self.check_behaviour {
            _ if self.gone => Some(Verdict::OutOfReach),
            CheckBehaviour::Hang => None,
            CheckBehaviour::RefuseAll => Some(Verdict::RefusedByDefect),
            CheckBehaviour::Normal => Some(match self.devices.get_mut(&device) {
                Some(entry) => entry.passwords.check(password, now, self.password_lifetime),
                None => Verdict::Wrong,
            }),
        };
        keep(&mut self.checks, PasswordCheck { device, verdict });
        verdict
    }
}

/// 32 hexadecimal digits.
pub(super) fn session_id() -> String {
    format!("{:X}", Uuid::new_v4().simple())
}

fn keep<T>(list: &mut VecDeque<T>, item: T) {
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(item);
}
