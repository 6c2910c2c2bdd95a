//! procy-tokio: on the thread that calls, or on several.

use std::future::Future;
use std::net::TcpListener;

use procy_tokio::{CONNECT_WITHIN, accept, connect, console, now};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use super::Job;
use crate::Result;

pub(super) fn run(listener: TcpListener, job: Job, threads: usize) -> Result<()> {
    serve(listener, threads, move |viewer| session(viewer, job.clone()))
}

async fn session(viewer: TcpStream, job: Job) {
    // A device that cannot be connected to shows: the client sees its viewer closed.
    let (host, port) = (job.device.ip().to_string(), job.device.port());
    let Ok(device) = connect(&host, port, CONNECT_WITHIN).await else { return };
    console(job.config, job.credential, now(), viewer, device, |_| {}).await;
}

/// A task for each viewer.
pub(crate) fn serve<S: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    threads: usize,
    session: impl Fn(TcpStream) -> S,
) -> Result<()> {
    listener.set_nonblocking(true)?;
    runtime(threads)?.block_on(async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (viewer, _) = accept(&listener).await?;
            tokio::spawn(session(viewer));
        }
    })
}

fn runtime(threads: usize) -> std::io::Result<Runtime> {
    match threads {
        1 => Builder::new_current_thread().enable_all().build(),
        _ => Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    }
}
