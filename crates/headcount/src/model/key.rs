//! Keys: keyed hashes that identify a crew, an agent or a task across runs, on this machine only.

use std::fmt;
use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::platform::random::{Text, hex};

/// 128 bits of a keyed hash. Without the installation's secret it can be neither guessed nor compared with a key of another
/// installation (promise 7).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(Text<32>);

impl Key {
    /// 32 hexadecimal digits.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How much of a long text is hashed at each end, in bytes.
const READ_AT_EACH_END: usize = 32 * 1_024;

/// A hash over several texts, including their boundaries.
pub(super) struct PartHash(SipHasher24);

impl PartHash {
    pub(super) fn new(key: &[u8; 16]) -> Self {
        Self(SipHasher24::new_with_key(key))
    }

    /// Hashes a text. Of a long text only its length, beginning and end are hashed: keys are made on the host's own thread,
    /// which must not wait.
    pub(super) fn part(&mut self, text: &str) {
        let bytes = text.as_bytes();
        self.0.write_u64(bytes.len() as u64);
        match bytes.len() <= 2 * READ_AT_EACH_END {
            true => self.0.write(bytes),
            false => {
                self.0.write(&bytes[..READ_AT_EACH_END]);
                self.0.write(&bytes[bytes.len() - READ_AT_EACH_END..]);
            }
        }
    }

    pub(super) fn absent(&mut self) {
        self.0.write_u64(u64::MAX);
    }

    pub(super) fn count(&mut self, parts: usize) {
        self.0.write_u64(parts as u64);
    }

    pub(super) fn finish(&self) -> Key {
        Key(hex(self.0.finish128().as_bytes()))
    }
}
