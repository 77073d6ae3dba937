//! One computation at a time for each question.
//!
//! A question is locked while it is computed. Whoever asks meanwhile waits, and usually finds that the one before has computed
//! what it needs too. Beside the lock, a question can be marked as being refreshed, so that one refresh is planned and not one
//! for each viewer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Mutex as AsyncMutex;

/// The questions that somebody asks or refreshes now. `E` is why a computation failed.
#[derive(Debug)]
pub(crate) struct SingleFlight<K: Eq + Hash + Clone, E> {
    flights: Arc<Mutex<HashMap<K, Arc<Flight<E>>>>>,
}

/// What those share who ask one question.
#[derive(Debug)]
pub(crate) struct Flight<E> {
    /// Held while the question is computed. The last failure, and when it was.
    pub(crate) turn: AsyncMutex<Option<(Instant, E)>>,
    is_refreshing: AtomicBool,
}

/// Somebody who asks a question. The question is forgotten with its last asker.
#[derive(Debug)]
pub(crate) struct Asker<K: Eq + Hash + Clone, E> {
    key: K,
    pub(crate) flight: Arc<Flight<E>>,
    flights: Arc<Mutex<HashMap<K, Arc<Flight<E>>>>>,
    /// Whether this one is the question's refresh.
    refreshes: bool,
}

impl<K: Eq + Hash + Clone, E> Clone for SingleFlight<K, E> {
    fn clone(&self) -> Self {
        Self {
            flights: Arc::clone(&self.flights),
        }
    }
}

impl<K: Eq + Hash + Clone, E> Default for SingleFlight<K, E> {
    fn default() -> Self {
        Self {
            flights: Arc::default(),
        }
    }
}

impl<K: Eq + Hash + Clone, E> SingleFlight<K, E> {
    /// Joins those who ask `key`.
    pub(crate) fn ask(&self, key: &K) -> Asker<K, E> {
        let flight = match lock(&self.flights).entry(key.clone()) {
            Entry::Occupied(entry) => Arc::clone(entry.get()),
            Entry::Vacant(entry) => Arc::clone(entry.insert(Arc::new(Flight {
                turn: AsyncMutex::new(None),
                is_refreshing: AtomicBool::new(false),
            }))),
        };
        Asker {
            key: key.clone(),
            flight,
            flights: Arc::clone(&self.flights),
            refreshes: false,
        }
    }

    /// Joins as the refresh of `key`; `None` if it has one.
    pub(crate) fn refresh(&self, key: &K) -> Option<Asker<K, E>> {
        let mut asker = self.ask(key);
        let is_first = !asker.flight.is_refreshing.swap(true, Ordering::Relaxed);
        asker.refreshes = is_first;
        is_first.then_some(asker)
    }
}

impl<K: Eq + Hash + Clone, E> Drop for Asker<K, E> {
    fn drop(&mut self) {
        let mut flights = lock(&self.flights);
        if self.refreshes {
            self.flight.is_refreshing.store(false, Ordering::Relaxed);
        }
        // This one, and the map.
        if Arc::strong_count(&self.flight) <= 2 {
            flights.remove(&self.key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_one_refresh_and_is_forgotten_with_its_last_asker() {
        let questions: SingleFlight<&str, ()> = SingleFlight::default();
        let asker = questions.ask(&"tools");
        let refresh = questions.refresh(&"tools");
        assert!(refresh.is_some());
        assert!(questions.refresh(&"tools").is_none());
        assert!(questions.refresh(&"models").is_some());
        drop(refresh);
        assert!(questions.refresh(&"tools").is_some());
        drop(asker);
        assert!(lock(&questions.flights).is_empty());
    }
}
