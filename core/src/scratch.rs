//! The memory that a thread lends to its sessions, one visit at a time.
//!
//! One [`Scratch`] a thread stays warm in the cache, and an idle session holds no buffer. Each side has a *window*, where
//! bytes are read, and an *out* memory, where bytes that leave at that side are sealed or copied:
//!
//! ```text
//!   near.window   what the viewer sent        near.out   what goes to the viewer
//!   far.window    what the device sent        far.out    what goes to the device
//!
//!   a window:  [ dead | a partial unit, or more | space, lent to the host ]
//!                     head                      filled
//!   an out:    [ taken: pieces of the queue | spare ]
//! ```
//!
//! Bytes are read once, into one contiguous window. A record is opened where it lies, and what was in it leaves from there:
//! a piece of the near side's queue may lie in the far side's window. While one does, the window's bytes stay where they
//! are ([`Window::lend`]).

use alloc::collections::{VecDeque, vec_deque};
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, DerefMut, Range};

use crate::limits::{MAX_TLS_CONTENT, MAX_TLS_MESSAGE, MAX_TLS_RECORD};

/// Memory lent to sessions for the time of a visit. Make one a thread and keep it.
#[derive(Debug)]
pub struct Scratch<'m> {
    pub(crate) near: Desk<'m>,
    pub(crate) far: Desk<'m>,
}

impl Scratch<'static> {
    /// The window's size that measured best (docs/architecture.md); pages are touched only as they are used.
    pub const DEFAULT: usize = 1 << 20;

    /// Scratch memory whose windows hold `window` bytes each, at least [`Scratch::MIN_WINDOW`].
    #[must_use]
    pub fn new(window: usize) -> Self {
        let window = window.max(Self::MIN_WINDOW);
        let make =
            || Desk::new(Memory::Owned(zeroed(window)), Memory::Owned(zeroed(out_for(window))));
        Self { near: make(), far: make() }
    }
}

impl<'m> Scratch<'m> {
    /// The smallest window: the longest TLS handshake message, and a record that is not complete.
    pub const MIN_WINDOW: usize = MAX_TLS_MESSAGE + MAX_TLS_RECORD;

    /// The least memory that [`Scratch::over`] can do with.
    pub const MIN_MEMORY: usize = 2 * (Self::MIN_WINDOW + out_for(Self::MIN_WINDOW) + 2 * 1_025);

    /// Scratch over the caller's memory, for a host that must say where bytes lie. `None` if it is smaller than
    /// [`Scratch::MIN_MEMORY`].
    #[must_use]
    pub fn over(memory: &'m mut [u8]) -> Option<Self> {
        if memory.len() < Self::MIN_MEMORY {
            return None;
        }
        let half = memory.len() / 2;
        let (near, far) = memory.split_at_mut(half);
        Some(Self { near: Desk::over(near), far: Desk::over(far) })
    }

    /// Forgets whatever a visit that was never left has put here.
    pub(crate) fn clear(&mut self) {
        self.near.clear();
        self.far.clear();
    }
}

impl Default for Scratch<'static> {
    fn default() -> Self {
        Self::new(Self::DEFAULT)
    }
}

/// One side's part of the scratch memory.
#[derive(Debug)]
pub(crate) struct Desk<'m> {
    pub(crate) window: Window<'m>,
    pub(crate) out: Out<'m>,
    /// A small buffer that circulates between here and the sessions: most visits of a busy session
    /// end in the middle of a record, and none of them shall allocate.
    spare: Vec<u8>,
}

impl<'m> Desk<'m> {
    fn new(window: Memory<'m>, out: Memory<'m>) -> Self {
        // Pieces that lie in the other side's window, which is as large as this one, and copies between them.
        let pieces = 2 * (window.len() / LEFT_IN_PLACE + 1);
        Self {
            window: Window { memory: window, head: 0, filled: 0, lent: 0..0 },
            out: Out { memory: out, taken: 0, queue: VecDeque::with_capacity(pieces) },
            spare: Vec::new(),
        }
    }

    fn over(memory: &'m mut [u8]) -> Self {
        let (window, out) = memory.split_at_mut(window_of(memory.len()));
        Self::new(Memory::Lent(window), Memory::Lent(out))
    }

    fn clear(&mut self) {
        self.window.clear();
        self.out.clear();
    }

    /// A copy of what is unread, in the spare buffer if that will do.
    pub(crate) fn copy_unread(&mut self) -> Vec<u8> {
        let unread = self.window.unread();
        let mut copy = core::mem::take(&mut self.spare);
        if copy.capacity() < unread.len() {
            copy = Vec::with_capacity(unread.len());
        }
        copy.extend_from_slice(unread);
        copy
    }

    /// Takes a buffer back that a session needs no longer.
    pub(crate) fn take_back(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= MAX_SPARE && buffer.capacity() > self.spare.capacity() {
            buffer.clear();
            self.spare = buffer;
        }
    }
}

/// What a record holds at least for it to leave from where it was opened. Shorter ones are copied together: a slice of its
/// own for each costs the system call more than the copy does (docs/performance.md).
pub(crate) const LEFT_IN_PLACE: usize = 8_192;

/// The largest buffer that is kept for the next session: a partial record fits.
const MAX_SPARE: usize = 2 * MAX_TLS_RECORD;

/// Where one side's bytes are read.
#[derive(Debug)]
pub(crate) struct Window<'m> {
    memory: Memory<'m>,
    head: usize,
    filled: usize,
    /// The room last lent, if it has not been filled since.
    lent: Range<usize>,
}

impl Window<'_> {
    /// Bytes read and not yet consumed.
    pub(crate) fn unread(&mut self) -> &mut [u8] {
        &mut self.memory[self.head..self.filled]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.head == self.filled
    }

    /// Where the unread bytes begin.
    pub(crate) fn head(&self) -> usize {
        self.head
    }

    pub(crate) fn consume(&mut self, n: usize) {
        self.head += n.min(self.filled - self.head);
    }

    /// Room for at most `most` new bytes behind what is unread, or behind `reserved` bytes that [`Window::filled`] will
    /// put before them. If what was consumed is `on_its_way` still, nothing moves, and the room may be empty.
    ///
    /// ```text
    ///   before  [ dead | partial | spare ]        after  [ partial | lent ... | spare ]
    /// ```
    pub(crate) fn lend(&mut self, reserved: usize, most: usize, on_its_way: bool) -> &mut [u8] {
        if self.head > 0 && !on_its_way {
            self.memory.copy_within(self.head..self.filled, 0);
            self.filled -= self.head;
            self.head = 0;
        }
        let start = self.filled.max(reserved).min(self.memory.len());
        let end = start.saturating_add(most).min(self.memory.len());
        self.lent = start..end;
        &mut self.memory[start..end]
    }

    /// `n` bytes have come into the room last lent, and `carry` goes before them. False if more came
    /// than was lent: what would then be taken for input is another session's.
    ///
    /// Whatever was consumed since the room was lent, the new bytes are taken from where they lie.
    pub(crate) fn filled(&mut self, carry: &[u8], n: usize) -> bool {
        let lent = core::mem::take(&mut self.lent);
        if n > lent.len() || carry.len() > lent.start {
            return false;
        }
        if self.is_empty() {
            self.head = lent.start - carry.len();
            self.memory[self.head..lent.start].copy_from_slice(carry);
        }
        self.filled = lent.start + n;
        true
    }

    /// Nothing may come into the room last lent.
    pub(crate) fn revoke(&mut self) {
        self.lent = 0..0;
    }

    /// How many bytes the room last lent could take.
    pub(crate) fn lent(&self) -> usize {
        self.lent.len()
    }

    pub(crate) fn clear(&mut self) {
        self.head = 0;
        self.filled = 0;
        self.lent = 0..0;
    }
}

/// Where bytes that leave at one side lie, and in which order.
#[derive(Debug)]
pub(crate) struct Out<'m> {
    memory: Memory<'m>,
    taken: usize,
    queue: VecDeque<Piece>,
}

/// Bytes on their way out.
#[derive(Debug, Clone)]
struct Piece {
    place: Place,
    range: Range<usize>,
}

/// Whose memory a piece lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The queue's own.
    Here,
    /// The other side's window.
    Window,
}

/// Bytes that one side hands to the other.
#[derive(Clone, Copy)]
pub(crate) struct Content<'a> {
    pub(crate) bytes: &'a [u8],
    /// Where in the first side's window they lie, if they do.
    pub(crate) at: Option<usize>,
}

impl Content<'_> {
    /// All but the first `n` bytes.
    pub(crate) fn skip(self, n: usize) -> Self {
        let n = n.min(self.bytes.len());
        Self { bytes: &self.bytes[n..], at: self.at.map(|at| at + n) }
    }
}

impl<'a> From<&'a [u8]> for Content<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self { bytes, at: None }
    }
}

impl Out<'_> {
    pub(crate) fn spare(&mut self) -> &mut [u8] {
        &mut self.memory[self.taken..]
    }

    pub(crate) fn free(&self) -> usize {
        self.memory.len() - self.taken
    }

    /// The first `n` spare bytes are now on their way.
    pub(crate) fn push(&mut self, n: usize) {
        let end = (self.taken + n).min(self.memory.len());
        self.append(Place::Here, self.taken..end);
        self.taken = end;
    }

    /// These bytes of the other side's window are now on their way.
    pub(crate) fn push_from_window(&mut self, range: Range<usize>) {
        self.append(Place::Window, range);
    }

    fn append(&mut self, place: Place, range: Range<usize>) {
        match self.queue.back_mut() {
            _ if range.is_empty() => {}
            Some(last) if last.place == place && last.range.end == range.start => {
                last.range.end = range.end;
            }
            _ => self.queue.push_back(Piece { place, range }),
        }
    }

    /// Whether anything on its way lies in the other side's window.
    pub(crate) fn lies_in_window(&self) -> bool {
        self.queue.iter().any(|piece| piece.place == Place::Window)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.iter().map(|piece| piece.range.len()).sum()
    }

    /// The bytes on their way, in order; `window` is the other side's.
    pub(crate) fn pieces<'a>(&'a self, window: &'a Window<'_>) -> Pieces<'a> {
        Pieces { here: &self.memory, window: &window.memory, queue: self.queue.iter() }
    }

    /// `n` bytes from the front have left. True if there were as many.
    pub(crate) fn written(&mut self, mut n: usize) -> bool {
        while let Some(first) = self.queue.front_mut() {
            let step = n.min(first.range.len());
            first.range.start += step;
            n -= step;
            if !first.range.is_empty() {
                break;
            }
            self.queue.pop_front();
        }
        if self.queue.is_empty() {
            self.taken = 0;
        }
        n == 0
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
        self.taken = 0;
    }
}

/// The bytes of a queue's pieces, in order.
#[derive(Clone)]
pub(crate) struct Pieces<'a> {
    here: &'a [u8],
    window: &'a [u8],
    queue: vec_deque::Iter<'a, Piece>,
}

impl fmt::Debug for Pieces<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pieces").field(&self.queue.len()).finish()
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let piece = self.queue.next()?;
        let memory = match piece.place {
            Place::Here => self.here,
            Place::Window => self.window,
        };
        Some(&memory[piece.range.clone()])
    }
}

enum Memory<'m> {
    Owned(Vec<u8>),
    Lent(&'m mut [u8]),
}

/// Nothing of what lies in it is shown.
impl fmt::Debug for Memory<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len())
    }
}

impl Deref for Memory<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Owned(memory) => memory,
            Self::Lent(memory) => memory,
        }
    }
}

impl DerefMut for Memory<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Owned(memory) => memory,
            Self::Lent(memory) => memory,
        }
    }
}

fn zeroed(len: usize) -> Vec<u8> {
    alloc::vec![0; len]
}

/// The out memory that takes all of a window's bytes, whether sealed (a record adds 29 bytes at most) or opened,
/// and leaves room for a record that TLS itself wants to say.
const fn out_for(window: usize) -> usize {
    window + (window / MAX_TLS_CONTENT + 2) * 32 + 2 * MAX_TLS_RECORD
}

/// The largest window `w` for which `w + out_for(w)` fits into `desk` bytes, within 512 bytes.
const fn window_of(desk: usize) -> usize {
    // out_for(w) <= w + w / 512 + 64 + 2 * MAX_TLS_RECORD
    desk.saturating_sub(64 + 2 * MAX_TLS_RECORD) / (2 * 512 + 1) * 512
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_and_its_out_fit_into_the_memory_lent() {
        for extra in [0, 1, 511, 4_096, 100_000, 3 << 20] {
            let desk = Scratch::MIN_MEMORY / 2 + extra;
            let window = window_of(desk);
            assert!(window + out_for(window) <= desk, "{desk}: {window}");
            assert!(window >= Scratch::MIN_WINDOW, "{desk}: {window}");
        }
    }

    #[test]
    fn memory_below_the_least_is_refused() {
        let mut memory = alloc::vec![0; Scratch::MIN_MEMORY];
        assert!(Scratch::over(&mut memory[1..]).is_none());
        assert!(Scratch::over(&mut memory).is_some());
    }

    #[test]
    fn more_than_was_lent_is_no_input() {
        let mut scratch = Scratch::new(0);
        let window = &mut scratch.far.window;
        assert_eq!(window.lend(0, 10, false).len(), 10);
        assert!(!window.filled(&[], 11));
        assert_eq!(window.lend(0, 10, false).len(), 10);
        assert!(window.filled(&[], 10));
        assert!(!window.filled(&[], 1), "room is lent once");
    }

    #[test]
    fn a_carry_lies_before_the_new_bytes() {
        let mut scratch = Scratch::new(0);
        let window = &mut scratch.far.window;
        window.lend(3, 2, false).copy_from_slice(b"de");
        assert!(window.filled(b"abc", 2));
        assert_eq!(window.unread(), b"abcde");
        window.consume(2);
        window.lend(0, 1, false)[0] = b'f';
        assert!(window.filled(&[], 1));
        assert_eq!(window.unread(), b"cdef");
    }

    #[test]
    fn what_is_consumed_between_lending_and_filling_does_not_move_the_new_bytes() {
        let mut scratch = Scratch::new(0);
        let window = &mut scratch.near.window;
        window.lend(0, 3, false).copy_from_slice(b"abc");
        assert!(window.filled(&[], 3));
        window.lend(0, 2, false).copy_from_slice(b"XY");
        window.consume(3);
        assert!(window.filled(&[], 2));
        assert_eq!(window.unread(), b"XY");
    }

    #[test]
    fn pieces_leave_in_order_and_room_comes_back() {
        let mut scratch = Scratch::new(0);
        let (out, window) = (&mut scratch.near.out, &scratch.far.window);
        let free = out.free();
        for part in [b"ab", b"cd"] {
            out.spare()[..2].copy_from_slice(part);
            out.push(2);
        }
        assert_eq!(out.pieces(window).collect::<Vec<_>>(), [b"abcd"]);
        assert!(out.written(3));
        assert_eq!(out.pieces(window).collect::<Vec<_>>(), [b"d"]);
        assert!(!out.written(2));
        assert_eq!(out.free(), free);
    }

    #[test]
    fn what_leaves_from_a_window_stays_where_it_lies() {
        let mut scratch = Scratch::new(0);
        let out = &mut scratch.near.out;
        let window = &mut scratch.far.window;
        window.lend(0, 6, false).copy_from_slice(b"hABCtd");
        assert!(window.filled(&[], 6));
        out.spare()[0] = b'>';
        out.push(1);
        out.push_from_window(window.head() + 1..window.head() + 4);
        window.consume(5);
        assert!(out.lies_in_window());
        window.lend(0, 1, true)[0] = b'e';
        assert!(window.filled(&[], 1));
        assert_eq!(out.pieces(window).collect::<Vec<_>>(), [&b">"[..], b"ABC"]);
        assert_eq!(window.unread(), b"de");
        assert!(out.written(4) && !out.lies_in_window());
        window.lend(0, 1, false)[0] = b'f';
        assert!(window.filled(&[], 1));
        assert_eq!(window.head(), 0);
        assert_eq!(window.unread(), b"def");
    }

    #[test]
    fn a_window_that_is_full_of_what_leaves_has_no_room() {
        let mut scratch = Scratch::new(0);
        let window = &mut scratch.far.window;
        let all = window.lend(0, usize::MAX, false).len();
        assert!(window.filled(&[], all));
        window.consume(all);
        assert!(window.lend(0, usize::MAX, true).is_empty());
        assert_eq!(window.lend(0, usize::MAX, false).len(), all);
    }
}
