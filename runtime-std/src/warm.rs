//! One warm memory a thread.

use std::cell::RefCell;

use procy_core::timer::Instant;
use procy_core::{Scratch, Session, Visit};

thread_local! {
    /// It is taken out while in use: a stream may itself run a session, and finds (or leaves) another one here. So there
    /// are as many as sessions are nested.
    static SCRATCH: RefCell<Vec<Scratch<'static>>> = const { RefCell::new(Vec::new()) };
}

/// Visits the session at `now`, with this thread's memory.
pub fn visit<T>(
    session: &mut Session,
    now: Instant,
    work: impl FnOnce(&mut Visit<'_, '_>) -> T,
) -> T {
    let mut scratch = SCRATCH.with_borrow_mut(Vec::pop).unwrap_or_default();
    let result = work(&mut session.visit(&mut scratch, now));
    SCRATCH.with_borrow_mut(|spare| spare.push(scratch));
    result
}
