//! A console session whose parts are all at hand.

use std::sync::Arc;

use procy_core::Session;
use procy_core::credential::Credential;
use procy_core::event::Event;
use procy_core::prologue::console::Config;
use procy_core::timer::Instant;
use procy_std::{Report, Step};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{Run, now};

/// Runs a console session from its beginning to its end: `near` is the viewer, `far` the device, and `credential` what
/// UMS had for it when it was asked at `asked` ([`now`]). `observe` is told every event.
///
/// Whoever needs more, such as to connect only when the credential has passed, or to end a session politely, takes
/// [`Run`]. Dropping this future closes both streams at once.
pub async fn console<N, F>(
    config: Arc<Config>,
    credential: Credential,
    asked: Instant,
    near: N,
    far: F,
    mut observe: impl FnMut(&Event),
) -> Report
where
    N: AsyncRead + AsyncWrite + Unpin,
    F: AsyncRead + AsyncWrite + Unpin,
{
    let mut run = Run::new(Session::console(config, now()));
    // The viewer first: it is told why, if the credential cannot be used.
    run.attach_near(near);
    run.credential(credential, asked);
    run.attach_far(far);
    while let Step::Event(event) = run.next().await {
        observe(&event);
    }
    Report::of(run.session())
}
