//! Marks: attributes that only say yes or no.

use headcount_wire::Value;

use crate::dialect::RefusalReason;

/// Whether a mark is set. Only a plain yes sets it, since consent may depend on it (promise 2).
pub(super) fn read_mark(value: Value<'_>) -> Result<bool, RefusalReason> {
    let is_one_of =
        |words: [&str; 4], text: &str| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    match value {
        Value::Boolean(value) => Ok(value),
        Value::Integer(1) => Ok(true),
        Value::Integer(0) | Value::Empty | Value::String("") => Ok(false),
        Value::String(text) if is_one_of(["true", "1", "yes", "on"], text) => Ok(true),
        Value::String(text) if is_one_of(["false", "0", "no", "off"], text) => Ok(false),
        _ => Err(RefusalReason::WrongType),
    }
}
