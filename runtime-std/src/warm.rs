//! Warm memory for visits.

use std::cell::RefCell;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread::available_parallelism;

use procy_core::timer::Instant;
use procy_core::{Scratch, Session, Visit};

thread_local! {
    /// It is taken out while in use: a stream may itself run a session, and finds (or leaves) another one here. So there
    /// are as many as sessions are nested.
    static OWN: RefCell<Vec<Scratch<'static>>> = const { RefCell::new(Vec::new()) };
}

/// What waits for the next visit of whichever thread; the last one used is the warmest.
static SHARED: Mutex<Vec<Scratch<'static>>> = Mutex::new(Vec::new());

/// Visits the session at `now`, with this thread's memory: for threads that stay, and run many sessions.
pub fn visit<T>(
    session: &mut Session,
    now: Instant,
    work: impl FnOnce(&mut Visit<'_, '_>) -> T,
) -> T {
    let mut scratch = OWN.with_borrow_mut(Vec::pop).unwrap_or_default();
    let result = work(&mut session.visit(&mut scratch, now));
    OWN.with_borrow_mut(|spare| spare.push(scratch));
    result
}

/// Visits the session at `now`, with memory that all threads share: for threads that run one session each, most of which
/// wait. As much is kept as cores can use at once.
pub fn visit_shared<T>(
    session: &mut Session,
    now: Instant,
    work: impl FnOnce(&mut Visit<'_, '_>) -> T,
) -> T {
    let shared = || SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    let taken = shared().pop();
    let mut scratch = taken.unwrap_or_default();
    let result = work(&mut session.visit(&mut scratch, now));
    let mut spare = shared();
    if spare.len() < cores() {
        spare.push(scratch);
    }
    result
}

fn cores() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Barrier};
    use std::thread;

    use procy_core::prologue::console::Config;
    use procy_core::tls::Crypto;

    use super::*;

    #[test]
    fn as_many_as_visit_at_once_get_memory_of_their_own_and_no_more_is_kept_than_cores_can_use() {
        let threads = 4 * cores();
        let together = Arc::new(Barrier::new(threads));
        let run = |together: Arc<Barrier>| {
            move || {
                let config = Config::new(Crypto::aws_lc_rs());
                let mut session = Session::console(Arc::new(config), Instant::ZERO);
                visit_shared(&mut session, Instant::ZERO, |_| together.wait());
            }
        };
        let all: Vec<_> = (0..threads).map(|_| thread::spawn(run(together.clone()))).collect();
        all.into_iter().for_each(|one| one.join().unwrap());
        assert_eq!(SHARED.lock().unwrap().len(), cores());
    }
}
