//! A shard's sessions: by place, by key, by time, and in the order in which they are to be visited.

use std::collections::{HashMap, VecDeque};

use mio::Token;
use mio::event::Event;
use procy_core::Session;
use procy_core::timer::Instant;
use slab::Slab;

use crate::Key;
use crate::handle::Place;
use crate::slot::{Slot, of_token};
use crate::timers::Timers;

#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Boxed, so that room for more costs a pointer and not a session.
    slots: Slab<Box<Slot>>,
    keys: HashMap<Key, usize>,
    /// May name places whose session is gone; each living one at most once.
    ready: VecDeque<usize>,
    timers: Timers,
}

impl Table {
    pub(crate) fn insert(&mut self, place: Place, session: Session) -> &mut Slot {
        let entry = self.slots.vacant_entry();
        let index = entry.key();
        self.keys.insert(place.key(), index);
        self.ready.push_back(index);
        let slot = entry.insert(Box::new(Slot::new(place, index, session)));
        slot.queued = true;
        slot
    }

    pub(crate) fn get(&mut self, index: usize) -> Option<&mut Slot> {
        self.slots.get_mut(index).map(Box::as_mut)
    }

    pub(crate) fn find(&self, key: Key) -> Option<usize> {
        self.keys.get(&key).copied()
    }

    pub(crate) fn remove(&mut self, index: usize) -> Option<Slot> {
        let mut slot = self.slots.try_remove(index)?;
        self.keys.remove(&slot.key());
        self.timers.disarm(index, &mut slot.armed);
        Some(*slot)
    }

    /// All places that have a session now.
    pub(crate) fn indices(&self) -> Vec<usize> {
        self.slots.iter().map(|(index, _)| index).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Takes in an event for a session's socket. Events of one batch come in before any session of it is visited, so
    /// none can be for a session that was in this place before.
    pub(crate) fn event(&mut self, token: Token, event: &Event) {
        let (index, side) = of_token(token);
        if let Some(slot) = self.slots.get_mut(index) {
            slot.ready(side, event);
            self.enqueue(index);
        }
    }

    /// Has a session visited in its turn.
    pub(crate) fn enqueue(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        if !std::mem::replace(&mut slot.queued, true) {
            self.ready.push_back(index);
        }
    }

    /// How many entries there are to be visited.
    pub(crate) fn waiting(&self) -> usize {
        self.ready.len()
    }

    /// The next session to be visited, if the next entry still names one.
    pub(crate) fn next(&mut self) -> Option<usize> {
        let index = self.ready.pop_front()?;
        let slot = self.slots.get_mut(index)?;
        std::mem::replace(&mut slot.queued, false).then_some(index)
    }

    /// Sees to it that a session is visited at its deadline.
    pub(crate) fn arm(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        let deadline = slot.deadline();
        self.timers.arm(index, &mut slot.armed, deadline);
    }

    /// Has those visited whose deadline has come.
    pub(crate) fn expire(&mut self, now: Instant) {
        while let Some(index) = self.timers.fired(now) {
            let Some(slot) = self.slots.get_mut(index) else { continue };
            slot.armed = None;
            match slot.deadline() {
                Some(at) if at <= now => self.enqueue(index),
                deadline => self.timers.arm(index, &mut slot.armed, deadline),
            }
        }
    }

    /// When [`Table::expire`] must be called at the latest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timers.next()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use mio::{Poll, Waker};
    use procy_core::prologue::console::Config;
    use procy_core::tls::Crypto;

    use super::*;
    use crate::{Handle, now};

    #[test]
    fn a_session_that_is_gone_leaves_nothing_behind() {
        let poll = Poll::new().unwrap();
        let handle = Handle::new(1, 1, Waker::new(poll.registry(), Token(0)).unwrap());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = Arc::new(Config::new(Crypto::from(provider)));
        let mut table = Table::default();
        for _ in 0..3 {
            let place = handle.place().unwrap();
            let key = place.key();
            table.insert(place, Session::console(config.clone(), now()));
            let index = table.find(key).unwrap();
            table.arm(index);
            assert!(table.deadline().is_some());
            table.expire(now() + Duration::from_secs(3_600));
            table.arm(index);
            drop(table.remove(index).unwrap());
            assert_eq!((table.deadline(), table.find(key)), (None, None));
            // What is left in the queue names nobody.
            while table.waiting() > 0 {
                assert_eq!(table.next(), None);
            }
        }
        assert_eq!(handle.load(), 0);
    }
}
