//! A session on a thread of its own, which waits in poll(2).

use std::future::pending;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::thread;

use procy_blocking::{Answer, CONNECT_WITHIN, ConnectError, Remote, Report, Run};
use procy_core::Session;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;

use super::{Line, Socket, Step, failed, on_tokio};

/// A session's stack: its memory to read into is on the heap.
const STACK: usize = 512 * 1024;

type Over = (Report, Option<TcpStream>);

pub(super) async fn run(session: impl Fn() -> Session, mut line: Line) {
    let (remote, mut over) = match start(Run::new(session()), &line) {
        Ok(started) => started,
        // There is no pipe or no thread for it. In a task of the program's own it needs neither.
        Err(error) => {
            line.tell(Step::Failed(failed("the session cannot be run on a thread", &error)));
            return on_tokio::run(session(), line).await;
        }
    };
    let mut dial = None;
    loop {
        tokio::select! {
            over = &mut over => {
                if let Ok((report, viewer)) = over {
                    line.over(report, viewer);
                }
                return;
            }
            answer = line.answer(&mut dial) => {
                let is_last = answer.is_none();
                // Nobody is left to speak to it: it ends. One that is over by now needs no answer.
                let _ = remote.answer(answer.unwrap_or(Answer::Close));
                if is_last {
                    return;
                }
            }
        }
    }
}

fn start(
    mut run: Run<TcpStream, TcpStream>,
    line: &Line,
) -> io::Result<(Remote<TcpStream, TcpStream>, oneshot::Receiver<Over>)> {
    let remote = run.remote()?;
    let (done, over) = oneshot::channel();
    let steps = line.steps.clone();
    let work = move || {
        while let procy_blocking::Step::Event(event) = run.next() {
            let _ = steps.send(Step::Event(event));
        }
        let _ = done.send((Report::of(run.session()), run.take_near()));
    };
    thread::Builder::new().name("procy session".into()).stack_size(STACK).spawn(work)?;
    Ok((remote, over))
}

impl Socket for TcpStream {
    fn adopt(stream: TcpStream) -> io::Result<Self> {
        Ok(stream)
    }

    fn release(self) -> io::Result<TcpStream> {
        Ok(self)
    }

    fn peer(&self) -> io::Result<SocketAddr> {
        self.peer_addr()
    }

    async fn connect(host: String, port: u16) -> Result<Self, ConnectError> {
        let connect = move || procy_blocking::connect(&host, port, CONNECT_WITHIN);
        match spawn_blocking(connect).await {
            Ok(connected) => connected,
            // The program is ending.
            Err(_) => pending().await,
        }
    }
}
