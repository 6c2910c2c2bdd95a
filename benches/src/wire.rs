//! What client and device say to each other through the proxy, and the bytes that they check.

use std::io::{self, IoSlice, Write};

/// What a device says first to a console that has given its password.
pub(crate) const HELLO: &[u8; 12] = b"RFB 003.008\n";

/// A round trip's question, in bytes.
pub(crate) const QUESTION: usize = 64;
/// A round trip's answer, in bytes.
pub(crate) const ANSWER: usize = 1_024;

/// What the device says when an upload has come to its end whole.
pub(crate) const WHOLE: u8 = b'!';

/// Bytes of an [`Order`]: fewer than a command's, which begins with a letter that no order begins with.
pub(crate) const ORDER_LEN: usize = 16;

/// The client's first bytes (after the hello, if there is one): what the device is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Send so many bytes of the [`Pattern`], in records of that content.
    Down {
        /// Altogether.
        bytes: u64,
        /// Of one TLS record's content.
        record: u32,
    },
    /// Take and check so many bytes of the pattern, then say [`WHOLE`].
    Up {
        /// Altogether.
        bytes: u64,
    },
    /// Answer questions until the client leaves.
    Trips,
}

impl Order {
    pub(crate) fn encode(self) -> [u8; ORDER_LEN] {
        let (kind, bytes, record) = match self {
            Self::Down { bytes, record } => (b'D', bytes, record),
            Self::Up { bytes } => (b'U', bytes, 0),
            Self::Trips => (b'T', 0, 0),
        };
        let mut order = [0; ORDER_LEN];
        order[0] = kind;
        order[4..8].copy_from_slice(&record.to_le_bytes());
        order[8..].copy_from_slice(&bytes.to_le_bytes());
        order
    }

    pub(crate) fn decode(order: [u8; ORDER_LEN]) -> io::Result<Self> {
        let [kind, _, _, _, r0, r1, r2, r3, bytes @ ..] = order;
        let (bytes, record) = (u64::from_le_bytes(bytes), u32::from_le_bytes([r0, r1, r2, r3]));
        match kind {
            b'D' if record > 0 => Ok(Self::Down { bytes, record }),
            b'U' => Ok(Self::Up { bytes }),
            b'T' => Ok(Self::Trips),
            _ => Err(invalid("an order that there is not")),
        }
    }
}

/// How much client and device send or take with one call.
pub(crate) const BATCH: usize = 256 * 1024;

/// Endless bytes that tell their own place: a byte lost, doubled or moved shows. Its period is a prime, so that a buffer or
/// a record delivered twice shows too; and short, so that making and checking it leaves the caches to the proxy.
#[derive(Debug)]
pub(crate) struct Pattern(Vec<u8>);

impl Pattern {
    /// The most that lies together: a TLS record's content.
    pub(crate) const MOST: usize = 16 * 1024;
    const PERIOD: usize = 16_381;

    pub(crate) fn new() -> Self {
        let mut state = 1_u32;
        let mut period = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        let mut bytes: Vec<u8> = (0..Self::PERIOD).map(|_| period()).collect();
        bytes.extend_from_within(..);
        bytes.extend_from_within(..Self::MOST - Self::PERIOD);
        Self(bytes)
    }

    /// Its bytes at a place; at most [`Pattern::MOST`].
    pub(crate) fn at(&self, place: u64, length: usize) -> &[u8] {
        let start = (place % Self::PERIOD as u64) as usize;
        &self.0[start..start + length]
    }

    /// Its bytes from a place on, in parts of at most `most`, which is no more than [`Pattern::MOST`].
    pub(crate) fn parts(
        &self,
        place: u64,
        length: usize,
        most: usize,
    ) -> impl Iterator<Item = &[u8]> {
        (0..length)
            .step_by(most)
            .map(move |past| self.at(place + past as u64, most.min(length - past)))
    }

    /// That these are its bytes at this place.
    pub(crate) fn check(&self, place: u64, bytes: &[u8]) -> io::Result<()> {
        if self.parts(place, bytes.len(), Self::MOST).eq(bytes.chunks(Self::MOST)) {
            return Ok(());
        }
        Err(invalid(&format!("wrong bytes within {} after place {place}", bytes.len())))
    }
}

pub(crate) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Writes all the parts, with as few calls as it takes.
pub(crate) fn write_parts<'a>(
    to: &mut impl Write,
    parts: impl Iterator<Item = &'a [u8]>,
) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = parts.map(IoSlice::new).collect();
    let mut slices = &mut slices[..];
    while !slices.is_empty() {
        match to.write_vectored(slices)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => IoSlice::advance_slices(&mut slices, n),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_come_out_as_they_went_in_and_no_command_is_one() {
        for order in
            [Order::Down { bytes: 1 << 40, record: 16_384 }, Order::Up { bytes: 77 }, Order::Trips]
        {
            assert_eq!(Order::decode(order.encode()).unwrap(), order);
        }
        assert!(Order::decode(*b"PROCYCMD PW_0011").is_err());
        assert!(Order::decode(Order::Down { bytes: 1, record: 0 }.encode()).is_err());
    }

    #[test]
    fn a_byte_lost_doubled_or_changed_shows() {
        let pattern = Pattern::new();
        let far = 7 * Pattern::PERIOD as u64 + 16_000;
        let bytes: Vec<u8> = pattern.parts(far, BATCH, 5_000).flatten().copied().collect();
        assert!(pattern.check(far, &bytes).is_ok());
        assert_eq!(pattern.at(far + 1_000, 50), &bytes[1_000..1_050]);
        for shift in [1, 16_384, 65_536, 1 << 20] {
            assert!(pattern.check(far + shift, &bytes[..1_024]).is_err(), "shifted by {shift}");
        }
        let mut changed = bytes;
        changed[200_000] ^= 1;
        assert!(pattern.check(far, &changed).is_err());
    }
}
