//! procy-futures on smol, on one thread.

use std::future::Future;
use std::net::TcpListener;

use procy_futures::{CONNECT_WITHIN, connect, console, now, system, tune};
use smol::net::TcpStream;
use smol::{Async, LocalExecutor};

use super::Job;
use crate::Result;

pub(super) fn run(listener: TcpListener, job: Job) -> Result<()> {
    serve(listener, move |viewer| session(viewer, job.clone()))
}

async fn session(viewer: TcpStream, job: Job) {
    let timer = system(smol::Timer::after);
    let (host, port) = (job.device.ip().to_string(), job.device.port());
    let addresses = async { Ok(vec![job.device]) };
    // A device that cannot be connected to shows: the client sees its viewer closed.
    let connected = connect(&host, port, CONNECT_WITHIN, &timer, addresses, TcpStream::connect);
    let Ok(device) = connected.await else { return };
    console(job.config, job.credential, now(), timer, viewer, device, |_| {}).await;
}

/// A task for each viewer.
pub(crate) fn serve<S: Future<Output = ()> + 'static>(
    listener: TcpListener,
    session: impl Fn(TcpStream) -> S,
) -> Result<()> {
    let executor = LocalExecutor::new();
    smol::block_on(executor.run(async {
        let listener = smol::net::TcpListener::from(Async::new(listener)?);
        loop {
            let (viewer, _) = listener.accept().await?;
            tune(&viewer);
            executor.spawn(session(viewer)).detach();
        }
    }))
}
