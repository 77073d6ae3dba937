//! A span before it is encoded.

use std::borrow::Cow;

use crate::python::Json;
use crate::random::Rng;

/// An attribute's value, in the types that CrewAI sends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Text(Cow<'static, str>),
    Integer(i64),
    Real(f64),
    Boolean(bool),
}

impl From<&'static str> for Content {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<Cow<'static, str>> for Content {
    fn from(text: Cow<'static, str>) -> Self {
        Self::Text(text)
    }
}

impl From<&Json> for Content {
    fn from(json: &Json) -> Self {
        Self::Text(Cow::Owned(json.dumps()))
    }
}

impl From<usize> for Content {
    fn from(number: usize) -> Self {
        Self::Integer(number as i64)
    }
}

impl From<f64> for Content {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<bool> for Content {
    fn from(truth: bool) -> Self {
        Self::Boolean(truth)
    }
}

/// The scope of CrewAI's own spans, in every release.
pub(crate) const CREWAI_SCOPE: &str = "crewai.telemetry";

/// One span, with an id of its own: CrewAI's spans are never each other's parents.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) scope: &'static str,
    pub(crate) name: Cow<'static, str>,
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    /// Nanoseconds since 1970 UTC.
    pub(crate) start: u64,
    /// Nanoseconds since 1970 UTC.
    pub(crate) end: u64,
    pub(crate) failed: bool,
    pub(crate) attributes: Vec<(&'static str, Content)>,
}

impl Draft {
    /// A span that starts and ends in one call of the library.
    pub(crate) fn instant(name: impl Into<Cow<'static, str>>, at: u64, rng: &mut Rng) -> Self {
        let call = 40_000 + rng.below(2_000_000) as u64;
        Self::lasting(name, at, at + call, rng)
    }

    /// A span whose duration means something.
    pub(crate) fn lasting(
        name: impl Into<Cow<'static, str>>,
        start: u64,
        end: u64,
        rng: &mut Rng,
    ) -> Self {
        let mut trace_id = [0; 16];
        trace_id[..8].copy_from_slice(&rng.next().to_be_bytes());
        trace_id[8..].copy_from_slice(&rng.next().to_be_bytes());
        Self {
            scope: CREWAI_SCOPE,
            name: name.into(),
            trace_id,
            span_id: rng.next().to_be_bytes(),
            start,
            end,
            failed: false,
            attributes: Vec::with_capacity(20),
        }
    }

    pub(crate) fn with(mut self, key: &'static str, value: impl Into<Content>) -> Self {
        self.attributes.push((key, value.into()));
        self
    }

    pub(crate) fn with_if(
        self,
        condition: bool,
        key: &'static str,
        value: impl Into<Content>,
    ) -> Self {
        if condition {
            self.with(key, value)
        } else {
            self
        }
    }

    pub(crate) fn with_all(mut self, attributes: Vec<(&'static str, Content)>) -> Self {
        self.attributes.extend(attributes);
        self
    }

    pub(crate) fn failed(mut self, failed: bool) -> Self {
        self.failed = failed;
        self
    }
}
