//! One generator a thread, seeded or failing.

use std::cell::Cell;

use rustls::crypto::{GetRandomFailed, SecureRandom};

thread_local! {
    static STATE: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Seeds the calling thread: from here on everything random that this crate or rustls with this
/// crate's provider draws on this thread follows from `seed` and the order of the calls.
pub fn seed_thread(seed: u64) {
    STATE.set(Some(seed));
}

/// The calling thread's generator. Predictable, whatever the trait it implements is called.
#[derive(Debug)]
pub(crate) struct ThreadRandom;

impl SecureRandom for ThreadRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), GetRandomFailed> {
        let mut words = Words(STATE.get().ok_or(GetRandomFailed)?);
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&words.next_word().to_le_bytes()[..chunk.len()]);
        }
        STATE.set(Some(words.0));
        Ok(())
    }
}

/// splitmix64: all words from one.
pub(crate) struct Words(pub(crate) u64);

impl Words {
    pub(crate) fn next_word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_was_never_seeded_gets_nothing() {
        let drawn = std::thread::spawn(|| ThreadRandom.fill(&mut [0; 8]).is_ok());
        assert!(!drawn.join().unwrap());
    }

    #[test]
    fn the_seed_decides() {
        let draw = |seed| {
            seed_thread(seed);
            let mut bytes = [0; 21];
            ThreadRandom.fill(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        let mut next = [0; 21];
        ThreadRandom.fill(&mut next).unwrap();
        assert_ne!(draw(2), next);
    }
}
