//! How often one sender may ask.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use headcount_access::RateLimiter;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// How many of `requests` at once are admitted.
fn admitted(limiter: &RateLimiter, sender: &str, requests: usize, at: Instant) -> usize {
    let asked = (0..requests).filter(|_| limiter.admits(address(sender), at));
    asked.count()
}

#[test]
fn a_sender_has_its_share_and_takes_nothing_from_another() {
    let limiter = RateLimiter::new(5).unwrap();
    let start = Instant::now();
    assert_eq!(admitted(&limiter, "192.0.2.7", 80, start), 50);
    assert_eq!(admitted(&limiter, "192.0.2.8", 80, start), 50);
    let after = |seconds: f64| start + Duration::from_secs_f64(seconds);
    assert_eq!(admitted(&limiter, "192.0.2.7", 9, after(1.0)), 5);
    assert_eq!(admitted(&limiter, "192.0.2.7", 9, after(1.5)), 2);
    // However long it was silent, it gets no more than ten seconds' worth at once.
    assert_eq!(admitted(&limiter, "192.0.2.7", 80, after(3600.0)), 50);
    // A clock that goes back gives nothing and takes nothing.
    assert_eq!(admitted(&limiter, "192.0.2.7", 9, after(3000.0)), 0);
    assert_eq!(admitted(&limiter, "192.0.2.7", 9, after(3601.0)), 5);
}

#[test]
fn a_sender_cannot_become_many_by_its_own_addresses() {
    let limiter = RateLimiter::new(1).unwrap();
    let start = Instant::now();
    assert_eq!(admitted(&limiter, "2001:db8:0:1::1", 10, start), 10);
    assert_eq!(admitted(&limiter, "2001:db8:0:1:ffff::2", 10, start), 0);
    assert_eq!(admitted(&limiter, "2001:db8:0:2::1", 10, start), 10);
    assert_eq!(admitted(&limiter, "192.0.2.7", 10, start), 10);
    assert_eq!(admitted(&limiter, "::ffff:192.0.2.7", 10, start), 0);
}
