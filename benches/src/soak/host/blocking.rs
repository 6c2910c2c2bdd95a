//! procy-blocking: a thread for each session, dropped between two of its events or stopped by another thread.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use procy_blocking::{CONNECT_WITHIN, Run, Step, Stop, connect, listen, now};
use procy_core::event::{Event, Side};

use super::{Desk, Entry, Fate, later};
use crate::Result;

/// More than come at once.
const MOST: usize = 10_000;

pub(super) fn run(listener: &TcpListener, desk: &Arc<Desk>) -> Result<()> {
    Ok(listen(listener, &Stop::new()?, MOST, |viewer, _| session(viewer, desk.open()))?)
}

fn session(viewer: TcpStream, entry: Entry) {
    let mut run = Run::new(entry.session(now()));
    if let Fate::Close(moment) = entry.fate
        && let Ok(stop) = Stop::new()
    {
        run = run.stopped_by(&stop);
        later(moment.after, move || stop.stop());
    }
    run.attach_near(viewer);
    for steps in 0.. {
        if matches!(entry.fate, Fate::Drop(moment) if moment.events == steps) {
            return;
        }
        match run.next() {
            Step::Event(Event::CredentialNeeded) => run.credential(entry.credential(), now()),
            Step::Event(Event::ConnectNeeded) => {
                let device = entry.device();
                match connect(&device.ip().to_string(), device.port(), CONNECT_WITHIN) {
                    Ok(device) => run.attach_far(device),
                    Err(error) => run.broken(Side::Far, error.how()),
                }
            }
            Step::Event(_) => {}
            Step::Over => return entry.over(run.outcome()),
        }
    }
}
