//! The open connections of all listeners. When all are in use, the one that has been idle for longest makes room for the next.
//!
//! Addresses of senders are compared here to close the idle connections of whoever has most; they are forgotten with the
//! connection (promise 10).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::idle::IdleTracker;

/// Connections beyond the limit, for probes: they are answered however many others are open.
const RESERVE: usize = 64;

/// Connections that were told to close and have not done so yet. They are beyond the limit, for about a second each.
const MAX_CLOSING: usize = 256;

/// The extension of requests on a connection that serves probes alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crowded;

/// The open connections.
#[derive(Debug)]
pub(crate) struct Connections {
    limit: usize,
    open: Mutex<Open>,
    /// Notified when a connection has closed.
    left: Notify,
}

#[derive(Debug, Default)]
struct Open {
    entries: HashMap<u64, Entry>,
    next: u64,
    usual: usize,
    closing: usize,
    crowded: usize,
}

#[derive(Debug)]
struct Entry {
    sender: IpAddr,
    tracker: Arc<IdleTracker>,
    close: Arc<Notify>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One of the limit.
    Usual,
    /// Told to close, for another that has its place.
    Closing,
    /// One of the reserve.
    Crowded,
}

/// One connection's place, given back on drop.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Arc<Connections>,
    id: u64,
    pub(crate) tracker: Arc<IdleTracker>,
    /// Notified if the connection is to close, unless a request is running.
    pub(crate) close: Arc<Notify>,
    /// Whether it serves probes alone.
    pub(crate) is_crowded: bool,
}

impl Connections {
    pub(crate) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            open: Mutex::default(),
            left: Notify::new(),
        })
    }

    /// The most connections of all listeners together, without the reserve for probes.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The open connections by kind: those of the limit, those that were told to close, and those that serve probes alone.
    pub(crate) fn counts(&self) -> [(&'static str, usize); 3] {
        let open = self.open.lock();
        [
            ("usual", open.usual),
            ("closing", open.closing),
            ("reserve", open.crowded),
        ]
    }

    /// A place for a connection of `sender`; waits while there is none, not even in the reserve.
    pub(crate) async fn place(self: &Arc<Self>, sender: IpAddr) -> Place {
        loop {
            if let Some(place) = self.try_place(sender) {
                return place;
            }
            self.left.notified().await;
        }
    }

    fn try_place(self: &Arc<Self>, sender: IpAddr) -> Option<Place> {
        let mut open = self.open.lock();
        let has_room = open.usual < self.limit || open.closing < MAX_CLOSING && open.close_one();
        let kind = match has_room {
            true => Kind::Usual,
            false if open.crowded < RESERVE => Kind::Crowded,
            false => return None,
        };
        *open.count(kind) += 1;
        let (tracker, close, id) = (IdleTracker::new(), Arc::new(Notify::new()), open.next);
        open.next += 1;
        let entry = Entry {
            sender,
            tracker: Arc::clone(&tracker),
            close: Arc::clone(&close),
            kind,
        };
        open.entries.insert(id, entry);
        Some(Place {
            connections: Arc::clone(self),
            id,
            tracker,
            close,
            is_crowded: kind == Kind::Crowded,
        })
    }
}

impl Open {
    fn count(&mut self, kind: Kind) -> &mut usize {
        match kind {
            Kind::Usual => &mut self.usual,
            Kind::Closing => &mut self.closing,
            Kind::Crowded => &mut self.crowded,
        }
    }

    /// Tells the connection to close that has been idle for longest, of the sender that has most of the idle ones; false if none
    /// is idle.
    fn close_one(&mut self) -> bool {
        let mut idle = Vec::new();
        let mut counts: HashMap<IpAddr, usize> = HashMap::new();
        for (id, entry) in &self.entries {
            let since = entry.tracker.idle_since();
            if let (Kind::Usual, Some(since)) = (entry.kind, since) {
                *counts.entry(entry.sender).or_default() += 1;
                idle.push((entry.sender, since, *id));
            }
        }
        let most = counts.values().copied().max().unwrap_or_default();
        idle.retain(|(sender, ..)| counts.get(sender) == Some(&most));
        let oldest = idle.into_iter().min_by_key(|(_, since, id)| (*since, *id));
        let Some(entry) = oldest.and_then(|(.., id)| self.entries.get_mut(&id)) else {
            return false;
        };
        entry.kind = Kind::Closing;
        entry.close.notify_one();
        self.usual -= 1;
        self.closing += 1;
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock();
        if let Some(entry) = open.entries.remove(&self.id) {
            *open.count(entry.kind) -= 1;
        }
        drop(open);
        self.connections.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn place(connections: &Arc<Connections>, sender: u8) -> Place {
        // So that no two are equally old.
        tokio::time::sleep(Duration::from_millis(3)).await;
        connections.place(IpAddr::from([10, 0, 0, sender])).await
    }

    async fn is_told(place: &Place) -> bool {
        let told = place.close.notified();
        tokio::time::timeout(Duration::from_millis(1), told)
            .await
            .is_ok()
    }

    #[tokio::test]
    async fn the_oldest_idle_connection_of_whoever_has_most_makes_room() {
        let connections = Connections::new(4);
        let single = place(&connections, 1).await;
        let busy = place(&connections, 2).await;
        let _request = busy.tracker.start_request();
        let older = place(&connections, 2).await;
        let newer = place(&connections, 2).await;
        assert!(!place(&connections, 3).await.is_crowded);
        assert!(is_told(&older).await);
        for other in [&single, &busy, &newer] {
            assert!(!is_told(other).await);
        }
    }

    #[tokio::test]
    async fn without_an_idle_connection_the_reserve_serves_probes() {
        let connections = Connections::new(1);
        let busy = place(&connections, 1).await;
        let _request = busy.tracker.start_request();
        let mut reserve = Vec::new();
        for _ in 0..RESERVE {
            reserve.push(place(&connections, 2).await);
        }
        assert!(reserve.iter().all(|place| place.is_crowded));
        let waiting = connections.place(IpAddr::from([10, 0, 0, 3]));
        let waited = tokio::time::timeout(Duration::from_millis(20), waiting).await;
        assert!(waited.is_err(), "not even the reserve has a place");
        drop(busy);
        assert!(!place(&connections, 3).await.is_crowded);
    }
}
