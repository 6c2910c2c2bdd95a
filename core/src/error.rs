//! What can end a session badly: what happened, whose fault it is, and what to do next.

use alloc::string::String;
use core::fmt;

use crate::credential::{CredentialError, Fingerprint};
use crate::procycmd::CommandError;
use crate::rfb::NotRfb;
use crate::timer::Why;
use crate::tls::{KeyError, TlsFault};

/// Whose fault an [`Error`] is, and so who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// What stands at the other end, or the network to it.
    Peer,
    /// The program that drives the session.
    Caller,
    /// What the operator has set, or what UMS holds.
    Configuration,
}

/// Who is meant, in words that hold for both roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Party {
    /// The console session's near side: the person's VNC viewer.
    Viewer,
    /// The console session's far side.
    Device,
    /// The device session's far side.
    Console,
    /// The device session's near side: its local VNC server.
    Service,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Viewer => "viewer",
            Self::Device => "device",
            Self::Console => "console",
            Self::Service => "local VNC server",
        })
    }
}

/// How a stream broke, as the host's operating system tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Broken {
    /// Nothing listens there (`ECONNREFUSED`).
    Refused,
    /// The peer reset the connection (`ECONNRESET`, `EPIPE`, `ECONNABORTED`).
    Reset,
    /// The peer no longer answers (`ETIMEDOUT`, keepalive).
    TimedOut,
    /// There is no way to it (`EHOSTUNREACH`, `ENETUNREACH`, a name that does not resolve).
    Unreachable,
    /// This machine lacks what a connection needs (`EMFILE`, `ENFILE`, `ENOBUFS`, `ENOMEM`).
    Exhausted,
    /// Anything else.
    Other,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "nothing listens there",
            Self::Reset => "connection reset",
            Self::TimedOut => "it no longer answers",
            Self::Unreachable => "there is no way to it",
            Self::Exhausted => "this machine has no descriptor or memory left for it",
            Self::Other => "the connection broke",
        })
    }
}

/// How a peer went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leave {
    /// It said goodbye in its protocol (TLS close_notify).
    Closed,
    /// It ended the stream (FIN) without that.
    Fin,
    /// The stream broke.
    Broken(Broken),
}

impl fmt::Display for Leave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("close_notify"),
            Self::Fin => f.write_str("end of stream"),
            Self::Broken(broken) => broken.fmt(f),
        }
    }
}

/// Why a session failed. [`Error::code`] is stable; the words are not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// What UMS gave cannot be used.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The device's key cannot be proven, so connecting is pointless.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The crypto provider cannot be set up as asked.
    #[error("TLS cannot be set up: {0}")]
    Setup(String),
    /// The host could not connect.
    #[error("the {party} cannot be reached: {how}")]
    Connect {
        /// Who was to be reached.
        party: Party,
        /// What the host met.
        how: Broken,
    },
    /// TLS failed, in the handshake or after it.
    #[error("TLS with the {party} failed: {fault}")]
    Tls {
        /// Who stands at the other end.
        party: Party,
        /// What TLS met.
        fault: TlsFault,
    },
    /// The device showed another certificate than the pinned one (step 6).
    #[error(
        "the device shows another certificate than UMS has for it: pinned {pinned}, shown {shown}"
    )]
    Mismatch {
        /// SHA-256 of the certificate that UMS gave.
        pinned: Fingerprint,
        /// SHA-256 of the certificate that the peer showed.
        shown: Fingerprint,
    },
    /// The peer went away during the TLS handshake.
    #[error("the {party} left during the TLS handshake ({how})")]
    LeftInHandshake {
        /// Who left.
        party: Party,
        /// In which way.
        how: Leave,
    },
    /// The device sent something before it was sent the command.
    #[error("the device spoke before it was sent the password; it began with \"{}\"", .shown.escape_ascii())]
    SpokeFirst {
        /// How it began: at most 16 bytes.
        shown: alloc::vec::Vec<u8>,
    },
    /// The device closed instead of saying hello (step 11), which is all that it does when the password is refused.
    #[error("the device closed the connection after the password was sent ({how})")]
    ClosedBeforeHello {
        /// In which way.
        how: Leave,
    },
    /// What the device sent after the command is no RFB hello (step 12).
    #[error("the device did not answer with an RFB hello: {0}")]
    NotRfb(NotRfb),
    /// A peer left while it was still needed.
    #[error("the {party} left before the session began ({how})")]
    Left {
        /// Who left.
        party: Party,
        /// In which way.
        how: Leave,
    },
    /// A peer that has nothing to say yet said too much.
    #[error("the {party} sent more than {limit} bytes before the session began")]
    Early {
        /// Who spoke.
        party: Party,
        /// The bound that it passed.
        limit: usize,
    },
    /// The one who serves, a device or its local VNC server, was lost while relaying; everything received before is
    /// delivered.
    #[error("the connection to the {party} was lost: {how}")]
    Lost {
        /// Who was lost.
        party: Party,
        /// How.
        how: Broken,
    },
    /// A deadline passed.
    #[error("{}", timeout_text(.0))]
    Timeout(Why),
    /// Device: the console sent no valid command.
    #[error("the console sent no valid command: {0}")]
    Command(CommandError),
    /// Device: the host refused the password (step 11).
    #[error("the password was refused")]
    Refused,
    /// The host gave up, for a reason of its own.
    #[error("given up: {0}")]
    Abandoned(String),
    /// The host called for an end before the session began.
    #[error("cancelled")]
    Cancelled,
    /// The host broke the contract.
    #[error("the session was driven wrongly: {0}")]
    Misuse(&'static str),
}

impl Error {
    /// The stable name of this error, for scripts and searches.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Credential(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Setup(_) => "tls-setup",
            Self::Connect { how: Broken::Exhausted, .. } => "host-exhausted",
            Self::Connect { party: Party::Service, .. } => "service-unreachable",
            Self::Connect { party: Party::Console, .. } => "console-unreachable",
            Self::Connect { how: Broken::Refused, .. } => "device-refused",
            // The host's own bound on connecting is told like ours.
            Self::Connect { how: Broken::TimedOut, .. } => timeout_code(&Why::Connect),
            Self::Connect { .. } => "device-unreachable",
            Self::Tls { fault, .. } => fault.code(),
            Self::Mismatch { .. } => "certificate-mismatch",
            Self::LeftInHandshake { .. } => "closed-in-handshake",
            Self::SpokeFirst { .. } => "spoke-first",
            Self::ClosedBeforeHello { .. } => "closed-before-hello",
            Self::NotRfb(_) => "not-rfb",
            Self::Left { party: Party::Viewer, .. } => "viewer-left",
            Self::Left { party: Party::Device, .. } => "device-left",
            Self::Left { party: Party::Console, .. } => "console-left",
            Self::Left { party: Party::Service, .. } => "service-left",
            Self::Early { .. } => "spoke-too-early",
            Self::Lost { party: Party::Service, .. } => "service-lost",
            Self::Lost { .. } => "device-lost",
            Self::Timeout(why) => timeout_code(why),
            Self::Command(_) => "command-invalid",
            Self::Refused => "password-refused",
            Self::Abandoned(_) => "abandoned",
            Self::Cancelled => "cancelled",
            Self::Misuse(_) => "misuse",
        }
    }

    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Credential(_)
            | Self::Key(_)
            | Self::Setup(_)
            | Self::Connect { how: Broken::Exhausted, .. } => Fault::Configuration,
            Self::Misuse(_) | Self::Abandoned(_) | Self::Cancelled => Fault::Caller,
            Self::Timeout(Why::Credential | Why::Password | Why::Verdict | Why::Absolute) => {
                Fault::Caller
            }
            _ => Fault::Peer,
        }
    }

    /// What to do about it, in a sentence or two; empty where there is nothing to say.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Credential(error) => error.help(),
            Self::Key(error) => error.help(),
            Self::Setup(_) => "Choose another crypto provider, or report this.",
            Self::Connect { how: Broken::Exhausted, .. } => {
                "Allow the program more open files (ulimit -n), or let it do less at once."
            }
            Self::Connect { party: Party::Service, .. } => {
                "Start the local VNC server, or correct its address."
            }
            // What follows is for whoever runs a console. A device that serves one can only wait for it to come again.
            Self::Connect { party: Party::Console, .. }
            | Self::Tls { party: Party::Console, .. }
            | Self::LeftInHandshake { party: Party::Console, .. } => "",
            Self::Connect { how: Broken::Refused, .. } => {
                "Check that the device is the right one and that shadowing is allowed in its profile; the port is 5900 \
                 unless it was changed."
            }
            Self::Connect { .. } | Self::Timeout(Why::Connect) => {
                "Check that the device is on, that its address is right (UMS knows the last one only), and that this \
                 machine may reach its port 5900."
            }
            Self::Tls { fault, .. } => fault.help(),
            Self::Mismatch { .. } => {
                "Either the address now belongs to another device, or the device has made a new certificate since UMS \
                 last received it: reboot it and try again. If it persists, somebody may stand between."
            }
            Self::LeftInHandshake { .. } => {
                "The device may limit how often it can be connected to: wait some seconds and try again. If it persists, \
                 look at the device's log."
            }
            Self::SpokeFirst { .. } => {
                "What stands there speaks TLS, but is no IGEL device in Secure mode. Check address and port."
            }
            Self::ClosedBeforeHello { .. } => {
                "Likely causes: the device could not reach UMS to check the password, or UMS refused it as wrong, used or \
                 expired; the person at the device declined; the firmware spells the command PROXYCMD (try \
                 the other spelling); or UMS 12.07.100, which refuses passwords in some time zones (fixed in 12.07.110)."
            }
            Self::NotRfb(_) => {
                "The device's VNC server is not working as it should: restart it, or look at its log."
            }
            Self::Left { party: Party::Viewer, .. } => "Connect the viewer again.",
            Self::Early { party: Party::Viewer, .. } => "Use a VNC viewer: what connected is none.",
            Self::Lost { party: Party::Device, .. } => {
                "The device was switched off, or the network to it failed."
            }
            Self::Timeout(why) => timeout_help(why),
            _ => "",
        }
    }

    /// What a viewer is told in its own protocol when there is no desktop to show (RFC 6143 section 7.1.2).
    pub(crate) fn viewer_text(&self) -> String {
        alloc::format!("procy: {self} [{}]", self.code())
    }
}

fn timeout_text(why: &Why) -> &'static str {
    match why {
        Why::Credential => "the device's credential was not brought in time",
        Why::Connect => "the connection could not be made in time",
        Why::Handshake => "the TLS handshake did not finish in time",
        Why::Viewer => "no viewer came in time",
        Why::Password => "the one-time password expired before it could be sent",
        Why::Hello => "the device did not say hello in time",
        Why::Command => "the console sent no command in time",
        Why::Verdict => "the password was not checked in time",
        Why::Service => "the local VNC server could not be connected to in time",
        Why::Idle => "nothing was relayed for too long",
        Why::Absolute => "the session has lasted for as long as it may",
        Why::Close => "the end could not be delivered in time",
    }
}

fn timeout_code(why: &Why) -> &'static str {
    match why {
        Why::Credential => "credential-timeout",
        Why::Connect => "device-timeout",
        Why::Handshake => "handshake-timeout",
        Why::Viewer => "viewer-timeout",
        Why::Password => "password-expired",
        Why::Hello => "hello-timeout",
        Why::Command => "command-timeout",
        Why::Verdict => "verdict-timeout",
        Why::Service => "service-timeout",
        Why::Idle => "idle-timeout",
        Why::Absolute => "session-limit",
        Why::Close => "close-timeout",
    }
}

fn timeout_help(why: &Why) -> &'static str {
    match why {
        Why::Handshake => {
            "Something accepts connections there but does not finish TLS; check address and port."
        }
        Why::Viewer => "Start the viewer sooner, or let the session begin when it comes.",
        Why::Password => "Ask for a new password and connect again.",
        Why::Hello => "Did the person at the device see the question and consent? Try again.",
        _ => "",
    }
}
