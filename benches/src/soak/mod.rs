//! `cargo xtask soak`: sessions come, go and fail on a runtime for as long as one likes; then the process that ran them
//! holds no more descriptors, memory, threads and tasks than before.

pub(crate) mod host;
mod look;
mod peers;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::Result;
use crate::child::Role;
use crate::contender::value_name;
use crate::device::config;
use crate::identity::{Files, KeyKind};
use crate::wire::Pattern;
use host::{Count, Runtime};
use look::Look;
use peers::{Crowd, Device, Findings};

/// How often progress is told.
const TELL: Duration = Duration::from_secs(10);
/// How long what is over may take until it is given back, and how often one looks.
const PATIENCE: Duration = Duration::from_secs(20);
const GLANCE: Duration = Duration::from_millis(100);
/// Longer than what a host has begun goes on once its sessions are over.
const STEADY: Duration = Duration::from_secs(1);
/// Before the start, sessions come and go for this part of the time, and no longer than `WARM`: thread pools,
/// pollers and allocators are then as large as they get.
const WARM_PART: f64 = 0.2;
const WARM: Duration = Duration::from_secs(30);

#[derive(Args)]
pub(crate) struct Options {
    /// tokio, blocking, mio, futures, or all of them one after another
    #[arg(long, default_value = "all", value_parser = runtimes)]
    runtime: Runtimes,
    /// For how long each, after its warm-up
    #[arg(long, default_value_t = 10.0, value_parser = minutes)]
    minutes: f64,
    /// At once, at the most
    #[arg(long, default_value_t = 200)]
    sessions: usize,
    /// What everybody does follows from it
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Debug)]
struct Runtimes(Vec<Runtime>);

fn runtimes(text: &str) -> std::result::Result<Runtimes, String> {
    match text {
        "all" => Ok(Runtimes(Runtime::value_variants().to_vec())),
        one => Runtime::from_str(one, false).map(|runtime| Runtimes(vec![runtime])),
    }
}

fn minutes(text: &str) -> std::result::Result<f64, String> {
    let minutes: f64 = text.parse().map_err(|_| "this is no number".to_owned())?;
    if minutes > 0.0 && minutes < 1e6 { Ok(minutes) } else { Err("no time at all".to_owned()) }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let (mut results, mut wrong) = (Vec::new(), Vec::new());
    for runtime in &options.runtime.0 {
        let result = Soak::start(*runtime, options)?.run(options)?;
        wrong.extend(result.wrong());
        results.push(result);
    }
    println!("{}", tables(&results));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// One runtime's process, and the peers of its sessions.
struct Soak {
    runtime: Runtime,
    host: Role,
    peers: tokio::runtime::Runtime,
    crowd: Arc<Crowd>,
    findings: Arc<Findings>,
    /// Keeps an address at which nobody listens.
    _nobody: OwnedFd,
}

/// What came of it.
struct Soaked {
    runtime: Runtime,
    start: Look,
    end: Look,
    outcomes: BTreeMap<String, u64>,
    wrong_bytes: Option<String>,
}

impl Soak {
    fn start(runtime: Runtime, options: &Options) -> Result<Self> {
        let folder = TempDir::new()?;
        let files = Files::make(folder.path(), KeyKind::Ecdsa)?;
        let other = Files::make(folder.path(), KeyKind::Rsa)?;
        let (pattern, findings) = (Arc::new(Pattern::new()), Arc::<Findings>::default());
        let device = Device {
            seed: options.seed,
            right: Arc::new(config(&files.certificate, &files.key)?),
            wrong: Arc::new(config(&other.certificate, &other.key)?),
            pattern: pattern.clone(),
            findings: findings.clone(),
        };
        let peers =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = peers.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        peers.spawn(Arc::new(device).serve(listener));
        let (socket, nobody) = nobody()?;
        let mut host = Role::start(&words(runtime, address, nobody, &files.certificate, options))?;
        let proxy = host.line()?.parse()?;
        let crowd = Crowd { seed: options.seed, proxy, pattern, findings: findings.clone() };
        Ok(Self { runtime, host, peers, crowd: Arc::new(crowd), findings, _nobody: socket })
    }

    fn run(mut self, options: &Options) -> Result<Soaked> {
        let time = Duration::from_secs_f64(options.minutes * 60.0);
        self.come_and_go(options.sessions, time.mul_f64(WARM_PART).min(WARM))?;
        let (start, before) = self.rested(None)?;
        self.come_and_go(options.sessions, time)?;
        let (end, mut count) = self.rested(Some(&start))?;
        for (outcome, times) in before.outcomes {
            count.outcomes.entry(outcome).and_modify(|all| *all -= times);
        }
        let wrong_bytes = self.findings.wrong().cloned();
        Ok(Soaked { runtime: self.runtime, start, end, outcomes: count.outcomes, wrong_bytes })
    }

    /// Sessions for so long, and until the last viewer has gone.
    fn come_and_go(&mut self, at_once: usize, time: Duration) -> Result<()> {
        let (start, first) = (Instant::now(), self.findings.viewers.load(Relaxed));
        let viewers = self.peers.spawn(self.crowd.clone().come_and_go(at_once, start + time));
        let mut told = start;
        while !viewers.is_finished() {
            sleep(GLANCE);
            if told.elapsed() >= TELL {
                told = Instant::now();
                let came = self.findings.viewers.load(Relaxed) - first;
                self.tell(came, start.elapsed())?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, came: u64, time: Duration) -> Result<()> {
        let (look, _) = self.look()?;
        eprintln!(
            "{}: {:.0} s, {came} sessions, {:.0}/s, {} descriptors, {:.0} KiB, {} threads, {} tasks",
            value_name(self.runtime),
            time.as_secs_f64(),
            came as f64 / time.as_secs_f64(),
            look.files.len(),
            look.memory / 1024.0,
            look.threads.len(),
            look.tasks,
        );
        Ok(())
    }

    /// The host once nothing is left over since the `start`, or it has had its time. Without a start, once it has no
    /// session and keeps the descriptors and threads that it has.
    fn rested(&mut self, start: Option<&Look>) -> Result<(Look, Count)> {
        let began = Instant::now();
        let mut before = Look::default();
        loop {
            sleep(GLANCE);
            let (look, count) = self.look()?;
            let still = look.files == before.files && look.threads == before.threads;
            let rested = match start {
                Some(start) => look.left_over(start).is_empty(),
                None => look.tasks == 0 && still && began.elapsed() > STEADY,
            };
            if rested || began.elapsed() > PATIENCE {
                return Ok((look, count));
            }
            before = look;
        }
    }

    fn look(&mut self) -> Result<(Look, Count)> {
        self.host.go()?;
        let count = serde_json::from_str(&self.host.line()?)?;
        Ok((Look::at(self.host.tree(), &count)?, count))
    }
}

fn words(
    runtime: Runtime,
    device: SocketAddr,
    nobody: SocketAddr,
    certificate: &Path,
    options: &Options,
) -> Vec<String> {
    let mut words = vec!["soak-host".to_owned(), value_name(runtime)];
    words.extend(["--device".into(), device.to_string(), "--nobody".into(), nobody.to_string()]);
    words.extend(["--certificate".into(), certificate.display().to_string()]);
    words.extend(["--seed".into(), options.seed.to_string()]);
    words
}

/// Mostly little, rarely much: less than two to the power of `most`.
fn some(rng: &mut fastrand::Rng, most: u32) -> u64 {
    let power = rng.u32(0..=most);
    rng.u64(0..1 << power)
}

/// An address that is taken, and refuses all who connect.
fn nobody() -> Result<(OwnedFd, SocketAddr)> {
    let taken = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&taken, &SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))?;
    let address = SocketAddr::try_from(getsockname(&taken)?)?;
    Ok((taken, address))
}

impl Soaked {
    fn wrong(&self) -> Vec<String> {
        let runtime = value_name(self.runtime);
        let left = self.end.left_over(&self.start).into_iter();
        let left = left.map(|what| format!("{runtime}: left over: {what}"));
        left.chain(self.wrong_bytes.iter().map(|what| format!("{runtime}: {what}"))).collect()
    }
}

/// Start and end, and how the sessions ended, in Markdown.
fn tables(results: &[Soaked]) -> String {
    let mut text = "| runtime | sessions | descriptors | memory, KiB | threads | tasks |\n\
                    |---|---|---|---|---|---|\n"
        .to_owned();
    for Soaked { runtime, start, end, outcomes, .. } in results {
        let _ = writeln!(
            text,
            "| {} | {} | {} → {} | {:.0} → {:.0} | {} → {} | {} → {} |",
            value_name(*runtime),
            outcomes.values().sum::<u64>(),
            start.files.len(),
            end.files.len(),
            start.memory / 1024.0,
            end.memory / 1024.0,
            start.threads.len(),
            end.threads.len(),
            start.tasks,
            end.tasks,
        );
    }
    text += "\n| ended |";
    for result in results {
        text += &format!(" {} |", value_name(result.runtime));
    }
    text += &format!("\n|---|{}\n", "---|".repeat(results.len()));
    let all: BTreeSet<_> = results.iter().flat_map(|result| result.outcomes.keys()).collect();
    for outcome in all {
        text += &format!("| {outcome} |");
        for result in results {
            text += &format!(" {} |", result.outcomes.get(outcome).unwrap_or(&0));
        }
        text += "\n";
    }
    text
}
