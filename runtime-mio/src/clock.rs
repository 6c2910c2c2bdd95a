//! The core's clock, counted from an epoch of this process.

use std::sync::LazyLock;

use procy_core::timer::Instant;

static EPOCH: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);

/// This moment on the clock that sessions are driven by.
#[must_use]
pub fn now() -> Instant {
    // The epoch first: nothing lies before it.
    let epoch = *EPOCH;
    Instant::after_epoch(std::time::Instant::now().saturating_duration_since(epoch))
}
