//! A hasher for keys that are keyed hashes already.

use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashSet;

/// A set of fingerprints or receipt imprints, which are distributed evenly as they are.
pub(crate) type HashedSet = HashSet<u64, BuildHasherDefault<Identity>>;

/// Returns the key itself.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}
