//! TCP as sessions want it: connected within a bound, without Nagle's delay, and watched.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use procy_std::{Attempts, ConnectError, now, passing, tune, tune_device};
use rustix::event::{PollFd, PollFlags};

use crate::Stop;
use crate::driver::wait;

/// How long a listener rests that cannot accept, out of file descriptors or memory.
const REST: Duration = Duration::from_millis(100);

/// Connects to a device, and has the connection [tuned](crate::tune_device). The host's addresses are tried one after
/// another, each for its share of what is left of `within`: [`connect_within`](crate::connect_within) the session's
/// deadline, or [`CONNECT_WITHIN`](crate::CONNECT_WITHIN) for the default one. That bounds connecting; how long a name
/// takes to resolve is for the operating system to say, which has no call that could be bounded or interrupted. An
/// address is not resolved.
///
/// # Errors
/// [`ConnectError`] with each address's error in words. Nothing is left open.
pub fn connect(host: &str, port: u16, within: Duration) -> Result<TcpStream, ConnectError> {
    let end = now() + within;
    let mut attempts = Attempts::new(host, port, end, (host, port).to_socket_addrs());
    while let Some((address, share)) = attempts.next(now()) {
        match TcpStream::connect_timeout(&address, share) {
            Ok(stream) => {
                tune_device(&stream);
                return Ok(stream);
            }
            Err(why) => attempts.failed(&why),
        }
    }
    Err(attempts.error())
}

/// Accepts a viewer, or a console, and [`tune`]s its connection.
///
/// # Errors
/// Those of the listener itself, such as too many open files: pause before the next call. A connection that went away
/// while it waited is passed over.
pub fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        match listener.accept() {
            Ok((stream, from)) => {
                tune(&stream);
                return Ok((stream, from));
            }
            Err(error) if passing(&error) => {}
            Err(error) => return Err(error),
        }
    }
}

/// Accepts connections and has each served on a thread of its own, at most `most` at once (one more is closed as it
/// comes), until `stop` is stopped and every one of those threads has ended: let what they run be
/// [`stopped_by`](crate::Run::stopped_by) it too. The only function in this crate that starts threads.
///
/// # Errors
/// If the listener cannot be waited for. Short of files, memory or threads, it goes on with what it has.
pub fn listen(
    listener: &TcpListener,
    stop: &Stop,
    most: usize,
    serve: impl Fn(TcpStream, SocketAddr) + Sync,
) -> io::Result<()> {
    // What has come may go away before it is accepted: then accept must not wait for the next.
    listener.set_nonblocking(true)?;
    let serving = AtomicUsize::new(0);
    thread::scope(|threads| {
        while !stop.is_stopped() {
            let (stream, from) = match accept(listener) {
                Ok(accepted) => accepted,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut fds =
                        [PollFd::new(listener, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
                    wait(&mut fds, None)?;
                    continue;
                }
                Err(_) => {
                    stop.pause(REST);
                    continue;
                }
            };
            let Some(place) = Place::take(&serving, most) else { continue };
            // Some systems hand the listener's flag on.
            let _ = stream.set_nonblocking(false);
            let serve = &serve;
            let work = move || {
                let _place = place;
                serve(stream, from);
            };
            // Without a thread for it, the connection is closed.
            let _ = thread::Builder::new().name("procy session".into()).spawn_scoped(threads, work);
        }
        Ok(())
    })
}

/// One of a bounded number of places, given back when dropped.
struct Place<'n>(&'n AtomicUsize);

impl<'n> Place<'n> {
    fn take(taken: &'n AtomicUsize, most: usize) -> Option<Self> {
        let more = |n| (n < most).then_some(n + 1);
        taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).ok().map(|_| Self(taken))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
