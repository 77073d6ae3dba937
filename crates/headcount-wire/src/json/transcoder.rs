//! The transcoder from OTLP/JSON to protobuf: one function for each message of a request.

use super::error::JsonError;
use super::scalar;
use super::strict::{Problem, Step, StrictReader};
use crate::writer::Writer;

/// Transcodes an OTLP/JSON request to protobuf.
///
/// Keys may be written `lowerCamelCase` or `snake_case`; unknown ones are ignored, and so are those that
/// [`RawSpan::parse`](crate::RawSpan::parse) skips (events, links, kind, parent, ...). `null` means absent. 64-bit
/// integers are strings or numbers, enums numbers or names, ids hex, bytes base64. A repeated key has the meaning of a
/// repeated field in protobuf. The protobuf reader, which checks every span afterwards, rejects ids of a wrong length
/// and attributes beyond the limit.
///
/// A span with an invalid value, or one that is nested too deep, is left out and counted. Memory: the result, at most
/// about as long as `body`, one string with escapes at a time, and one bit for each open array or object.
///
/// # Errors
/// The text is not UTF-8 or not JSON, or a value outside of spans does not follow the OTLP schema or is nested deeper than
/// [`MAX_VALUE_DEPTH`](crate::MAX_VALUE_DEPTH).
pub fn json_to_protobuf(body: &[u8]) -> Result<Transcoded, JsonError> {
    let text = std::str::from_utf8(body).map_err(|error| JsonError {
        path: "$".to_owned(),
        offset: error.valid_up_to(),
        problem: "the text is not valid UTF-8",
    })?;
    let mut reader = StrictReader::new(text);
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

/// The protobuf form of an OTLP/JSON request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Transcoded {
    /// An `ExportTraceServiceRequest`, at most a small multiple of the JSON's length.
    pub bytes: Vec<u8>,
    /// The number of spans with an invalid value, which are not in `bytes`.
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
                .array(|reader| self.message(1, reader, Self::resource_spans))
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
                .array(|reader| self.message(2, reader, Self::scope_spans))
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
                .array(|reader| self.span_or_drop(reader))
                .map_err(|problem| problem.below(Step::Member("spans"))),
            _ => reader.skip(),
        })
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

    /// Only invalid syntax is an error here: the transcoder could not find the next span.
    fn span_or_drop(&mut self, reader: &mut StrictReader<'_>) -> Result<(), Problem> {
        let mut span = reader.clone();
        reader.skip()?;
        let length_before = self.writer.len();
        if self.message(2, &mut span, Self::span).is_err() {
            self.writer.truncate(length_before);
            self.malformed_spans += 1;
        }
        Ok(())
    }

    fn span(&mut self, reader: &mut StrictReader<'_>) -> Result<(), Problem> {
        reader.object(|reader, key| {
            match key {
                "traceId" | "trace_id" => self.writer.bytes(1, &scalar::id(reader)?),
                "spanId" | "span_id" => self.writer.bytes(2, &scalar::id(reader)?),
                "name" => self.text(5, reader, "name")?,
                "startTimeUnixNano" | "start_time_unix_nano" => {
                    self.writer.fixed64(7, scalar::unsigned(reader)?);
                }
                "endTimeUnixNano" | "end_time_unix_nano" => {
                    self.writer.fixed64(8, scalar::unsigned(reader)?);
                }
                "attributes" => self.attributes(9, reader)?,
                "status" => self.message(15, reader, Self::status)?,
                _ => reader.skip()?,
            }
            Ok(())
        })
    }

    fn status(&mut self, reader: &mut StrictReader<'_>) -> Result<(), Problem> {
        reader.object(|reader, key| {
            if key == "code" {
                let code = i64::from(scalar::status_code(reader)?);
                self.writer.varint(3, code.cast_unsigned());
                return Ok(());
            }
            reader.skip()
        })
    }

    fn attributes(&mut self, field: u32, reader: &mut StrictReader<'_>) -> Result<(), Problem> {
        reader
            .array(|reader| self.message(field, reader, Self::key_value))
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
                        transcoder.values(reader, Self::value)
                    })?;
                }
                "kvlistValue" | "kvlist_value" => {
                    self.message(6, reader, |transcoder, reader| {
                        transcoder.values(reader, Self::key_value)
                    })?;
                }
                _ => reader.skip()?,
            }
            Ok(())
        })
    }

    /// The content of `ArrayValue` and `KeyValueList`: `values`, in field 1.
    fn values(
        &mut self,
        reader: &mut StrictReader<'_>,
        element: fn(&mut Self, &mut StrictReader<'_>) -> Result<(), Problem>,
    ) -> Result<(), Problem> {
        reader.object(|reader, key| match key {
            "values" => reader
                .array(|reader| self.message(1, reader, element))
                .map_err(|problem| problem.below(Step::Member("values"))),
            _ => reader.skip(),
        })
    }
}
