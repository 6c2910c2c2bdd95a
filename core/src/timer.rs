//! Time as the host passes it in, and the deadlines that bound every wait.
//!
//! The core has no clock. The host reads its own monotonic clock, counts from an epoch of its choice (its start, say),
//! and passes an [`Instant`] to every visit.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A point on the host's monotonic clock: nanoseconds since an epoch that the host chose.
///
/// 64 bits of nanoseconds last for 584 years, so sums saturate rather than wrap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The epoch itself.
    pub const ZERO: Self = Self(0);

    /// The instant that lies `since_epoch` after the epoch.
    #[must_use]
    pub const fn after_epoch(since_epoch: Duration) -> Self {
        let nanos = since_epoch.as_nanos();
        Self(if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 })
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(rhs.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_nanos(self.0))
    }
}

/// How long each wait of a session may take. Before relaying there is always one that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// Console: the host's time to bring the credential (UMS is asked meanwhile). Default 60 s.
    pub credential: Duration,
    /// Console: the host's time to connect to the device. Default 10 s.
    pub connect: Duration,
    /// The TLS handshake as a whole, from the connection on: a peer that drips bytes defeats any limit that restarts at
    /// each of them. Default 15 s.
    pub handshake: Duration,
    /// Console: how long a verified device may wait for its viewer. Default 170 s: devices give up at 180 s
    /// (`IGEL_TLS_TUNNEL_TIMEOUT`, OS 11.06.100 and later).
    pub viewer: Duration,
    /// Console: how long a one-time password is valid, from the moment it was asked for. Default 300 s (step 3).
    pub password: Duration,
    /// Console: from the sent password to the RFB hello; a person at the device may have to consent. Default 120 s.
    pub hello: Duration,
    /// Device: from the finished handshake to the whole command. Default 180 s, as real devices.
    pub command: Duration,
    /// Device: the host's time to have the password checked (steps 9 to 11). Default 30 s.
    pub verdict: Duration,
    /// Device: the host's time to connect to the local VNC server. Default 10 s.
    pub service: Duration,
    /// While relaying: the longest silence, both ways. Default: none.
    pub idle: Option<Duration>,
    /// The whole session, from its making. Default: none.
    pub absolute: Option<Duration>,
    /// Once one side has ended, or the session has failed: how long what remains to be delivered may stand still.
    /// Default 5 s.
    pub close: Duration,
    /// Once the outcome is decided: how long all that may take, however steadily a slow peer takes what
    /// is left. Default 30 s.
    pub drain: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            credential: Duration::from_secs(60),
            connect: Duration::from_secs(10),
            handshake: Duration::from_secs(15),
            viewer: Duration::from_secs(170),
            password: Duration::from_secs(300),
            hello: Duration::from_secs(120),
            command: Duration::from_secs(180),
            verdict: Duration::from_secs(30),
            service: Duration::from_secs(10),
            idle: None,
            absolute: None,
            close: Duration::from_secs(5),
            drain: Duration::from_secs(30),
        }
    }
}

/// Why a session's deadline stands, and so what has failed when it passes. See [`Deadlines`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Why {
    /// The host brings no credential.
    Credential,
    /// The host does not reach the device.
    Connect,
    /// The TLS handshake does not finish.
    Handshake,
    /// No viewer comes.
    Viewer,
    /// The one-time password expires unused.
    Password,
    /// The device does not say hello.
    Hello,
    /// The console sends no command.
    Command,
    /// The host does not say whether the password holds.
    Verdict,
    /// The host does not reach the local VNC server.
    Service,
    /// Nothing was relayed for too long.
    Idle,
    /// The session has lasted for as long as it may.
    Absolute,
    /// What remains after an end does not move.
    Close,
}
