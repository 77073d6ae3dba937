//! The collector's secret, and the keyed hashes that stand in for keys and ids (promise 7).

use std::fmt;
use std::hash::Hasher;

use headcount_wire::{Receipt, Span};
use siphasher::sip::{SipHasher13, SipHasher24};

use crate::record::Fingerprint;
use crate::rule::KeyDomain;

/// 32 random bytes that never leave the collector's data folder. Without them nobody can tell which text a
/// hash came from, not even by trying texts.
#[derive(Clone)]
pub struct Secret {
    crew: [u8; 32],
    agent: [u8; 32],
    task: [u8; 32],
    project: [u8; 32],
    id: [u8; 32],
    receipt: [u8; 32],
    fingerprint: (u64, u64),
}

impl Secret {
    /// Takes the bytes of the secret's file.
    pub fn new(bytes: [u8; 32]) -> Self {
        let derive = |purpose: &str| {
            let mut hasher = blake3::Hasher::new_keyed(&bytes);
            hasher.update(purpose.as_bytes());
            *hasher.finalize().as_bytes()
        };
        let domain = |domain: KeyDomain| derive(&format!("headcount key of {}", domain.name()));
        let half = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0_u64, |half, &byte| half << 8 | u64::from(byte))
        };
        // Version 1 was of the ids alone, and lies in the files of older collectors.
        let fingerprint = derive("headcount fingerprint 2");
        Self {
            crew: domain(KeyDomain::Crew),
            agent: domain(KeyDomain::Agent),
            task: domain(KeyDomain::Task),
            project: domain(KeyDomain::Project),
            id: domain(KeyDomain::Id),
            receipt: derive("headcount receipt"),
            fingerprint: (half(&fingerprint[..8]), half(&fingerprint[8..16])),
        }
    }

    /// The keyed hash of `text`: equal texts of one domain have equal hashes, equal texts of two domains do not.
    pub fn key(&self, domain: KeyDomain, text: &str) -> KeyHash {
        let key = match domain {
            KeyDomain::Crew => &self.crew,
            KeyDomain::Agent => &self.agent,
            KeyDomain::Task => &self.task,
            KeyDomain::Project => &self.project,
            KeyDomain::Id => &self.id,
        };
        let hash = blake3::keyed_hash(key, text.as_bytes());
        KeyHash::of(hash.as_bytes())
    }

    /// The receipt as this store keeps it. The sender's own value does not identify rows.
    pub fn receipt(&self, receipt: &Receipt) -> KeyedReceipt {
        let hash = blake3::keyed_hash(&self.receipt, receipt.as_bytes());
        let mut half = [0; 16];
        half.copy_from_slice(&hash.as_bytes()[..16]);
        KeyedReceipt(half)
    }

    /// Identifies a span without its ids; never 0.
    ///
    /// Two runs of a program that seeds its generator of random numbers draw the same ids: W3C Trace Context §3.2.2.3 expects
    /// ids to be random and cannot ensure it. A span that is sent again has the ids, the start and the name it had before; one
    /// of another run has another start.
    pub fn span_fingerprint(&self, span: &Span<'_, '_>) -> Fingerprint {
        let mut hasher = self.fingerprint_hasher();
        // What is of one length comes first.
        hasher.write(span.trace_id);
        hasher.write(span.span_id);
        hasher.write_u64(span.start_unix_nano);
        hasher.write(span.name.as_bytes());
        Fingerprint(hasher.finish().max(1))
    }

    /// Identifies anything else of one `purpose`; never 0.
    pub(crate) fn fingerprint(&self, purpose: &[u8], bytes: &[u8]) -> Fingerprint {
        let mut hasher = self.fingerprint_hasher();
        hasher.write_usize(purpose.len());
        hasher.write(purpose);
        hasher.write(bytes);
        Fingerprint(hasher.finish().max(1))
    }

    fn fingerprint_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.fingerprint.0, self.fingerprint.1)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(redacted)")
    }
}

/// A receipt keyed with the collector's secret. No row contains it: each table's rows hold an imprint of their own, so that
/// rows of two tables cannot be joined by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyedReceipt([u8; 16]);

impl KeyedReceipt {
    /// Takes the bytes that [`KeyedReceipt::as_bytes`] gave.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes, for the list of erasures.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The value in the rows of `table`: SipHash-2-4 of the table's name.
    pub fn imprint(&self, table: &str) -> KeyHash {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(table.as_bytes());
        KeyHash::of(&hasher.finish().to_be_bytes())
    }
}

impl fmt::Debug for KeyedReceipt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("KeyedReceipt(redacted)")
    }
}

/// 64 bits of a keyed hash as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 16]);

impl KeyHash {
    /// The first eight bytes.
    fn of(bytes: &[u8]) -> Self {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [b'0'; 16];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(bytes) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        KeyHash(hex)
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_equal_keys_in_one_domain_only() {
        let secret = Secret::new([7; 32]);
        let crew = secret.key(KeyDomain::Crew, "abc");
        assert_eq!(crew, secret.key(KeyDomain::Crew, "abc"));
        assert_ne!(crew, secret.key(KeyDomain::Agent, "abc"));
        assert_ne!(crew, secret.key(KeyDomain::Crew, "abd"));
        assert_ne!(crew, Secret::new([8; 32]).key(KeyDomain::Crew, "abc"));
        assert_eq!(crew.as_str().len(), 16);
    }

    #[test]
    fn an_imprint_is_its_tables_and_its_collectors_alone() {
        let receipt = headcount_wire::ErasureToken::new([7; 16]).receipt();
        let keyed = Secret::new([7; 32]).receipt(&receipt);
        assert_eq!(keyed.imprint("crews"), keyed.imprint("crews"));
        assert_ne!(keyed.imprint("crews"), keyed.imprint("shared_agents"));
        let elsewhere = Secret::new([8; 32]).receipt(&receipt);
        assert_ne!(keyed.imprint("crews"), elsewhere.imprint("crews"));
        assert_ne!(keyed.as_bytes(), receipt.as_bytes());
    }

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::new([7; 32])), "Secret(redacted)");
    }

    #[test]
    fn a_span_sent_again_has_the_same_fingerprint_and_one_of_another_run_has_not() {
        let span = Span {
            trace_id: &[1; 16],
            span_id: &[2; 8],
            parent_span_id: &[],
            name: "Tool Usage",
            start_unix_nano: 7,
            end_unix_nano: 9,
            status: headcount_wire::StatusCode::Unset,
            attributes: &[],
        };
        let secret = Secret::new([7; 32]);
        let first = secret.span_fingerprint(&span);
        assert_eq!(first, secret.span_fingerprint(&span));
        for other in [
            Span {
                trace_id: &[3; 16],
                ..span
            },
            Span {
                span_id: &[3; 8],
                ..span
            },
            Span {
                start_unix_nano: 8,
                ..span
            },
            Span {
                name: "Tool Usage Error",
                ..span
            },
        ] {
            assert_ne!(first, secret.span_fingerprint(&other), "{other:?}");
        }
        assert_ne!(first, Secret::new([8; 32]).span_fingerprint(&span));
    }
}
