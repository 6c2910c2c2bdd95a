//! What a session tells its host.

use crate::credential::Fingerprint;
use crate::error::{Error, Party};
use crate::procycmd::Offer;
use crate::rfb::Version;
use crate::tls::TlsVersion;

/// Which of a session's two streams is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// A console's viewer; a device's local VNC server.
    Near,
    /// A console's device; a device's console.
    Far,
}

impl Side {
    /// Both, in the order in which they are tended.
    pub const BOTH: [Self; 2] = [Self::Near, Self::Far];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Near => Self::Far,
            Self::Far => Self::Near,
        }
    }
}

/// A fact, told once, in the order in which it came true. Those named `...Needed` ask the host to do something, before
/// the session's deadline.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// Console: bring the device's certificate and one-time password (steps 2 and 3): `Visit::credential`.
    CredentialNeeded,
    /// Console: connect to the device (step 4), then `Visit::attach(Side::Far)`, or `Visit::broken`.
    ConnectNeeded,
    /// The TLS handshake is over.
    Established {
        /// The version agreed on.
        version: TlsVersion,
    },
    /// Console: the device's certificate is the pinned one, and the device holds its key (steps 5 and 6).
    Verified {
        /// SHA-256 of the certificate.
        fingerprint: Fingerprint,
    },
    /// Console: everything waits for the viewer (step 7): `Visit::attach(Side::Near)`.
    ViewerNeeded,
    /// Console: the command has been sealed and is on its way (step 8).
    PasswordSent,
    /// Device: have this password checked (steps 9 and 10), then `Visit::accept` or `Visit::refuse`.
    PasswordOffered(Offer),
    /// Device: connect to the local VNC server, then `Visit::attach(Side::Near)`, or `Visit::broken`.
    ServiceNeeded,
    /// Console: the device said hello (step 12).
    Hello(Version),
    /// From here on, bytes flow.
    Relaying,
    /// One side has ended its direction; the other still flows.
    HalfClosed(Party),
}

/// How a session is over. Set once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It came to relaying, and then somebody ended it.
    Ended(Ended),
    /// It failed.
    Failed(Error),
}

/// A session's ordinary end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Who ended it first; `None` if the host did.
    pub by: Option<Party>,
    /// Something may be missing. The far side ended first, and without TLS's close_notify: everything that came is
    /// delivered, but that it is all cannot be known (RFC 8446 section 6.1). Or a side did not take, in time, the rest of
    /// what had come for it.
    pub truncated: bool,
}

/// Bytes of the relayed protocol, without TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// From the far side to the near.
    pub to_near: u64,
    /// From the near side to the far.
    pub to_far: u64,
}
