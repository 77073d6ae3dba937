//! The transcoder from OTLP/JSON to protobuf: one function for each message of a request.

use std::borrow::Cow;

use super::error::JsonError;
use super::strict::{Kind, Problem, Step, StrictReader};
use super::{exception, scalar};
use crate::writer::Writer;

/// Transcodes an OTLP/JSON request to protobuf.
///
/// Keys may be written `lowerCamelCase` or `snake_case`; unknown ones are ignored, and so are those that
/// [`RawSpan::parse`](crate::RawSpan::parse) skips (links, kind, ...) or passes over (events, but for the class of an exception). `null` means absent; in a list of
/// values it is an empty value. Numbers may be strings, enums numbers or names, ids are hex, bytes base64. A repeated key has
/// the meaning of a repeated field in protobuf. The protobuf reader, which checks every span afterwards, rejects ids of a
/// wrong length and attributes beyond the limit.
///
/// A span with an invalid value, or one that is nested too deep, is left out and counted; so are all spans under an invalid
/// resource or scope. Text that is not UTF-8 makes the value invalid that it is in. A byte order mark at the start is ignored
/// (RFC 8259 §8.1). Memory: the result, at most about as long as `body`, one string with escapes at a time, one bit for each
/// open array or object, and a copy of `body` if that is not UTF-8.
///
/// # Errors
/// The text is not JSON, or not an object with a list of resources.
pub fn json_to_protobuf(body: &[u8]) -> Result<Transcoded, JsonError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let text = utf8(body);
    let mut reader = StrictReader::new(&text);
    let mut transcoder = Transcoder {
        writer: Writer::with_capacity(body.len() / 2),
        malformed_spans: 0,
    };
    transcoder
        .request(&mut reader)
        .and_then(|()| reader.end())
        .map_err(JsonError::from)?;
    Ok(Transcoded {
        bytes: transcoder.writer.into_bytes(),
        malformed_spans: transcoder.malformed_spans,
    })
}

/// The text, with a control character in place of each byte that is not UTF-8: no string may hold one, so that the value
/// around it is invalid, and offsets stay as they are.
fn utf8(body: &[u8]) -> Cow<'_, str> {
    const SUBSTITUTE: u8 = 0x1a;
    if let Ok(text) = std::str::from_utf8(body) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::from(SUBSTITUTE)));
    }
    Cow::Owned(text)
}

/// The protobuf form of an OTLP/JSON request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transcoded {
    /// An `ExportTraceServiceRequest`, at most a small multiple of the JSON's length.
    pub bytes: Vec<u8>,
    /// The number of spans that are not in `bytes`: of those with an invalid value, and of those under an invalid resource
    /// or scope. A resource or scope whose spans cannot be counted counts as one.
    pub malformed_spans: u64,
}

struct Transcoder {
    writer: Writer,
    malformed_spans: u64,
}

impl Transcoder {
    fn request(&mut self, reader: &mut StrictReader<'_>) -> Result<(), Problem> {
        reader.object(|reader, key| match key {
            "resourceSpans" | "resource_spans" => reader
                .array(|reader| self.message_or_drop(1, reader, Self::resource_spans, spans_in))
                .map_err(|problem| problem.below(Step::Member("resourceSpans"))),
            _ => reader.skip(),
        })
    }

    fn resource_spans(&mut self, reader: &mut StrictReader<'_>) -> Result<(), Problem> {
        reader.object(|reader, key| match key {
            "resource" => self
                .message(1, reader, |transcoder, reader| {
                    reader.object(|reader, key| match key {
                        "attributes" => transcoder.attributes(1, reader),
                        _ => reader.skip(),
                    })
                })
                .map_err(|problem| problem.below(Step::Member("resource"))),
            "scopeSpans" | "scope_spans" => reader
                .array(|reader| self.message_or_drop(2, reader, Self::scope_spans, spans_in))
                .map_err(|problem| problem.below(Step::Member("scopeSpans"))),
            _ => reader.skip(),
        })
    }

    fn scope_spans(&mut self, reader: &mut StrictReader<'_>) -> Result<(), Problem> {
        reader.object(|reader, key| match key {
            "scope" => self
                .message(1, reader, Self::scope)
                .map_err(|problem| problem.below(Step::Member("scope"))),
            "spans" => reader
                .array(|reader| self.message_or_drop(2, reader, Self::span, |_| Ok(1)))
                .map_err(|problem| problem.below(Step::Member("spans"))),
            _ => reader.skip(),
        })
    }

    /// Writes an element of a list, or leaves it out and counts its spans. Only invalid syntax is an error here: nobody could
    /// find the next element.
    fn message_or_drop(
        &mut self,
        field: u32,
        reader: &mut StrictReader<'_>,
        content: fn(&mut Self, &mut StrictReader<'_>) -> Result<(), Problem>,
        spans: fn(&mut StrictReader<'_>) -> Result<u64, Problem>,
    ) -> Result<(), Problem> {
        if reader.take_null()? {
            return Ok(());
        }
        let mut start = reader.clone();
        let (length_before, malformed_before) = (self.writer.len(), self.malformed_spans);
        match self.message(field, reader, content) {
            Ok(()) => Ok(()),
            Err(problem) if problem.is_fatal => Err(problem),
            Err(_) => {
                *reader = start.clone();
                reader.skip().map_err(Problem::fatal)?;
                self.writer.truncate(length_before);
                self.malformed_spans = malformed_before + spans(&mut start)?.max(1);
                Ok(())
            }
        }
    }

    fn scope(&mut self, reader: &mut StrictReader<'_>) -> Result<(), Problem> {
        reader.object(|reader, key| match key {
            "name" => self.text(1, reader, "name"),
            "version" => self.text(2, reader, "version"),
            _ => reader.skip(),
        })
    }

    fn text(
        &mut self,
        field: u32,
        reader: &mut StrictReader<'_>,
        name: &'static str,
    ) -> Result<(), Problem> {
        let text = reader
            .string()
            .map_err(|problem| problem.below(Step::Member(name)))?;
        self.writer.bytes(field, text.as_bytes());
        Ok(())
    }

    fn message(
        &mut self,
        field: u32,
        reader: &mut StrictReader<'_>,
        content: impl FnOnce(&mut Self, &mut StrictReader<'_>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let message = self.writer.open(field);
        content(self, reader)?;
        self.writer.close(message);
        Ok(())
    }

    fn span(&mut self, reader: &mut StrictReader<'_>) -> Result<(), Problem> {
        reader.object(|reader, key| {
            match key {
                "traceId" | "trace_id" => self.writer.bytes(1, &scalar::id(reader)?),
                "spanId" | "span_id" => self.writer.bytes(2, &scalar::id(reader)?),
                "parentSpanId" | "parent_span_id" => {
                    exception::parent(&mut self.writer, reader)?;
                }
                "name" => self.text(5, reader, "name")?,
                "startTimeUnixNano" | "start_time_unix_nano" => {
                    self.writer.fixed64(7, scalar::unsigned(reader)?);
                }
                "endTimeUnixNano" | "end_time_unix_nano" => {
                    self.writer.fixed64(8, scalar::unsigned(reader)?);
                }
                "attributes" => self.attributes(9, reader)?,
                "events" => exception::exceptions(&mut self.writer, reader)?,
                "status" => self.message(15, reader, Self::status)?,
                _ => reader.skip()?,
            }
            Ok(())
        })
    }

    /// A status, or its code alone.
    fn status(&mut self, reader: &mut StrictReader<'_>) -> Result<(), Problem> {
        if matches!(reader.kind()?, Kind::String | Kind::Number) {
            return self.status_code(reader);
        }
        reader.object(|reader, key| match key {
            "code" => self.status_code(reader),
            _ => reader.skip(),
        })
    }

    /// An unknown name is an unknown code: as good as none.
    fn status_code(&mut self, reader: &mut StrictReader<'_>) -> Result<(), Problem> {
        if let Some(code) = scalar::status_code(reader)? {
            self.writer.varint(3, i64::from(code).cast_unsigned());
        }
        Ok(())
    }

    fn attributes(&mut self, field: u32, reader: &mut StrictReader<'_>) -> Result<(), Problem> {
        reader
            .array(|reader| match reader.take_null()? {
                true => Ok(()),
                false => self.message(field, reader, Self::key_value),
            })
            .map_err(|problem| problem.below(Step::Member("attributes")))
    }

    fn key_value(&mut self, reader: &mut StrictReader<'_>) -> Result<(), Problem> {
        reader.object(|reader, key| match key {
            "key" => self.text(1, reader, "key"),
            "value" => self
                .message(2, reader, Self::value)
                .map_err(|problem| problem.below(Step::Member("value"))),
            _ => reader.skip(),
        })
    }

    fn value(&mut self, reader: &mut StrictReader<'_>) -> Result<(), Problem> {
        reader.object(|reader, key| {
            match key {
                "stringValue" | "string_value" => self.text(1, reader, "stringValue")?,
                "boolValue" | "bool_value" => self.writer.varint(2, reader.boolean()?.into()),
                "intValue" | "int_value" => {
                    self.writer
                        .varint(3, scalar::signed(reader)?.cast_unsigned());
                }
                "doubleValue" | "double_value" => {
                    self.writer.fixed64(4, scalar::double(reader)?.to_bits());
                }
                "bytesValue" | "bytes_value" => self.writer.bytes(7, &scalar::bytes(reader)?),
                "arrayValue" | "array_value" => {
                    self.message(5, reader, |transcoder, reader| {
                        transcoder.values(reader, Self::value, Self::empty_value)
                    })?;
                }
                "kvlistValue" | "kvlist_value" => {
                    self.message(6, reader, |transcoder, reader| {
                        transcoder.values(reader, Self::key_value, |_| {})
                    })?;
                }
                _ => reader.skip()?,
            }
            Ok(())
        })
    }

    fn empty_value(&mut self) {
        let empty = self.writer.open(1);
        self.writer.close(empty);
    }

    /// The content of `ArrayValue` and `KeyValueList`: `values`, in field 1. `null` is called for each element that is `null`.
    fn values(
        &mut self,
        reader: &mut StrictReader<'_>,
        element: fn(&mut Self, &mut StrictReader<'_>) -> Result<(), Problem>,
        null: fn(&mut Self),
    ) -> Result<(), Problem> {
        reader.object(|reader, key| match key {
            "values" => reader
                .array(|reader| {
                    if reader.take_null()? {
                        null(self);
                        return Ok(());
                    }
                    self.message(1, reader, element)
                })
                .map_err(|problem| problem.below(Step::Member("values"))),
            _ => reader.skip(),
        })
    }
}

/// Counts the spans of a `ResourceSpans` or `ScopeSpans` that is left out, whatever else is in it.
fn spans_in(reader: &mut StrictReader<'_>) -> Result<u64, Problem> {
    let mut count = 0;
    if reader.kind()? != Kind::Object {
        reader.skip()?;
        return Ok(count);
    }
    reader.object(|reader, key| {
        let is_spans = key == "spans";
        if !(is_spans || matches!(key, "scopeSpans" | "scope_spans"))
            || reader.kind()? != Kind::Array
        {
            return reader.skip();
        }
        reader.array(|reader| {
            if !is_spans {
                count += spans_in(reader)?;
                return Ok(());
            }
            if !reader.take_null()? {
                count += 1;
                reader.skip()?;
            }
            Ok(())
        })
    })?;
    Ok(count)
}
