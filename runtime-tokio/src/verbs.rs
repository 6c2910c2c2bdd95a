//! What a host does to a session, each in a short visit of its own. All of it is harmless when it comes too late.

use procy_core::credential::Credential;
use procy_core::error::Broken;
use procy_core::event::Side;
use procy_core::timer::Instant;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::Run;
use crate::driver::visit;
use crate::stream::Port;

impl<N, F> Run<N, F>
where
    N: AsyncRead + AsyncWrite + Unpin,
    F: AsyncRead + AsyncWrite + Unpin,
{
    /// The viewer has come, or the local VNC server is connected.
    pub fn attach_near(&mut self, stream: N) {
        self.near = Port::new(stream);
        visit(&mut self.session, |visit| visit.attach(Side::Near));
    }

    /// The device is connected, or a console has connected.
    pub fn attach_far(&mut self, stream: F) {
        self.far = Port::new(stream);
        visit(&mut self.session, |visit| visit.attach(Side::Far));
    }

    /// Console: the viewer, if the session is over and has left it as it was for another one
    /// ([`retriable`](procy_core::prologue::console::Config::retriable)).
    pub fn take_near(&mut self) -> Option<N> {
        if self.session.is_over() { self.near.take() } else { None }
    }

    /// This side cannot be connected.
    pub fn broken(&mut self, side: Side, how: Broken) {
        visit(&mut self.session, |visit| visit.broken(side, how));
    }

    /// Console: what UMS has for the device, and when ([`now`](crate::now)) it was asked for it.
    pub fn credential(&mut self, credential: Credential, asked: Instant) {
        visit(&mut self.session, |visit| visit.credential(credential, asked));
    }

    /// Device: the offered password holds.
    pub fn accept(&mut self) {
        visit(&mut self.session, |visit| visit.accept());
    }

    /// Device: the offered password does not hold.
    pub fn refuse(&mut self) {
        visit(&mut self.session, |visit| visit.refuse());
    }

    /// Ends the session; farewells leave while [`Run::next`] is called until it says [`Step::Over`](crate::Step::Over).
    pub fn close(&mut self) {
        visit(&mut self.session, |visit| visit.close());
    }

    /// Gives up for a reason of the host's own, which a waiting viewer is told. `reason` must hold no secret.
    pub fn abandon(&mut self, reason: &str) {
        visit(&mut self.session, |visit| visit.abandon(reason));
    }
}
