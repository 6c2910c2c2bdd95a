//! procy-futures on smol: a task for each session, dropped or closed at any wake-up.

use std::net::TcpListener;
use std::sync::Arc;

use procy_core::event::{Event, Side};
use procy_futures::{CONNECT_WITHIN, Run, Step, connect, now, system};
use smol::net::TcpStream;

use super::{Desk, Entry, Fate, within};
use crate::Result;
use crate::proxy::futures::serve;

pub(super) fn run(listener: TcpListener, desk: Arc<Desk>) -> Result<()> {
    serve(listener, move |viewer| session(viewer, desk.open()))
}

async fn session(viewer: TcpStream, entry: Entry) {
    let timer = system(smol::Timer::after);
    let mut run = Run::new(entry.session(now()), timer);
    run.attach_near(viewer);
    let mut polls = entry.fate.polls();
    loop {
        match within(&mut polls, run.next()).await {
            Some(Step::Event(Event::CredentialNeeded)) => run.credential(entry.credential(), now()),
            Some(Step::Event(Event::ConnectNeeded)) => {
                let device = entry.device();
                let (host, port) = (device.ip().to_string(), device.port());
                let addresses = async { Ok(vec![device]) };
                let dial = TcpStream::connect;
                match connect(&host, port, CONNECT_WITHIN, &timer, addresses, dial).await {
                    Ok(device) => run.attach_far(device),
                    Err(error) => run.broken(Side::Far, error.how()),
                }
            }
            Some(Step::Event(_)) => {}
            Some(Step::Over) => return entry.over(run.outcome()),
            None if matches!(entry.fate, Fate::Drop(_)) => return,
            None => {
                polls = u32::MAX;
                run.close();
            }
        }
    }
}
