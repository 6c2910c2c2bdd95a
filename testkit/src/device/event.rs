//! What a stand-in device tells.

use std::fmt;

use procy_core::event::Outcome;
use procy_core::procycmd::Verb;
use procy_core::tls::TlsVersion;
use procy_tokio::Report;

/// Something happened in one of a device's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEvent {
    /// Which session, counted from 1 in the order of connecting.
    pub session: u64,
    /// What happened.
    pub what: What,
}

/// What can happen in a device's session. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A console has connected (step 4).
    Connected,
    /// The device has sent its certificate, and TLS stands (step 5).
    CertificateSent {
        /// The version agreed on.
        version: TlsVersion,
    },
    /// The console has offered a password, and the device asks UMS about it, unless its behaviour says otherwise
    /// (step 9).
    PasswordOffered {
        /// The console's spelling.
        verb: Verb,
    },
    /// UMS tells the device to proceed (step 11).
    Accepted,
    /// It does not, and the connection closes (step 11).
    Refused,
    /// The VNC server's hello goes to the console (step 12).
    Hello,
    /// The session is over; `None` if it ended without a word, as a behaviour has it.
    Ended(Option<Report>),
}

impl What {
    /// The step of the Secure VNC procedure that this is, if it is one.
    #[must_use]
    pub const fn step(&self) -> Option<u8> {
        match self {
            Self::Connected => Some(4),
            Self::CertificateSent { .. } => Some(5),
            Self::PasswordOffered { .. } => Some(9),
            Self::Accepted | Self::Refused => Some(11),
            Self::Hello => Some(12),
            Self::Ended(_) => None,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected => f.write_str("a console has connected to the device"),
            Self::CertificateSent { version } => {
                write!(f, "the device has sent its certificate ({version})")
            }
            Self::PasswordOffered { verb } => {
                write!(f, "the device was given a password by {verb}, and sends it to UMS")
            }
            Self::Accepted => f.write_str("UMS tells the device to proceed"),
            Self::Refused => f.write_str("the device refuses the password and closes"),
            Self::Hello => f.write_str("the device sends the VNC hello"),
            Self::Ended(Some(Report { outcome: Outcome::Failed(error), .. })) => {
                write!(f, "the device's session failed: {error}")
            }
            Self::Ended(_) => f.write_str("the device's session has ended"),
        }
    }
}

impl fmt::Display for DeviceEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what.step() {
            Some(step) => write!(f, "step {step}: {}", self.what),
            None => self.what.fmt(f),
        }
    }
}
