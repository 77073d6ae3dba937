//! Random ids. An id reveals neither other ids nor that two ids come from one process (promise 7).

use std::cell::RefCell;
use std::fmt;
use std::hash::Hasher;

use headcount_wire::{hex as wire_hex, uuid};
use siphasher::sip128::{Hasher128, SipHasher24};

use super::{clock, os};

/// A UUID of version 4 (RFC 9562 §5.4), stored as its 36 characters because it is formatted once and sent often.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Id(Text<{ uuid::LENGTH }>);

/// A text of fixed length.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Text<const LENGTH: usize>([u8; LENGTH]);

impl<const LENGTH: usize> Text<LENGTH> {
    pub(crate) fn as_str(&self) -> &str {
        // Holds only hexadecimal digits and hyphens.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl<const LENGTH: usize> fmt::Debug for Text<LENGTH> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Id {
    pub(crate) fn random() -> Self {
        Self(Text(uuid::version_4(bytes16())))
    }

    /// The characters of the UUID.
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex<const BYTES: usize, const DIGITS: usize>(bytes: [u8; BYTES]) -> Text<DIGITS> {
    const { assert!(BYTES * 2 == DIGITS) };
    let mut text = [0; DIGITS];
    wire_hex::encode_into(&bytes, &mut text);
    Text(text)
}

/// A generator for one thread of one process: SipHash-2-4, a pseudorandom function, of a counter, under a key from the
/// operating system. Without the key its outputs cannot be predicted.
struct Generator {
    key: [u8; 16],
    counter: u64,
    /// A forked child must not repeat what its parent draws.
    generation: u32,
}

thread_local! {
    static GENERATOR: RefCell<Option<Generator>> = const { RefCell::new(None) };
}

/// 16 random bytes, not all zero.
pub(crate) fn bytes16() -> [u8; 16] {
    let drawn = draw(Generator::sixteen);
    drawn
        .filter(|bytes| *bytes != [0; 16])
        .unwrap_or_else(from_system)
}

/// A span's trace id and its own, neither all zero (OTLP does not allow it).
pub(crate) fn span_ids() -> ([u8; 16], [u8; 8]) {
    let drawn = draw(|generator| (generator.sixteen(), generator.eight()));
    drawn
        .filter(|(trace, span)| *trace != [0; 16] && *span != [0; 8])
        .unwrap_or_else(|| (from_system(), from_system()))
}

/// Draws from the thread's generator; `None` if the thread is ending, or a signal handler interrupted a draw.
fn draw<T>(draw: impl FnOnce(&mut Generator) -> T) -> Option<T> {
    let drawn = GENERATOR.try_with(|cell| {
        let mut cell = cell.try_borrow_mut().ok()?;
        let generation = os::generation();
        let generator = match &mut *cell {
            Some(generator) if generator.generation == generation => generator,
            stale => stale.insert(Generator {
                key: from_system(),
                counter: 0,
                generation,
            }),
        };
        Some(draw(generator))
    });
    drawn.ok().flatten()
}

impl Generator {
    fn sixteen(&mut self) -> [u8; 16] {
        self.counter += 1;
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write_u64(self.counter);
        hasher.finish128().as_bytes()
    }

    fn eight(&mut self) -> [u8; 8] {
        self.counter += 1;
        let mut hasher = siphasher::sip::SipHasher24::new_with_key(&self.key);
        hasher.write_u64(self.counter);
        hasher.finish().to_le_bytes()
    }
}

/// Random bytes of the operating system. If it has none, they are derived from the time and an address: ids are then still
/// distinct, but not secret.
pub(crate) fn from_system<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    if getrandom::fill(&mut bytes).is_err() {
        let now = clock::now_nanos();
        let local = std::ptr::from_ref(&bytes).addr() as u64;
        for (index, chunk) in bytes.chunks_mut(8).enumerate() {
            let mut hasher = siphasher::sip::SipHasher24::new_with_keys(now, local);
            hasher.write_usize(index);
            let word = hasher.finish().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn an_id_is_a_uuid_of_version_4() {
        let id = Id::random();
        assert!(uuid::is_uuid(id.as_str().as_bytes()));
        assert_eq!(&id.as_str()[14..15], "4");
    }

    #[test]
    fn ids_of_many_threads_are_all_different() {
        let threads: Vec<_> = (0..8)
            .map(|_| std::thread::spawn(|| (0..1_000).map(|_| Id::random()).collect::<Vec<_>>()))
            .collect();
        let mut seen = HashSet::new();
        for thread in threads {
            for id in thread.join().unwrap() {
                assert!(seen.insert(id), "{id:?} was drawn twice");
            }
        }
    }
}
