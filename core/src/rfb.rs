//! The first words of RFB (RFC 6143): recognizing a server's hello, and telling a viewer in its own
//! protocol why there will be no session.
//!
//! Nothing after the hello is looked at: from there on procy relays.

use alloc::vec::Vec;
use core::fmt;

/// Bytes of a hello: `RFB ddd.ddd\n` (RFC 6143, 7.1.1).
pub const HELLO_LEN: usize = 12;
/// Most bytes of the reason in [`connection_failure`].
pub const MAX_REASON: usize = 512;

/// A protocol version as a hello states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u16,
    minor: u16,
}

impl Version {
    /// 3.3, the oldest; what [`connection_failure`] speaks.
    pub const V3_3: Self = Self { major: 3, minor: 3 };
    /// 3.8, the newest, which the devices speak.
    pub const V3_8: Self = Self { major: 3, minor: 8 };

    /// A version, if both numbers have at most three digits.
    pub const fn new(major: u16, minor: u16) -> Option<Self> {
        if major < 1000 && minor < 1000 { Some(Self { major, minor }) } else { None }
    }

    /// The number before the point: 0 to 999.
    pub const fn major(self) -> u16 {
        self.major
    }

    /// The number after the point: 0 to 999.
    pub const fn minor(self) -> u16 {
        self.minor
    }

    /// The hello that states this version.
    pub const fn hello_bytes(self) -> [u8; HELLO_LEN] {
        let [a, b, c] = digits(self.major);
        let [d, e, f] = digits(self.minor);
        [b'R', b'F', b'B', b' ', a, b, c, b'.', d, e, f, b'\n']
    }
}

impl fmt::Display for Version {
    /// As on the wire: `003.008`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03}.{:03}", self.major, self.minor)
    }
}

/// A peer's bytes, no more than a hello's, kept to be shown to a person. `Display` escapes
/// whatever could disturb a terminal or a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown {
    bytes: [u8; HELLO_LEN],
    len: usize,
}

impl Shown {
    /// The bytes as they came.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What came is no RFB hello. The peer's fault, or the port belongs to something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer sent {shown} where an RFB hello (\"RFB 003.008\\n\") was due")]
pub struct NotRfb {
    shown: Shown,
}

impl NotRfb {
    /// What came, from the first byte up to and with the first that cannot belong to a hello; so it is the same however
    /// the bytes were cut. No more of it: who has just been sent a password may say it back.
    pub const fn shown(&self) -> &Shown {
        &self.shown
    }
}

/// Recognizes a hello in whatever pieces it comes.
///
/// It judges every byte as it comes and fails at the first that cannot belong, so the answer does
/// not depend on where the pieces are cut, and a peer that talks something else is found out by its
/// first wrong byte. It takes none of the bytes after its answer.
#[derive(Clone, Debug, Default)]
pub struct HelloScanner {
    bytes: [u8; HELLO_LEN],
    len: usize,
    answered: bool,
}

impl HelloScanner {
    /// A scanner at the start of what a server says.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes up to the end of the hello, or up to and with the first that cannot belong.
    ///
    /// Returns how many of `bytes` it took, and the answer once there is one. Without an answer it
    /// took all of them; after the answer it takes none.
    pub fn feed(&mut self, bytes: &[u8]) -> (usize, Option<Result<Version, NotRfb>>) {
        if self.answered {
            return (0, None);
        }
        for (index, byte) in bytes.iter().enumerate() {
            let fits = self.take(*byte);
            if fits && self.len < HELLO_LEN {
                continue;
            }
            self.answered = true;
            let answer = if fits { Ok(self.version()) } else { Err(self.not_rfb()) };
            return (index + 1, Some(answer));
        }
        (bytes.len(), None)
    }

    /// Keeps the byte and says whether it belongs.
    fn take(&mut self, byte: u8) -> bool {
        let due = self.bytes.iter_mut().zip(b"RFB 000.000\n").nth(self.len);
        let Some((slot, due)) = due else { return false };
        *slot = byte;
        self.len += 1;
        if *due == b'0' { byte.is_ascii_digit() } else { byte == *due }
    }

    fn version(&self) -> Version {
        let [_, _, _, _, a, b, c, _, d, e, f, _] = self.bytes;
        Version { major: number([a, b, c]), minor: number([d, e, f]) }
    }

    fn not_rfb(&self) -> NotRfb {
        NotRfb { shown: Shown { bytes: self.bytes, len: self.len } }
    }
}

/// What to send to a viewer in place of a server's hello, so that the person at it reads why there
/// is no session: an RFB 3.3 connection failure (RFC 6143, 7.1.2 and appendix A.1).
///
/// It is the hello `RFB 003.003\n`, the security type 0 (invalid), and the reason with its length.
/// In 3.3 the server alone decides the security type, so all of it goes out at once, without
/// waiting for the viewer's version; close after it. Newer versions would first ask the viewer.
///
/// The reason is cut after [`MAX_REASON`] bytes. White space becomes a space, and whatever is not
/// printable ASCII or Latin-1 a question mark: a reason may quote a peer, and viewers show it raw.
pub fn connection_failure(reason: &str) -> Vec<u8> {
    const INVALID: u32 = 0;
    let reason: Vec<u8> = reason.chars().take(MAX_REASON).map(printable).collect();
    // MAX_REASON fits in 32 bits.
    let len = reason.len() as u32;
    let mut message = Vec::with_capacity(HELLO_LEN + 8 + reason.len());
    message.extend_from_slice(&Version::V3_3.hello_bytes());
    message.extend_from_slice(&INVALID.to_be_bytes());
    message.extend_from_slice(&len.to_be_bytes());
    message.extend_from_slice(&reason);
    message
}

fn printable(character: char) -> u8 {
    match character {
        ' '..='~' | '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{ff}' => character as u8,
        _ if character.is_whitespace() => b' ',
        _ => b'?',
    }
}

const fn digits(number: u16) -> [u8; 3] {
    [b'0' + (number / 100 % 10) as u8, b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

fn number(digits: [u8; 3]) -> u16 {
    digits.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit & 0x0f))
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    type Answer = Option<Result<Version, NotRfb>>;

    fn scan_cut(bytes: &[u8], cuts: &[usize]) -> (usize, Answer) {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
        ends.push(bytes.len());
        ends.sort_unstable();
        let (mut scanner, mut from, mut total, mut answer) = (HelloScanner::new(), 0, 0, None);
        for to in ends {
            let (taken, now) = scanner.feed(&bytes[core::mem::replace(&mut from, to)..to]);
            assert!(answer.is_none() || (taken, &now) == (0, &None), "took after its answer");
            total += taken;
            answer = answer.or(now);
        }
        (total, answer)
    }

    fn refused(bytes: &[u8]) -> NotRfb {
        HelloScanner::new().feed(bytes).1.unwrap().unwrap_err()
    }

    #[test]
    fn a_hello_is_recognized_and_what_follows_is_left() {
        let (taken, answer) = HelloScanner::new().feed(b"RFB 003.008\n\x01\x02");
        assert_eq!((taken, answer), (12, Some(Ok(Version::V3_8))));
        assert_eq!(format!("{}", Version::V3_8), "003.008");
    }

    #[test]
    fn every_single_wrong_byte_is_refused_where_it_stands() {
        let good = Version::V3_8.hello_bytes();
        for at in 0..HELLO_LEN {
            for byte in 0..=u8::MAX {
                let mut wire = good;
                wire[at] = byte;
                let digit = matches!(at, 4..=6 | 8..=10);
                let fits = if digit { byte.is_ascii_digit() } else { byte == good[at] };
                let (taken, answer) = HelloScanner::new().feed(&wire);
                match answer.unwrap() {
                    Ok(version) => assert!(fits && version.hello_bytes() == wire && taken == 12),
                    Err(error) => {
                        assert!(!fits && taken == at + 1);
                        assert_eq!(error.shown().as_bytes(), &wire[..=at]);
                    }
                }
            }
        }
    }

    #[test]
    fn what_came_instead_is_shown_escaped_and_bounded() {
        let error = refused(b"RFB \x1b[2J");
        assert_eq!(error.shown().as_bytes(), b"RFB \x1b");
        assert!(format!("{error}").contains(r#""RFB \x1b""#), "{error}");
    }

    #[test]
    fn a_failure_is_an_rfb_3_3_message() {
        assert_eq!(connection_failure("no"), b"RFB 003.003\n\0\0\0\0\0\0\0\x02no");
    }

    #[test]
    fn a_failure_carries_printable_latin_1_only() {
        let message = connection_failure("a\tb\nc\u{1b}[0m\u{7f}\u{85}\u{9b}Gerät \u{ad}€\u{a0}.");
        assert_eq!(&message[20..], b"a b c?[0m? ?Ger\xe4t ?? .");
    }

    #[test]
    fn versions_have_three_digits() {
        assert_eq!(Version::new(1000, 0), None);
        assert_eq!(Version::new(0, 1000), None);
        let version = Version::new(3, 889).unwrap();
        assert_eq!((version.major(), version.minor()), (3, 889));
    }

    proptest! {
        #[test]
        fn any_split_of_any_bytes_gives_the_same_answer(
            good in 0usize..=12,
            tail in prop::collection::vec(any::<u8>(), 0..20),
            cuts in prop::collection::vec(0usize..64, 0..6),
        ) {
            let mut wire = Version::V3_8.hello_bytes()[..good].to_vec();
            wire.extend(tail);
            prop_assert_eq!(scan_cut(&wire, &cuts), scan_cut(&wire, &[]));
        }

        #[test]
        fn every_version_comes_through_in_any_pieces(
            major in 0u16..1000,
            minor in 0u16..1000,
            cuts in prop::collection::vec(0usize..13, 0..6),
        ) {
            let version = Version::new(major, minor).unwrap();
            let wire = version.hello_bytes();
            let text = format!("RFB {version}\n");
            prop_assert_eq!(&wire[..], text.as_bytes());
            let (taken, answer) = scan_cut(&wire, &cuts);
            prop_assert_eq!((taken, answer), (HELLO_LEN, Some(Ok(version))));
        }

        #[test]
        fn a_failure_is_well_formed_whatever_the_reason(reason in any::<String>(), times in 1usize..40) {
            let message = connection_failure(&reason.repeat(times));
            let (head, text) = message.split_at(20);
            prop_assert_eq!(&head[..16], b"RFB 003.003\n\0\0\0\0");
            prop_assert_eq!(u32::from_be_bytes(head[16..].try_into().unwrap()) as usize, text.len());
            prop_assert!(text.len() <= MAX_REASON);
            prop_assert!(text.iter().all(|b| matches!(b, b' '..=b'~' | 0xa1..)));
        }
    }
}
