//! The port for viewers.

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
        Ok(Self { listener, address, allow, output })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next viewer that may come in; it does not block. Cancellation-safe.
    pub(crate) async fn admit(&self) -> (net::TcpStream, SocketAddr) {
        loop {
            let accepted = procy_tokio::accept(&self.listener).await;
            match accepted.and_then(|(stream, from)| Ok((stream.into_std()?, from))) {
                Ok((stream, from)) if may_connect(self.allow.as_deref(), from.ip()) => {
                    return (stream, from);
                }
                Ok((stream, from)) => self.turn_away(stream, from, "--allow does not name it"),
                Err(error) => {
                    self.output.say(Level::Plain, &format!("a viewer cannot be accepted: {error}"));
                    sleep(AFTER_FAILURE).await;
                }
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

    fn turn_away(&self, stream: net::TcpStream, from: SocketAddr, why: &str) {
        drop(stream);
        self.output.say(Level::Plain, &format!("turned away {from}: {why}"));
    }
}
