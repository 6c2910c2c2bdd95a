//! What lies between a stream's bytes and the relayed protocol: nothing, or TLS.
//!
//! A [`Port`] is one side of a session between visits: its link, and what the last visit left behind. An [`End`] is
//! the same during a visit, with the memory lent to it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use zeroize::Zeroize;

use crate::error::{Broken, Error, Leave};
use crate::limits::MAX_TLS_CONTENT;
use crate::scratch::{Content, Desk, LEFT_IN_PLACE, Window};
use crate::tls::{Engine, Step, sealable, sealed_len};

/// A read may take so much more than the last one that took all it could: a sixteenth of that. A peer that stalls has kept
/// up for as long as its stream's buffers were filling, a few MiB; what has been read by then and cannot be delivered is
/// held. The whole window is reached after some 16 MiB.
const GROWTH: usize = 16;

/// The layers over one byte stream.
#[derive(Debug)]
pub(crate) enum Link {
    /// The stream's bytes are the protocol's bytes.
    Plain,
    /// TLS, as client or server.
    Tls(Box<Engine>),
}

/// What comes in at a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Open,
    Ended(Leave),
}

/// What goes out at a side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    Open,
    /// The last bytes are on their way; then the stream is to be shut down.
    Ending,
    /// Shut down.
    Shut,
    /// The stream takes nothing any more.
    Broken(Broken),
}

/// One side of a session. Between visits it holds what a slow peer has left, and the beginning of a unit that is not
/// complete; mostly both are empty and own no memory.
pub(crate) struct Port {
    pub(crate) link: Link,
    /// Whether the host has a stream for this side.
    pub(crate) attached: bool,
    /// Whether that stream has been looked at: read, or found to have nothing to read yet.
    pub(crate) looked: bool,
    /// Whether its end has taken effect.
    pub(crate) judged: bool,
    pub(crate) input: Input,
    pub(crate) output: Output,
    /// Read and not consumed.
    carry: Vec<u8>,
    /// To be written; the first `spilt` bytes of it are.
    spill: Vec<u8>,
    spilt: usize,
    /// How much the next read may take.
    budget: usize,
    first_read: usize,
}

impl Port {
    pub(crate) fn new(first_read: usize) -> Self {
        Self {
            link: Link::Plain,
            attached: false,
            looked: false,
            judged: false,
            input: Input::Open,
            output: Output::Open,
            carry: Vec::new(),
            spill: Vec::new(),
            spilt: 0,
            budget: first_read.max(1),
            first_read: first_read.max(1),
        }
    }

    /// Whether something waits to be written, apart from what this visit has added.
    pub(crate) fn has_spill(&self) -> bool {
        self.spilt < self.spill.len()
    }

    pub(crate) fn spill(&self) -> &[u8] {
        &self.spill[self.spilt..]
    }

    /// Bytes kept from earlier visits that are still to be consumed.
    pub(crate) fn carried(&self) -> usize {
        self.carry.len()
    }

    /// The longest first read, and the most that is read ahead of a side that stands still.
    pub(crate) fn first_read(&self) -> usize {
        self.first_read
    }

    /// After a failure of its host's: nothing that TLS would say can be trusted to be in order.
    pub(crate) fn poison(&mut self) {
        if let Link::Tls(engine) = &mut self.link {
            engine.poison();
        }
    }

    /// Whether bytes can still be delivered here.
    pub(crate) fn deliverable(&self) -> bool {
        self.attached && matches!(self.output, Output::Open | Output::Ending)
    }

    /// Bytes held between visits.
    pub(crate) fn holds(&self) -> usize {
        let link = match &self.link {
            Link::Tls(engine) => engine.holds(),
            Link::Plain => 0,
        };
        self.carry.capacity() + self.spill.capacity() + link
    }
}

/// Nothing of what it holds is shown: it may be anything that a person types.
impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Port")
            .field("link", &self.link)
            .field("attached", &self.attached)
            .field("input", &self.input)
            .field("output", &self.output)
            .field("carry", &self.carry.len())
            .field("spill", &self.spill().len())
            .finish_non_exhaustive()
    }
}

/// One side of a session during a visit.
pub(crate) struct End<'v, 'm> {
    pub(crate) port: &'v mut Port,
    pub(crate) desk: &'v mut Desk<'m>,
}

impl End<'_, '_> {
    /// Room to read at most so many bytes into; what came before may be `on_its_way` from here to the other side.
    pub(crate) fn space(&mut self, most: usize, on_its_way: bool) -> &mut [u8] {
        self.desk.window.lend(self.port.carry.len(), self.port.budget.min(most), on_its_way)
    }

    /// `n` bytes were read into the last [`End::space`]. False if they cannot have been.
    pub(crate) fn read(&mut self, n: usize) -> bool {
        let lent = self.desk.window.lent();
        let carried = self.port.carry.len();
        if !self.desk.window.filled(&self.port.carry, n) {
            return false;
        }
        if carried > 0 {
            self.desk.take_back(core::mem::take(&mut self.port.carry));
        }
        if n == lent && lent == self.port.budget {
            self.port.budget = self.port.budget.saturating_add(n / GROWTH);
        }
        true
    }

    /// There is no room now; what was lent before is void.
    pub(crate) fn no_space(&mut self) -> &mut [u8] {
        self.desk.window.revoke();
        &mut []
    }

    pub(crate) fn unread(&mut self) -> &mut [u8] {
        if self.desk.window.is_empty() { &mut self.port.carry } else { self.desk.window.unread() }
    }

    pub(crate) fn consume(&mut self, n: usize) {
        if self.desk.window.is_empty() {
            self.port.carry.drain(..n.min(self.port.carry.len()));
            if self.port.carry.is_empty() {
                self.desk.take_back(core::mem::take(&mut self.port.carry));
            }
        } else {
            self.desk.window.consume(n);
        }
    }

    /// Forgets what came and was not consumed.
    pub(crate) fn drop_input(&mut self) {
        self.desk.window.consume(usize::MAX);
        self.port.carry = Vec::new();
    }

    /// Forgets what was to leave.
    pub(crate) fn drop_output(&mut self) {
        self.desk.out.clear();
        self.port.spill = Vec::new();
        self.port.spilt = 0;
    }

    /// Takes one step through the TLS that comes in here. `content` gets what is in it; only if `room` says so.
    pub(crate) fn step(
        &mut self,
        room: bool,
        content: &mut dyn FnMut(Content<'_>),
    ) -> Result<Step, Error> {
        self.advance(room, false, content)
    }

    /// The same where the content is secret: it is opened in memory that others will use, so none of it stays there.
    pub(crate) fn step_in_secret(
        &mut self,
        room: bool,
        content: &mut dyn FnMut(Content<'_>),
    ) -> Result<Step, Error> {
        self.advance(room, true, content)
    }

    fn advance(
        &mut self,
        room: bool,
        secret: bool,
        content: &mut dyn FnMut(Content<'_>),
    ) -> Result<Step, Error> {
        let Link::Tls(engine) = &mut self.port.link else { return Ok(Step::Starved) };
        let (input, at): (&mut [u8], _) = if self.desk.window.is_empty() {
            (&mut self.port.carry, None)
        } else {
            let head = self.desk.window.head();
            (self.desk.window.unread(), Some(head))
        };
        let mut used = 0;
        let step = engine.step(input, at, &mut used, &mut self.desk.out, room, content);
        if used > 0 {
            if secret {
                input[..used].zeroize();
            }
            self.consume(used);
        }
        if !self.port.deliverable() {
            // What TLS wants to say comes too late for this stream.
            self.desk.out.clear();
        }
        step
    }

    /// How many bytes [`End::deliver`] would take now.
    pub(crate) fn room(&self) -> usize {
        let free = self.desk.out.free();
        match self.port.link {
            Link::Plain => free,
            Link::Tls(_) => sealable(free),
        }
    }

    /// Whether what one TLS record may hold could be delivered, and `more` bytes with it.
    pub(crate) fn has_room_for_record(&self, more: usize) -> bool {
        let content = MAX_TLS_CONTENT + more;
        match self.port.link {
            Link::Plain => self.desk.out.free() >= content,
            Link::Tls(_) => self.desk.out.free() >= sealed_len(content),
        }
    }

    /// Sends what came in at the other side towards this side's peer. It takes [`End::room`] bytes at the most.
    pub(crate) fn deliver<'a>(&mut self, content: impl Into<Content<'a>>) -> Result<(), Error> {
        let Content { bytes: content, at } = content.into();
        if !matches!(self.port.output, Output::Open) || content.is_empty() {
            return Ok(());
        }
        match (&mut self.port.link, at) {
            (Link::Plain, Some(at)) if content.len() >= LEFT_IN_PLACE => {
                self.desk.out.push_from_window(at..at + content.len());
                Ok(())
            }
            (Link::Plain, _) => {
                let Some(spare) = self.desk.out.spare().get_mut(..content.len()) else {
                    return Err(Error::Misuse("too little room to deliver into"));
                };
                spare.copy_from_slice(content);
                self.desk.out.push(content.len());
                Ok(())
            }
            (Link::Tls(engine), _) => {
                let input: &mut [u8] = if self.desk.window.is_empty() {
                    &mut self.port.carry
                } else {
                    self.desk.window.unread()
                };
                let used = engine.seal(input, content, &mut self.desk.out)?;
                if used > 0 {
                    self.consume(used);
                }
                Ok(())
            }
        }
    }

    /// Nothing more will be sent to this side's peer: says so in the layer's words, then by a shutdown.
    pub(crate) fn end(&mut self) {
        if self.port.output != Output::Open {
            return;
        }
        self.port.output = Output::Ending;
        if let Link::Tls(engine) = &mut self.port.link {
            let input: &mut [u8] = if self.desk.window.is_empty() {
                &mut self.port.carry
            } else {
                self.desk.window.unread()
            };
            let used = engine.close(input, &mut self.desk.out);
            if used > 0 {
                self.consume(used);
            }
        }
    }

    /// Whether something waits to be written.
    pub(crate) fn has_pending(&self) -> bool {
        self.port.has_spill() || !self.desk.out.is_empty()
    }

    /// `n` bytes of the pending ones were written. False if there were not as many.
    pub(crate) fn written(&mut self, n: usize) -> bool {
        let of_spill = n.min(self.port.spill().len());
        self.port.spilt += of_spill;
        if !self.port.has_spill() {
            self.port.spill = Vec::new();
            self.port.spilt = 0;
        }
        self.desk.out.written(n - of_spill)
    }

    /// The visit ends: what is left, here and in the other side's window, moves into the session.
    pub(crate) fn leave(&mut self, other: &Window<'_>) {
        if !self.desk.window.is_empty() {
            self.port.carry = self.desk.copy_unread();
        }
        if !self.desk.out.is_empty() {
            let mut spill = Vec::with_capacity(self.port.spill().len() + self.desk.out.len());
            spill.extend_from_slice(self.port.spill());
            for piece in self.desk.out.pieces(other) {
                spill.extend_from_slice(piece);
            }
            self.port.spill = spill;
            self.port.spilt = 0;
        }
        self.desk.window.clear();
        self.desk.out.clear();
    }

    /// What this side's peer does not take in time is held in the session: read less for it from the other side.
    pub(crate) fn stalls(&self, other: &mut Port) {
        if self.port.has_spill() {
            other.budget = other.first_read;
        }
    }
}
