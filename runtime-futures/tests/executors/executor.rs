//! What the cases need of an executor, and the two that they run under.

use std::future::Future;
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::time::Duration;

use futures_io::{AsyncRead, AsyncWrite};
use procy_futures::{CONNECT_WITHIN, Fin, System, Timer, connect, system};
use smol::channel::{Receiver, bounded};
use smol::future::or;
use socket2::SockRef;

/// A bound on what a test waits for; never reached by a test that passes.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Wire for S {}

pub(crate) trait Executor: Send + 'static {
    type Timer: Timer<Sleep: Send + Unpin> + Copy + Send + Sync + 'static;
    type Tcp: Wire + AsFd;

    fn timer() -> Self::Timer;
    fn block_on<T>(work: impl Future<Output = T>) -> T;
    fn start(work: impl Future<Output = ()> + Send + 'static);
    /// Takes a connected socket over.
    fn adopt(stream: std::net::TcpStream) -> Self::Tcp;
    fn dial(
        address: std::net::SocketAddr,
    ) -> impl Future<Output = std::io::Result<Self::Tcp>> + Send;

    fn sleep(how_long: Duration) -> impl Future<Output = ()> + Send {
        let sleep = Self::timer().sleep_until(Self::timer().now() + how_long);
        async { drop(sleep.await) }
    }

    /// Both ends of a connection, one made by `procy_futures::connect`.
    fn tcp_pair() -> impl Future<Output = (Self::Tcp, Self::Tcp)> + Send {
        async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let address = listener.local_addr().unwrap();
            let resolved = async { Ok([address]) };
            let timer = Self::timer();
            let ours =
                connect("loopback", address.port(), CONNECT_WITHIN, &timer, resolved, Self::dial);
            let ours: Self::Tcp = ours.await.unwrap();
            (ours, Self::adopt(listener.accept().unwrap().0))
        }
    }
}

pub(crate) struct Smol;

impl Executor for Smol {
    type Timer = System<fn(Duration) -> smol::Timer>;
    type Tcp = smol::net::TcpStream;

    fn timer() -> Self::Timer {
        system(smol::Timer::after)
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        smol::block_on(work)
    }

    fn start(work: impl Future<Output = ()> + Send + 'static) {
        smol::spawn(work).detach();
    }

    fn adopt(stream: std::net::TcpStream) -> Self::Tcp {
        smol::Async::new(stream).unwrap().into()
    }

    async fn dial(address: std::net::SocketAddr) -> std::io::Result<Self::Tcp> {
        smol::net::TcpStream::connect(address).await
    }
}

pub(crate) struct AsyncStd;

type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Executor for AsyncStd {
    type Timer = System<fn(Duration) -> Sleep>;
    type Tcp = Fin<async_std::net::TcpStream>;

    fn timer() -> Self::Timer {
        system(|how_long| Box::pin(async_std::task::sleep(how_long)))
    }

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        async_std::task::block_on(work)
    }

    fn start(work: impl Future<Output = ()> + Send + 'static) {
        drop(async_std::task::spawn(work));
    }

    fn adopt(stream: std::net::TcpStream) -> Self::Tcp {
        Fin(stream.into())
    }

    async fn dial(address: std::net::SocketAddr) -> std::io::Result<Self::Tcp> {
        async_std::net::TcpStream::connect(address).await.map(Fin)
    }
}

/// Runs a case, within the bound.
pub(crate) fn run<E: Executor>(case: impl Future<Output = ()>) {
    E::block_on(or(case, async {
        E::sleep(LONG).await;
        panic!("it does not end");
    }));
}

/// Work in a task of its own.
pub(crate) struct Working<T>(Receiver<T>);

pub(crate) fn spawn<E: Executor, T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Working<T> {
    let (tell, told) = bounded(1);
    E::start(async move { drop(tell.send(work.await).await) });
    Working(told)
}

impl<T> Working<T> {
    pub(crate) async fn result(self) -> T {
        self.0.recv().await.expect("the task has panicked")
    }

    pub(crate) fn is_finished(&self) -> bool {
        !self.0.is_empty()
    }
}

/// From now on, closing this socket resets the connection.
pub(crate) fn will_reset(stream: &impl AsFd) {
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}
