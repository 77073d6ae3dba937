//! What a field's value may be, and the only way to write one.
//!
//! [`crate::fields`] has one constant for each field of the catalog that a client may record; [`SpanWriter`] writes a
//! value only against such a constant. So a field that the catalog does not have cannot be written (promise 1), and
//! content can be written only by someone who holds the crew's [`SharingGrant`] (promise 2).

use headcount_scrub::{cut, is_plain};
use headcount_wire::AttributeWriter;

use crate::model::{Content, SharingGrant};
use crate::random::Id;

/// How much of a text that needs scrubbing waits for it, in characters: more than any field's limit, so that nothing is
/// cut before it was scrubbed.
const DOUBTFUL_LENGTH: usize = 4_096;

/// True or false.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Boolean {
    pub(crate) key: &'static str,
}

/// A whole number from `min` to `max`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Integer {
    pub(crate) key: &'static str,
    pub(crate) min: i64,
    pub(crate) max: i64,
}

/// A number from `min` to `max`; a duration is one, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Double {
    pub(crate) key: &'static str,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// A random id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RandomId {
    pub(crate) key: &'static str,
}

/// A keyed hash.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyedHash {
    pub(crate) key: &'static str,
}

/// One of a closed list of words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word {
    pub(crate) key: &'static str,
    pub(crate) values: &'static [&'static str],
}

/// A machine's word: letters, digits and `_ . : + / -`, at most `max_length` of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    pub(crate) key: &'static str,
    pub(crate) max_length: usize,
}

/// A person's words: scrubbed, then cut at `max_length` characters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FreeText {
    pub(crate) key: &'static str,
    pub(crate) max_length: usize,
}

/// At most `max_items` texts, each scrubbed and cut at `max_length` characters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FreeTexts {
    pub(crate) key: &'static str,
    pub(crate) max_length: usize,
    pub(crate) max_items: usize,
}

/// A crew's own content, cut at `max_length` characters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared {
    pub(crate) key: &'static str,
    pub(crate) max_length: usize,
}

/// At most `max_items` texts of content, each cut at `max_length` characters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedTexts {
    pub(crate) key: &'static str,
    pub(crate) max_length: usize,
    pub(crate) max_items: usize,
}

/// Writes the attributes of one span.
#[derive(Debug)]
pub(crate) struct SpanWriter<'a, 'w> {
    attributes: &'a mut AttributeWriter<'w>,
    verdict: &'a mut Verdict,
}

/// What was noticed while a span was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Verdict {
    /// A text has to be scrubbed before the span may reach a disk.
    pub(crate) doubtful: bool,
    /// So many values were outside of the catalog's limits and were left out.
    pub(crate) refused: u32,
}

impl<'a, 'w> SpanWriter<'a, 'w> {
    pub(crate) fn new(attributes: &'a mut AttributeWriter<'w>, verdict: &'a mut Verdict) -> Self {
        Self {
            attributes,
            verdict,
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
            Some(_) => self.verdict.refused += 1,
            None => {}
        }
    }

    pub(crate) fn double(&mut self, field: Double, value: impl Into<Option<f64>>) {
        match value.into() {
            // Neither contains NaN.
            Some(value) if (field.min..=field.max).contains(&value) => {
                self.attributes.double(field.key, value);
            }
            Some(_) => self.verdict.refused += 1,
            None => {}
        }
    }

    pub(crate) fn id(&mut self, field: RandomId, value: impl Into<Option<Id>>) {
        if let Some(value) = value.into() {
            self.attributes.string(field.key, value.as_str());
        }
    }

    pub(crate) fn keyed_hash(
        &mut self,
        field: KeyedHash,
        value: impl Into<Option<crate::model::Key>>,
    ) {
        if let Some(value) = value.into() {
            self.attributes.string(field.key, value.as_str());
        }
    }

    pub(crate) fn word(&mut self, field: Word, value: impl Into<Option<&'static str>>) {
        if let Some(value) = value.into() {
            debug_assert!(field.values.contains(&value), "{value} in {}", field.key);
            self.attributes.string(field.key, value);
        }
    }

    pub(crate) fn token<'t>(&mut self, field: Token, value: impl Into<Option<&'t str>>) {
        match value.into() {
            Some(value) if is_token(value, field.max_length) => {
                // Its letters may still spell a secret, a path or an address: then it is left out before it reaches a disk,
                // and counted there: looking closer is not for the host's own thread.
                self.verdict.doubtful |= !is_plain(value);
                self.attributes.string(field.key, value);
            }
            Some(_) => self.verdict.refused += 1,
            None => {}
        }
    }

    pub(crate) fn free_text<'t>(&mut self, field: FreeText, value: impl Into<Option<&'t str>>) {
        if let Some(value) = value.into() {
            let value = self.look_at(value, field.max_length);
            self.attributes.string(field.key, value);
        }
    }

    pub(crate) fn free_texts<'t>(
        &mut self,
        field: FreeTexts,
        values: impl ExactSizeIterator<Item = &'t str>,
    ) {
        if values.len() > field.max_items {
            self.verdict.refused += 1;
        }
        let verdict = &mut *self.verdict;
        let values = values.take(field.max_items).map(|value| {
            let (value, doubtful) = look_at(value, field.max_length);
            verdict.doubtful |= doubtful;
            value
        });
        self.attributes.strings(field.key, values);
    }

    pub(crate) fn shared<'t>(
        &mut self,
        grant: &SharingGrant,
        field: Shared,
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
            self.verdict.refused += 1;
        }
        let values = values
            .take(field.max_items)
            .map(|value| cut(value.reveal(grant), field.max_length));
        self.attributes.strings(field.key, values);
    }

    /// Says that the span's crew shares its content; the collector believes no content without it.
    pub(crate) fn sharing_mark(&mut self, _grant: &SharingGrant) {
        self.attributes.boolean(crate::fields::SHARING_MARK, true);
    }

    fn look_at<'t>(&mut self, value: &'t str, max_length: usize) -> &'t str {
        let (value, doubtful) = look_at(value, max_length);
        self.verdict.doubtful |= doubtful;
        value
    }
}

/// The part of `value` that may be written now, and whether it has to be scrubbed.
fn look_at(value: &str, max_length: usize) -> (&str, bool) {
    let whole = cut(value, DOUBTFUL_LENGTH);
    if is_plain(whole) {
        (cut(whole, max_length), false)
    } else {
        (whole, true)
    }
}

/// As the catalog defines a token.
pub(crate) fn is_token(text: &str, max_length: usize) -> bool {
    !text.is_empty()
        && text.len() <= max_length
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.:+/-".contains(&byte))
}

/// One field whose text is scrubbed before it reaches a disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scrubbing {
    pub(crate) key: &'static str,
    pub(crate) max_length: usize,
}

#[cfg(test)]
mod tests {
    use headcount_wire::{RequestEncoder, SpanHeader, TraceRequest, Value};

    use super::*;

    fn written(write: impl FnOnce(&mut SpanWriter<'_, '_>)) -> (Vec<(String, String)>, Verdict) {
        let mut verdict = Verdict::default();
        let mut request = RequestEncoder::new();
        let header = SpanHeader {
            trace_id: [1; 16],
            span_id: [1; 8],
            ..SpanHeader::default()
        };
        let _ = request.span(&header, |attributes| {
            write(&mut SpanWriter::new(attributes, &mut verdict));
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
        (values, verdict)
    }

    #[test]
    fn a_number_outside_of_its_limits_is_left_out_and_counted() {
        let field = Double {
            key: "k",
            min: 0.0,
            max: 1.0,
        };
        for value in [f64::NAN, f64::INFINITY, -0.5, 1.5] {
            let (values, verdict) = written(|span| span.double(field, value));
            assert!(values.is_empty());
            assert_eq!(verdict.refused, 1);
        }
    }

    #[test]
    fn a_plain_text_is_cut_at_once_and_a_doubtful_one_after_scrubbing() {
        let field = FreeText {
            key: "k",
            max_length: 5,
        };
        let (values, verdict) = written(|span| span.free_text(field, "Senior"));
        assert_eq!(values[0].1, "Senio");
        assert!(!verdict.doubtful);
        let (values, verdict) = written(|span| span.free_text(field, "mail anna@example.com"));
        assert_eq!(values[0].1, "mail anna@example.com");
        assert!(verdict.doubtful);
    }

    #[test]
    fn false_zero_and_empty_text_are_written() {
        let (values, verdict) = written(|span| {
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
        assert_eq!(verdict, Verdict::default());
    }
}
