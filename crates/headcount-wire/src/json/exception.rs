//! The class of an exception that a span's events record: all that is transcoded of events, because it is all that is read of them
//! ([`crate::RawSpan::exception_type`]).

use super::scalar;
use super::strict::{Kind, Problem, StrictReader};
use crate::writer::Writer;

/// Writes an event for each exception that names its class. Whatever else an event has, and whatever is no event, is skipped: what is wrong
/// with it is no fault of the span.
pub(super) fn exceptions(
    writer: &mut Writer,
    reader: &mut StrictReader<'_>,
) -> Result<(), Problem> {
    if reader.kind()? != Kind::Array {
        return reader.skip();
    }
    reader.array(|reader| {
        if let Ok(Some(class)) = class_of(&mut reader.clone()) {
            write(writer, &class);
        }
        reader.skip()
    })
}

/// The class of an event that is an exception.
fn class_of(reader: &mut StrictReader<'_>) -> Result<Option<String>, Problem> {
    if reader.kind()? != Kind::Object {
        return Ok(None);
    }
    let (mut is_exception, mut class) = (false, None);
    reader.object(|reader, key| match (key, reader.kind()?) {
        ("name", Kind::String) => {
            is_exception = reader.string()? == "exception";
            Ok(())
        }
        ("attributes", Kind::Array) => reader.array(|reader| {
            if let Some(found) = class_in(reader)? {
                class = Some(found);
            }
            Ok(())
        }),
        _ => reader.skip(),
    })?;
    Ok(class.filter(|_| is_exception))
}

/// The text of an attribute `exception.type`.
fn class_in(reader: &mut StrictReader<'_>) -> Result<Option<String>, Problem> {
    if reader.kind()? != Kind::Object {
        reader.skip()?;
        return Ok(None);
    }
    let (mut is_class, mut text) = (false, None);
    reader.object(|reader, key| match (key, reader.kind()?) {
        ("key", Kind::String) => {
            is_class = reader.string()? == "exception.type";
            Ok(())
        }
        // A value before its key is not read: nobody writes it so, and most values here are content.
        ("value", Kind::Object) if is_class => {
            reader.object(|reader, key| match (key, reader.kind()?) {
                ("stringValue" | "string_value", Kind::String) => {
                    text = Some(reader.string()?.into_owned());
                    Ok(())
                }
                _ => reader.skip(),
            })
        }
        _ => reader.skip(),
    })?;
    Ok(text)
}

fn write(writer: &mut Writer, class: &str) {
    let event = writer.open(11);
    writer.bytes(2, b"exception");
    let attribute = writer.open(3);
    writer.bytes(1, b"exception.type");
    let value = writer.open(2);
    writer.bytes(1, class.as_bytes());
    writer.close(value);
    writer.close(attribute);
    writer.close(event);
}

/// The parent's id. One that is no id is nobody's, and no fault of the span.
pub(super) fn parent(writer: &mut Writer, reader: &mut StrictReader<'_>) -> Result<(), Problem> {
    if reader.kind()? == Kind::String
        && let Ok(text) = reader.clone().string()
        && let Some(id) = scalar::hex_bytes(&text).filter(|id| !id.is_empty())
    {
        writer.bytes(4, &id);
    }
    reader.skip()
}
