//! The collector's secret, and the keyed hashes that stand in for keys and ids (promise 7).

use std::fmt;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::record::Fingerprint;
use crate::rule::KeyDomain;

/// 32 random bytes that never leave the collector's data folder. Whoever does not hold them cannot tell which text a
/// hash came from, not even by trying texts.
#[derive(Clone)]
pub struct Secret {
    crew: [u8; 32],
    agent: [u8; 32],
    task: [u8; 32],
    project: [u8; 32],
    id: [u8; 32],
    fingerprint: (u64, u64),
}

impl Secret {
    /// Takes the bytes of the secret's file.
    pub fn new(bytes: [u8; 32]) -> Self {
        let derive = |purpose: &str| {
            let mut hasher = blake3::Hasher::new_keyed(&bytes);
            let _hasher = hasher.update(purpose.as_bytes());
            *hasher.finalize().as_bytes()
        };
        let domain = |domain: KeyDomain| derive(&format!("headcount key of {}", domain.name()));
        let half = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0_u64, |half, &byte| half << 8 | u64::from(byte))
        };
        let fingerprint = derive("headcount fingerprint");
        Self {
            crew: domain(KeyDomain::Crew),
            agent: domain(KeyDomain::Agent),
            task: domain(KeyDomain::Task),
            project: domain(KeyDomain::Project),
            id: domain(KeyDomain::Id),
            fingerprint: (half(&fingerprint[..8]), half(&fingerprint[8..16])),
        }
    }

    /// The keyed hash of `text`: equal texts of one domain have equal hashes, equal texts of two domains do not.
    pub fn key(&self, domain: KeyDomain, text: &str) -> KeyHash {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let key = match domain {
            KeyDomain::Crew => &self.crew,
            KeyDomain::Agent => &self.agent,
            KeyDomain::Task => &self.task,
            KeyDomain::Project => &self.project,
            KeyDomain::Id => &self.id,
        };
        let hash = blake3::keyed_hash(key, text.as_bytes());
        let mut hex = [0; 16];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(hash.as_bytes()) {
            pair[0] = HEX[usize::from(byte >> 4)];
            pair[1] = HEX[usize::from(byte & 15)];
        }
        KeyHash(hex)
    }

    /// Which span this is, without its ids; never 0.
    pub fn fingerprint(&self, trace_id: &[u8], span_id: &[u8]) -> Fingerprint {
        let mut hasher = SipHasher13::new_with_keys(self.fingerprint.0, self.fingerprint.1);
        // The lengths keep two ids of unusual length from running into each other.
        hasher.write_usize(trace_id.len());
        hasher.write(trace_id);
        hasher.write(span_id);
        Fingerprint(hasher.finish().max(1))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(redacted)")
    }
}

/// 64 bits of a keyed hash as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyHash([u8; 16]);

impl KeyHash {
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
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::new([7; 32])), "Secret(redacted)");
    }

    #[test]
    fn a_span_sent_again_has_the_same_fingerprint() {
        let secret = Secret::new([7; 32]);
        assert_eq!(
            secret.fingerprint(&[1; 16], &[2; 8]),
            secret.fingerprint(&[1; 16], &[2; 8])
        );
        assert_ne!(
            secret.fingerprint(&[1; 16], &[2; 8]),
            secret.fingerprint(&[1; 16], &[3; 8])
        );
        assert_ne!(
            secret.fingerprint(&[1; 16], &[2; 8]),
            Secret::new([8; 32]).fingerprint(&[1; 16], &[2; 8])
        );
    }
}
