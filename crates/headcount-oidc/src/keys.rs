//! The provider's public keys (RFC 7517).

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde_json::Value;

/// The keys that can check a signature.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keys(Vec<Jwk>);

impl Keys {
    /// Reads a set; keys of other kinds are left out, as RFC 7517 §5 asks. `None` if it is no set.
    pub(crate) fn read(set: &Value) -> Option<Self> {
        let keys = set.get("keys")?.as_array()?;
        let keys = keys
            .iter()
            .filter_map(|key| serde_json::from_value::<Jwk>(key.clone()).ok());
        Some(Self(keys.filter(checks_signatures).collect()))
    }

    /// The key for a token's header. Without an id there must be one alone that fits the algorithm (OpenID Connect Core §10.1).
    pub(crate) fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let fitting = self.0.iter().filter(|key| fits(key, algorithm));
        let mut found = fitting.filter(|key| id.is_none() || key.common.key_id.as_deref() == id);
        let first = found.next()?;
        match id.is_none() && found.next().is_some() {
            true => None,
            false => DecodingKey::from_jwk(first).ok(),
        }
    }
}

fn checks_signatures(key: &Jwk) -> bool {
    let usage = key.common.public_key_use.as_ref();
    usage.is_none_or(|usage| *usage == PublicKeyUse::Signature)
}

/// Whether the key is of the algorithm's kind, and says nothing else.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let stated = key.common.key_algorithm;
    // Both are written by the names of RFC 7518.
    if stated.is_some_and(|stated| {
        serde_json::to_value(stated).ok() != serde_json::to_value(algorithm).ok()
    }) {
        return false;
    }
    match &key.algorithm {
        AlgorithmParameters::RSA(_) => algorithm.family() == AlgorithmFamily::Rsa,
        AlgorithmParameters::EllipticCurve(parameters) => matches!(
            (&parameters.curve, algorithm),
            (EllipticCurve::P256, Algorithm::ES256) | (EllipticCurve::P384, Algorithm::ES384)
        ),
        AlgorithmParameters::OctetKeyPair(parameters) => {
            parameters.curve == EllipticCurve::Ed25519 && algorithm == Algorithm::EdDSA
        }
        _ => false,
    }
}
