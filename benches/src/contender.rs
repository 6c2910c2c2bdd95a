//! Who is measured.

use std::fmt;
use std::net::SocketAddr;

use clap::ValueEnum;

use crate::Result;
use crate::child::{Child, Role};
use crate::identity::Files;
use crate::proxy::Runtime;
use crate::workload::Workload;

/// A program that can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contender {
    /// A role of this program.
    Runtime(Runtime),
}

/// A proxy's way to its device.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way<'f> {
    pub(crate) device: SocketAddr,
    pub(crate) files: &'f Files,
}

impl Contender {
    /// Everything that this program itself can be.
    pub(crate) fn runtimes() -> Vec<Self> {
        Runtime::value_variants().iter().copied().map(Self::Runtime).collect()
    }

    /// Whether the workload can be put to it.
    pub(crate) fn takes(self, workload: &Workload) -> bool {
        match self {
            // One thread is all it has.
            Self::Runtime(Runtime::Futures) => workload.threads == 1,
            Self::Runtime(_) => true,
        }
    }

    /// Whether it gives the device's hello, as what does the whole procedure.
    pub(crate) fn says_hello(self) -> bool {
        match self {
            Self::Runtime(_) => true,
        }
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
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runtime(runtime) => f.write_str(&value_name(*runtime)),
        }
    }
}

pub(crate) fn value_name(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}
