//! The messages of a request, one function each.

use std::fmt::Write as _;

use super::lexer::{Lexer, Problem, Step};
use super::{JsonError, Transcoded, scalar};
use crate::writer::Writer;

/// Writes an OTLP/JSON request as protobuf.
///
/// Keys may be written `lowerCamelCase` or `snake_case`; unknown ones are ignored, and so are all that
/// [`RawSpan::parse`](crate::RawSpan::parse) passes over (events, links, kind, parent, ...). `null` is absent. 64-bit
/// integers are strings or numbers, enums numbers or names, ids hex, bytes base64. A key that occurs twice means what
/// its field means when it occurs twice in protobuf. Ids of a wrong length and attributes beyond the limit are left to
/// the reader to refuse, which looks at every span afterwards.
///
/// A span with a bad value, or one nested too deep, is left out and counted. Memory: the result, at most about as long as
/// `body`, one text with escapes at a time, and one bit for each array or object that is open at once.
///
/// # Errors
/// The text is not UTF-8 or not JSON, or something outside of spans is not what OTLP puts there, or nested deeper than
/// [`MAX_VALUE_DEPTH`](crate::MAX_VALUE_DEPTH).
pub fn json_to_protobuf(body: &[u8]) -> Result<Transcoded, JsonError> {
    let text = std::str::from_utf8(body).map_err(|error| JsonError {
        path: "$".to_owned(),
        offset: error.valid_up_to(),
        problem: "the text is not valid UTF-8",
    })?;
    let mut lexer = Lexer::new(text);
    let mut transcoder = Transcoder {
        writer: Writer::with_capacity(body.len() / 2),
        malformed_spans: 0,
    };
    transcoder
        .request(&mut lexer)
        .and_then(|()| lexer.end())
        .map_err(JsonError::from)?;
    Ok(Transcoded {
        bytes: transcoder.writer.into_bytes(),
        malformed_spans: transcoder.malformed_spans,
    })
}

impl From<Problem> for JsonError {
    fn from(problem: Problem) -> Self {
        let mut path = String::from("$");
        for step in problem.path.iter().rev() {
            let _ = match step {
                Step::Member(name) => write!(path, ".{name}"),
                Step::Element(index) => write!(path, "[{index}]"),
            };
        }
        Self {
            path,
            offset: problem.offset,
            problem: problem.text,
        }
    }
}

struct Transcoder {
    writer: Writer,
    malformed_spans: u64,
}

impl Transcoder {
    fn request(&mut self, lexer: &mut Lexer<'_>) -> Result<(), Problem> {
        lexer.object(|lexer, key| match key {
            "resourceSpans" | "resource_spans" => lexer
                .array(|lexer| self.message(1, lexer, Self::resource_spans))
                .map_err(|problem| problem.below(Step::Member("resourceSpans"))),
            _ => lexer.skip(),
        })
    }

    fn resource_spans(&mut self, lexer: &mut Lexer<'_>) -> Result<(), Problem> {
        lexer.object(|lexer, key| match key {
            "resource" => self
                .message(1, lexer, |transcoder, lexer| {
                    lexer.object(|lexer, key| match key {
                        "attributes" => transcoder.attributes(1, lexer),
                        _ => lexer.skip(),
                    })
                })
                .map_err(|problem| problem.below(Step::Member("resource"))),
            "scopeSpans" | "scope_spans" => lexer
                .array(|lexer| self.message(2, lexer, Self::scope_spans))
                .map_err(|problem| problem.below(Step::Member("scopeSpans"))),
            _ => lexer.skip(),
        })
    }

    fn scope_spans(&mut self, lexer: &mut Lexer<'_>) -> Result<(), Problem> {
        lexer.object(|lexer, key| match key {
            "scope" => self
                .message(1, lexer, Self::scope)
                .map_err(|problem| problem.below(Step::Member("scope"))),
            "spans" => lexer
                .array(|lexer| self.span_or_drop(lexer))
                .map_err(|problem| problem.below(Step::Member("spans"))),
            _ => lexer.skip(),
        })
    }

    fn scope(&mut self, lexer: &mut Lexer<'_>) -> Result<(), Problem> {
        lexer.object(|lexer, key| match key {
            "name" => self.text(1, lexer, "name"),
            "version" => self.text(2, lexer, "version"),
            _ => lexer.skip(),
        })
    }

    fn text(
        &mut self,
        field: u32,
        lexer: &mut Lexer<'_>,
        name: &'static str,
    ) -> Result<(), Problem> {
        let text = lexer
            .string()
            .map_err(|problem| problem.below(Step::Member(name)))?;
        self.writer.bytes(field, text.as_bytes());
        Ok(())
    }

    fn message(
        &mut self,
        field: u32,
        lexer: &mut Lexer<'_>,
        content: impl FnOnce(&mut Self, &mut Lexer<'_>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        let message = self.writer.open(field);
        content(self, lexer)?;
        self.writer.close(message);
        Ok(())
    }

    /// Only broken syntax is an error here: it leaves no place from which to go on.
    fn span_or_drop(&mut self, lexer: &mut Lexer<'_>) -> Result<(), Problem> {
        let mut span = lexer.clone();
        lexer.skip()?;
        let length_before = self.writer.len();
        if self.message(2, &mut span, Self::span).is_err() {
            self.writer.truncate(length_before);
            self.malformed_spans += 1;
        }
        Ok(())
    }

    fn span(&mut self, lexer: &mut Lexer<'_>) -> Result<(), Problem> {
        lexer.object(|lexer, key| {
            match key {
                "traceId" | "trace_id" => self.writer.bytes(1, &scalar::hex(lexer)?),
                "spanId" | "span_id" => self.writer.bytes(2, &scalar::hex(lexer)?),
                "name" => self.text(5, lexer, "name")?,
                "startTimeUnixNano" | "start_time_unix_nano" => {
                    self.writer.fixed64(7, scalar::unsigned(lexer)?);
                }
                "endTimeUnixNano" | "end_time_unix_nano" => {
                    self.writer.fixed64(8, scalar::unsigned(lexer)?);
                }
                "attributes" => self.attributes(9, lexer)?,
                "status" => self.message(15, lexer, Self::status)?,
                _ => lexer.skip()?,
            }
            Ok(())
        })
    }

    fn status(&mut self, lexer: &mut Lexer<'_>) -> Result<(), Problem> {
        lexer.object(|lexer, key| {
            if key == "code" {
                let code = i64::from(scalar::status_code(lexer)?);
                self.writer.varint(3, code.cast_unsigned());
                return Ok(());
            }
            lexer.skip()
        })
    }

    fn attributes(&mut self, field: u32, lexer: &mut Lexer<'_>) -> Result<(), Problem> {
        lexer
            .array(|lexer| self.message(field, lexer, Self::key_value))
            .map_err(|problem| problem.below(Step::Member("attributes")))
    }

    fn key_value(&mut self, lexer: &mut Lexer<'_>) -> Result<(), Problem> {
        lexer.object(|lexer, key| match key {
            "key" => self.text(1, lexer, "key"),
            "value" => self
                .message(2, lexer, Self::value)
                .map_err(|problem| problem.below(Step::Member("value"))),
            _ => lexer.skip(),
        })
    }

    fn value(&mut self, lexer: &mut Lexer<'_>) -> Result<(), Problem> {
        lexer.object(|lexer, key| {
            match key {
                "stringValue" | "string_value" => self.text(1, lexer, "stringValue")?,
                "boolValue" | "bool_value" => self.writer.varint(2, lexer.boolean()?.into()),
                "intValue" | "int_value" => {
                    self.writer
                        .varint(3, scalar::signed(lexer)?.cast_unsigned());
                }
                "doubleValue" | "double_value" => {
                    self.writer.fixed64(4, scalar::double(lexer)?.to_bits());
                }
                "bytesValue" | "bytes_value" => self.writer.bytes(7, &scalar::bytes(lexer)?),
                "arrayValue" | "array_value" => {
                    self.message(5, lexer, |transcoder, lexer| {
                        transcoder.values(lexer, Self::value)
                    })?;
                }
                "kvlistValue" | "kvlist_value" => {
                    self.message(6, lexer, |transcoder, lexer| {
                        transcoder.values(lexer, Self::key_value)
                    })?;
                }
                _ => lexer.skip()?,
            }
            Ok(())
        })
    }

    /// The content of `ArrayValue` and `KeyValueList`: `values`, in field 1.
    fn values(
        &mut self,
        lexer: &mut Lexer<'_>,
        element: fn(&mut Self, &mut Lexer<'_>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        lexer.object(|lexer, key| match key {
            "values" => lexer
                .array(|lexer| self.message(1, lexer, element))
                .map_err(|problem| problem.below(Step::Member("values"))),
            _ => lexer.skip(),
        })
    }
}
