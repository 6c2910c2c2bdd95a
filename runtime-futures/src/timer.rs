//! Time as the host passes it in: a runtime of nobody's own has none.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use procy_core::timer::Instant;

/// An executor's clock, and how it sleeps. [`system`] makes one from a sleep function.
pub trait Timer {
    /// Sleeps.
    type Sleep: Future;

    /// This moment. Never goes back.
    fn now(&self) -> Instant;

    /// Wakes at `at`; a little too early does no harm.
    fn sleep_until(&self, at: Instant) -> Self::Sleep;
}

impl<T: Timer> Timer for &T {
    type Sleep = T::Sleep;

    fn now(&self) -> Instant {
        (**self).now()
    }

    fn sleep_until(&self, at: Instant) -> Self::Sleep {
        (**self).sleep_until(at)
    }
}

/// The operating system's clock with an executor's own sleep: `system(smol::Timer::after)`,
/// `system(async_std::task::sleep)`.
#[must_use]
pub const fn system<F, S>(sleep: F) -> System<F>
where
    F: Fn(Duration) -> S,
    S: Future,
{
    System(sleep)
}

/// See [`system`].
#[derive(Clone, Copy)]
pub struct System<F>(F);

impl<F, S> Timer for System<F>
where
    F: Fn(Duration) -> S,
    S: Future,
{
    type Sleep = S;

    fn now(&self) -> Instant {
        procy_std::now()
    }

    fn sleep_until(&self, at: Instant) -> S {
        (self.0)(at.since(procy_std::now()))
    }
}

impl<F> fmt::Debug for System<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("System")
    }
}
