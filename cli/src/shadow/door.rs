//! The port for viewers.

use std::cell::RefCell;
use std::io;
use std::net::{self, SocketAddr};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::allow::{Net, may_connect};
use crate::error::Failure;
use crate::fact::Level;
use crate::output::Output;

/// After a failed accept (too many open files, say), so that it is not tried in a tight loop.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// A listening port, and who may come in.
#[derive(Debug)]
pub(crate) struct Door {
    listener: TcpListener,
    address: SocketAddr,
    allow: Option<Vec<Net>>,
    output: Output,
    trouble: RefCell<Trouble>,
}

impl Door {
    pub(crate) async fn open(
        address: SocketAddr,
        allow: Option<Vec<Net>>,
        output: Output,
    ) -> Result<Self, Failure> {
        let failed = |error| {
            Failure::local(
                "listen-failed",
                format!("cannot listen on {address}: {error}"),
                "Choose another address or port with --listen; port 0 takes a free one.",
            )
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, allow, output, trouble: RefCell::default() })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next viewer that may come in; it does not block. Cancellation-safe.
    pub(crate) async fn admit(&self) -> (net::TcpStream, SocketAddr) {
        loop {
            let accepted = procy_tokio::accept(&self.listener).await;
            let accepted = accepted.and_then(|(stream, from)| Ok((stream.into_std()?, from)));
            self.tell(accepted.as_ref().err());
            match accepted {
                Ok((stream, from)) if may_connect(self.allow.as_deref(), from.ip()) => {
                    return (stream, from);
                }
                Ok((stream, from)) => self.turn_away(stream, from, "--allow does not name it"),
                Err(_) => sleep(AFTER_FAILURE).await,
            }
        }
    }

    /// Turns viewers away, as long as this is polled.
    pub(crate) async fn turn_all_away(&self, why: &str) {
        loop {
            let (viewer, from) = self.admit().await;
            self.turn_away(viewer, from, why);
        }
    }

    /// Tells what has become of an accept, if it is something new.
    fn tell(&self, error: Option<&io::Error>) {
        let error = error.map(ToString::to_string);
        if let Some(news) = self.trouble.borrow_mut().news(error) {
            self.output.say(Level::Plain, &news);
        }
    }

    fn turn_away(&self, stream: net::TcpStream, from: SocketAddr, why: &str) {
        drop(stream);
        self.output.say(Level::Plain, &format!("turned away {from}: {why}"));
    }
}

/// Why viewers cannot be accepted, while they cannot: it is told once, and not with each try.
#[derive(Debug, Default)]
struct Trouble(Option<String>);

impl Trouble {
    /// What there is to say after an accept that has failed so, or has not.
    fn news(&mut self, error: Option<String>) -> Option<String> {
        if self.0 == error {
            return None;
        }
        let news = match &error {
            Some(error) => format!("viewers cannot be accepted, and have to wait: {error}"),
            None => "viewers are accepted again".to_owned(),
        };
        self.0 = error;
        Some(news)
    }
}

#[cfg(test)]
mod tests {
    use super::Trouble;

    #[test]
    fn trouble_is_told_when_it_begins_changes_and_ends() {
        let mut trouble = Trouble::default();
        let mut news = |error: Option<&str>| trouble.news(error.map(str::to_owned));
        assert_eq!(news(None), None);
        assert!(news(Some("no files")).unwrap().ends_with(": no files"));
        assert_eq!(news(Some("no files")), None);
        assert!(news(Some("no memory")).unwrap().ends_with(": no memory"));
        assert_eq!(news(None).unwrap(), "viewers are accepted again");
        assert_eq!(news(None), None);
    }
}
