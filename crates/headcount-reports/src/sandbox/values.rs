//! JSON values as bytes, exactly: a number that goes through JSON's text may come back as its neighbour.
//!
//! A value is one byte for its kind, then its content: a number as eight bytes, a text as its length and its bytes, an array or
//! an object as the number of its members and the members. Lengths are four bytes. The lowest byte comes first.

use std::io::{self, Read, Write};

use serde_json::{Map, Number, Value};

/// Arrays in arrays: no answer nests deeper than its query's types, and reading recurses.
const MAX_DEPTH: usize = 128;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const SIGNED: u8 = 3;
const UNSIGNED: u8 = 4;
const DOUBLE: u8 = 5;
const TEXT: u8 = 6;
const ARRAY: u8 = 7;
const OBJECT: u8 = 8;

/// Writes `value`.
pub(super) fn write_value(to: &mut impl Write, value: &Value) -> io::Result<()> {
    match value {
        Value::Null => to.write_all(&[NULL]),
        Value::Bool(false) => to.write_all(&[FALSE]),
        Value::Bool(true) => to.write_all(&[TRUE]),
        Value::Number(number) => write_number(to, number),
        Value::String(text) => {
            to.write_all(&[TEXT])?;
            write_text(to, text)
        }
        Value::Array(values) => {
            to.write_all(&[ARRAY])?;
            write_length(to, values.len())?;
            values.iter().try_for_each(|value| write_value(to, value))
        }
        Value::Object(members) => {
            to.write_all(&[OBJECT])?;
            write_length(to, members.len())?;
            members.iter().try_for_each(|(name, value)| {
                write_text(to, name)?;
                write_value(to, value)
            })
        }
    }
}

fn write_number(to: &mut impl Write, number: &Number) -> io::Result<()> {
    let (kind, bytes) = if let Some(signed) = number.as_i64() {
        (SIGNED, signed.to_le_bytes())
    } else if let Some(unsigned) = number.as_u64() {
        (UNSIGNED, unsigned.to_le_bytes())
    } else {
        (DOUBLE, number.as_f64().unwrap_or_default().to_le_bytes())
    };
    to.write_all(&[kind])?;
    to.write_all(&bytes)
}

fn write_text(to: &mut impl Write, text: &str) -> io::Result<()> {
    write_length(to, text.len())?;
    to.write_all(text.as_bytes())
}

fn write_length(to: &mut impl Write, length: usize) -> io::Result<()> {
    let length = u32::try_from(length).map_err(io::Error::other)?;
    to.write_all(&length.to_le_bytes())
}

/// Reads a value.
pub(super) fn read_value(from: &mut impl Read) -> io::Result<Value> {
    read_nested(from, MAX_DEPTH)
}

fn read_nested(from: &mut impl Read, depth: usize) -> io::Result<Value> {
    let invalid = || io::Error::other("the bytes are no value");
    let depth = depth.checked_sub(1).ok_or_else(invalid)?;
    let [kind] = read_bytes(from)?;
    Ok(match kind {
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        SIGNED => i64::from_le_bytes(read_bytes(from)?).into(),
        UNSIGNED => u64::from_le_bytes(read_bytes(from)?).into(),
        DOUBLE => f64::from_le_bytes(read_bytes(from)?).into(),
        TEXT => read_text(from)?.into(),
        ARRAY => {
            let mut values = Vec::new();
            for _ in 0..read_length(from)? {
                values.push(read_nested(from, depth)?);
            }
            values.into()
        }
        OBJECT => {
            let mut members = Map::new();
            for _ in 0..read_length(from)? {
                let name = read_text(from)?;
                let _: Option<Value> = members.insert(name, read_nested(from, depth)?);
            }
            members.into()
        }
        _ => return Err(invalid()),
    })
}

fn read_text(from: &mut impl Read) -> io::Result<String> {
    let length = read_length(from)?;
    let mut bytes = Vec::new();
    // Grows with what arrives: a length alone takes no memory.
    let read = from.take(u64::from(length)).read_to_end(&mut bytes)?;
    if read < length as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn read_length(from: &mut impl Read) -> io::Result<u32> {
    Ok(u32::from_le_bytes(read_bytes(from)?))
}

fn read_bytes<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn round_trip(value: &Value) -> Value {
        let mut bytes = Vec::new();
        write_value(&mut bytes, value).unwrap();
        read_value(&mut bytes.as_slice()).unwrap()
    }

    #[test]
    fn a_value_that_is_cut_off_is_an_error() {
        let mut bytes = Vec::new();
        write_value(&mut bytes, &json!({"a": [1, "text", null], "b": 0.5})).unwrap();
        for length in 0..bytes.len() {
            assert!(read_value(&mut &bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn what_is_no_value_is_an_error() {
        let nested = [7, 1, 0, 0, 0].repeat(100_000);
        for bytes in [vec![9], vec![6, 1, 0, 0, 0, 0xff], nested] {
            assert!(read_value(&mut bytes.as_slice()).is_err());
        }
    }

    proptest! {
        #[test]
        fn every_value_comes_back_as_it_was(
            signed in any::<i64>(),
            unsigned in any::<u64>(),
            double in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO,
            text in any::<String>(),
        ) {
            let value = json!([null, true, false, signed, unsigned, double, text, {text.clone(): [double, []]}, {}]);
            prop_assert_eq!(round_trip(&value), value);
        }
    }
}
