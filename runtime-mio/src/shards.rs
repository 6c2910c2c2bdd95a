//! Several shards, a thread each.

use std::io;
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use procy_core::event::Side;

use crate::{Config, Handle, Host, Key, ListenerId, Refused, Shard, Stats};

/// As many shards as the host wants threads, mostly one a core.
///
/// The first one listens for all, and hands each connection to the shard that has the fewest sessions. Not
/// `SO_REUSEPORT`: with that the kernel deals connections out by hash, which for few, long and heavy sessions means
/// one busy core and one idle; it does not deal at all on some systems; and any process of the same user could bind
/// the port too, and be given people's viewers.
///
/// Dropped, it stops them all, and does not wait for it; [`Shards::join`] does.
#[derive(Debug)]
pub struct Shards<H> {
    handles: Vec<Handle>,
    threads: Vec<JoinHandle<io::Result<H>>>,
}

impl<H: Host + Send + 'static> Shards<H> {
    /// Starts `count` shards (at least one), each with the host that `host` makes for it.
    ///
    /// # Errors
    /// Those of the operating system; nothing runs then.
    pub fn start(
        count: usize,
        config: &Config,
        mut host: impl FnMut(usize) -> H,
    ) -> io::Result<Self> {
        let mut shards = (0..count.max(1))
            .map(|index| Shard::new(config, host(index)))
            .collect::<io::Result<Vec<_>>>()?;
        let handles: Vec<Handle> = shards.iter().map(Shard::handle).collect();
        for shard in &mut shards {
            shard.peers.clone_from(&handles);
        }
        let mut started = Self { handles, threads: Vec::new() };
        for (index, shard) in shards.into_iter().enumerate() {
            let thread = thread::Builder::new().name(format!("procy-mio-{index}"));
            started.threads.push(thread.spawn(move || shard.run())?);
        }
        Ok(started)
    }

    /// Waits until all have ended, and gives their hosts back. [`Shards::drain`] or [`Shards::stop`] ends them.
    ///
    /// # Errors
    /// The first error of any; a host's panic is one too.
    pub fn join(mut self) -> io::Result<Vec<H>> {
        let panicked = |_| Err(io::Error::other("a shard's host panicked"));
        // All are waited for, whatever becomes of the first.
        let ended: Vec<_> =
            self.threads.drain(..).map(|thread| thread.join().unwrap_or_else(panicked)).collect();
        ended.into_iter().collect()
    }
}

impl<H> Shards<H> {
    /// Each shard's handle.
    #[must_use]
    pub fn handles(&self) -> &[Handle] {
        &self.handles
    }

    /// The handle of the shard that has the fewest sessions, to open one more there.
    #[must_use]
    pub fn idlest(&self) -> &Handle {
        // There is at least one.
        self.handles.iter().min_by_key(|handle| handle.load()).unwrap_or(&self.handles[0])
    }

    /// The handle of the shard that has, or had, this session.
    #[must_use]
    pub fn of(&self, key: Key) -> Option<&Handle> {
        self.handles.iter().find(|handle| handle.0.shard == key.shard)
    }

    /// Listens for all of them: see [`Handle::listen`]. [`Host::arrived`] is called at the shard that gets it.
    ///
    /// # Errors
    /// [`Refused`] if the first shard cannot be told.
    pub fn listen(&self, listener: TcpListener, side: Side) -> Result<ListenerId, Refused> {
        self.handles[0].listen(listener, side)
    }

    /// All shards' figures together.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.handles.iter().map(Handle::stats).sum()
    }

    /// Ends all of them gracefully: see [`Handle::drain`].
    pub fn drain(&self) {
        self.handles.iter().for_each(Handle::drain);
    }

    /// Ends all of them now: see [`Handle::stop`].
    pub fn stop(&self) {
        self.handles.iter().for_each(Handle::stop);
    }
}

impl<H> Drop for Shards<H> {
    fn drop(&mut self) {
        self.stop();
    }
}
