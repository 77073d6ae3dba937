//! The only way to write a field's value.
//!
//! [`SpanWriter`] writes a value only against a constant of [`crate::fields`]. So a field that the catalog does not have
//! cannot be written (promise 1), and content can be written only by code that holds the crew's [`SharingGrant`] (promise 2).

use headcount_scrub::{cut, is_plain};
use headcount_wire::AttributeWriter;

use crate::field::{
    Boolean, Double, Enum, FreeText, FreeTexts, Identifier, Integer, KeyedHash, RandomId,
    SharedText, SharedTexts,
};
use crate::fields::SHARING_MARK;
use crate::model::{Content, Key, SharingGrant};
use crate::platform::random::Id;

/// The length at which a text is cut before it is scrubbed, in characters: more than any field's limit, so that scrubbing
/// sees everything that the field may hold.
const UNSCRUBBED_LENGTH: usize = 4_096;

/// Writes the attributes of one span.
#[derive(Debug)]
pub(crate) struct SpanWriter<'a, 'w> {
    attributes: &'a mut AttributeWriter<'w>,
    findings: &'a mut Findings,
}

/// Facts that the writer noticed, for the recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Findings {
    /// A text has to be scrubbed before the span may reach a disk.
    pub(crate) needs_scrubbing: bool,
    /// The number of values that were outside the catalog's limits and were left out.
    pub(crate) refused: u32,
}

impl<'a, 'w> SpanWriter<'a, 'w> {
    pub(crate) fn new(attributes: &'a mut AttributeWriter<'w>, findings: &'a mut Findings) -> Self {
        Self {
            attributes,
            findings,
        }
    }

    pub(crate) fn boolean(&mut self, field: Boolean, value: impl Into<Option<bool>>) {
        if let Some(value) = value.into() {
            self.attributes.boolean(field.key, value);
        }
    }

    pub(crate) fn integer(&mut self, field: Integer, value: impl Into<Option<i64>>) {
        match value.into() {
            Some(value) if (field.min..=field.max).contains(&value) => {
                self.attributes.integer(field.key, value);
            }
            Some(_) => self.findings.refused += 1,
            None => {}
        }
    }

    pub(crate) fn double(&mut self, field: Double, value: impl Into<Option<f64>>) {
        match value.into() {
            // Neither contains NaN.
            Some(value) if (field.min..=field.max).contains(&value) => {
                self.attributes.double(field.key, value);
            }
            Some(_) => self.findings.refused += 1,
            None => {}
        }
    }

    pub(crate) fn id(&mut self, field: RandomId, value: impl Into<Option<Id>>) {
        if let Some(value) = value.into() {
            self.attributes.string(field.key, value.as_str());
        }
    }

    pub(crate) fn keyed_hash(&mut self, field: KeyedHash, value: impl Into<Option<Key>>) {
        if let Some(value) = value.into() {
            self.attributes.string(field.key, value.as_str());
        }
    }

    pub(crate) fn enumerated(&mut self, field: Enum, value: impl Into<Option<&'static str>>) {
        if let Some(value) = value.into() {
            debug_assert!(field.values.contains(&value), "{value} in {}", field.key);
            self.attributes.string(field.key, value);
        }
    }

    pub(crate) fn identifier<'t>(&mut self, field: Identifier, value: impl Into<Option<&'t str>>) {
        match value.into() {
            Some(value) if is_identifier(value, field.max_length) => {
                // It may still contain a secret, a path or an address. The spool writer then leaves it out and counts it:
                // a closer look would take too long on the host's thread.
                self.findings.needs_scrubbing |= !is_plain(value);
                self.attributes.string(field.key, value);
            }
            Some(_) => self.findings.refused += 1,
            None => {}
        }
    }

    pub(crate) fn free_text<'t>(&mut self, field: FreeText, value: impl Into<Option<&'t str>>) {
        if let Some(value) = value.into() {
            let value = self.plain_part(value, field.max_length);
            self.attributes.string(field.key, value);
        }
    }

    pub(crate) fn free_texts<'t>(
        &mut self,
        field: FreeTexts,
        values: impl ExactSizeIterator<Item = &'t str>,
    ) {
        if values.len() > field.max_items {
            self.findings.refused += 1;
        }
        let findings = &mut *self.findings;
        let values = values.take(field.max_items).map(|value| {
            let (value, needs_scrubbing) = plain_part(value, field.max_length);
            findings.needs_scrubbing |= needs_scrubbing;
            value
        });
        self.attributes.strings(field.key, values);
    }

    pub(crate) fn shared<'t>(
        &mut self,
        grant: &SharingGrant,
        field: SharedText,
        value: impl Into<Option<&'t Content>>,
    ) {
        if let Some(value) = value.into() {
            self.attributes
                .string(field.key, cut(value.reveal(grant), field.max_length));
        }
    }

    pub(crate) fn shared_texts<'t>(
        &mut self,
        grant: &SharingGrant,
        field: SharedTexts,
        values: impl ExactSizeIterator<Item = &'t Content>,
    ) {
        if values.len() > field.max_items {
            self.findings.refused += 1;
        }
        let values = values
            .take(field.max_items)
            .map(|value| cut(value.reveal(grant), field.max_length));
        self.attributes.strings(field.key, values);
    }

    /// Marks the span as one of a crew that shares its content; the collector refuses content without this mark.
    pub(crate) fn sharing_mark(&mut self, _grant: &SharingGrant) {
        self.attributes.boolean(SHARING_MARK, true);
    }

    fn plain_part<'t>(&mut self, value: &'t str, max_length: usize) -> &'t str {
        let (value, needs_scrubbing) = plain_part(value, max_length);
        self.findings.needs_scrubbing |= needs_scrubbing;
        value
    }
}

/// The part of `value` that may be written now, and whether it has to be scrubbed.
fn plain_part(value: &str, max_length: usize) -> (&str, bool) {
    let whole = cut(value, UNSCRUBBED_LENGTH);
    if is_plain(whole) {
        (cut(whole, max_length), false)
    } else {
        (whole, true)
    }
}

/// Whether `text` is an identifier as the catalog defines it.
pub(crate) fn is_identifier(text: &str, max_length: usize) -> bool {
    !text.is_empty()
        && text.len() <= max_length
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.:+/-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use headcount_wire::{RequestEncoder, SpanHeader, TraceRequest, Value};

    use super::*;

    fn written(write: impl FnOnce(&mut SpanWriter<'_, '_>)) -> (Vec<(String, String)>, Findings) {
        let mut findings = Findings::default();
        let mut request = RequestEncoder::new();
        let header = SpanHeader {
            trace_id: [1; 16],
            span_id: [1; 8],
            ..SpanHeader::default()
        };
        let _ = request.span(&header, |attributes| {
            write(&mut SpanWriter::new(attributes, &mut findings));
        });
        let body = request.finish();
        let mut values = Vec::new();
        for group in TraceRequest::parse(&body).unwrap().groups() {
            for raw in group.spans() {
                let mut scratch = Vec::new();
                let span = raw.parse(&mut scratch).unwrap();
                for attribute in span.attributes {
                    let text = match attribute.value {
                        Value::String(text) => text.to_owned(),
                        other => format!("{other:?}"),
                    };
                    values.push((attribute.key.to_owned(), text));
                }
            }
        }
        (values, findings)
    }

    #[test]
    fn a_number_outside_of_its_limits_is_left_out_and_counted() {
        let field = Double {
            key: "k",
            min: 0.0,
            max: 1.0,
        };
        for value in [f64::NAN, f64::INFINITY, -0.5, 1.5] {
            let (values, findings) = written(|span| span.double(field, value));
            assert!(values.is_empty());
            assert_eq!(findings.refused, 1);
        }
    }

    #[test]
    fn a_plain_text_is_cut_at_once_and_any_other_after_scrubbing() {
        let field = FreeText {
            key: "k",
            max_length: 5,
        };
        let (values, findings) = written(|span| span.free_text(field, "Senior"));
        assert_eq!(values[0].1, "Senio");
        assert!(!findings.needs_scrubbing);
        let (values, findings) = written(|span| span.free_text(field, "mail anna@example.com"));
        assert_eq!(values[0].1, "mail anna@example.com");
        assert!(findings.needs_scrubbing);
    }

    #[test]
    fn false_zero_and_empty_text_are_written() {
        let (values, findings) = written(|span| {
            span.boolean(Boolean { key: "b" }, false);
            span.integer(
                Integer {
                    key: "i",
                    min: 0,
                    max: 1,
                },
                0,
            );
            span.free_text(
                FreeText {
                    key: "t",
                    max_length: 5,
                },
                "",
            );
        });
        assert_eq!(values.len(), 3);
        assert_eq!(findings, Findings::default());
    }
}
