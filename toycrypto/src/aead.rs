//! A cipher in the shape of AES-128-GCM: XOR with generated words, and a digest as the tag.

use crate::digest::{Digest, Purpose};
use crate::random::Words;

/// Bytes of a key.
pub(crate) const KEY_LEN: usize = 16;
/// Bytes of a tag.
pub(crate) const TAG_LEN: usize = 16;

/// The tag does not fit: something was changed, or the keys differ.
pub(crate) struct TagMismatch;

/// Whether a record is hidden and its changes noticed.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Detecting,
    /// Content as it is, and any tag will do.
    Transparent,
}

/// A keyed cipher; without a key, a transparent one.
pub(crate) struct ToyAead(Option<Digest>);

impl ToyAead {
    pub(crate) fn new(kind: Kind, key: &[u8]) -> Self {
        Self(match kind {
            Kind::Transparent => None,
            Kind::Detecting => {
                let mut digest = Digest::new(Purpose::Record);
                digest.update_with_len(key);
                Some(digest)
            }
        })
    }

    /// Encrypts in place and returns the tag.
    pub(crate) fn seal(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; TAG_LEN] {
        let Some(keyed) = self.for_nonce(nonce) else { return [0; TAG_LEN] };
        mask(&keyed, data);
        tag(keyed, aad, data)
    }

    /// Checks the tag at the end, decrypts what is before it in place and returns its length.
    pub(crate) fn open(
        &self,
        nonce: &[u8; 12],
        aad: &[u8],
        data: &mut [u8],
    ) -> Result<usize, TagMismatch> {
        let (data, shown) = data.split_last_chunk_mut::<TAG_LEN>().ok_or(TagMismatch)?;
        if let Some(keyed) = self.for_nonce(nonce) {
            if tag(keyed.clone(), aad, data) != *shown {
                return Err(TagMismatch);
            }
            mask(&keyed, data);
        }
        Ok(data.len())
    }

    fn for_nonce(&self, nonce: &[u8; 12]) -> Option<Digest> {
        let mut keyed = self.0.clone()?;
        keyed.update(nonce);
        Some(keyed)
    }
}

fn mask(keyed: &Digest, data: &mut [u8]) {
    let [seed, ..] = keyed.clone().finish_words();
    let mut words = Words(seed);
    let (chunks, tail) = data.as_chunks_mut();
    for chunk in chunks {
        *chunk = (u64::from_le_bytes(*chunk) ^ words.next_word()).to_le_bytes();
    }
    for (byte, mask) in tail.iter_mut().zip(words.next_word().to_le_bytes()) {
        *byte ^= mask;
    }
}

fn tag(mut keyed: Digest, aad: &[u8], data: &[u8]) -> [u8; TAG_LEN] {
    keyed.update_with_len(aad);
    keyed.update(data);
    let [low, high, ..] = keyed.finish_words();
    (u128::from(high) << 64 | u128::from(low)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: [u8; 12] = *b"never twice!";

    fn sealed(data: &[u8]) -> Vec<u8> {
        let mut data = data.to_vec();
        let tag = ToyAead::new(Kind::Detecting, b"key").seal(&NONCE, b"aad", &mut data);
        data.extend(tag);
        data
    }

    #[test]
    fn what_is_sealed_opens() {
        for len in 0..40u8 {
            let plain: Vec<u8> = (0..len).collect();
            let mut data = sealed(&plain);
            assert!(len < 8 || !data.starts_with(&plain));
            let opened = ToyAead::new(Kind::Detecting, b"key").open(&NONCE, b"aad", &mut data);
            assert!(opened.is_ok_and(|opened| data[..opened] == plain));
        }
    }

    #[test]
    fn any_changed_bit_key_nonce_or_aad_is_noticed() {
        let good = sealed(b"nineteen bytes here");
        for bit in 0..good.len() * 8 {
            let mut data = good.clone();
            data[bit / 8] ^= 1 << (bit % 8);
            assert!(
                ToyAead::new(Kind::Detecting, b"key").open(&NONCE, b"aad", &mut data).is_err(),
                "bit {bit}"
            );
        }
        let opens = |key: &[u8], nonce, aad: &[u8], cut: usize| {
            let mut data = good[..good.len() - cut].to_vec();
            ToyAead::new(Kind::Detecting, key).open(nonce, aad, &mut data).is_ok()
        };
        assert!(opens(b"key", &NONCE, b"aad", 0));
        assert!(!opens(b"Key", &NONCE, b"aad", 0));
        assert!(!opens(b"key", b"never twice?", b"aad", 0));
        assert!(!opens(b"key", &NONCE, b"aae", 0));
        assert!(!opens(b"key", &NONCE, b"aad", 1));
        assert!(!opens(b"key", &NONCE, b"aad", good.len() - 1));
    }

    #[test]
    fn a_transparent_one_leaves_content_as_it_is_and_takes_any_tag() {
        let cipher = ToyAead::new(Kind::Transparent, b"key");
        let mut data = *b"words and sixteen of tag";
        assert_eq!(cipher.seal(&NONCE, b"aad", &mut data[..8]), [0; TAG_LEN]);
        assert!(cipher.open(&NONCE, b"other", &mut data).is_ok_and(|len| len == 8));
        assert_eq!(&data, b"words and sixteen of tag");
        assert!(cipher.open(&NONCE, b"aad", &mut data[..TAG_LEN - 1]).is_err());
    }
}
