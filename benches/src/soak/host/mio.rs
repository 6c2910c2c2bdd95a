//! procy-mio: a slot for each session, cancelled or closed by other threads.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};

use procy_core::Session;
use procy_core::event::{Event, Side};
use procy_mio::{Answer, Answers, Config, Handle, Host, Key, ListenerId, Over, Shards, now};

use super::{Desk, Entry, Fate, THREADS, later};
use crate::Result;

pub(super) fn run(listener: TcpListener, desk: &Arc<Desk>) -> Result<()> {
    let handles = Arc::new(OnceLock::new());
    let shards = Shards::start(THREADS, &Config::default(), |shard| Counter {
        desk: desk.clone(),
        shard,
        handles: handles.clone(),
        entries: HashMap::new(),
    })?;
    handles.get_or_init(|| shards.handles().to_vec());
    shards.listen(listener, Side::Near)?;
    shards.join()?;
    Ok(())
}

struct Counter {
    desk: Arc<Desk>,
    shard: usize,
    /// There before anybody arrives.
    handles: Arc<OnceLock<Vec<Handle>>>,
    entries: HashMap<Key, Entry>,
}

impl Counter {
    fn answer_later(&self, key: Key, fate: Fate) {
        let (moment, answer) = match fate {
            Fate::Drop(moment) => (moment, Answer::Cancel),
            Fate::Close(moment) => (moment, Answer::Close),
            Fate::Stay | Fate::Astray => return,
        };
        let handle = self.handles.get().and_then(|handles| handles.get(self.shard)).cloned();
        // What the shard does not take leaves the session as it is.
        later(moment.after, move || drop(handle.map(|handle| handle.answer(key, answer))));
    }
}

impl Host for Counter {
    fn arrived(&mut self, key: Key, _: ListenerId, _: SocketAddr) -> Option<Session> {
        let entry = self.desk.open();
        let session = entry.session(now());
        self.answer_later(key, entry.fate);
        self.entries.insert(key, entry);
        Some(session)
    }

    fn event(&mut self, key: Key, event: Event, answers: &mut Answers<'_>) {
        let Some(entry) = self.entries.get(&key) else { return };
        match event {
            Event::CredentialNeeded => answers.credential(entry.credential(), now()),
            Event::ConnectNeeded => answers.connect(Side::Far, [entry.device()]),
            _ => {}
        }
    }

    fn over(&mut self, key: Key, over: Over) {
        if let Some(entry) = self.entries.remove(&key) {
            entry.over(Some(&over.outcome));
        }
    }
}
