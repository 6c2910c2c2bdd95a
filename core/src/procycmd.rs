//! The command that hands a device its one-time password: `PROCYCMD PW_<uuid>` (Secure VNC
//! procedure, step 8).
//!
//! It is the first and only thing a console says inside the TLS connection before the RFB hello.
//! No document shows a terminator, and one device-side reader is known to take the spelling
//! `PROXYCMD`; so [`Style`] chooses both on the console's side, and [`Decoder`] and [`Trailer`]
//! take every variant on the device's side.
//!
//! Whether the command may be sent is not decided here: this is a codec over slices.

use core::fmt;

use zeroize::{Zeroize, Zeroizing};

use crate::credential::Password;

/// Bytes of the verb; both spellings have the same length.
const VERB_LEN: usize = 8;
/// What stands between the verb and the password.
const PREFIX: &[u8; 4] = b" PW_";
/// Where the password begins.
const PASSWORD_AT: usize = VERB_LEN + PREFIX.len();
/// Bytes of a password: 8-4-4-4-12 hexadecimal digits and four hyphens.
const PASSWORD_LEN: usize = 36;

/// Bytes of a command without its terminator: all that a [`Decoder`] ever takes.
pub const COMMAND_LEN: usize = PASSWORD_AT + PASSWORD_LEN;
/// Bytes of the longest command, terminator included.
pub const MAX_COMMAND_LEN: usize = COMMAND_LEN + 2;

/// The spelling of the command's first word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `PROCYCMD`: as every vendor document has it.
    #[default]
    Procycmd,
    /// `PROXYCMD`: as the only code known to have spoken with real devices has it.
    Proxycmd,
}

impl Verb {
    /// The eight bytes on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Procycmd => "PROCYCMD",
            Self::Proxycmd => "PROXYCMD",
        }
    }

    /// The other spelling: what to try next when a device closes before its hello.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Procycmd => Self::Proxycmd,
            Self::Proxycmd => Self::Procycmd,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What follows the password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Terminator {
    /// Nothing: as documented.
    #[default]
    None,
    /// A line feed.
    Lf,
    /// A carriage return and a line feed.
    Crlf,
    /// A zero byte.
    Nul,
}

impl Terminator {
    /// The bytes on the wire: none, one or two.
    pub const fn as_bytes(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::Lf => b"\n",
            Self::Crlf => b"\r\n",
            Self::Nul => b"\0",
        }
    }
}

/// How a command is written; the default is the documented form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Style {
    /// The spelling of the first word.
    pub verb: Verb,
    /// What follows the password.
    pub terminator: Terminator,
}

/// An encoded command, ready to be sent in one TLS record. Zeroized on drop; `Debug` shows nothing
/// of the password.
pub struct Command {
    bytes: Zeroizing<[u8; MAX_COMMAND_LEN]>,
    len: usize,
}

impl Command {
    /// The whole command, terminator included: 48 to [`MAX_COMMAND_LEN`] bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn push(&mut self, part: &[u8]) {
        // The parts' lengths are fixed by their types and add up to MAX_COMMAND_LEN at most; `zip`
        // rather than an index, so that not even a mistake here could panic.
        let free = self.bytes.iter_mut().skip(self.len);
        self.len += free.zip(part).map(|(to, from)| *to = *from).count();
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command").field("len", &self.len).finish_non_exhaustive()
    }
}

/// Writes the command that offers `password` (step 8).
pub fn encode(style: Style, password: &Password) -> Command {
    let mut command = Command { bytes: Zeroizing::new([0; MAX_COMMAND_LEN]), len: 0 };
    command.push(style.verb.as_str().as_bytes());
    command.push(PREFIX);
    command.push(password.expose().as_bytes());
    command.push(style.terminator.as_bytes());
    command
}

/// What a console offered: the device asks its UMS about the password (steps 9 to 11).
#[derive(Debug)]
pub struct Offer {
    /// The spelling that the console used.
    pub verb: Verb,
    /// The one-time password, in the form it came.
    pub password: Password,
}

/// Why bytes are no command. Never holds any of the bytes: they may be part of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The peer's first words are not `PROCYCMD PW_` or `PROXYCMD PW_`.
    #[error("the peer's first bytes are no PROCYCMD command (byte {at} does not belong)")]
    NotACommand {
        /// Offset of the byte that cannot belong, from the first byte of the stream.
        at: usize,
    },
    /// What follows `PW_` is not 8-4-4-4-12 hexadecimal digits.
    #[error(
        "the peer's password is not 8-4-4-4-12 hexadecimal digits (byte {at} of the command does \
         not belong)"
    )]
    NotAPassword {
        /// Offset of the byte that cannot belong, from the first byte of the stream.
        at: usize,
    },
}

/// Reads one command from a stream in whatever pieces it comes.
///
/// It judges every byte as it comes and fails at the first that cannot belong, so it never holds
/// more than a password's 36 bytes, and the answer does not depend on where the pieces are cut.
/// After an answer it holds nothing and takes nothing more. What follows the command belongs to
/// [`Trailer`] first.
#[derive(Default)]
pub struct Decoder {
    password: Zeroizing<PasswordBytes>,
    verb: Verb,
    taken: usize,
    answered: bool,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes up to the end of the command, or up to and with the first that cannot belong.
    ///
    /// Returns how many of `bytes` it took, and the answer once there is one. Without an answer it
    /// took all of them; after the answer it takes none.
    pub fn feed(&mut self, bytes: &[u8]) -> (usize, Option<Result<Offer, CommandError>>) {
        if self.answered {
            return (0, None);
        }
        for (index, byte) in bytes.iter().enumerate() {
            let answer = match self.take(*byte) {
                Err(error) => Err(error),
                Ok(()) if self.taken == COMMAND_LEN => self.offer(),
                Ok(()) => continue,
            };
            self.answered = true;
            self.password.0.zeroize();
            return (index + 1, Some(answer));
        }
        (bytes.len(), None)
    }

    /// How many bytes it took so far: what to report when the peer leaves in the middle.
    pub const fn taken(&self) -> usize {
        self.taken
    }

    fn take(&mut self, byte: u8) -> Result<(), CommandError> {
        let at = self.taken;
        if let Some(slot) = at.checked_sub(PASSWORD_AT).and_then(|n| self.password.0.get_mut(n)) {
            let fits = match at - PASSWORD_AT {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            };
            if !fits {
                return Err(CommandError::NotAPassword { at });
            }
            *slot = byte;
        } else {
            let spelt = |verb: Verb| verb.as_str().bytes().chain(*PREFIX).nth(at) == Some(byte);
            if !spelt(self.verb) {
                // The spellings differ in one byte only: there the other one may be meant, and
                // everywhere else a byte that does not fit one fits neither.
                if !spelt(self.verb.other()) {
                    return Err(CommandError::NotACommand { at });
                }
                self.verb = self.verb.other();
            }
        }
        self.taken += 1;
        Ok(())
    }

    fn offer(&self) -> Result<Offer, CommandError> {
        // The form was judged byte by byte; the credential's own rule still has the last word.
        let invalid = CommandError::NotAPassword { at: PASSWORD_AT };
        let text = core::str::from_utf8(&self.password.0).map_err(|_| invalid)?;
        let password = Password::parse(text).map_err(|_| invalid)?;
        Ok(Offer { verb: self.verb, password })
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("taken", &self.taken).finish_non_exhaustive()
    }
}

/// The password's bytes so far (arrays of this length have no `Default`).
struct PasswordBytes([u8; PASSWORD_LEN]);

impl Default for PasswordBytes {
    fn default() -> Self {
        Self([0; PASSWORD_LEN])
    }
}

impl Zeroize for PasswordBytes {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

/// Takes at most one terminator (CR LF, CR, LF or NUL) from the front of what follows a command.
///
/// A console that sends one must not have it relayed to the desktop. It may come with the command,
/// later, in two pieces or never; what a viewer says after it begins with `RFB` and is never
/// mistaken for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trailer(Expect);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expect {
    #[default]
    Any,
    LineFeed,
    Nothing,
}

impl Trailer {
    /// Awaits a terminator right after the command.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes to skip at the front of `bytes`: 0 to 2. Call it with each piece, in order,
    /// until [`Trailer::is_done`]; later calls answer 0.
    pub fn strip(&mut self, bytes: &[u8]) -> usize {
        let mut skipped = 0;
        for byte in bytes {
            self.0 = match (self.0, byte) {
                (Expect::Any, b'\r') => Expect::LineFeed,
                (Expect::Any, b'\n' | b'\0') | (Expect::LineFeed, b'\n') => Expect::Nothing,
                _ => {
                    self.0 = Expect::Nothing;
                    break;
                }
            };
            skipped += 1;
        }
        skipped
    }

    /// Whether no byte to come can belong to the terminator any more.
    pub fn is_done(&self) -> bool {
        self.0 == Expect::Nothing
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "6ce714ad-6629-4296-a676-1c0ca5f4689c";
    const FORM: &str = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";

    fn password() -> Password {
        Password::parse(UUID).unwrap()
    }

    fn style() -> impl Strategy<Value = Style> {
        use Terminator::*;
        (
            prop_oneof![Just(Verb::Procycmd), Just(Verb::Proxycmd)],
            prop_oneof![Just(None), Just(Lf), Just(Crlf), Just(Nul)],
        )
            .prop_map(|(verb, terminator)| Style { verb, terminator })
    }

    type Seen = (usize, Option<Result<(Verb, String), CommandError>>);

    /// Everything that a decoder says about `bytes` cut at `cuts`, flattened for comparison.
    fn decode_cut(bytes: &[u8], cuts: &[usize]) -> Seen {
        let mut decoder = Decoder::new();
        let (mut total, mut answer) = (0, Option::None);
        for piece in pieces(bytes, cuts) {
            let (taken, now) = decoder.feed(piece);
            total += taken;
            match now {
                Some(now) => {
                    assert!(answer.is_none(), "answered twice");
                    answer = Some(now.map(|o| (o.verb, o.password.expose().into())));
                }
                Option::None if answer.is_none() => assert_eq!(taken, piece.len()),
                Option::None => assert_eq!(taken, 0),
            }
        }
        (total, answer)
    }

    fn pieces<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        let mut from = 0;
        ends.into_iter().map(|to| &bytes[core::mem::replace(&mut from, to)..to]).collect()
    }

    #[test]
    fn the_default_is_the_documented_form() {
        let command = encode(Style::default(), &password());
        assert_eq!(command.as_bytes(), b"PROCYCMD PW_6ce714ad-6629-4296-a676-1c0ca5f4689c");
        assert_eq!(command.as_bytes().len(), COMMAND_LEN);
    }

    #[test]
    fn verb_and_terminator_are_configurable() {
        let style = Style { verb: Verb::Proxycmd, terminator: Terminator::Crlf };
        let command = encode(style, &password());
        assert_eq!(command.as_bytes(), format!("PROXYCMD PW_{UUID}\r\n").as_bytes());
        assert_eq!(command.as_bytes().len(), MAX_COMMAND_LEN);
    }

    #[test]
    fn each_verb_is_shown_as_it_is_spelt_and_is_the_others_other() {
        for (verb, spelt) in [(Verb::Procycmd, "PROCYCMD"), (Verb::Proxycmd, "PROXYCMD")] {
            assert_eq!(format!("{verb}"), spelt);
            assert_ne!(verb.other(), verb);
            assert_eq!(verb.other().other(), verb);
        }
    }

    #[test]
    fn debug_shows_nothing_of_the_password() {
        let command = encode(Style::default(), &password());
        let mut decoder = Decoder::new();
        let (_, none) = decoder.feed(&command.as_bytes()[..40]);
        assert!(none.is_none());
        let halfway = format!("{decoder:?}");
        let (_, offer) = decoder.feed(&command.as_bytes()[40..]);
        for shown in [format!("{command:?}"), halfway, format!("{offer:?} {decoder:?}")] {
            for part in UUID.split('-') {
                assert!(!shown.contains(part), "{shown}");
            }
            assert!(!shown.contains("54, 99, 101"), "bytes of the password in {shown}");
        }
    }

    #[test]
    fn an_error_shows_nothing_of_the_password() {
        let wire = format!("PROCYCMD PW_{}", UUID.replace('9', "z"));
        let (_, answer) = Decoder::new().feed(wire.as_bytes());
        let error = answer.unwrap().unwrap_err();
        assert_eq!(error, CommandError::NotAPassword { at: 24 });
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("6ce7") && !shown.contains('z'), "{shown}");
        let (_, answer) = Decoder::new().feed(b"RFB 003.008");
        assert_eq!(answer.unwrap().unwrap_err(), CommandError::NotACommand { at: 0 });
    }

    #[test]
    fn the_buffer_is_wiped_with_the_answer() {
        for wire in [format!("PROCYCMD PW_{UUID}"), format!("PROCYCMD PW_{}!", &UUID[..30])] {
            let mut decoder = Decoder::new();
            assert!(decoder.feed(wire.as_bytes()).1.is_some());
            assert_eq!(decoder.password.0, [0; PASSWORD_LEN]);
        }
    }

    #[test]
    fn every_single_wrong_byte_is_refused_where_it_stands() {
        let good = format!("PROCYCMD PW_{UUID}");
        for at in 0..COMMAND_LEN {
            for byte in 0..=u8::MAX {
                let mut wire = good.clone().into_bytes();
                wire[at] = byte;
                let fits = match at {
                    3 => matches!(byte, b'C' | b'X'),
                    0..PASSWORD_AT | 20 | 25 | 30 | 35 => byte == good.as_bytes()[at],
                    _ => byte.is_ascii_hexdigit(),
                };
                let expected = match at {
                    _ if fits => Ok(()),
                    0..PASSWORD_AT => Err(CommandError::NotACommand { at }),
                    _ => Err(CommandError::NotAPassword { at }),
                };
                let (taken, answer) = Decoder::new().feed(&wire);
                assert_eq!(answer.unwrap().map(drop), expected);
                assert_eq!(taken, if fits { COMMAND_LEN } else { at + 1 });
            }
        }
    }

    #[test]
    fn a_command_cut_short_has_no_answer_yet() {
        let wire = format!("PROXYCMD PW_{UUID}");
        let mut decoder = Decoder::new();
        let (taken, answer) = decoder.feed(&wire.as_bytes()[..47]);
        assert!(taken == 47 && answer.is_none() && decoder.taken() == 47);
    }

    #[test]
    fn at_most_one_terminator_is_stripped() {
        for (bytes, skipped) in [
            (&b"RFB 003.008\n"[..], 0),
            (b"\nRFB", 1),
            (b"\rRFB", 1),
            (b"\r\nRFB", 2),
            (b"\0RFB", 1),
            (b"\n\nRFB", 1),
            (b"\n\r\nRFB", 1),
            (b"\r\r\nRFB", 1),
            (b"\r\0RFB", 1),
            (b"\0\nRFB", 1),
        ] {
            let mut trailer = Trailer::new();
            assert_eq!(trailer.strip(bytes), skipped, "{}", bytes.escape_ascii());
            assert!(trailer.is_done());
            assert_eq!(trailer.strip(b"\n"), 0);
        }
    }

    #[test]
    fn the_trailer_waits_while_a_terminator_can_still_come() {
        let mut trailer = Trailer::new();
        assert_eq!(trailer.strip(b""), 0);
        assert!(!trailer.is_done());
        assert_eq!(trailer.strip(b"\r"), 1);
        assert!(!trailer.is_done());
        assert_eq!(trailer.strip(b"\n"), 1);
        assert!(trailer.is_done());
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_in_any_pieces(
            style in style(),
            uuid in FORM,
            rest in "[RFB0-9 ]{0,4}",
            cuts in prop::collection::vec(0usize..64, 0..8),
        ) {
            let command = encode(style, &Password::parse(&uuid).unwrap());
            let mut wire = command.as_bytes().to_vec();
            wire.extend_from_slice(rest.as_bytes());

            let mut decoder = Decoder::new();
            let mut trailer = Trailer::new();
            let (mut offer, mut relayed) = (None, Vec::new());
            for mut piece in pieces(&wire, &cuts) {
                if offer.is_none() {
                    let (taken, answer) = decoder.feed(piece);
                    piece = &piece[taken..];
                    offer = answer.map(|answer| answer.unwrap());
                }
                if offer.is_some() {
                    relayed.extend_from_slice(&piece[trailer.strip(piece)..]);
                }
            }
            let offer = offer.unwrap();
            prop_assert_eq!(offer.verb, style.verb);
            prop_assert_eq!(offer.password.expose(), uuid.as_str());
            prop_assert_eq!(relayed, rest.as_bytes());
        }

        #[test]
        fn any_split_of_any_bytes_gives_the_same_answer(
            at in 0usize..48,
            tail in prop::collection::vec(any::<u8>(), 0..60),
            cuts in prop::collection::vec(0usize..128, 0..8),
        ) {
            let mut wire = encode(Style::default(), &password()).as_bytes()[..at].to_vec();
            wire.extend(tail);
            prop_assert_eq!(decode_cut(&wire, &cuts), decode_cut(&wire, &[]));
        }
    }
}
