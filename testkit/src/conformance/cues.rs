//! How the parts of a scenario wait for one another: by what has happened, never by time.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::LONG;
use super::peer::Fail;

/// What has happened so far in one session's scenario: the session's events by their names, and what peers tell.
#[derive(Debug, Default)]
pub(crate) struct Cues {
    told: Mutex<HashSet<String>>,
    changed: Condvar,
}

impl Cues {
    pub(crate) fn tell(&self, what: &str) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned());
        self.changed.notify_all();
    }

    /// Waits until somebody has told it.
    pub(crate) fn wait(&self, what: &str) -> Result<(), Fail> {
        if self.within(what, LONG) { Ok(()) } else { Err(Fail::new(format!("never: {what}"))) }
    }

    /// Whether somebody tells it within so long.
    pub(crate) fn within(&self, what: &str, long: Duration) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let result = self.changed.wait_timeout_while(told, long, |told| !told.contains(what));
        let (told, _) = result.unwrap_or_else(PoisonError::into_inner);
        told.contains(what)
    }
}
