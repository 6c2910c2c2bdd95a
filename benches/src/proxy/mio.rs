//! procy-mio.

use std::net::{SocketAddr, TcpListener};

use procy_core::Session;
use procy_core::event::{Event, Side};
use procy_mio::{Answers, Config, Host, Key, ListenerId, Shards, now};

use super::Job;
use crate::Result;

pub(super) fn run(listener: TcpListener, job: Job, shards: usize) -> Result<()> {
    let shards = Shards::start(shards, &Config::default(), |_| Desk(job.clone()))?;
    shards.listen(listener, Side::Near)?;
    shards.join()?;
    Ok(())
}

struct Desk(Job);

impl Host for Desk {
    fn arrived(&mut self, _: Key, _: ListenerId, _: SocketAddr) -> Option<Session> {
        Some(Session::console(self.0.config.clone(), now()))
    }

    fn event(&mut self, _: Key, event: Event, answers: &mut Answers<'_>) {
        match event {
            Event::CredentialNeeded => answers.credential(self.0.credential.clone(), now()),
            Event::ConnectNeeded => answers.connect(Side::Far, [self.0.device]),
            _ => {}
        }
    }
}
