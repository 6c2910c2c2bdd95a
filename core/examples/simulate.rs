//! Simulated sessions for as long as one likes: `cargo xtask simulate`.
//!
//! Every core runs schedules, seed after seed, until the time or the seeds are used up or an invariant breaks. The last
//! word on a failure is the command that replays it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a person")]

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use procy_core::credential::Certificate;
use procy_core::event::Outcome;
use procy_core::sim::{Cast, World};
use procy_core::tls::Crypto;

const USAGE: &str = "usage: simulate [--minutes N | --seeds N] [--from SEED] [--real]

  --minutes N   run for so long; 1 by default
  --seeds N     run so many schedules instead
  --from SEED   begin with this one; 0 by default
  --real        real cryptography: slower, and not repeated to the bit by a seed";

/// How often progress is shown.
const PROGRESS: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let simulation = match Simulation::new(&arguments) {
        Ok(simulation) => simulation,
        Err(why) => {
            eprintln!("{why}\n\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    match simulation.run() {
        None => ExitCode::SUCCESS,
        Some((seed, why)) => {
            let real = if simulation.real { " --real" } else { "" };
            println!("\nseed {seed}: {why}\n\n{:#?}", World::drawn(&simulation.cast, seed).plan());
            println!("\nreplay: cargo xtask simulate --from {seed} --seeds 1{real}");
            ExitCode::FAILURE
        }
    }
}

/// What is asked for, and what has come of it.
struct Simulation {
    cast: Cast,
    real: bool,
    from: u64,
    seeds: u64,
    time: Duration,
    started: Instant,
    /// How many seeds have been given out.
    given: AtomicU64,
    stop: AtomicBool,
    tally: Mutex<Tally>,
}

#[derive(Default)]
struct Tally {
    schedules: u64,
    steps: u64,
    /// How often each outcome came, by session and code.
    ends: BTreeMap<(&'static str, &'static str), u64>,
    failure: Option<(u64, String)>,
    shown: Option<Instant>,
}

impl Simulation {
    fn new(arguments: &[String]) -> Result<Self, String> {
        let (mut minutes, mut seeds, mut from, mut real) = (None, None, 0, false);
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let mut number = || {
                let text = words.next().ok_or_else(|| format!("{word} needs a number"))?;
                text.parse().map_err(|_| format!("{word}: \"{text}\" is no number"))
            };
            match word.as_str() {
                "--minutes" => minutes = Some(number()?),
                "--seeds" => seeds = Some(number()?),
                "--from" => from = number()?,
                "--real" => real = true,
                _ => return Err(format!("unknown option {word}")),
            }
        }
        if minutes.is_some() && seeds.is_some() {
            return Err("--minutes and --seeds exclude each other".to_owned());
        }
        let minutes = minutes.unwrap_or_else(|| if seeds.is_some() { u64::MAX / 60 } else { 1 });
        Ok(Self {
            cast: if real { real_cast() } else { toy_cast() }.map_err(|error| error.to_string())?,
            real,
            from,
            seeds: seeds.unwrap_or(u64::MAX),
            time: Duration::from_secs(minutes.saturating_mul(60)),
            started: Instant::now(),
            given: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            tally: Mutex::default(),
        })
    }

    /// The first failure, if there was one.
    fn run(&self) -> Option<(u64, String)> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| self.work());
            }
        });
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        tally.show(self.started);
        tally.show_ends();
        tally.failure.take()
    }

    fn work(&self) {
        let mut memory = Vec::new();
        while !self.stop.load(Ordering::Relaxed) && self.started.elapsed() < self.time {
            let index = self.given.fetch_add(1, Ordering::Relaxed);
            if index >= self.seeds {
                return;
            }
            let seed = self.from.wrapping_add(index);
            procy_toycrypto::seed_thread(seed);
            let ran = catch_unwind(AssertUnwindSafe(|| {
                World::drawn(&self.cast, seed).run_over(&mut memory)
            }));
            let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
            match ran.unwrap_or_else(|_| Err("I7: it panicked (see above)".to_owned())) {
                Ok(report) => {
                    tally.schedules += 1;
                    tally.steps += report.steps as u64;
                    *tally.ends.entry(("console", code(Some(&report.console)))).or_default() += 1;
                    *tally.ends.entry(("device", code(report.device.as_ref()))).or_default() += 1;
                    if tally.shown.unwrap_or(self.started).elapsed() > PROGRESS {
                        tally.show(self.started);
                    }
                }
                Err(why) => {
                    tally.failure.get_or_insert((seed, why));
                    self.stop.store(true, Ordering::Relaxed);
                }
            }
        }
    }
}

impl Tally {
    fn show(&mut self, started: Instant) {
        let seconds = started.elapsed().as_secs_f64();
        eprintln!(
            "{:>6.0} s {:>10} schedules {:>7.0} a second {:>6} steps each",
            seconds,
            self.schedules,
            self.schedules as f64 / seconds,
            self.steps / self.schedules.max(1),
        );
        self.shown = Some(Instant::now());
    }

    fn show_ends(&self) {
        for session in ["console", "device"] {
            println!("\nthe {session}'s sessions ended so:");
            let mut ends: Vec<_> = self.ends.iter().filter(|((of, _), _)| *of == session).collect();
            ends.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            for ((_, code), count) in ends {
                println!("  {code:<24} {count:>10}");
            }
        }
    }
}

fn code(outcome: Option<&Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Ended(ended)) if ended.truncated => "ended, truncated",
        Some(Outcome::Ended(_)) => "ended",
        Some(Outcome::Failed(error)) => error.code(),
        None => "(never began)",
    }
}

fn toy_cast() -> Result<Cast, Box<dyn std::error::Error>> {
    let player = |n| {
        let (certificate, key) = procy_toycrypto::identity(n);
        Certificate::from_der(&certificate).map(|certificate| (certificate, key))
    };
    let crypto = Crypto::from(Arc::new(procy_toycrypto::provider()));
    Ok(Cast::new(&crypto, player(1)?, player(2)?)?)
}

#[cfg(feature = "aws-lc-rs")]
fn real_cast() -> Result<Cast, Box<dyn std::error::Error>> {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};

    let player = |certificate: &[u8], key: &[u8]| -> Result<_, Box<dyn std::error::Error>> {
        let certificate = CertificateDer::from_pem_slice(certificate)?;
        Ok((Certificate::from_der(&certificate)?, PrivateKeyDer::from_pem_slice(key)?))
    };
    macro_rules! fixture {
        ($file:literal) => {
            include_bytes!(concat!("../../testkit/fixtures/", $file, ".pem"))
        };
    }
    let device = player(fixture!("rsa-2048.crt"), fixture!("rsa-2048.key"))?;
    let stranger = player(fixture!("twin.crt"), fixture!("twin.key"))?;
    Ok(Cast::new(&Crypto::aws_lc_rs(), device, stranger)?)
}

#[cfg(not(feature = "aws-lc-rs"))]
fn real_cast() -> Result<Cast, Box<dyn std::error::Error>> {
    Err("--real needs the feature aws-lc-rs".into())
}
