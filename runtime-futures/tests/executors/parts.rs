//! A console session and a device session with wires between them.

use std::sync::Arc;

use procy_futures::core::Session;
use procy_futures::core::event::Event;
use procy_futures::core::prologue::Bounds;
use procy_futures::core::tls::TlsVersion;
use procy_futures::{Report, Run, Step, Timer, now};
#[allow(unused_imports, reason = "each test file uses its part")]
pub(crate) use procy_testkit::parts::{
    HELLO, PASSWORD, console_config, credential, device_config_of, noise,
};
use smol::io::{AsyncReadExt, AsyncWriteExt};

use crate::duplex::duplex;
use crate::executor::{Executor, Wire, Working, spawn};

pub(crate) type Pipe = Box<dyn Wire>;
pub(crate) type Wired<E> = Run<Pipe, Pipe, <E as Executor>::Timer>;

/// What joins two parts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Medium {
    Tcp,
    /// In memory, with so many bytes of room.
    Memory(usize),
}

impl Medium {
    pub(crate) async fn pair<E: Executor>(self) -> (Pipe, Pipe) {
        match self {
            Self::Tcp => {
                let (a, b) = E::tcp_pair().await;
                (Box::new(a), Box::new(b))
            }
            Self::Memory(room) => memory(room),
        }
    }
}

pub(crate) fn memory(room: usize) -> (Pipe, Pipe) {
    let (a, b) = duplex(room);
    (Box::new(a), Box::new(b))
}

/// A console session without anything.
pub(crate) fn bare_console<E: Executor>(bounds: Bounds) -> Wired<E> {
    let mut config = console_config();
    config.bounds = bounds;
    Run::new(Session::console(Arc::new(config), E::timer().now()), E::timer())
}

/// A console session that has its credential and its streams.
pub(crate) fn console_run<E: Executor>(bounds: Bounds, viewer: Pipe, device: Pipe) -> Wired<E> {
    let mut run = bare_console::<E>(bounds);
    run.attach_near(viewer);
    run.credential(credential(), now());
    run.attach_far(device);
    run
}

pub(crate) fn device_run<E: Executor>(bounds: Bounds, console: Pipe) -> Wired<E> {
    device_run_of::<E>(bounds, TlsVersion::Tls13, console)
}

fn device_run_of<E: Executor>(bounds: Bounds, version: TlsVersion, console: Pipe) -> Wired<E> {
    let mut config = device_config_of(version);
    config.bounds = bounds;
    let mut run = Run::new(Session::device(&config, now()).unwrap(), E::timer());
    run.attach_far(console);
    run
}

/// Runs a device session to its end: the right password is accepted, and leads to `service`.
pub(crate) async fn serve<E: Executor>(mut run: Wired<E>, service: Pipe) -> Report {
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
            Step::Over => return Report::of(run.session()),
        }
    }
}

/// The same, which refuses whatever it is offered.
pub(crate) async fn refuse<E: Executor>(mut run: Wired<E>) -> Report {
    while let Step::Event(event) = run.next().await {
        if let Event::PasswordOffered(_) = event {
            run.refuse();
        }
    }
    Report::of(run.session())
}

/// Runs a session to its end.
pub(crate) async fn finish<E: Executor>(run: &mut Wired<E>) -> Report {
    while let Step::Event(_) = run.next().await {}
    Report::of(run.session())
}

/// Runs a session until it says this.
pub(crate) async fn until<E: Executor>(run: &mut Wired<E>, wanted: impl Fn(&Event) -> bool) {
    loop {
        match run.next().await {
            Step::Event(event) if wanted(&event) => return,
            Step::Event(_) => {}
            Step::Over => panic!("{:?}", run.outcome()),
        }
    }
}

pub(crate) async fn until_relaying<E: Executor>(run: &mut Wired<E>) {
    until::<E>(run, |event| matches!(event, Event::Relaying)).await;
}

pub(crate) fn code(report: &Report) -> &'static str {
    procy_testkit::parts::code(&report.outcome)
}

/// All until the end.
pub(crate) async fn rest(pipe: &mut Pipe) -> Vec<u8> {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).await.unwrap();
    bytes
}

/// So many bytes.
pub(crate) async fn hear(pipe: &mut Pipe, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    pipe.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// Both ends of a whole session, each run by a task: `viewer` and `service` are what the world holds.
pub(crate) struct Pair {
    pub(crate) viewer: Pipe,
    pub(crate) service: Pipe,
    pub(crate) console: Working<(Report, Vec<String>)>,
    pub(crate) device: Working<Report>,
}

impl Pair {
    pub(crate) async fn start<E: Executor>(medium: Medium, version: TlsVersion) -> Self {
        let (viewer, near) = medium.pair::<E>().await;
        let (far, console) = medium.pair::<E>().await;
        let (local, service) = medium.pair::<E>().await;
        let device = device_run_of::<E>(Bounds::default(), version, console);
        let device = spawn::<E, _>(serve::<E>(device, local));
        let console = spawn::<E, _>(async move {
            let mut events = Vec::new();
            let (config, timer) = (Arc::new(console_config()), E::timer());
            let observe = |event: &Event| events.push(format!("{event:?}"));
            let session =
                procy_futures::console(config, credential(), now(), timer, near, far, observe);
            let report = session.await;
            (report, events)
        });
        Self { viewer, service, console, device }
    }

    /// The service says hello, and the viewer hears it.
    pub(crate) async fn hello(&mut self) {
        self.service.write_all(HELLO).await.unwrap();
        assert_eq!(hear(&mut self.viewer, HELLO.len()).await, HELLO);
    }
}
