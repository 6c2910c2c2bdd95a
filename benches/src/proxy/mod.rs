//! The role `proxy`: what is measured. A whole console session of procy for every viewer that comes, on each runtime;
//! and, to compare, the usual way to write such a relay.

mod blocking;
mod copy;
mod floor;
pub(crate) mod futures;
mod mio;
pub(crate) mod tokio;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use procy_core::credential::{Certificate, Credential, Password};
use procy_core::prologue::console::Config;
use procy_core::tls::Crypto;
use rustls::NamedGroup;

use crate::Result;

/// Any; the device takes each.
pub(crate) const PASSWORD: &str = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";

#[derive(Args)]
pub(crate) struct Options {
    runtime: Runtime,
    /// Threads or shards, where the runtime has a choice
    #[arg(long, default_value_t = 1)]
    threads: usize,
    #[arg(long)]
    device: SocketAddr,
    /// The device's certificate, PEM
    #[arg(long)]
    certificate: PathBuf,
    /// X25519MLKEM768 instead of X25519
    #[arg(long)]
    post_quantum: bool,
}

/// Who moves the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Runtime {
    /// procy-mio
    Mio,
    /// procy-tokio
    Tokio,
    /// procy-blocking
    Blocking,
    /// procy-futures on smol
    Futures,
    /// tokio-rustls and `copy_bidirectional`, with its buffers of 8 KiB
    Copy,
    /// The same with buffers of 64 KiB
    Copy64,
    /// procy-mio, with TLS 1.3 records left to rustls
    MioPlain,
    /// A relay without TLS: what the kernel alone costs
    Floor,
}

impl Runtime {
    /// Whether it is procy as one would use it.
    pub(crate) fn is_procys(self) -> bool {
        matches!(self, Self::Mio | Self::Tokio | Self::Blocking | Self::Futures)
    }
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    println!("{}", listener.local_addr()?);
    let job = Job::new(options)?;
    match options.runtime {
        Runtime::Mio | Runtime::MioPlain => mio::run(listener, job, options.threads),
        Runtime::Tokio => tokio::run(listener, job, options.threads),
        Runtime::Blocking => blocking::run(&listener, &job),
        Runtime::Futures => futures::run(listener, job),
        Runtime::Copy => copy::run(listener, job, options.threads, 8 * 1024),
        Runtime::Copy64 => copy::run(listener, job, options.threads, 64 * 1024),
        Runtime::Floor => floor::run(&listener, options.device),
    }
}

/// What every session needs.
#[derive(Clone)]
struct Job {
    device: SocketAddr,
    credential: Credential,
    config: Arc<Config>,
    group: NamedGroup,
}

impl Job {
    fn new(options: &Options) -> Result<Self> {
        let group =
            if options.post_quantum { NamedGroup::X25519MLKEM768 } else { NamedGroup::X25519 };
        let mut crypto = Crypto::aws_lc_rs().with_groups(|known| known == group);
        if options.runtime == Runtime::MioPlain {
            crypto = crypto.with_plain_records();
        }
        Ok(Self {
            device: options.device,
            credential: Credential {
                certificate: Certificate::parse(&std::fs::read_to_string(&options.certificate)?)?,
                password: Password::parse(PASSWORD)?,
            },
            config: Arc::new(Config::new(crypto)),
            group,
        })
    }
}
