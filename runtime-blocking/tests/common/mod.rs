//! A console session and a device session, each on a thread of its own, with sockets between them.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "shared by test files that each use a part"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use procy_blocking::core::Session;
use procy_blocking::core::event::{Event, Outcome};
use procy_blocking::core::prologue::{Bounds, console, device};
use procy_blocking::core::tls::TlsVersion;
use procy_blocking::{CONNECT_WITHIN, Report, Run, Step, Stop, now};
#[allow(unused_imports, reason = "each test file uses its part")]
pub use procy_testkit::parts::{
    HELLO, LONG, PASSWORD, console_config, credential, device_config, device_config_of, noise,
};
use socket2::SockRef;

/// What joins two parts.
#[derive(Clone, Copy, Debug)]
pub enum Medium {
    Tcp,
    /// TCP whose sending buffers are as small as the operating system lets them be.
    NarrowTcp,
    Unix,
}

/// One end of it. What a test holds is never waited for longer than `LONG`.
#[derive(Debug)]
pub enum Pipe {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Medium {
    pub fn pair(self) -> (Pipe, Pipe) {
        let (a, b) = match self {
            Self::Unix => {
                let (a, b) = UnixStream::pair().unwrap();
                (Pipe::Unix(a), Pipe::Unix(b))
            }
            Self::Tcp | Self::NarrowTcp => {
                let (a, b) = tcp_pair();
                (Pipe::Tcp(a), Pipe::Tcp(b))
            }
        };
        for end in [&a, &b] {
            let socket = SockRef::from(end);
            socket.set_read_timeout(Some(LONG)).unwrap();
            socket.set_write_timeout(Some(LONG)).unwrap();
            if matches!(self, Self::NarrowTcp) {
                socket.set_send_buffer_size(1).unwrap();
            }
        }
        (a, b)
    }
}

pub fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let ours = procy_blocking::connect("127.0.0.1", port, CONNECT_WITHIN).unwrap();
    (ours, procy_blocking::accept(&listener).unwrap().0)
}

impl Pipe {
    /// FIN.
    pub fn end(&self) {
        SockRef::from(self).shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// From now on, closing this socket resets the connection.
    pub fn will_reset(&self) {
        SockRef::from(self).set_linger(Some(Duration::ZERO)).unwrap();
    }

    pub fn split(self) -> (Self, Self) {
        let other = match &self {
            Self::Tcp(stream) => Self::Tcp(stream.try_clone().unwrap()),
            Self::Unix(stream) => Self::Unix(stream.try_clone().unwrap()),
        };
        (self, other)
    }

    /// So many bytes.
    pub fn hear(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// All until the end.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).unwrap();
        bytes
    }
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(into),
            Self::Unix(stream) => stream.read(into),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub type Wired = Run<Pipe, Pipe>;

/// A console session without anything.
pub fn bare_console(bounds: Bounds) -> Wired {
    let mut config = console_config();
    config.bounds = bounds;
    Run::new(Session::console(Arc::new(config), now()))
}

/// A console session that has its credential and its sockets.
pub fn console_run(bounds: Bounds, viewer: Pipe, device: Pipe) -> Wired {
    let mut run = bare_console(bounds);
    run.attach_near(viewer);
    run.credential(credential(), now());
    run.attach_far(device);
    run
}

pub fn device_run(bounds: Bounds, console: Pipe) -> Wired {
    let mut config = device_config();
    config.bounds = bounds;
    let mut run = Run::new(Session::device(&config, now()).unwrap());
    run.attach_far(console);
    run
}

/// Runs a device session to its end: the right password is accepted, and leads to `service`.
pub fn serve(mut run: Wired, service: Pipe) -> Report {
    let mut service = Some(service);
    loop {
        match run.next() {
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

/// Runs a session to its end.
pub fn finish(run: &mut Wired) -> Report {
    while let Step::Event(_) = run.next() {}
    Report::of(run.session())
}

/// Runs a session until it says this.
pub fn until(run: &mut Wired, wanted: impl Fn(&Event) -> bool) {
    loop {
        match run.next() {
            Step::Event(event) if wanted(&event) => return,
            Step::Event(_) => {}
            Step::Over => panic!("{:?}", run.outcome()),
        }
    }
}

pub fn code(report: &Report) -> &'static str {
    procy_testkit::parts::code(&report.outcome)
}

/// Work on a thread of its own, whose result is waited for within `LONG`.
pub struct Working<T>(mpsc::Receiver<T>, JoinHandle<()>);

pub fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Working<T> {
    let (tell, told) = mpsc::channel();
    let work = move || drop(tell.send(work()));
    // Small, so that many are cheap.
    Working(told, thread::Builder::new().stack_size(512 << 10).spawn(work).unwrap())
}

impl<T> Working<T> {
    pub fn result(self) -> T {
        match self.0.recv_timeout(LONG) {
            Ok(result) => {
                self.1.join().unwrap();
                result
            }
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end"),
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                std::panic::resume_unwind(self.1.join().unwrap_err())
            }
        }
    }

    pub fn is_finished(&self) -> bool {
        self.1.is_finished()
    }
}

/// Both ends of a whole session, each run by a thread: `viewer` and `service` are what the world holds.
pub struct Pair {
    pub viewer: Pipe,
    pub service: Pipe,
    pub console: Working<(Report, Vec<String>)>,
    pub device: Working<Report>,
    /// Stops the console's.
    pub stop: Stop,
}

impl Pair {
    pub fn start(medium: Medium, version: TlsVersion) -> Self {
        let (viewer, near) = medium.pair();
        let (far, console) = medium.pair();
        let (local, service) = medium.pair();
        let mut device = Run::new(Session::device(&device_config_of(version), now()).unwrap());
        device.attach_far(console);
        let device = spawn(move || serve(device, local));
        let stop = Stop::new().unwrap();
        let mut run = console_run(Bounds::default(), near, far).stopped_by(&stop);
        let console = spawn(move || {
            let mut events = Vec::new();
            while let Step::Event(event) = run.next() {
                events.push(format!("{event:?}"));
            }
            (Report::of(run.session()), events)
        });
        Self { viewer, service, console, device, stop }
    }

    /// The service says hello, and the viewer hears it.
    pub fn hello(&mut self) {
        self.service.write_all(HELLO).unwrap();
        assert_eq!(self.viewer.hear(HELLO.len()), HELLO);
    }
}
