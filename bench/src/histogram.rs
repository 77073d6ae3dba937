//! A histogram of latencies.

use std::time::Duration;

/// Sub-buckets of each power of two: values are known to about one part in 128.
const STEPS: usize = 128;
const STEPS_LOG2: u32 = STEPS.ilog2();

/// Counts by logarithmic buckets of microseconds, exact below 128 µs.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    longest: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; STEPS * (65 - STEPS_LOG2 as usize)],
            total: 0,
            longest: Duration::ZERO,
        }
    }
}

impl Histogram {
    pub(crate) fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.counts[bucket(micros)] += 1;
        self.total += 1;
        self.longest = self.longest.max(latency);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.longest = self.longest.max(other.longest);
    }

    /// The latency in milliseconds that the given part of all requests did not exceed; 0 without any.
    pub(crate) fn quantile(&self, part: f64) -> f64 {
        let rank = (part * self.total as f64).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank.max(1) {
                let upper = upper_bound(index) as f64 / 1_000.0;
                return upper.min(self.longest());
            }
        }
        self.longest()
    }

    /// The longest latency in milliseconds.
    pub(crate) fn longest(&self) -> f64 {
        self.longest.as_secs_f64() * 1_000.0
    }
}

fn bucket(micros: u64) -> usize {
    if micros < STEPS as u64 {
        return micros as usize;
    }
    let shift = micros.ilog2() - STEPS_LOG2;
    let step = (micros >> shift) as usize - STEPS;
    STEPS * (shift as usize + 1) + step
}

/// The largest number of microseconds that falls into a bucket.
fn upper_bound(index: usize) -> u64 {
    if index < STEPS {
        return index as u64;
    }
    let shift = index / STEPS - 1;
    let step = (index % STEPS + STEPS) as u64;
    ((step + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_its_values_to_one_part_in_128() {
        for micros in (0..100_000_u64).chain([1 << 40, u64::MAX / 3]) {
            let upper = upper_bound(bucket(micros));
            assert!(
                upper >= micros && upper - micros <= micros / 128,
                "{micros} {upper}"
            );
        }
    }

    #[test]
    fn quantiles_of_a_thousand_latencies() {
        let mut histogram = Histogram::default();
        for millis in 1..=1_000 {
            histogram.record(Duration::from_millis(millis));
        }
        assert!((histogram.quantile(0.5) - 500.0).abs() < 5.0);
        assert!((histogram.quantile(0.99) - 990.0).abs() < 9.0);
        assert_eq!(histogram.quantile(1.0), 1_000.0);
    }
}
