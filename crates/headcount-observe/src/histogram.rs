//! Durations, counted by their length.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, in microseconds: from an fsync of a fast disk to a request that its sender has given up. Every
/// histogram has the same, so that they can be compared.
const BOUNDS_US: [u64; 16] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000,
];

/// Counts durations in buckets. Observing one costs two additions to memory that threads share.
#[derive(Debug, Default)]
pub struct Histogram {
    /// By bucket, not added up; the last one has what is beyond all bounds.
    counts: [AtomicU64; BOUNDS_US.len() + 1],
    sum_us: AtomicU64,
}

impl Histogram {
    /// Counts a duration.
    pub fn observe(&self, duration: Duration) {
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS_US.partition_point(|bound| *bound < us);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// How many durations were counted.
    pub fn count(&self) -> u64 {
        let counts = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed));
        counts.sum()
    }

    /// The sum of all durations, in seconds.
    pub(crate) fn sum_seconds(&self) -> f64 {
        Duration::from_micros(self.sum_us.load(Ordering::Relaxed)).as_secs_f64()
    }

    /// For each bound, in seconds, how many durations are at most as long; then all of them. The counts never fall from one to the next,
    /// also while others are counted.
    pub(crate) fn cumulative(&self) -> (Vec<(f64, u64)>, u64) {
        let mut total = 0;
        let mut buckets = Vec::with_capacity(BOUNDS_US.len());
        for (bound, count) in BOUNDS_US.iter().zip(&self.counts) {
            total += count.load(Ordering::Relaxed);
            buckets.push((Duration::from_micros(*bound).as_secs_f64(), total));
        }
        total += self.counts[BOUNDS_US.len()].load(Ordering::Relaxed);
        (buckets, total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_every_bucket_that_it_fits_into() {
        let histogram = Histogram::default();
        for us in [0, 250, 251, 1_000_000, 31_000_000] {
            histogram.observe(Duration::from_micros(us));
        }
        let (buckets, total) = histogram.cumulative();
        assert_eq!(buckets[0], (0.00025, 2));
        assert_eq!(buckets[1], (0.0005, 3));
        let second = buckets.iter().find(|(bound, _)| *bound == 1.0);
        assert_eq!(second, Some(&(1.0, 4)));
        assert_eq!(buckets.last(), Some(&(30.0, 4)));
        assert_eq!((total, histogram.count()), (5, 5));
        assert!((histogram.sum_seconds() - 32.000_501).abs() < 1e-9);
    }
}
