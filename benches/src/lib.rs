//! Measures procy on loopback beside the usual ways to do its job. `benches/README.md` has method and noise.
//!
//! One program with roles, each a process of its own: a `proxy` under measurement (or a peer's own program), a `device`
//! behind it, a `client` before it, and the harness that starts them, looks at the proxy from outside and does the sums.

#![cfg(target_os = "linux")]
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr)] // tables and progress are what this program is for

mod child;
mod client;
mod contender;
mod device;
mod identity;
pub mod machine;
mod measure;
mod peers;
mod plot;
mod proxy;
mod report;
mod run;
mod soak;
mod stats;
mod table;
mod wire;
mod workload;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rustix::process::{Resource, Signal, getrlimit, set_parent_process_death_signal, setrlimit};

/// Failures are told to the person who runs the benchmark, in words.
pub type Failure = Box<dyn Error + Send + Sync>;
/// What may fail.
pub type Result<T> = std::result::Result<T, Failure>;

#[derive(Parser)]
#[command(name = "procy-bench", bin_name = "cargo xtask bench", about = "Measures procy")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// procy's four runtimes, beside tokio-rustls with `copy_bidirectional`
    Drivers(run::Options),
    /// procy's runtimes beside stunnel, HAProxy, nginx and socat
    Peers(run::Options),
    /// Thousands of sessions come, go and fail; then nothing of them may be left
    Soak(soak::Options),
    /// The picture for the README, from what `peers` has measured
    Plot(plot::Options),
    /// The process under measurement
    #[command(hide = true)]
    Proxy(proxy::Options),
    /// The process whose sessions come and go
    #[command(hide = true)]
    SoakHost(soak::host::Options),
    /// A program of somebody else's in its place
    #[command(hide = true)]
    Exec(child::Words),
    /// The TLS server behind it
    #[command(hide = true)]
    Device(device::Options),
    /// The load before it
    #[command(hide = true)]
    Client(client::Options),
}

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    let outcome = match Arguments::parse().verb {
        Verb::Drivers(options) => prepare().and_then(|()| run::drivers(&options)),
        Verb::Peers(options) => prepare().and_then(|()| run::peers(&options)),
        Verb::Soak(options) => prepare().and_then(|()| soak::run(&options)),
        Verb::Plot(options) => plot::run(&options),
        Verb::Proxy(options) => role().and_then(|()| proxy::run(&options)),
        Verb::SoakHost(options) => role().and_then(|()| soak::host::run(&options)),
        Verb::Exec(words) => role().and_then(|()| child::exec(&words)),
        Verb::Device(options) => role().and_then(|()| device::run(&options)),
        Verb::Client(options) => role().and_then(|()| client::run(&options)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("procy-bench: {why}");
            ExitCode::FAILURE
        }
    }
}

/// As many files as may be: thousands of sessions have two each. Children inherit it.
fn prepare() -> Result<()> {
    let mut files = getrlimit(Resource::Nofile);
    files.current = files.maximum;
    Ok(setrlimit(Resource::Nofile, files)?)
}

/// A role ends with the harness, however that ends.
fn role() -> Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::TERM))?)
}
