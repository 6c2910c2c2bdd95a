//! The role `soak-host`: console sessions on one runtime, some of which the host itself ends, at any moment.

mod blocking;
mod futures;
mod mio;
mod tokio;

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use procy_core::Session;
use procy_core::credential::{Certificate, Credential, Password};
use procy_core::event::{Ended, Outcome};
use procy_core::prologue::console::Config;
use procy_core::timer::{Deadlines, Instant};
use procy_core::tls::Crypto;
use serde::{Deserialize, Serialize};

use super::some;
use crate::Result;
use crate::proxy::PASSWORD;

/// Threads or shards, where the runtime has a choice.
const THREADS: usize = 2;

#[derive(Args)]
pub(crate) struct Options {
    runtime: Runtime,
    #[arg(long)]
    device: SocketAddr,
    /// An address where nobody listens
    #[arg(long)]
    nobody: SocketAddr,
    /// The device's certificate, PEM
    #[arg(long)]
    certificate: PathBuf,
    #[arg(long)]
    seed: u64,
}

/// Whose sessions come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runtime {
    Tokio,
    Blocking,
    Mio,
    Futures,
}

/// What a host has to say of its sessions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Count {
    /// Tasks, threads or slots that hold a session now.
    pub(crate) open: usize,
    /// How those have ended that are over.
    pub(crate) outcomes: BTreeMap<String, u64>,
}

/// Says its address once it has read its files, and then a [`Count`] for every line on stdin.
pub(crate) fn run(options: &Options) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let desk = Arc::new(Desk::new(options)?);
    println!("{}", listener.local_addr()?);
    let told = desk.clone();
    thread::Builder::new().name("count".into()).spawn(move || tell(&told))?;
    match options.runtime {
        Runtime::Tokio => tokio::run(listener, desk),
        Runtime::Blocking => blocking::run(&listener, &desk),
        Runtime::Mio => mio::run(listener, &desk),
        Runtime::Futures => futures::run(listener, desk),
    }
}

fn tell(desk: &Desk) -> io::Result<()> {
    for line in io::stdin().lines() {
        line?;
        println!("{}", serde_json::to_string(&desk.ledger().count)?);
    }
    Ok(())
}

/// What all sessions have in common.
struct Desk {
    device: SocketAddr,
    nobody: SocketAddr,
    credential: Credential,
    config: Arc<Config>,
    seed: u64,
    ledger: Mutex<Ledger>,
}

#[derive(Default)]
struct Ledger {
    opened: u64,
    count: Count,
}

impl Desk {
    fn new(options: &Options) -> Result<Self> {
        let mut config = Config::new(Crypto::aws_lc_rs());
        config.bounds.deadlines = deadlines();
        Ok(Self {
            device: options.device,
            nobody: options.nobody,
            credential: Credential {
                certificate: Certificate::parse(&std::fs::read_to_string(&options.certificate)?)?,
                password: Password::parse(PASSWORD)?,
            },
            config: Arc::new(config),
            seed: options.seed,
            ledger: Mutex::default(),
        })
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one session more.
    fn open(self: &Arc<Self>) -> Entry {
        let mut ledger = self.ledger();
        ledger.opened += 1;
        ledger.count.open += 1;
        let mut rng = fastrand::Rng::with_seed(self.seed.wrapping_add(ledger.opened));
        Entry { desk: self.clone(), fate: Fate::draw(&mut rng), ended: None }
    }
}

/// So short that peers who stall meet every one of them within a soak.
fn deadlines() -> Deadlines {
    Deadlines {
        handshake: Duration::from_secs(2),
        hello: Duration::from_secs(2),
        idle: Some(Duration::from_secs(2)),
        close: Duration::from_secs(1),
        drain: Duration::from_secs(2),
        ..Deadlines::default()
    }
}

/// What the host has in mind for a session.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// To let it be.
    Stay,
    /// To send it where nobody listens.
    Astray,
    /// To drop it, at this moment.
    Drop(Moment),
    /// To close it politely, at this moment.
    Close(Moment),
}

/// A moment in a session's life, as each runtime is able to tell it.
#[derive(Clone, Copy, Debug)]
struct Moment {
    /// After so many polls, where there are polls.
    polls: u32,
    /// After so many events.
    events: u32,
    /// After so long, from another thread.
    after: Duration,
}

impl Fate {
    fn draw(rng: &mut fastrand::Rng) -> Self {
        let moment = Moment {
            polls: some(rng, 8) as u32,
            events: rng.u32(0..7),
            after: Duration::from_millis(some(rng, 10)),
        };
        match rng.u8(0..16) {
            0 => Self::Astray,
            1 => Self::Drop(moment),
            2 => Self::Close(moment),
            _ => Self::Stay,
        }
    }

    fn polls(self) -> u32 {
        match self {
            Self::Drop(moment) | Self::Close(moment) => moment.polls,
            Self::Stay | Self::Astray => u32::MAX,
        }
    }
}

/// A session's place in the ledger: it counts as open until this is dropped, by whatever holds the session.
struct Entry {
    desk: Arc<Desk>,
    fate: Fate,
    ended: Option<String>,
}

impl Entry {
    fn session(&self, now: Instant) -> Session {
        Session::console(self.desk.config.clone(), now)
    }

    fn credential(&self) -> Credential {
        self.desk.credential.clone()
    }

    /// Where its device is said to be.
    fn device(&self) -> SocketAddr {
        match self.fate {
            Fate::Astray => self.desk.nobody,
            _ => self.desk.device,
        }
    }

    fn over(mut self, outcome: Option<&Outcome>) {
        self.ended = outcome.map(in_words);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let ended = self.ended.take().unwrap_or_else(|| "dropped by the host".to_owned());
        let mut ledger = self.desk.ledger();
        ledger.count.open -= 1;
        *ledger.count.outcomes.entry(ended).or_default() += 1;
    }
}

fn in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Failed(error) => error.code().to_owned(),
        Outcome::Ended(Ended { by, truncated }) => {
            let by = by.map_or_else(|| "host".to_owned(), |party| party.to_string());
            format!("ended by {by}{}", if *truncated { ", truncated" } else { "" })
        }
    }
}

/// A future's result, unless it is woken once more after so many polls.
async fn within<F: Future>(polls: &mut u32, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let Some(left) = polls.checked_sub(1) else { return Poll::Ready(None) };
        *polls = left;
        future.as_mut().poll(cx).map(Some)
    })
    .await
}

/// Does something from a thread of its own, after so long.
fn later(after: Duration, work: impl FnOnce() + Send + 'static) {
    let wait = move || {
        thread::sleep(after);
        work();
    };
    // Without a thread, the session goes on.
    let _ = thread::Builder::new().name("later".into()).spawn(wait);
}
