//! One viewer's session, from its beginning to its end.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Instant;

use procy_core::Session;
use procy_core::credential::Credential;
use procy_core::error::{Broken, Error, Party};
use procy_core::event::{Event, Outcome, Side};
use procy_core::procycmd::Verb;
use procy_core::timer;
use procy_tokio::{Run, Step};
use tokio::net::TcpStream;
use tokio::sync::OwnedMutexGuard;

use super::target::Target;
use crate::error::Failure;
use crate::fact::{Ended, Fact, Level};
use crate::output::Output;

/// A session under way, which answers what the core asks for by itself. All state is in here, so that a future of
/// [`Attempt::next`] may be dropped at any time.
pub(crate) struct Attempt {
    target: Arc<Target>,
    output: Output,
    run: Run<TcpStream, TcpStream>,
    verb: Verb,
    /// What the core has asked for.
    job: Option<Pin<Box<dyn Future<Output = Done> + Send>>>,
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

enum Done {
    Credential(Result<(Credential, timer::Instant), Failure>, OwnedMutexGuard<()>),
    Connect(Result<TcpStream, (Broken, Failure)>),
}

impl Attempt {
    /// The first session for a viewer that has come, or is to come. With `pause`, the device is not connected to before
    /// it may be again.
    pub(crate) fn first(target: Arc<Target>, output: Output, pause: bool) -> Self {
        let (verb, retriable) = target.verb();
        Self::new(target, output, verb, retriable, pause)
    }

    fn new(target: Arc<Target>, output: Output, verb: Verb, retriable: bool, pause: bool) -> Self {
        let session = Session::console(target.session(verb, retriable), procy_tokio::now());
        Self {
            target,
            output,
            run: Run::new(session),
            verb,
            job: None,
            turn: None,
            pause,
            failure: None,
        }
    }

    /// The viewer has come.
    pub(crate) fn attach(&mut self, viewer: TcpStream) {
        self.run.attach_near(viewer);
    }

    /// Where this session's facts are told.
    pub(crate) const fn output(&self) -> &Output {
        &self.output
    }

    /// Goes on until there is something for the host to do.
    pub(crate) async fn next(&mut self) -> Milestone {
        loop {
            tokio::select! {
                step = self.run.next() => match step {
                    Step::Event(event) => {
                        if let Some(milestone) = self.event(event) {
                            return milestone;
                        }
                    }
                    Step::Over => {
                        (self.turn, self.job) = (None, None);
                        return Milestone::Over;
                    }
                },
                done = work(&mut self.job) => self.done(done),
            }
        }
    }

    fn event(&mut self, event: Event) -> Option<Milestone> {
        let target = Arc::clone(&self.target);
        match event {
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
                    Done::Credential(target.credential().await, turn)
                }));
            }
            Event::ConnectNeeded => {
                self.job = Some(Box::pin(async move { Done::Connect(target.connect().await) }));
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

    fn done(&mut self, done: Done) {
        self.job = None;
        if self.run.outcome().is_some() {
            // Too late: it is over for another reason, and that one counts.
            return;
        }
        match done {
            Done::Credential(Ok((credential, asked)), turn) => {
                let fingerprint = credential.certificate.fingerprint();
                let given = !self.target.asks_ums();
                self.output.fact(&Fact::Credentials { fingerprint, given });
                self.turn = Some(turn);
                self.run.credential(credential, asked);
            }
            Done::Connect(Ok(stream)) => {
                if let Ok(address) = stream.peer_addr() {
                    self.output.fact(&Fact::Connected { address });
                }
                self.run.attach_far(stream);
            }
            Done::Credential(Err(failure), _) => {
                self.run.abandon(&failure.to_string());
                self.failure = Some(failure);
            }
            Done::Connect(Err((how, failure))) => {
                self.run.broken(Side::Far, how);
                self.failure = Some(failure);
            }
        }
    }

    /// The same viewer's next session with the other spelling, if this one is over and has spared it for that.
    fn other_verb(&mut self) -> Option<Self> {
        let viewer = self.run.take_near()?;
        let (target, output) = (Arc::clone(&self.target), self.output.clone());
        let mut next = Self::new(target, output, self.verb.other(), false, true);
        next.attach(viewer);
        Some(next)
    }

    /// Ends it politely: [`Attempt::next`] brings the farewells on their way.
    pub(crate) fn close(&mut self) {
        self.run.close();
    }

    /// How it went, once it is over.
    pub(crate) fn result(&self) -> Result<(Option<Party>, bool), Failure> {
        match (&self.failure, self.run.outcome()) {
            (Some(failure), _) => Err(failure.clone()),
            (None, Some(Outcome::Ended(ended))) => Ok((ended.by, ended.truncated)),
            (None, Some(Outcome::Failed(error))) => Err(error.into()),
            (None, None) => Err((&Error::Cancelled).into()),
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
    let traffic = attempt.run.traffic();
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

/// The job's end; never, if there is none.
async fn work(job: &mut Option<Pin<Box<dyn Future<Output = Done> + Send>>>) -> Done {
    match job {
        Some(job) => job.await,
        None => std::future::pending().await,
    }
}
