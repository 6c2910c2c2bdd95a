//! What is said before bytes flow: the Secure VNC procedure's steps 4 to 12, from either end.

pub mod console;
pub mod device;

use alloc::boxed::Box;

use crate::limits::Limits;
use crate::timer::Deadlines;

/// What a session needs until it relays, and not a moment longer.
#[derive(Debug)]
pub(crate) enum Prologue {
    Console(Box<console::Prologue>),
    Device(Box<device::Prologue>),
    Over,
}

impl Prologue {
    pub(crate) fn console(&mut self) -> Option<&mut console::Prologue> {
        if let Self::Console(prologue) = self { Some(prologue) } else { None }
    }

    pub(crate) fn device(&mut self) -> Option<&mut device::Prologue> {
        if let Self::Device(prologue) = self { Some(prologue) } else { None }
    }
}

/// The bounds that hold for a session in either role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// How long each wait may take.
    pub deadlines: Deadlines,
    /// How much may be held.
    pub limits: Limits,
}
