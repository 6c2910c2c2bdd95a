//! A session in a task of the program's own.

use std::io;
use std::net::{self, SocketAddr};

use procy_core::Session;
use procy_tokio::{CONNECT_WITHIN, ConnectError, Report, Run};
use tokio::net::TcpStream;

use super::{Line, Socket, Step};

pub(super) async fn run(session: Session, mut line: Line) {
    let (mut run, mut dial) = (Run::new(session), None);
    loop {
        tokio::select! {
            step = run.next() => match step {
                procy_tokio::Step::Event(event) => line.tell(Step::Event(event)),
                procy_tokio::Step::Over => break,
            },
            answer = line.answer::<TcpStream>(&mut dial) => match answer {
                Some(answer) => run.answer(answer),
                None => return,
            },
        }
    }
    line.over(Report::of(run.session()), run.take_near());
}

impl Socket for TcpStream {
    fn adopt(stream: net::TcpStream) -> io::Result<Self> {
        Self::from_std(stream)
    }

    fn release(self) -> io::Result<net::TcpStream> {
        self.into_std()
    }

    fn peer(&self) -> io::Result<SocketAddr> {
        self.peer_addr()
    }

    async fn connect(host: String, port: u16) -> Result<Self, ConnectError> {
        procy_tokio::connect(&host, port, CONNECT_WITHIN).await
    }
}
