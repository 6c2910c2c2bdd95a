//! What comes to a shard from outside: other threads' commands, and connections.

use std::net::SocketAddr;

use mio::net::TcpStream;
use procy_core::event::Side;
use procy_std::tune;

use crate::command::{Answer, Command, Opening, Order, RunState};
use crate::handle::Place;
use crate::{Handle, Host, Key, ListenerId, Shard, now};

/// How many connections are accepted in one turn; then sessions have theirs.
const ACCEPTS: usize = 64;

impl<H: Host> Shard<H> {
    /// Does what other threads have asked for.
    pub(crate) fn take_commands(&mut self) {
        let (orders, state) = self.handle.0.0.queue.take();
        for order in orders {
            match order {
                Order::Open(opening) => self.open(*opening),
                Order::Answer(key, answer) => self.answer(key, answer),
                Order::Listen(id, socket, side) => {
                    if let Err(error) = self.listeners.open(id, socket, side, &self.lent.registry) {
                        self.host.trouble(id, &error);
                    }
                }
                Order::Unlisten(id) => self.listeners.close(id),
                Order::Arrived { place, listener, side, stream, from } => {
                    self.arrived(place, listener, side, stream, from);
                }
            }
        }
        self.state = self.state.max(state);
        if self.state == RunState::Running {
            return;
        }
        self.listeners.clear();
        for index in self.table.indices() {
            if let Some(slot) = self.table.get(index) {
                slot.answer(Answer::Close, &mut self.lent);
                self.table.enqueue(index);
            }
            if self.state == RunState::Stopped {
                self.end(index);
            }
        }
    }

    /// Takes in connections that wait at listeners, and hands each to the shard that has the fewest sessions.
    pub(crate) fn accept(&mut self) {
        let now = now();
        for _ in 0..ACCEPTS {
            let Some(listener) = self.listeners.ready(now) else { return };
            let to = self.peers.iter().filter(|peer| peer.runs()).min_by_key(|peer| peer.load());
            let Some(place) = to.and_then(|to| to.place().ok()) else {
                listener.pause(now);
                continue;
            };
            match listener.accept() {
                Ok(Some((stream, from))) => {
                    let (listener, side) = (listener.id, listener.side);
                    tune(&stream);
                    self.hand(place, listener, side, stream, from);
                }
                Ok(None) => {}
                Err(error) => {
                    listener.pause(now);
                    self.host.trouble(listener.id, &error);
                }
            }
        }
    }

    fn hand(
        &mut self,
        place: Place,
        listener: ListenerId,
        side: Side,
        stream: TcpStream,
        from: SocketAddr,
    ) {
        let to = place.handle();
        if to.0.shard == self.handle.0.0.shard {
            return self.arrived(place, listener, side, stream, from);
        }
        let order = Order::Arrived { place, listener, side, stream, from };
        // One that has too much to do already leaves it to this one.
        if let Err(refused) = to.send(Command(order))
            && let Order::Arrived { stream, .. } = refused.command.0
            && let Ok(place) = self.handle.0.place()
        {
            self.arrived(place, listener, side, stream, from);
        }
    }

    fn arrived(
        &mut self,
        place: Place,
        listener: ListenerId,
        side: Side,
        stream: TcpStream,
        from: SocketAddr,
    ) {
        if self.state != RunState::Running {
            return;
        }
        if let Some(session) = self.host.arrived(place.key(), listener, from) {
            self.handle.0.0.tally.opened();
            self.table.insert(place, session).attach(side, stream, &mut self.lent);
        }
    }

    fn open(&mut self, opening: Opening) {
        let Opening { place, session, near, far } = opening;
        self.handle.0.0.tally.opened();
        let slot = self.table.insert(place, session);
        for (side, stream) in [(Side::Near, near), (Side::Far, far)] {
            if let Some(stream) = stream {
                slot.adopt(side, stream, &mut self.lent);
            }
        }
    }

    fn answer(&mut self, key: Key, answer: Answer) {
        let Some(index) = self.table.find(key) else { return };
        let Some(slot) = self.table.get(index) else { return };
        slot.answer(answer, &mut self.lent);
        self.table.enqueue(index);
    }
}

impl Handle {
    /// Whether the shard takes connections.
    fn runs(&self) -> bool {
        self.0.queue.state() == RunState::Running
    }
}
