//! The core's clock, counted from an epoch of this process.

use std::sync::LazyLock;

use procy_core::timer::Instant;

static EPOCH: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);

/// This moment on the operating system's monotonic clock, as sessions count it. Every runtime counts from the same epoch,
/// so an instant may be told to one that another has taken.
#[must_use]
pub fn now() -> Instant {
    // The epoch first: nothing lies before it.
    let epoch = *EPOCH;
    Instant::after_epoch(std::time::Instant::now().saturating_duration_since(epoch))
}

/// The same instant, as the standard library counts; `None` if it lies beyond what the operating system can count.
#[must_use]
pub fn to_std(at: Instant) -> Option<std::time::Instant> {
    EPOCH.checked_add(at.since(Instant::ZERO))
}
