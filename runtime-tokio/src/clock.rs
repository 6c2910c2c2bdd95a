//! The core's clock as tokio counts it, so that `tokio::time::pause` holds it.

use procy_core::timer::Instant;

/// This moment on the clock that sessions are driven by: tokio's. Unless that is paused, it is the other runtimes' too.
#[must_use]
pub fn now() -> Instant {
    // The epoch first: nothing lies before it.
    let epoch = to_tokio(Instant::ZERO);
    let now = tokio::time::Instant::now();
    Instant::after_epoch(
        epoch.map(|epoch| now.saturating_duration_since(epoch)).unwrap_or_default(),
    )
}

/// The same instant, as tokio's timers take it; `None` if it lies beyond what the operating system can count.
pub(crate) fn to_tokio(at: Instant) -> Option<tokio::time::Instant> {
    procy_std::to_std(at).map(tokio::time::Instant::from_std)
}
