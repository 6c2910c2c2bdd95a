//! One viewer's session, from its beginning to its end.

use std::future::Future;
use std::net::{SocketAddr, TcpStream};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Instant;

use procy_core::credential::Credential;
use procy_core::error::{Error, Party};
use procy_core::event::{Event, Outcome};
use procy_core::procycmd::Verb;
use procy_core::timer;
use procy_tokio::ConnectError;
use tokio::sync::OwnedMutexGuard;

use super::runtime::{Order, Over, Running, Step, finished};
use super::target::Target;
use crate::error::Failure;
use crate::fact::{Ended, Fact, Level};
use crate::output::Output;

/// A session under way, which answers what the core asks for by itself. All state is in here, so that a future of
/// [`Attempt::next`] may be dropped at any time.
pub(crate) struct Attempt {
    target: Arc<Target>,
    output: Output,
    running: Running,
    over: Option<Over>,
    verb: Verb,
    /// The credential that the core has asked for, and this session's turn.
    job: Option<Pin<Box<dyn Future<Output = Brought> + Send>>>,
    turn: Option<OwnedMutexGuard<()>>,
    /// Wait before asking for the password: the device has been connected to only just now.
    pause: bool,
    /// Says more than the core's own error.
    failure: Option<Failure>,
}

/// What an [`Attempt`] has come to.
#[derive(Debug)]
pub(crate) enum Milestone {
    /// The device is verified, and all waits for a viewer.
    ViewerNeeded,
    /// It is over.
    Over,
}

type Brought = (Result<(Credential, timer::Instant), Failure>, OwnedMutexGuard<()>);

impl Attempt {
    /// The first session for a viewer that has come, or is to come. With `pause`, the device is not connected to before
    /// it may be again.
    pub(crate) fn first(target: Arc<Target>, output: Output, pause: bool) -> Self {
        let (verb, retriable) = target.verb();
        Self::new(target, output, verb, retriable, pause)
    }

    fn new(target: Arc<Target>, output: Output, verb: Verb, retriable: bool, pause: bool) -> Self {
        let running = target.run(verb, retriable);
        Self {
            target,
            output,
            running,
            over: None,
            verb,
            job: None,
            turn: None,
            pause,
            failure: None,
        }
    }

    /// The viewer has come.
    pub(crate) fn attach(&self, viewer: TcpStream) {
        self.running.tell(Order::Attach(viewer));
    }

    /// Where this session's facts are told.
    pub(crate) const fn output(&self) -> &Output {
        &self.output
    }

    /// Goes on until there is something for the host to do.
    pub(crate) async fn next(&mut self) -> Milestone {
        while self.over.is_none() {
            let step = tokio::select! {
                step = self.running.next() => step,
                (credential, turn) = finished(&mut self.job) => {
                    self.job = None;
                    self.brought(credential, turn);
                    continue;
                }
            };
            match step {
                Step::Event(event) => {
                    if let Some(milestone) = self.event(event) {
                        return milestone;
                    }
                }
                Step::Dialled(dialled) => self.dialled(dialled),
                Step::Failed(failure) => self.abandon(failure),
                Step::Over(over) => {
                    (self.turn, self.job, self.over) = (None, None, Some(over));
                }
            }
        }
        Milestone::Over
    }

    fn event(&mut self, event: Event) -> Option<Milestone> {
        let target = Arc::clone(&self.target);
        match event {
            // It is given up already: no password is to be wasted on it.
            Event::CredentialNeeded if self.failure.is_some() => {}
            Event::CredentialNeeded => {
                let output = self.output.clone();
                let pause = self.pause;
                self.job = Some(Box::pin(async move {
                    let turn = target.turn().await;
                    if pause {
                        target.pause().await;
                    }
                    if target.asks_ums() {
                        output.fact(&Fact::Asking { device: target.label() });
                    }
                    (target.credential().await, turn)
                }));
            }
            Event::ConnectNeeded => {
                let (host, port) = target.connecting();
                self.running.tell(Order::Connect(host, port));
            }
            Event::Established { version } => self.output.fact(&Fact::Established { version }),
            Event::Verified { fingerprint } => self.output.fact(&Fact::Verified { fingerprint }),
            Event::ViewerNeeded => return Some(Milestone::ViewerNeeded),
            Event::PasswordSent => self.output.fact(&Fact::PasswordSent),
            Event::Hello(version) => {
                self.turn = None;
                self.output.fact(&Fact::Hello { version });
            }
            Event::Relaying => self.output.fact(&Fact::Relaying),
            Event::HalfClosed(party) => {
                self.output.say(Level::Inner, &format!("the {party} has ended its direction"));
            }
            _ => {}
        }
        None
    }

    fn brought(
        &mut self,
        credential: Result<(Credential, timer::Instant), Failure>,
        turn: OwnedMutexGuard<()>,
    ) {
        match credential {
            Ok((credential, asked)) => {
                let fingerprint = credential.certificate.fingerprint();
                let given = !self.target.asks_ums();
                self.output.fact(&Fact::Credentials { fingerprint, given });
                self.turn = Some(turn);
                self.running.tell(Order::Credential(credential, asked));
            }
            Err(failure) => self.abandon(failure),
        }
    }

    /// Ends it for a reason of the program's own, which its viewer is told.
    fn abandon(&mut self, failure: Failure) {
        self.running.tell(Order::Abandon(failure.to_string()));
        self.failure = Some(failure);
    }

    fn dialled(&mut self, dialled: Result<SocketAddr, ConnectError>) {
        match dialled {
            Ok(address) => self.output.fact(&Fact::Connected { address }),
            Err(error) => self.failure = Some(self.target.unreachable(&error)),
        }
    }

    /// The same viewer's next session with the other spelling, if this one is over and has spared it for that.
    fn other_verb(&mut self) -> Option<Self> {
        let over = self.over.as_mut()?;
        let viewer = match over.outcome {
            Outcome::Failed(Error::ClosedBeforeHello { .. }) => over.viewer.take()?,
            _ => return None,
        };
        let (target, output) = (Arc::clone(&self.target), self.output.clone());
        let next = Self::new(target, output, self.verb.other(), false, true);
        next.attach(viewer);
        Some(next)
    }

    /// Ends it politely: [`Attempt::next`] brings the farewells on their way.
    pub(crate) fn close(&self) {
        self.running.tell(Order::Close);
    }

    /// How it went, once it is over.
    pub(crate) fn result(&self) -> Result<(Option<Party>, bool), Failure> {
        match self.over.as_ref().map(|over| &over.outcome) {
            Some(Outcome::Ended(ended)) => Ok((ended.by, ended.truncated)),
            Some(Outcome::Failed(error)) => Err(match (error, &self.failure) {
                // It is this failure that has ended it. Otherwise something else was quicker, and counts.
                (Error::Abandoned(_) | Error::Connect { .. }, Some(failure)) => failure.clone(),
                _ => error.into(),
            }),
            None => Err((&Error::Cancelled).into()),
        }
    }
}

/// Brings the session of a viewer that came at `since` to its end, and tells how it went. When `close` is ready, the
/// session is ended politely.
pub(crate) async fn serve(
    mut attempt: Attempt,
    since: Instant,
    close: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let mut close = pin!(close);
    let mut closing = false;
    loop {
        let milestone = tokio::select! {
            milestone = attempt.next() => milestone,
            () = &mut close, if !closing => {
                closing = true;
                attempt.close();
                continue;
            }
        };
        if let Milestone::ViewerNeeded = milestone {
            continue;
        }
        match attempt.other_verb() {
            Some(next) if !closing => {
                let words = format!(
                    "the device closed at {}; once more with {} and a new password",
                    attempt.verb, next.verb
                );
                attempt.output.say(Level::Plain, &words);
                attempt = next;
            }
            _ => return conclude(&attempt, since),
        }
    }
}

fn conclude(attempt: &Attempt, since: Instant) -> Result<(), Failure> {
    let result = attempt.result();
    let traffic = attempt.over.as_ref().map(|over| over.traffic).unwrap_or_default();
    let (reason, truncated) = match &result {
        Ok((by, truncated)) => {
            let by = match by {
                Some(Party::Viewer) => "viewer-closed",
                Some(_) => "device-closed",
                None => "closed",
            };
            (by.to_owned(), *truncated)
        }
        Err(failure) => (failure.code.to_string(), false),
    };
    if let Err(failure) = &result
        && !failure.exit.is_asked_for()
    {
        attempt.output.failure(failure);
    }
    attempt.output.fact(&Fact::Ended(&Ended {
        to_viewer: traffic.to_near,
        to_device: traffic.to_far,
        duration: since.elapsed(),
        reason,
        truncated,
    }));
    result.map(|_| ())
}
