//! What holds for every session between its visits, whatever its peers and its host did.

use alloc::format;
use alloc::string::String;

use crate::event::{Outcome, Side};
use crate::limits::MAX_TLS_RECORD;
use crate::scratch::Scratch;
use crate::session::Session;

/// Checks liveness (I4), held memory (I3) and the latch (I6): `outcome` keeps what the last check saw. `window` is that of
/// the scratch memory.
pub(crate) fn check(
    name: &str,
    session: &Session,
    outcome: &mut Option<Outcome>,
    window: usize,
) -> Result<(), String> {
    let waits =
        Side::BOTH.into_iter().any(|side| session.wants_read(side) || session.wants_write(side));
    if !session.is_over() && session.deadline().is_none() && !(session.is_relaying() && waits) {
        return Err(format!("I4: the {name} waits for nothing, without a deadline"));
    }
    // One read of what was lent, a unit that is not complete a layer, the early bytes, the farewell.
    let bound = window.max(Scratch::MIN_WINDOW) + 3 * MAX_TLS_RECORD + 65_536 + 8_192;
    if session.holds() > bound {
        return Err(format!("I3: the {name} holds {} bytes", session.holds()));
    }
    if session.is_over() && session.holds() > 0 {
        return Err(format!("I3: the {name} is over and holds {} bytes", session.holds()));
    }
    match (&*outcome, session.outcome()) {
        (Some(before), now) if Some(before) != now => {
            Err(format!("I6: the {name}'s outcome changed from {before:?} to {now:?}"))
        }
        (None, Some(now)) => {
            *outcome = Some(now.clone());
            Ok(())
        }
        _ => Ok(()),
    }
}
