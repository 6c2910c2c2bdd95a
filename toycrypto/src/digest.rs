//! The mixer that everything else is made of, and rustls' `Hash` and `Hmac` over it.

use rustls::crypto::{hash, hmac};

/// Bytes of a digest: those of SHA-256, whose name it borrows.
pub(crate) const DIGEST_LEN: usize = 32;

/// Arbitrary odd constants with their bits well spread (the fractional part of the golden ratio,
/// and splitmix64's two multipliers).
const ADD: u64 = 0x9e37_79b9_7f4a_7c15;
const MUL_A: u64 = 0xbf58_476d_1ce4_e5b9;
const MUL_B: u64 = 0x94d0_49bb_1331_11eb;
/// Rounds after the last byte: enough for it to reach every bit of the result.
const FINAL_ROUNDS: usize = 12;

/// What a digest is for, so that no two uses can meet.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    Hash = 1,
    Hmac,
    Record,
    PublicKey,
    Signature,
    Identity,
}

/// A running digest of a stream of bytes; where the pieces are cut does not matter.
///
/// Each round is a permutation of the state for every word absorbed, so two streams that differ in
/// one word never have the same digest.
#[derive(Clone)]
pub(crate) struct Digest {
    state: [u64; 4],
    /// The word being filled, `len % 8` bytes of it.
    word: u64,
    len: u64,
}

impl Digest {
    pub(crate) fn new(purpose: Purpose) -> Self {
        Self { state: [purpose as u64, ADD, MUL_A, MUL_B], word: 0, len: 0 }
    }

    /// The digest of `parts`, one after another.
    pub(crate) fn of(purpose: Purpose, parts: &[&[u8]]) -> [u8; DIGEST_LEN] {
        let mut digest = Self::new(purpose);
        for part in parts {
            digest.update(part);
        }
        digest.finish()
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let held = (self.len % 8) as usize;
        self.len = self.len.wrapping_add(bytes.len() as u64);

        let (head, bytes) = bytes.split_at(((8 - held) % 8).min(bytes.len()));
        for (index, byte) in head.iter().enumerate() {
            self.word |= u64::from(*byte) << (8 * (held + index));
        }
        if held > 0 && held + head.len() == 8 {
            self.absorb(self.word);
            self.word = 0;
        }
        let (words, tail) = bytes.as_chunks();
        for word in words {
            self.absorb(u64::from_le_bytes(*word));
        }
        for (index, byte) in tail.iter().enumerate() {
            self.word |= u64::from(*byte) << (8 * index);
        }
    }

    /// Updates with something of variable length in front of something else.
    pub(crate) fn update_with_len(&mut self, bytes: &[u8]) {
        self.update(&(bytes.len() as u64).to_le_bytes());
        self.update(bytes);
    }

    pub(crate) fn finish(self) -> [u8; DIGEST_LEN] {
        let mut bytes = [0; DIGEST_LEN];
        for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(self.finish_words()) {
            *to = word.to_le_bytes();
        }
        bytes
    }

    pub(crate) fn finish_words(mut self) -> [u64; 4] {
        self.absorb(self.word);
        self.absorb(self.len);
        for _ in 0..FINAL_ROUNDS {
            self.absorb(0);
        }
        self.state
    }

    fn absorb(&mut self, word: u64) {
        let [a, b, c, d] = self.state;
        let a = (a ^ word).wrapping_add(ADD).wrapping_mul(MUL_A);
        let a = a ^ (a >> 32);
        let b = b.wrapping_add(a).rotate_left(29).wrapping_mul(MUL_B);
        self.state = [b, c, d ^ b, a];
    }
}

/// The toy under the name of SHA-256.
pub(crate) struct ToyHash;

impl hash::Hash for ToyHash {
    fn start(&self) -> Box<dyn hash::Context> {
        Box::new(HashContext(Digest::new(Purpose::Hash)))
    }

    fn hash(&self, data: &[u8]) -> hash::Output {
        hash::Output::new(&Digest::of(Purpose::Hash, &[data]))
    }

    fn output_len(&self) -> usize {
        DIGEST_LEN
    }

    fn algorithm(&self) -> hash::HashAlgorithm {
        hash::HashAlgorithm::SHA256
    }
}

struct HashContext(Digest);

impl hash::Context for HashContext {
    fn fork_finish(&self) -> hash::Output {
        hash::Output::new(&self.0.clone().finish())
    }

    fn fork(&self) -> Box<dyn hash::Context> {
        Box::new(Self(self.0.clone()))
    }

    fn finish(self: Box<Self>) -> hash::Output {
        hash::Output::new(&self.0.finish())
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }
}

/// The toy under the name of HMAC-SHA-256: the key goes in first.
pub(crate) struct ToyHmac;

impl hmac::Hmac for ToyHmac {
    fn with_key(&self, key: &[u8]) -> Box<dyn hmac::Key> {
        let mut digest = Digest::new(Purpose::Hmac);
        digest.update_with_len(key);
        Box::new(HmacKey(digest))
    }

    fn hash_output_len(&self) -> usize {
        DIGEST_LEN
    }
}

struct HmacKey(Digest);

impl hmac::Key for HmacKey {
    fn sign_concat(&self, first: &[u8], middle: &[&[u8]], last: &[u8]) -> hmac::Tag {
        let mut digest = self.0.clone();
        digest.update(first);
        for part in middle {
            digest.update(part);
        }
        digest.update(last);
        hmac::Tag::new(&digest.finish())
    }

    fn tag_len(&self) -> usize {
        DIGEST_LEN
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn where_the_pieces_are_cut_does_not_matter() {
        let bytes: Vec<u8> = (0..40).collect();
        let whole = Digest::of(Purpose::Hash, &[&bytes]);
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let parts = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(Digest::of(Purpose::Hash, &parts), whole, "{first} {second}");
            }
        }
    }

    #[test]
    fn every_bit_every_length_and_every_purpose_counts() {
        let zeroes = [0u8; 80];
        let mut seen = HashSet::new();
        for len in 0..=zeroes.len() {
            assert!(seen.insert(Digest::of(Purpose::Hash, &[&zeroes[..len]])), "length {len}");
        }
        for bit in 0..zeroes.len() * 8 {
            let mut bytes = zeroes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(seen.insert(Digest::of(Purpose::Hash, &[&bytes])), "bit {bit}");
        }
        assert!(seen.insert(Digest::of(Purpose::Hmac, &[&zeroes])));
        // Not merely somewhere in the digest: in each half of a record's tag too.
        for half in [0..8, 8..16] {
            let halves: HashSet<_> = seen.iter().map(|digest| &digest[half.clone()]).collect();
            assert_eq!(halves.len(), seen.len());
        }
    }

    #[test]
    fn an_hmac_is_over_the_key_and_all_parts_in_their_order() {
        use rustls::crypto::hmac::Hmac;

        let sign = |key: &[u8], first: &[u8], middle: &[&[u8]], last: &[u8]| {
            ToyHmac.with_key(key).sign_concat(first, middle, last).as_ref().to_vec()
        };
        let good = sign(b"key", b"a", &[b"b", b"c"], b"d");
        assert_eq!(good, sign(b"key", b"", &[b"abcd"], b""));
        assert_eq!(good, ToyHmac.with_key(b"key").sign(&[b"ab", b"cd"]).as_ref());
        for other in [
            sign(b"kez", b"a", &[b"b", b"c"], b"d"),
            sign(b"ke", b"ya", &[b"b", b"c"], b"d"),
            sign(b"key", b"", &[b"b", b"c"], b"d"),
            sign(b"key", b"a", &[b"c", b"b"], b"d"),
            sign(b"key", b"a", &[b"b", b"c"], b""),
        ] {
            assert_ne!(good, other);
        }
    }
}
