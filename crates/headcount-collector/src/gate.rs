//! Who a request is from, and whether that sender has asked too often.

use std::sync::Arc;
use std::time::Instant;

use headcount_access::RateLimiter;
use http::HeaderMap;

use crate::listener::Peer;
use crate::proxies::{self, ProxyAddresses, Sender};

/// The extension of requests from a sender that asks too often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateLimited;

/// What every request passes first.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pub(crate) trusted_proxies: Arc<[ProxyAddresses]>,
    /// `None` if senders are not limited.
    pub(crate) rate_limiter: Option<Arc<RateLimiter>>,
}

impl Gate {
    /// The sender of a request from `peer`.
    pub(crate) fn sender(&self, peer: Peer, headers: &HeaderMap) -> Sender {
        proxies::sender(&self.trusted_proxies, peer, headers)
    }

    /// Whether the sender has asked too often. A request from this machine that no trusted proxy forwards is never limited: it may
    /// come through a proxy that the operator has not named, and then all senders would have one share.
    pub(crate) fn is_rate_limited(&self, sender: &Sender) -> bool {
        let Some(limiter) = &self.rate_limiter else {
            return false;
        };
        let is_anybody = sender.address.is_loopback() && !sender.is_forwarded;
        !is_anybody && !limiter.admits(sender.address, Instant::now())
    }
}
