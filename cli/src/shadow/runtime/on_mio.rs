//! All sessions in one event loop, on a thread of its own.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use procy_core::Session;
use procy_core::event::{Event, Side};
use procy_mio::{
    Answer, Answers, CONNECT_WITHIN, Config, ConnectError, Handle, Host, Key, Refused, Shards,
};
use tokio::net::lookup_host;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::timeout;

use super::{Line, Order, Over, Step, finished};

/// The loop. It ends with its last clone.
#[derive(Clone, Debug)]
pub(crate) struct Loop {
    shards: Arc<Shards<Teller>>,
    told: Told,
}

/// Whom to tell what comes of each session.
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<HashMap<Key, UnboundedSender<Step>>>>);

/// The program, as the loop sees it.
#[derive(Debug)]
struct Teller(Told);

impl Loop {
    pub(super) fn start() -> io::Result<Self> {
        let told = Told::default();
        let shards = Shards::start(1, &Config::default(), |_| Teller(told.clone()))?;
        Ok(Self { shards: Arc::new(shards), told })
    }
}

pub(super) async fn run(shard: Loop, session: Session, mut line: Line) {
    // Whatever cannot be told to the loop ends the line, which says that its runtime has failed.
    let handle = shard.shards.idlest();
    let Ok(place) = handle.place() else { return };
    let key = place.key();
    shard.told.lock().insert(key, line.steps.clone());
    let opened = place.open(session, None, None);
    let ended = if opened.is_ok() { obey(handle, key, &mut line).await } else { Ok(()) };
    if opened.is_err() || ended.is_err() {
        shard.told.lock().remove(&key);
    }
}

/// Passes orders on until there are no more.
async fn obey(handle: &Handle, key: Key, line: &mut Line) -> Result<(), Refused> {
    let mut resolving = None;
    loop {
        let answer = tokio::select! {
            order = line.orders.recv() => match order {
                Some(Order::Attach(stream)) => Answer::Attach { side: Side::Near, stream },
                Some(Order::Credential(credential, asked)) => Answer::Credential { credential, asked },
                Some(Order::Connect(host, port)) => {
                    resolving = Some(Box::pin(resolve(host, port)) as _);
                    continue;
                }
                Some(Order::Abandon(reason)) => Answer::Abandon { reason },
                Some(Order::Close) => Answer::Close,
                None => return handle.answer(key, Answer::Cancel),
            },
            resolved = finished(&mut resolving) => {
                resolving = None;
                match resolved {
                    Ok(addresses) => Answer::Connect { side: Side::Far, addresses },
                    Err(error) => {
                        let how = ConnectError::how(&error);
                        line.tell(Step::Dialled(Err(error)));
                        Answer::Broken { side: Side::Far, how }
                    }
                }
            }
        };
        handle.answer(key, answer)?;
    }
}

/// The loop connects by itself, but waits for no name.
async fn resolve(host: String, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
    let failed = |why| ConnectError::unresolved(&host, port, &why);
    let resolved = timeout(CONNECT_WITHIN, lookup_host((host.as_str(), port))).await;
    let resolved = resolved.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    resolved.map(Iterator::collect).map_err(failed)
}

impl Told {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, UnboundedSender<Step>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, key: Key, step: Step) {
        if let Some(told) = self.lock().get(&key) {
            // Whoever has lost interest cancels the session.
            let _ = told.send(step);
        }
    }
}

impl Host for Teller {
    fn event(&mut self, key: Key, event: Event, _: &mut Answers<'_>) {
        self.0.tell(key, Step::Event(event));
    }

    fn dialled(&mut self, key: Key, _: Side, dialled: Result<SocketAddr, ConnectError>) {
        self.0.tell(key, Step::Dialled(dialled));
    }

    fn over(&mut self, key: Key, over: procy_mio::Over) {
        let procy_mio::Over { outcome, traffic, near: viewer, .. } = over;
        self.0.tell(key, Step::Over(Over { outcome, traffic, viewer }));
        self.0.lock().remove(&key);
    }
}

/// Should the loop fail, nobody waits for it in vain.
impl Drop for Teller {
    fn drop(&mut self) {
        self.0.lock().clear();
    }
}
