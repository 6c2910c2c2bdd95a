//! What runs a session: one of procy's runtimes. To the program all are alike, a [`Running`] session that is told orders
//! and tells steps; how each does it is a file of its own.

mod on_futures;
#[cfg(unix)]
mod on_mio;
#[cfg(unix)]
mod on_threads;
mod on_tokio;

use std::future::{Future, pending};
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;

use procy_core::Session;
use procy_core::credential::Credential;
use procy_core::error::Error;
use procy_core::event::{Event, Outcome, Side, Traffic};
use procy_core::timer::Instant;
use procy_tokio::{Answer, ConnectError, Report, broken};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::args;
use crate::error::Failure;

/// The chosen runtime, ready to run sessions. Clones are the same.
#[derive(Clone, Debug)]
pub(crate) enum Runtime {
    Tokio,
    Futures,
    #[cfg(unix)]
    Blocking,
    #[cfg(unix)]
    Mio(on_mio::Loop),
}

impl Runtime {
    pub(crate) fn start(chosen: args::Runtime) -> Result<Self, Failure> {
        Ok(match chosen {
            args::Runtime::Tokio => Self::Tokio,
            args::Runtime::Futures => {
                on_futures::start().map_err(|error| failed("no thread can be started", &error))?;
                Self::Futures
            }
            #[cfg(unix)]
            args::Runtime::Blocking => Self::Blocking,
            #[cfg(unix)]
            args::Runtime::Mio => Self::Mio(
                on_mio::Loop::start()
                    .map_err(|error| failed("the event loop cannot start", &error))?,
            ),
        })
    }

    /// Has a session run from here on. It may have to be made anew for another runtime, to be given up there.
    pub(crate) fn run(&self, session: impl Fn() -> Session + Send + 'static) -> Running {
        let (to_session, orders) = unbounded_channel();
        let (to_program, steps) = unbounded_channel();
        let line = Line { orders, steps: to_program };
        match self {
            Self::Tokio => drop(tokio::spawn(on_tokio::run(session(), line))),
            Self::Futures => drop(tokio::spawn(on_futures::run(session(), line))),
            #[cfg(unix)]
            Self::Blocking => drop(tokio::spawn(on_threads::run(session, line))),
            #[cfg(unix)]
            Self::Mio(shard) => drop(tokio::spawn(on_mio::run(shard.clone(), session(), line))),
        }
        Running { orders: to_session, steps }
    }
}

/// What the program wants of a session.
#[derive(Debug)]
pub(crate) enum Order {
    /// The viewer has come.
    Attach(TcpStream),
    /// What UMS has for the device, and when it was asked.
    Credential(Credential, Instant),
    /// Connect to the device: a host and a port.
    Connect(String, u16),
    /// Give up; a waiting viewer is told why.
    Abandon(String),
    /// End politely.
    Close,
}

/// What a session tells the program.
#[derive(Debug)]
pub(crate) enum Step {
    /// A fact.
    Event(Event),
    /// What [`Order::Connect`] has come to. The session knows.
    Dialled(Result<SocketAddr, ConnectError>),
    /// The runtime cannot run it: it is there only to be told [`Order::Abandon`], so that its viewer hears why.
    Failed(Failure),
    /// It is over.
    Over(Over),
}

/// What came of a session.
#[derive(Debug)]
pub(crate) struct Over {
    pub(crate) outcome: Outcome,
    pub(crate) traffic: Traffic,
    /// The viewer, if the session has spared it for another try.
    pub(crate) viewer: Option<TcpStream>,
}

/// A session under way. Bytes move whether or not anybody looks. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Running {
    orders: UnboundedSender<Order>,
    /// Nothing piles up in either: every order and every step comes once in a session.
    steps: UnboundedReceiver<Step>,
}

impl Running {
    /// Never waits; what comes too late is passed over.
    pub(crate) fn tell(&self, order: Order) {
        let _ = self.orders.send(order);
    }

    /// The next step. Cancellation-safe.
    pub(crate) async fn next(&mut self) -> Step {
        self.steps.recv().await.unwrap_or_else(|| {
            let outcome = Outcome::Failed(Error::Misuse("its runtime has failed"));
            Step::Over(Over { outcome, traffic: Traffic::default(), viewer: None })
        })
    }
}

/// The runtime's end of a [`Running`] session.
#[derive(Debug)]
struct Line {
    orders: UnboundedReceiver<Order>,
    steps: UnboundedSender<Step>,
}

/// A runtime's sockets, and how it connects them.
trait Socket: Sized + Send + 'static {
    fn adopt(stream: TcpStream) -> io::Result<Self>;
    fn release(self) -> io::Result<TcpStream>;
    fn peer(&self) -> io::Result<SocketAddr>;
    fn connect(
        host: String,
        port: u16,
    ) -> impl Future<Output = Result<Self, ConnectError>> + Send + 'static;
}

/// A connection that is being made.
type Dial<S> = Option<Pin<Box<dyn Future<Output = Result<S, ConnectError>> + Send>>>;

impl Line {
    fn tell(&self, step: Step) {
        // The program has lost interest, and the line ends with its orders.
        let _ = self.steps.send(step);
    }

    fn over<S: Socket>(&self, report: Report, viewer: Option<S>) {
        let Report { outcome, traffic } = report;
        let viewer = viewer.and_then(|viewer| viewer.release().ok());
        self.tell(Step::Over(Over { outcome, traffic, viewer }));
    }

    /// The next order as an answer to the session, once connecting is done with; `None` if there will be no more.
    /// Cancellation-safe.
    async fn answer<S: Socket>(&mut self, dial: &mut Dial<S>) -> Option<Answer<S, S>> {
        loop {
            tokio::select! {
                order = self.orders.recv() => return Some(match order? {
                    Order::Attach(viewer) => match S::adopt(viewer) {
                        Ok(viewer) => Answer::AttachNear(viewer),
                        Err(error) => Answer::Broken(Side::Near, broken(&error)),
                    },
                    Order::Credential(credential, asked) => Answer::Credential(credential, asked),
                    Order::Connect(host, port) => {
                        *dial = Some(Box::pin(S::connect(host, port)));
                        continue;
                    }
                    Order::Abandon(reason) => Answer::Abandon(reason),
                    Order::Close => Answer::Close,
                }),
                dialled = finished(dial) => {
                    *dial = None;
                    return Some(self.dialled(dialled));
                }
            }
        }
    }

    fn dialled<S: Socket>(&self, dialled: Result<S, ConnectError>) -> Answer<S, S> {
        match dialled {
            Ok(device) => {
                if let Ok(address) = device.peer() {
                    self.tell(Step::Dialled(Ok(address)));
                }
                Answer::AttachFar(device)
            }
            Err(error) => {
                let how = error.how();
                self.tell(Step::Dialled(Err(error)));
                Answer::Broken(Side::Far, how)
            }
        }
    }
}

fn failed(what: &str, error: &io::Error) -> Failure {
    Failure::exhausted("runtime-failed", what, error)
}

/// What work comes to; never, if there is none.
pub(super) async fn finished<T>(work: &mut Option<Pin<Box<dyn Future<Output = T> + Send>>>) -> T {
    match work {
        Some(work) => work.await,
        None => pending().await,
    }
}
