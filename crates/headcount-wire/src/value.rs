//! Attribute values (`opentelemetry.proto.common.v1`: `KeyValue`, `AnyValue`), borrowed from the request.

use std::fmt;

use crate::cursor::{Cursor, FIXED64, LENGTH, VARINT, key};
use crate::fault::Fault;

/// The maximum nesting of values: a plain value is one level, an array of plain values two.
pub const MAX_VALUE_DEPTH: usize = 100;

/// One key and its value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Attribute<'a> {
    /// The key; empty if the sender left it out.
    pub key: &'a str,
    /// The value; [`Value::Empty`] if the sender left it out.
    pub value: Value<'a>,
}

/// One `AnyValue`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// No value, or one of an unknown kind.
    Empty,
    /// Text.
    String(&'a str),
    /// True or false.
    Boolean(bool),
    /// A signed 64-bit integer.
    Integer(i64),
    /// A double, including NaN and infinities.
    Double(f64),
    /// Opaque bytes.
    Bytes(&'a [u8]),
    /// A list of values.
    Array(ArrayValue<'a>),
    /// A list of keys and values.
    KeyValueList(KeyValueList<'a>),
}

/// An array that was checked when its span was parsed.
#[derive(Clone, Copy, PartialEq)]
pub struct ArrayValue<'a> {
    message: &'a [u8],
}

/// A list of keys and values that was checked when its span was parsed.
#[derive(Clone, Copy, PartialEq)]
pub struct KeyValueList<'a> {
    message: &'a [u8],
}

impl<'a> ArrayValue<'a> {
    /// The values, in the sender's order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        Elements::new(self.message)
            .map_while(|element| read_value(element, Nesting::AlreadyChecked).ok())
    }

    /// The number of values. Iterates over the array.
    pub fn len(&self) -> usize {
        Elements::new(self.message).count()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.message.is_empty() || self.len() == 0
    }
}

impl<'a> KeyValueList<'a> {
    /// The keys and values, in the sender's order; a key may occur twice.
    pub fn iter(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        Elements::new(self.message)
            .map_while(|element| read_key_value(element, Nesting::AlreadyChecked).ok())
    }

    /// The number of keys. Iterates over the list.
    pub fn len(&self) -> usize {
        Elements::new(self.message).count()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.message.is_empty() || self.len() == 0
    }
}

impl fmt::Debug for ArrayValue<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for KeyValueList<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_map()
            .entries(self.iter().map(|entry| (entry.key, entry.value)))
            .finish()
    }
}

/// The elements of `ArrayValue` and `KeyValueList`: both keep them in field 1.
struct Elements<'a> {
    cursor: Cursor<'a>,
}

const ELEMENT: u32 = key(1, LENGTH);

impl<'a> Elements<'a> {
    fn new(message: &'a [u8]) -> Self {
        Self {
            cursor: Cursor::new(message),
        }
    }

    fn try_next(&mut self) -> Result<Option<&'a [u8]>, Fault> {
        while let Some(key) = self.cursor.next_key()? {
            if key == ELEMENT {
                return self.cursor.bytes().map(Some);
            }
            self.cursor.skip_unless(key, &[1])?;
        }
        Ok(None)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    /// The message is already checked, so that errors are impossible; one would end the iteration.
    fn next(&mut self) -> Option<&'a [u8]> {
        self.try_next().ok().flatten()
    }
}

/// Whether a container's content must be checked, and how many more levels it may have.
#[derive(Clone, Copy)]
pub(crate) enum Nesting {
    Check { levels_left: usize },
    AlreadyChecked,
}

impl Nesting {
    pub(crate) const UNCHECKED: Self = Self::Check {
        levels_left: MAX_VALUE_DEPTH,
    };
}

/// Reads one `KeyValue` message.
#[inline]
pub(crate) fn read_key_value(message: &[u8], nesting: Nesting) -> Result<Attribute<'_>, Fault> {
    const KEY: u32 = key(1, LENGTH);
    const VALUE: u32 = key(2, LENGTH);
    let mut cursor = Cursor::new(message);
    let mut name = "";
    let mut value = None;
    while let Some(key) = cursor.next_key()? {
        match key {
            KEY => name = cursor.text()?,
            VALUE if value.is_none() => value = Some(read_value(cursor.bytes()?, nesting)?),
            VALUE => return Err(Fault::DuplicateValue),
            _ => cursor.skip_unless(key, &[1, 2])?,
        }
    }
    Ok(Attribute {
        key: name,
        value: value.unwrap_or(Value::Empty),
    })
}

/// Reads one `AnyValue` message.
#[inline]
pub(crate) fn read_value(message: &[u8], nesting: Nesting) -> Result<Value<'_>, Fault> {
    const STRING: u32 = key(1, LENGTH);
    const BOOLEAN: u32 = key(2, VARINT);
    const INTEGER: u32 = key(3, VARINT);
    const DOUBLE: u32 = key(4, FIXED64);
    const ARRAY: u32 = key(5, LENGTH);
    const LIST: u32 = key(6, LENGTH);
    const BYTES: u32 = key(7, LENGTH);
    let mut cursor = Cursor::new(message);
    let mut value = Value::Empty;
    // The members of a oneof: of several, the last one counts.
    while let Some(key) = cursor.next_key()? {
        match key {
            STRING => value = Value::String(cursor.text()?),
            BOOLEAN => value = Value::Boolean(cursor.varint()? != 0),
            INTEGER => value = Value::Integer(cursor.varint()?.cast_signed()),
            DOUBLE => value = Value::Double(f64::from_bits(cursor.fixed64()?)),
            BYTES => value = Value::Bytes(cursor.bytes()?),
            ARRAY | LIST if matches!(value, Value::Array(_) | Value::KeyValueList(_)) => {
                return Err(Fault::DuplicateValue);
            }
            ARRAY => value = Value::Array(read_array(cursor.bytes()?, nesting)?),
            LIST => value = Value::KeyValueList(read_list(cursor.bytes()?, nesting)?),
            _ => cursor.skip_unless(key, &[1, 2, 3, 4, 5, 6, 7])?,
        }
    }
    Ok(value)
}

/// The next level, or `None` if it is already checked.
fn descend(nesting: Nesting) -> Result<Option<Nesting>, Fault> {
    match nesting {
        Nesting::AlreadyChecked => Ok(None),
        Nesting::Check { levels_left: 0 | 1 } => Err(Fault::NestedTooDeep),
        Nesting::Check { levels_left } => Ok(Some(Nesting::Check {
            levels_left: levels_left - 1,
        })),
    }
}

#[inline(never)]
fn read_array(message: &[u8], nesting: Nesting) -> Result<ArrayValue<'_>, Fault> {
    let mut elements = Elements::new(message);
    if let Some(below) = descend(nesting)? {
        while let Some(element) = elements.try_next()? {
            read_value(element, below)?;
        }
    }
    Ok(ArrayValue { message })
}

#[inline(never)]
fn read_list(message: &[u8], nesting: Nesting) -> Result<KeyValueList<'_>, Fault> {
    let mut elements = Elements::new(message);
    if let Some(below) = descend(nesting)? {
        while let Some(element) = elements.try_next()? {
            read_key_value(element, below)?;
        }
    }
    Ok(KeyValueList { message })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::Writer;

    /// An empty value in arrays and lists by turns: `levels` levels in all.
    fn nested(levels: usize) -> Vec<u8> {
        let mut writer = Writer::default();
        let mut open = Vec::new();
        for level in 1..levels {
            let is_list = level % 2 == 0;
            open.push(writer.open(if is_list { 6 } else { 5 }));
            open.push(writer.open(1));
            if is_list {
                open.push(writer.open(2));
            }
        }
        while let Some(message) = open.pop() {
            writer.close(message);
        }
        writer.into_bytes()
    }

    fn depth(value: &Value<'_>) -> usize {
        let below = match value {
            Value::Array(array) => array.iter().map(|value| depth(&value)).max(),
            Value::KeyValueList(list) => list.iter().map(|entry| depth(&entry.value)).max(),
            _ => None,
        };
        1 + below.unwrap_or(0)
    }

    #[test]
    fn values_nest_up_to_the_limit_and_no_deeper() {
        let bytes = nested(MAX_VALUE_DEPTH);
        let value = read_value(&bytes, Nesting::UNCHECKED).unwrap();
        assert_eq!(depth(&value), MAX_VALUE_DEPTH);
        for levels in [MAX_VALUE_DEPTH + 1, 10_000] {
            let bytes = nested(levels);
            let read = read_value(&bytes, Nesting::UNCHECKED);
            assert_eq!(read, Err(Fault::NestedTooDeep));
        }
    }

    #[test]
    fn a_fault_deep_inside_an_array_is_found_before_iteration() {
        let mut writer = Writer::default();
        let array = writer.open(5);
        let element = writer.open(1);
        writer.bytes(1, b"\xff");
        writer.close(element);
        writer.close(array);
        let bytes = writer.into_bytes();
        assert_eq!(
            read_value(&bytes, Nesting::UNCHECKED),
            Err(Fault::InvalidUtf8)
        );
    }

    #[test]
    fn of_two_kinds_of_value_the_last_counts_and_two_containers_are_refused() {
        let mut writer = Writer::default();
        writer.bytes(5, b"");
        writer.varint(3, 7);
        let bytes = writer.clone().into_bytes();
        assert_eq!(
            read_value(&bytes, Nesting::UNCHECKED),
            Ok(Value::Integer(7))
        );
        writer.bytes(6, b"");
        writer.bytes(5, b"");
        let bytes = writer.into_bytes();
        assert_eq!(
            read_value(&bytes, Nesting::UNCHECKED),
            Err(Fault::DuplicateValue)
        );
    }

    #[test]
    fn a_value_given_twice_is_refused() {
        let mut writer = Writer::default();
        writer.bytes(2, b"");
        writer.bytes(2, b"");
        let bytes = writer.into_bytes();
        assert_eq!(
            read_key_value(&bytes, Nesting::UNCHECKED),
            Err(Fault::DuplicateValue)
        );
    }
}
