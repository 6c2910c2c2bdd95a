//! The core's clock as tokio counts it, so that `tokio::time::pause` holds it.

use std::sync::LazyLock;

use procy_core::timer::Instant;

static EPOCH: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);

/// This moment on the clock that sessions are driven by: tokio's.
#[must_use]
pub fn now() -> Instant {
    // The epoch first: nothing lies before it.
    let epoch = tokio::time::Instant::from_std(*EPOCH);
    Instant::after_epoch(tokio::time::Instant::now().saturating_duration_since(epoch))
}

/// The same instant, as tokio's timers take it; `None` if it lies beyond what the operating system can count.
pub(crate) fn to_tokio(at: Instant) -> Option<tokio::time::Instant> {
    tokio::time::Instant::from_std(*EPOCH).checked_add(at.since(Instant::ZERO))
}
