//! Warm memory for visits.

use std::cell::RefCell;
use std::num::NonZero;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::thread::available_parallelism;

use procy_core::timer::Instant;
use procy_core::{Scratch, Session, Visit};

thread_local! {
    /// It is taken out while in use: a stream may itself run a session, and finds (or leaves) another one here. So there
    /// are as many as sessions are nested.
    static OWN: RefCell<Vec<Scratch<'static>>> = const { RefCell::new(Vec::new()) };
}

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
/// wait. There is as much of it as cores can use at once; a thread that finds none waits for another's visit to end. So a
/// visit must not make another one here.
pub fn visit_shared<T>(
    session: &mut Session,
    now: Instant,
    work: impl FnOnce(&mut Visit<'_, '_>) -> T,
) -> T {
    let mut borrowed = Borrowed(Some(SHARED.borrow()));
    work(&mut session.visit(borrowed.0.get_or_insert_default(), now))
}

static SHARED: Pool = Pool {
    state: Mutex::new(State { spare: Vec::new(), made: 0, waiting: 0 }),
    returned: Condvar::new(),
};

struct Pool {
    state: Mutex<State>,
    returned: Condvar,
}

struct State {
    /// The last one used, which is the warmest, is last.
    spare: Vec<Scratch<'static>>,
    made: usize,
    /// Threads that wait for one.
    waiting: usize,
}

impl Pool {
    fn borrow(&self) -> Scratch<'static> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(scratch) = state.spare.pop() {
                return scratch;
            }
            if state.made < cores() {
                state.made += 1;
                drop(state);
                return Scratch::default();
            }
            state.waiting += 1;
            state = self.returned.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
    }

    fn give_back(&self, scratch: Scratch<'static>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.spare.push(scratch);
        // To notify is a system call, whether anybody waits or not.
        if state.waiting > 0 {
            drop(state);
            self.returned.notify_one();
        }
    }
}

/// Gives it back, by panic too.
struct Borrowed(Option<Scratch<'static>>);

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(scratch) = self.0.take() {
            SHARED.give_back(scratch);
        }
    }
}

fn cores() -> usize {
    // Asked once: the answer is read from files.
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| available_parallelism().map_or(1, NonZero::get))
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use procy_core::prologue::console::Config;
    use procy_core::tls::Crypto;

    use super::*;

    fn session() -> Session {
        Session::console(Arc::new(Config::new(Crypto::aws_lc_rs())), Instant::ZERO)
    }

    #[test]
    fn no_more_threads_visit_at_once_than_there_are_cores_and_all_get_their_turn() {
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let visits = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 * cores() {
                scope.spawn(|| {
                    let mut session = session();
                    for _ in 0..100 {
                        visit_shared(&mut session, Instant::ZERO, |_| {
                            most.fetch_max(
                                inside.fetch_add(1, Ordering::SeqCst) + 1,
                                Ordering::SeqCst,
                            );
                            thread::yield_now();
                            inside.fetch_sub(1, Ordering::SeqCst);
                        });
                        visits.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(visits.into_inner(), 800 * cores());
        assert!(most.into_inner() <= cores());
    }

    #[test]
    fn a_visit_that_panics_keeps_no_memory() {
        for _ in 0..2 * cores() {
            let panics = || visit_shared(&mut session(), Instant::ZERO, |_| panic!("on purpose"));
            catch_unwind(AssertUnwindSafe(panics)).unwrap_err();
        }
        visit_shared(&mut session(), Instant::ZERO, |_| ());
    }
}
