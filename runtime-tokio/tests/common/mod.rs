//! A console session and a device session with wires between them.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "shared by test files that each use a part"
)]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

#[allow(unused_imports, reason = "each test file uses its part")]
pub use procy_testkit::parts::{
    HELLO, LONG, PASSWORD, console_config, credential, device_config, device_config_of, noise,
};
use procy_tokio::core::Session;
use procy_tokio::core::event::{Event, Outcome};
use procy_tokio::core::prologue::{Bounds, console, device};
use procy_tokio::core::tls::TlsVersion;
use procy_tokio::{CONNECT_WITHIN, Report, Run, Step, now};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for S {}

pub type Pipe = Box<dyn Wire>;

/// What joins two parts.
#[derive(Clone, Copy, Debug)]
pub enum Medium {
    Tcp,
    /// In memory, with so many bytes of room.
    Memory(usize),
    /// The same, and the session's ends keep what is written until they are flushed.
    Buffered(usize),
}

impl Medium {
    pub async fn pair(self) -> (Pipe, Pipe) {
        match self {
            Self::Tcp => {
                let (a, b) = tcp_pair().await;
                (Box::new(a), Box::new(b))
            }
            Self::Memory(room) => {
                let (a, b) = tokio::io::duplex(room);
                (Box::new(a), Box::new(b))
            }
            Self::Buffered(room) => {
                let (a, b) = tokio::io::duplex(room);
                (Box::new(BufStream::new(a)), Box::new(BufStream::new(b)))
            }
        }
    }
}

pub async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (ours, theirs) = tokio::join!(
        procy_tokio::connect("127.0.0.1", address.port(), CONNECT_WITHIN),
        procy_tokio::accept(&listener),
    );
    (ours.unwrap(), theirs.unwrap().0)
}

/// A console session that has its credential and its streams.
pub fn console_run<N: Wire, F: Wire>(bounds: Bounds, viewer: N, device: F) -> Run<N, F> {
    let mut config = console_config();
    config.bounds = bounds;
    let mut run = Run::new(Session::console(Arc::new(config), now()));
    run.attach_near(viewer);
    run.credential(credential(), now());
    run.attach_far(device);
    run
}

pub fn device_run<N: Wire, F: Wire>(console: F) -> Run<N, F> {
    let mut run = Run::new(Session::device(&device_config(), now()).unwrap());
    run.attach_far(console);
    run
}

/// Runs a device session to its end: the right password is accepted, and leads to `service`.
pub async fn serve<N: Wire, F: Wire>(mut run: Run<N, F>, service: N) -> Report {
    let mut service = Some(service);
    loop {
        match run.next().await {
            Step::Event(Event::PasswordOffered(offer)) => {
                if offer.password.expose() == PASSWORD {
                    run.accept()
                } else {
                    run.refuse()
                }
            }
            Step::Event(Event::ServiceNeeded) => run.attach_near(service.take().unwrap()),
            Step::Event(_) => {}
            Step::Over => return report(&run),
        }
    }
}

/// Runs a session to its end.
pub async fn finish<N: Wire, F: Wire>(run: &mut Run<N, F>) -> Report {
    bounded_virtually(async { while let Step::Event(_) = run.next().await {} }).await;
    report(run)
}

/// Runs a session until it relays.
pub async fn until_relaying<N: Wire, F: Wire>(run: &mut Run<N, F>) {
    bounded(async {
        loop {
            match run.next().await {
                Step::Event(Event::Relaying) => return,
                Step::Event(_) => {}
                Step::Over => panic!("{:?}", run.outcome()),
            }
        }
    })
    .await;
}

pub fn report<N: Wire, F: Wire>(run: &Run<N, F>) -> Report {
    Report { outcome: run.outcome().cloned().unwrap(), traffic: run.traffic() }
}

pub fn code(report: &Report) -> &'static str {
    procy_testkit::parts::code(&report.outcome)
}

pub async fn bounded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, work).await.expect("it does not end")
}

/// The same on a paused clock, which runs ahead whenever everybody waits.
pub async fn bounded_virtually<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG * 1_000, work).await.expect("it does not end")
}

/// Both ends of a whole session, each run by a task: `viewer` and `service` are what the world holds.
pub struct Pair {
    pub viewer: Pipe,
    pub service: Pipe,
    pub console: JoinHandle<(Report, Vec<String>)>,
    pub device: JoinHandle<Report>,
}

impl Pair {
    pub async fn start(medium: Medium, version: TlsVersion) -> Self {
        let (viewer, near) = medium.pair().await;
        let (far, console) = medium.pair().await;
        let (local, service) = medium.pair().await;
        let session = Session::device(&device_config_of(version), now()).unwrap();
        let mut device = Run::new(session);
        device.attach_far(console);
        let device = tokio::spawn(serve(device, local));
        let console = tokio::spawn(async move {
            let mut events = Vec::new();
            let config = Arc::new(console_config());
            let observe = |event: &Event| events.push(format!("{event:?}"));
            let report =
                procy_tokio::console(config, credential(), now(), near, far, observe).await;
            (report, events)
        });
        Self { viewer, service, console, device }
    }

    /// The service says hello, and the viewer hears it.
    pub async fn hello(&mut self) {
        self.service.write_all(HELLO).await.unwrap();
        self.service.flush().await.unwrap();
        let mut heard = [0; HELLO.len()];
        bounded(self.viewer.read_exact(&mut heard)).await.unwrap();
        assert_eq!(&heard, HELLO);
    }

    pub async fn reports(self) -> (Report, Report) {
        let (console, device) = bounded(async { tokio::join!(self.console, self.device) }).await;
        (console.unwrap().0, device.unwrap())
    }
}
