//! When to look at which session at the latest.

use std::collections::BTreeSet;

use procy_core::timer::Instant;

/// At most one entry a session, so that memory is bounded by sessions and not by what has passed.
///
/// An entry may be early: a deadline that moves away (every relayed byte moves an idle one) is looked at again only
/// when its entry fires. That costs a look at times, and saves touching the set at every visit.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Instant, usize)>);

impl Timers {
    /// Sees to it that this session's entry, which stands at `armed`, fires at `at` at the latest.
    pub(crate) fn arm(&mut self, session: usize, armed: &mut Option<Instant>, at: Option<Instant>) {
        let Some(at) = at else { return };
        if armed.is_some_and(|armed| armed <= at) {
            return;
        }
        self.disarm(session, armed);
        self.0.insert((at, session));
        *armed = Some(at);
    }

    /// Takes this session's entry, which stands at `armed`, away.
    pub(crate) fn disarm(&mut self, session: usize, armed: &mut Option<Instant>) {
        if let Some(armed) = armed.take() {
            self.0.remove(&(armed, session));
        }
    }

    /// The first entry's instant.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes away one entry that has fired by `now`: its session's is no longer armed.
    pub(crate) fn fired(&mut self, now: Instant) -> Option<usize> {
        let (at, session) = *self.0.first()?;
        if at > now {
            return None;
        }
        self.0.pop_first();
        Some(session)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Option<Instant> {
        Some(Instant::after_epoch(Duration::from_secs(seconds)))
    }

    #[test]
    fn a_deadline_that_moves_away_is_left_and_one_that_comes_closer_is_not() {
        let (mut timers, mut armed) = (Timers::default(), None);
        timers.arm(7, &mut armed, at(10));
        timers.arm(7, &mut armed, at(20));
        assert_eq!((timers.next(), armed), (at(10), at(10)));
        timers.arm(7, &mut armed, at(5));
        assert_eq!((timers.next(), armed), (at(5), at(5)));
        timers.arm(7, &mut armed, None);
        assert_eq!(timers.0.len(), 1);
        timers.disarm(7, &mut armed);
        assert_eq!((timers.next(), armed), (None, None));
    }

    #[test]
    fn entries_fire_in_order_and_not_before_their_time() {
        let mut timers = Timers::default();
        for (session, seconds) in [(1, 30), (2, 10), (3, 20), (4, 10)] {
            timers.arm(session, &mut None, at(seconds));
        }
        let mut fired = |seconds| {
            let now = at(seconds).unwrap();
            std::iter::from_fn(|| timers.fired(now)).collect::<Vec<_>>()
        };
        assert!(fired(9).is_empty());
        assert_eq!(fired(20), [2, 4, 3]);
        assert!(fired(20).is_empty());
        assert_eq!(fired(30), [1]);
    }
}
