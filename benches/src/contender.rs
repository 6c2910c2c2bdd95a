//! Who is measured.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use clap::ValueEnum;

use crate::Result;
use crate::child::{Child, Role};
use crate::identity::Files;
use crate::peers::Peer;
use crate::proxy::Runtime;
use crate::workload::Workload;

/// A program that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// A role of this program.
    Runtime(Runtime),
    /// Somebody else's.
    Peer(Peer),
}

/// A proxy's way to its device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way<'f> {
    pub(crate) device: SocketAddr,
    pub(crate) files: &'f Files,
    /// For what a proxy needs to write.
    pub(crate) folder: &'f Path,
}

impl Contender {
    /// Everything that this program itself can be.
    pub(crate) fn runtimes() -> Vec<Self> {
        Runtime::value_variants().iter().copied().map(Self::Runtime).collect()
    }

    /// This program's and everybody else's, without the slower one of the usual way.
    pub(crate) fn peers() -> Vec<Self> {
        let own = Self::runtimes().into_iter().filter(|it| *it != Self::Runtime(Runtime::Copy));
        own.chain(Peer::value_variants().iter().copied().map(Self::Peer)).collect()
    }

    /// Whether the workload can be put to it.
    pub(crate) fn takes(self, workload: &Workload) -> bool {
        match self {
            // One thread is all it has.
            Self::Runtime(Runtime::Futures) => workload.threads == 1,
            // It takes as many as there are cores, and knows no handshake.
            Self::Runtime(Runtime::Floor) => workload.moves_bytes() && workload.threads == 1,
            Self::Runtime(_) => true,
            Self::Peer(peer) => peer.takes(workload),
        }
    }

    /// Whether it gives the device's hello, as what does the whole procedure.
    pub(crate) fn says_hello(self) -> bool {
        matches!(self, Self::Runtime(runtime) if runtime != Runtime::Floor)
    }

    /// Starts it: the process, and where it listens.
    pub(crate) fn start(self, workload: &Workload, way: &Way<'_>) -> Result<(Child, SocketAddr)> {
        match self {
            Self::Runtime(runtime) => {
                let name = value_name(runtime);
                let mut arguments: Vec<String> =
                    ["proxy", &name, "--threads"].map(Into::into).into();
                arguments.push(workload.threads.to_string());
                arguments.extend(["--device".into(), way.device.to_string()]);
                let certificate = way.files.certificate.display().to_string();
                arguments.extend(["--certificate".into(), certificate]);
                arguments.extend(workload.post_quantum.then(|| "--post-quantum".into()));
                let mut role = Role::start(&arguments)?;
                let address = role.line()?.parse()?;
                Ok((role.quiet(), address))
            }
            Self::Peer(peer) => peer.start(workload, way),
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(runtime) => f.write_str(&value_name(*runtime)),
            Self::Peer(peer) => f.write_str(&value_name(*peer)),
        }
    }
}

pub(crate) fn value_name(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
