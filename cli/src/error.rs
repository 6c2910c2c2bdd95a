//! What the program says when something fails: one type for its own failures, UMS's and the core's.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::{fmt, io};

use procy_core::error::{Broken, Error as SessionError, Fault, Party};
use procy_core::timer::Why;
use procy_core::tls::KeyError;

use crate::exit::Exit;

/// A failure as a person and a script are told it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) fault: Fault,
    /// Stable, kebab-case; UMS's own are as UMS gives them.
    pub(crate) code: Cow<'static, str>,
    /// What happened, in one sentence without its full stop.
    pub(crate) message: String,
    /// What to do about it; may be empty.
    pub(crate) help: Cow<'static, str>,
}

impl Failure {
    /// A wrong option, variable, file or secret.
    pub(crate) fn usage(
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            exit: Exit::Usage,
            fault: Fault::Configuration,
            code: code.into(),
            message: message.into(),
            help: help.into(),
        }
    }

    /// Something on this machine.
    pub(crate) fn local(
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { exit: Exit::Local, ..Self::usage(code, message, help) }
    }

    /// There is no file, thread or memory left for something.
    pub(crate) fn exhausted(code: &'static str, what: &str, error: &io::Error) -> Self {
        Self::local(
            code,
            format!("{what}: {error}"),
            "Allow the program more open files and threads (ulimit -n, ulimit -u), or fewer viewers (--max-viewers).",
        )
    }

    /// What UMS says about a device.
    pub(crate) fn ums(
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { exit: Exit::Ums, ..Self::usage(code, message, help) }
    }

    /// The viewer's, or the want of one.
    pub(crate) fn viewer(
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { exit: Exit::Viewer, fault: Fault::Peer, ..Self::usage(code, message, help) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code)
    }
}

impl StdError for Failure {}

impl From<&SessionError> for Failure {
    fn from(error: &SessionError) -> Self {
        let exit = match error {
            SessionError::Credential(_) => Exit::Ums,
            SessionError::Left { party: Party::Viewer, .. }
            | SessionError::Early { party: Party::Viewer, .. }
            | SessionError::Timeout(Why::Viewer) => Exit::Viewer,
            SessionError::Setup(_)
            | SessionError::Misuse(_)
            | SessionError::Connect { how: Broken::Exhausted, .. } => Exit::Local,
            SessionError::Cancelled => Exit::Interrupted,
            _ => Exit::Device,
        };
        let help = match (error.help(), exit) {
            ("", Exit::Device) => "Try again; if it persists, look at the device's log.",
            ("", Exit::Viewer) => "Connect the viewer again.",
            ("", _) => "Try again; if it persists, report this.",
            (help, _) => help,
        };
        let option = match error {
            SessionError::Key(KeyError::TooSmall { curable: true, .. }) => {
                "The option is --allow-legacy-keys."
            }
            SessionError::ClosedBeforeHello { .. } => "--verb auto tries both spellings.",
            _ => "",
        };
        Self {
            exit,
            fault: error.fault(),
            code: error.code().into(),
            message: error.to_string(),
            help: with_option(help, option),
        }
    }
}

/// What a library says is to be done, and how it is done here.
pub(crate) fn with_option(help: &'static str, option: &str) -> Cow<'static, str> {
    if option.is_empty() { help.into() } else { format!("{help} {option}").into() }
}

/// The fault's name in JSON.
pub(crate) const fn fault_name(fault: Fault) -> &'static str {
    match fault {
        Fault::Peer => "peer",
        Fault::Caller => "caller",
        Fault::Configuration => "configuration",
    }
}
