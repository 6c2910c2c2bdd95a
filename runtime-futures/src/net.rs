//! Connecting within a bound, by whatever an executor resolves and connects with.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use procy_core::timer::Instant;
use procy_std::{Attempts, ConnectError, SockRef, tune_device};

use crate::Timer;

/// Connects to a device, and has the connection [tuned](crate::tune_device). `resolved` brings the host's addresses; they
/// are tried one after another by `dial`, each for its share of what is left of `within`, which bounds all of it together:
/// [`connect_within`](crate::connect_within) the session's deadline, or [`CONNECT_WITHIN`](crate::CONNECT_WITHIN) for the
/// default one. What other runtimes have of their own comes last: the timer, how to resolve, how to connect.
///
/// ```
/// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
/// use procy_futures::{CONNECT_WITHIN, connect, system};
/// use smol::net::{TcpStream, resolve};
///
/// let timer = system(smol::Timer::after);
/// let (host, port) = ("device.example", 5900);
/// let addresses = resolve((host, port));
/// let device = connect(host, port, CONNECT_WITHIN, &timer, addresses, TcpStream::connect).await?;
/// # drop(device); Ok(())
/// # }
/// ```
///
/// # Errors
/// [`ConnectError`] with each address's error in words. Nothing is left open.
pub async fn connect<T, A, S, D>(
    host: &str,
    port: u16,
    within: Duration,
    timer: &T,
    resolved: impl Future<Output = io::Result<A>>,
    mut dial: impl FnMut(SocketAddr) -> D,
) -> Result<S, ConnectError>
where
    T: Timer,
    A: IntoIterator<Item = SocketAddr>,
    D: Future<Output = io::Result<S>>,
    for<'s> &'s S: Into<SockRef<'s>>,
{
    let end = timer.now() + within;
    let addresses = before(timer, end, "its name does not resolve in time", resolved).await;
    let mut attempts = Attempts::new(host, port, end, addresses);
    while let Some((address, share)) = attempts.next(timer.now()) {
        match before(timer, timer.now() + share, "no answer", dial(address)).await {
            Ok(stream) => {
                tune_device(&stream);
                return Ok(stream);
            }
            Err(why) => attempts.failed(&why),
        }
    }
    Err(attempts.error())
}

/// What `work` brings, if it does before `end`.
async fn before<T: Timer, O>(
    timer: &T,
    end: Instant,
    late: &'static str,
    work: impl Future<Output = io::Result<O>>,
) -> io::Result<O> {
    let (mut work, mut sleep) = (pin!(work), pin!(timer.sleep_until(end)));
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(result),
        Poll::Pending => {
            sleep.as_mut().poll(cx).map(|_| Err(io::Error::new(io::ErrorKind::TimedOut, late)))
        }
    })
    .await
}
