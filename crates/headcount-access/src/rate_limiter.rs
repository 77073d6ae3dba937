//! How often one sender may ask.
//!
//! A sender is known by a keyed hash of its address, in memory alone, under a key that lives a day: nobody can tell from one day
//! to the next who it was, and nothing of it is written or logged (promise 10).

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long the key of the hashes lives.
const KEY_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// For how many seconds a sender that was silent may ask as often as it can.
const BURST_SECONDS: u32 = 10;

/// The most senders that are told apart: 3 MB. Beyond, new ones are not limited until others have been silent.
const MAX_SENDERS: usize = 100_000;

/// Lets each sender ask so many times a second, and ten times as often after a pause (a token bucket).
#[derive(Debug)]
pub struct RateLimiter {
    per_second: u32,
    senders: Mutex<Senders>,
}

#[derive(Debug)]
struct Senders {
    key: [u8; 32],
    key_made: Instant,
    buckets: HashMap<u64, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// How many requests are allowed at once.
    allowed: f64,
    at: Instant,
}

impl RateLimiter {
    /// Allows `per_second` requests a second, at least one.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn new(per_second: u32) -> io::Result<Self> {
        Ok(Self {
            per_second: per_second.max(1),
            senders: Mutex::new(Senders {
                key: random_key()?,
                key_made: Instant::now(),
                buckets: HashMap::new(),
            }),
        })
    }

    /// Whether `sender` may ask at `now`. An IPv6 network of 64 bits is one sender: it is what one customer gets.
    pub fn admits(&self, sender: IpAddr, now: Instant) -> bool {
        let mut senders = self.senders.lock();
        senders.change_key_if_old(now);
        let id = senders.id(sender);
        let most = f64::from(self.per_second.saturating_mul(BURST_SECONDS));
        let rate = f64::from(self.per_second);
        if senders.buckets.len() >= MAX_SENDERS && !senders.buckets.contains_key(&id) {
            // Those that may do anything again need no bucket.
            let is_limited = |bucket: &mut Bucket| bucket.refilled(rate, most, now).allowed < most;
            senders.buckets.retain(|_, bucket| is_limited(bucket));
            if senders.buckets.len() >= MAX_SENDERS {
                return true;
            }
        }
        let new = Bucket {
            allowed: most,
            at: now,
        };
        let bucket = senders.buckets.entry(id).or_insert(new);
        *bucket = bucket.refilled(rate, most, now);
        let is_admitted = bucket.allowed >= 1.0;
        if is_admitted {
            bucket.allowed -= 1.0;
        }
        is_admitted
    }
}

impl Senders {
    /// A new day, a new key: what was known of senders goes.
    fn change_key_if_old(&mut self, now: Instant) {
        if now.saturating_duration_since(self.key_made) < KEY_LIFE {
            return;
        }
        // Without random bytes the old key stays until the next request.
        if let Ok(key) = random_key() {
            self.key = key;
            self.key_made = now;
            self.buckets = HashMap::new();
        }
    }

    fn id(&self, sender: IpAddr) -> u64 {
        let hash = match sender.to_canonical() {
            IpAddr::V4(address) => blake3::keyed_hash(&self.key, &address.octets()),
            IpAddr::V6(address) => blake3::keyed_hash(&self.key, &address.octets()[..8]),
        };
        let mut id = [0; 8];
        id.copy_from_slice(&hash.as_bytes()[..8]);
        u64::from_le_bytes(id)
    }
}

impl Bucket {
    fn refilled(self, per_second: f64, most: f64, now: Instant) -> Self {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        Self {
            allowed: (self.allowed + since * per_second).min(most),
            at: now.max(self.at),
        }
    }
}

fn random_key() -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn after_a_day_a_sender_is_somebody_else() {
        let limiter = RateLimiter::new(1).unwrap();
        let (sender, start) = (address("192.0.2.7"), Instant::now());
        let id = |limiter: &RateLimiter| limiter.senders.lock().id(sender);
        limiter.admits(sender, start);
        let first = id(&limiter);
        limiter.admits(sender, start + KEY_LIFE - Duration::from_secs(1));
        assert_eq!(id(&limiter), first);
        limiter.admits(sender, start + KEY_LIFE);
        assert_ne!(id(&limiter), first);
        assert_eq!(limiter.senders.lock().buckets.len(), 1);
    }

    #[test]
    fn memory_is_bounded_and_senders_that_were_silent_make_room() {
        let limiter = RateLimiter::new(1).unwrap();
        let start = Instant::now();
        for number in 0..u32::try_from(MAX_SENDERS).unwrap() + 10 {
            assert!(limiter.admits(IpAddr::from(number.to_be_bytes()), start));
        }
        assert_eq!(limiter.senders.lock().buckets.len(), MAX_SENDERS);
        let later = start + Duration::from_secs(2);
        assert!(limiter.admits(address("203.0.113.1"), later));
        assert_eq!(limiter.senders.lock().buckets.len(), 1);
    }
}
