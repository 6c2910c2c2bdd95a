//! A console session whose parts are all at hand.

use std::os::fd::AsFd;
use std::sync::Arc;

use procy_core::Session;
use procy_core::credential::Credential;
use procy_core::event::Event;
use procy_core::prologue::console::Config;
use procy_core::timer::Instant;
use procy_std::{Report, Step, now};

use crate::Run;

/// Runs a console session from its beginning to its end: `near` is the viewer, `far` the device, and `credential` what
/// UMS had for it when it was asked at `asked` ([`now`]). `observe` is told every event.
///
/// Whoever needs more, such as to connect only when the credential has passed, or to end a session from another thread,
/// takes [`Run`].
pub fn console<N: AsFd, F: AsFd>(
    config: Arc<Config>,
    credential: Credential,
    asked: Instant,
    near: N,
    far: F,
    mut observe: impl FnMut(&Event),
) -> Report {
    let mut run = Run::new(Session::console(config, now()));
    // The viewer first: it is told why, if the credential cannot be used.
    run.attach_near(near);
    run.credential(credential, asked);
    run.attach_far(far);
    while let Step::Event(event) = run.next() {
        observe(&event);
    }
    Report::of(run.session())
}
