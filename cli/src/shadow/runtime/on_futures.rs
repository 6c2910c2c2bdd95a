//! A session on sockets and timers that are not tokio's: async-io's, which smol is made of. It runs on any executor, so
//! the program's own will do.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use async_io::{Async, Timer};
use procy_core::Session;
use procy_futures::{CONNECT_WITHIN, ConnectError, Fin, Report, Run, system};
use tokio::net::lookup_host;

use super::{Line, Socket, Step};

type Stream = Fin<Async<TcpStream>>;

/// Has async-io open what it keeps open, while there are files for it: later it would panic without; and so it would without
/// a thread.
pub(super) fn start() -> io::Result<()> {
    drop(thread::Builder::new().spawn(|| ())?.join());
    let mut timer = Timer::after(Duration::from_secs(1));
    let _ = Pin::new(&mut timer).poll(&mut Context::from_waker(Waker::noop()));
    Ok(())
}

pub(super) async fn run(session: Session, mut line: Line) {
    let (mut run, mut dial) = (Run::new(session, system(Timer::after)), None);
    loop {
        tokio::select! {
            step = run.next() => match step {
                procy_futures::Step::Event(event) => line.tell(Step::Event(event)),
                procy_futures::Step::Over => break,
            },
            answer = line.answer::<Stream>(&mut dial) => match answer {
                Some(answer) => run.answer(answer),
                None => return,
            },
        }
    }
    line.over(Report::of(run.session()), run.take_near());
}

impl Socket for Stream {
    fn adopt(stream: TcpStream) -> io::Result<Self> {
        Async::new(stream).map(Fin)
    }

    fn release(self) -> io::Result<TcpStream> {
        self.0.into_inner()
    }

    fn peer(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().peer_addr()
    }

    async fn connect(host: String, port: u16) -> Result<Self, ConnectError> {
        let (timer, addresses) = (system(Timer::after), lookup_host((host.as_str(), port)));
        let dial = Async::<TcpStream>::connect;
        procy_futures::connect(&host, port, CONNECT_WITHIN, &timer, addresses, dial).await.map(Fin)
    }
}
