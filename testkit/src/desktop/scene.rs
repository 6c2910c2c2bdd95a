//! What has happened on the desktop.

/// Characters kept of what was typed.
const MAX_TYPED: usize = 4096;
/// Points of all strokes together; the oldest stroke goes first.
const MAX_POINTS: usize = 4096;
/// Presses kept in [`Seen::clicks`].
const MAX_CLICKS: usize = 4096;

const BACKSPACE: u32 = 0xFF08;
const RETURN: u32 = 0xFF0D;
const KEYPAD_ENTER: u32 = 0xFF8D;
const ESCAPE: u32 = 0xFF1B;

/// What viewers have done, for assertions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The text that stands on the desktop: Backspace takes from it, Escape empties it.
    pub typed: String,
    /// Where the first button was pressed, oldest first.
    pub clicks: Vec<(u16, u16)>,
    /// Where the pointer was last, if ever.
    pub pointer: Option<(u16, u16)>,
    /// How many viewers look now.
    pub viewers: usize,
}

/// The whole state from which a picture is painted, apart from the time.
#[derive(Debug, Default)]
pub(super) struct Scene {
    pub(super) seen: Seen,
    /// Drawn with the pressed pointer.
    pub(super) strokes: Vec<Vec<(u16, u16)>>,
    /// Counts the changes that show.
    pub(super) version: u64,
    pressed: bool,
}

impl Scene {
    pub(super) fn key(&mut self, keysym: u32) {
        let typed = &mut self.seen.typed;
        match keysym {
            BACKSPACE => {
                typed.pop();
            }
            ESCAPE => {
                typed.clear();
                self.strokes.clear();
            }
            RETURN | KEYPAD_ENTER => typed.push('\n'),
            _ => match character(keysym) {
                Some(c) => typed.push(c),
                None => return,
            },
        }
        let surplus = typed.chars().count().saturating_sub(MAX_TYPED);
        if let Some((at, _)) = typed.char_indices().nth(surplus) {
            typed.drain(..at);
        }
        self.version += 1;
    }

    pub(super) fn pointer(&mut self, buttons: u8, at: (u16, u16)) {
        let pressed = buttons & 1 != 0;
        match (self.pressed, pressed) {
            (false, true) => {
                if self.seen.clicks.len() == MAX_CLICKS {
                    self.seen.clicks.remove(0);
                }
                self.seen.clicks.push(at);
                self.strokes.push(vec![at]);
            }
            (true, true) => match self.strokes.last_mut() {
                Some(stroke) => stroke.push(at),
                // Escape was pressed in the middle of it.
                None => self.strokes.push(vec![at]),
            },
            (_, false) => {}
        }
        if self.strokes.iter().map(Vec::len).sum::<usize>() > MAX_POINTS {
            self.strokes.remove(0);
        }
        self.pressed = pressed;
        self.seen.pointer = Some(at);
        self.version += 1;
    }
}

/// The character that a keysym of X11 stands for: Latin-1 as it is, other Unicode from 0x01000000 on.
fn character(keysym: u32) -> Option<char> {
    match keysym {
        0x20..=0x7E | 0xA0..=0xFF => char::from_u32(keysym),
        0x0100_0100..=0x0110_FFFF => char::from_u32(keysym - 0x0100_0000),
        _ => None,
    }
}
