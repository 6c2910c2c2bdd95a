//! Connecting to a host's addresses in turn, within a bound: the order and the words, without the waiting.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use procy_core::error::Broken;
use procy_core::timer::Instant;

use crate::{broken, is_exhausted};

/// How long connecting may take, all addresses together, where a session waits for it as long as it does by default: what
/// [`connect_within`] makes of that.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(9);

/// How long connecting may take where a session waits for it no longer than `deadline`
/// ([`Deadlines::connect`](procy_core::timer::Deadlines::connect), or `service`): a tenth less, a second at the most, so
/// that it is connecting which ends, and tells of each address.
#[must_use]
pub fn connect_within(deadline: Duration) -> Duration {
    deadline - (deadline / 10).min(Duration::from_secs(1))
}

/// How many of a name's addresses are tried.
pub const MAX_ADDRESSES: usize = 8;

/// Why a host could not be connected to: pass [`ConnectError::how`] to `Run::broken`.
#[derive(Debug, thiserror::Error)]
#[error("{host} port {port} cannot be reached: {words}")]
pub struct ConnectError {
    host: String,
    port: u16,
    how: Broken,
    words: String,
}

impl ConnectError {
    /// The same in the core's terms; if several addresses were tried, that of the one that tells most.
    #[must_use]
    pub const fn how(&self) -> Broken {
        self.how
    }

    /// Each address's error in words, or why there is no address; without the host, which whoever asks knows.
    #[must_use]
    pub fn why(&self) -> &str {
        &self.words
    }

    /// The host's name does not resolve.
    #[must_use]
    pub fn unresolved(host: &str, port: u16, why: &io::Error) -> Self {
        let how = if is_exhausted(why) { Broken::Exhausted } else { Broken::Unreachable };
        Self { host: host.to_owned(), port, how, words: why.to_string() }
    }
}

/// One host's addresses, tried one after another, each for its share of the time that is left.
///
/// Take [`Attempts::next`], connect to it for so long, say [`Attempts::failed`] if that fails, and so on until there is
/// none; then [`Attempts::error`] says it all.
#[derive(Debug)]
pub struct Attempts {
    error: ConnectError,
    end: Instant,
    addresses: VecDeque<SocketAddr>,
    /// The one that is being tried.
    current: Option<SocketAddr>,
}

impl Attempts {
    /// What the host's name resolved to, if it did; all attempts are over at `end`.
    #[must_use]
    pub fn new(
        host: &str,
        port: u16,
        end: Instant,
        resolved: io::Result<impl IntoIterator<Item = SocketAddr>>,
    ) -> Self {
        let (error, addresses) = match resolved {
            Ok(addresses) => {
                let addresses: VecDeque<_> = addresses.into_iter().take(MAX_ADDRESSES).collect();
                let words = if addresses.is_empty() { "its name has no address" } else { "" };
                let how = Broken::Unreachable;
                (ConnectError { host: host.to_owned(), port, how, words: words.into() }, addresses)
            }
            Err(why) => (ConnectError::unresolved(host, port, &why), VecDeque::new()),
        };
        Self { error, end, addresses, current: None }
    }

    /// Addresses of a peer whose name is of no interest.
    #[must_use]
    pub fn of(addresses: Vec<SocketAddr>, end: Instant) -> Self {
        let first = addresses.first().map(|first| (first.ip().to_string(), first.port()));
        let (host, port) = first.unwrap_or_default();
        Self::new(&host, port, end, Ok(addresses))
    }

    /// The next address, and how long it may take: never nothing, as some calls refuse that.
    pub fn next(&mut self, now: Instant) -> Option<(SocketAddr, Duration)> {
        let share = u32::try_from(self.addresses.len()).unwrap_or(u32::MAX).max(1);
        self.current = self.addresses.pop_front();
        let within = (self.end.since(now) / share).max(Duration::from_millis(1));
        self.current.map(|address| (address, within))
    }

    /// The last address could not be connected to.
    pub fn failed(&mut self, why: &io::Error) {
        let Some(address) = self.current.take() else { return };
        let Self { error, .. } = self;
        let this = broken(why);
        if error.words.is_empty() || telling(this) > telling(error.how) {
            error.how = this;
        }
        if !error.words.is_empty() {
            error.words.push_str("; ");
        }
        error.words.push_str(&format!("{address}: {why}"));
    }

    /// Why none of them could.
    #[must_use]
    pub fn error(self) -> ConnectError {
        self.error
    }
}

/// An answer tells more than none, and none more than no way there.
const fn telling(how: Broken) -> u8 {
    match how {
        // Whatever answers or does not: it is this machine that must be mended first.
        Broken::Exhausted => 4,
        Broken::Refused => 3,
        Broken::Reset => 2,
        Broken::TimedOut => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use procy_core::timer::Deadlines;

    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::after_epoch(Duration::from_secs(seconds))
    }

    fn addresses(count: u8) -> io::Result<Vec<SocketAddr>> {
        Ok((0..count).map(|n| SocketAddr::from(([192, 0, 2, n], 5900))).collect())
    }

    #[test]
    fn connecting_ends_a_little_before_the_wait_for_it() {
        let (short, long) = (Duration::from_millis(300), Duration::from_secs(60));
        assert_eq!(connect_within(Deadlines::default().connect), CONNECT_WITHIN);
        assert_eq!(connect_within(short), Duration::from_millis(270));
        assert_eq!(connect_within(long), Duration::from_secs(59));
        assert_eq!(connect_within(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn each_address_gets_its_share_of_what_is_left() {
        let mut attempts = Attempts::new("host", 5900, at(10), addresses(2));
        assert_eq!(attempts.next(at(0)).unwrap().1, Duration::from_secs(5));
        assert_eq!(attempts.next(at(1)).unwrap().1, Duration::from_secs(9));
        assert_eq!(attempts.next(at(2)), None);
        let mut late = Attempts::new("host", 5900, at(10), addresses(1));
        assert_eq!(late.next(at(11)).unwrap().1, Duration::from_millis(1));
    }

    #[test]
    fn the_error_names_every_address_and_keeps_what_tells_most() {
        let mut attempts = Attempts::new("host", 5900, at(10), addresses(3));
        for kind in [ErrorKind::TimedOut, ErrorKind::ConnectionRefused, ErrorKind::HostUnreachable]
        {
            assert!(attempts.next(at(0)).is_some());
            attempts.failed(&kind.into());
        }
        let error = attempts.error();
        assert_eq!(error.how(), Broken::Refused);
        let text = error.to_string();
        assert!(text.starts_with("host port 5900 cannot be reached: 192.0.2.0:5900: "), "{text}");
        assert!(
            text.contains("; 192.0.2.1:5900: ") && text.contains("; 192.0.2.2:5900: "),
            "{text}"
        );
    }

    #[test]
    fn a_name_that_does_not_resolve_is_unreachable() {
        let nothing: io::Result<Vec<SocketAddr>> = Err(io::Error::other("no such host"));
        let mut attempts = Attempts::new("host", 1, at(10), nothing);
        assert_eq!(attempts.next(at(0)), None);
        let error = attempts.error();
        assert_eq!(error.how(), Broken::Unreachable);
        assert_eq!(error.to_string(), "host port 1 cannot be reached: no such host");
        let lacks = io::Error::from_raw_os_error(24);
        if is_exhausted(&lacks) {
            let nothing: io::Result<Vec<SocketAddr>> = Err(lacks);
            assert_eq!(Attempts::new("host", 1, at(10), nothing).error().how(), Broken::Exhausted);
        }
        let empty = Attempts::new("host", 1, at(10), addresses(0)).error();
        assert!(empty.to_string().ends_with("its name has no address"));
    }

    #[test]
    fn no_more_than_a_bounded_number_is_tried() {
        let mut attempts = Attempts::new("host", 5900, at(10), addresses(200));
        let mut tried = 0;
        while attempts.next(at(0)).is_some() {
            tried += 1;
        }
        assert_eq!(tried, MAX_ADDRESSES);
    }
}
