//! Random numbers that a seed repeats, or a script decides.

use alloc::vec::Vec;

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and good enough to choose schedules.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
    /// From its end to its beginning.
    script: Vec<u8>,
}

impl Random {
    /// The sequence that `seed` names.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed, script: Vec::new() }
    }

    /// One byte of `script` decides each number, alone: a fuzzer that changes a byte changes one choice. A byte of 0 gives
    /// 0. What comes after the script is the sequence of seed 0.
    #[must_use]
    pub fn scripted(script: &[u8]) -> Self {
        Self { state: 0, script: script.iter().rev().copied().collect() }
    }

    /// The next 64 of its bits.
    pub fn word(&mut self) -> u64 {
        if let Some(byte) = self.script.pop() {
            return mixed(u64::from(byte));
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.state)
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.word() % bound as u64) as usize }
    }

    /// True once in `n` times on average.
    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// One of `choices`, which is not empty.
    pub fn choose<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

const fn mixed(word: u64) -> u64 {
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn a_seed_repeats_its_sequence() {
        let [mut one, mut same, mut other] = [7, 7, 8].map(Random::new);
        let word = one.word();
        assert_eq!(word, same.word());
        assert_ne!(word, other.word());
        assert_ne!(word, one.word());
    }

    #[test]
    fn a_scripts_byte_decides_its_number_and_no_other() {
        let draw = |script: &[u8]| {
            let mut random = Random::scripted(script);
            core::array::from_fn::<_, 5, _>(|_| random.word())
        };
        let (one, other) = (draw(&[3, 0, 5]), draw(&[3, 9, 5]));
        assert_eq!(one[1], 0);
        assert_ne!(one[1], other[1]);
        assert_eq!((one[0], &one[2..]), (other[0], &other[2..]));
        assert_eq!(one[3], Random::new(0).word());
    }
}
