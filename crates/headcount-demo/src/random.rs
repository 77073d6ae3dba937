//! A small seeded random generator, so that one seed gives one week on every machine.
//!
//! The generator is ours and not `fastrand`'s: the sequence of a seed must stay the same from release to release, because
//! the figures in `bench/RESULTS.md` and the counts in the tests are those of this traffic.

use headcount_wire::{hex, uuid};

/// SplitMix64 (Steele, Lea, Flood 2014): eight bytes of state; good enough for traffic, not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// An independent stream, so that one more draw in one place does not shift every later one.
    pub(crate) fn fork(&self, stream: u64) -> Self {
        let mut forked = Self(self.0 ^ stream.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        forked.next();
        forked
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in `0..bound`; 0 where `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // Multiply-shift; its bias is below 2^-32 for the bounds used here.
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A number in `low..=high`.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// A number in `0.0..1.0`.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with the given probability.
    pub(crate) fn random_bool(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// One of the choices, each as likely as its weight.
    pub(crate) fn weighted<T: Copy>(&mut self, choices: &[(T, u32)]) -> T {
        let total: u32 = choices.iter().map(|(_, weight)| weight).sum();
        let mut left = self.below(total as usize) as u32;
        for (choice, weight) in choices {
            if left < *weight {
                return *choice;
            }
            left -= weight;
        }
        choices[0].0
    }

    /// A duration around `median` with an approximately log-normal distribution, like those of model calls.
    pub(crate) fn log_normal(&mut self, median: f64, spread: f64) -> f64 {
        let about_normal = (0..6).map(|_| self.unit()).sum::<f64>() - 3.0;
        median * (about_normal * spread * std::f64::consts::SQRT_2).exp()
    }

    /// A version 4 UUID as text.
    pub(crate) fn uuid(&mut self) -> String {
        let text = self.uuid_bytes();
        text.into_iter().map(char::from).collect()
    }

    /// The characters of [`Self::uuid`].
    pub(crate) fn uuid_bytes(&mut self) -> [u8; uuid::LENGTH] {
        uuid::version_4(self.sixteen_bytes())
    }

    pub(crate) fn sixteen_bytes(&mut self) -> [u8; 16] {
        let (high, low) = (self.next(), self.next());
        (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
    }

    /// 32 hexadecimal digits: the shape of the library's MD5 keys.
    pub(crate) fn key(&mut self) -> String {
        hex::encode(&self.sixteen_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let (mut one, mut other) = (Rng::new(7), Rng::new(7));
        assert!((0..100).all(|_| one.next() == other.next()));
        assert_ne!(Rng::new(7).next(), Rng::new(8).next());
        assert_ne!(Rng::new(7).fork(1).next(), Rng::new(7).fork(2).next());
    }

    #[test]
    fn a_uuid_has_the_shape_of_version_4() {
        let mut rng = Rng::new(1);
        for _ in 0..50 {
            let uuid = rng.uuid();
            assert_eq!(uuid.len(), 36);
            assert_eq!(uuid.as_bytes()[14], b'4');
            assert!(matches!(uuid.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        }
    }

    #[test]
    fn weights_are_kept() {
        let mut rng = Rng::new(3);
        let often = (0..10_000)
            .filter(|_| rng.weighted(&[(true, 9), (false, 1)]))
            .count();
        assert!((8_700..9_300).contains(&often), "{often}");
    }
}
