//! The four functions, and the type of a set of values.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};

/// Input and output of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Form {
    /// From values to their number.
    Count,
    /// From values to their hashes.
    Set,
    /// From hashes to their number.
    Union,
    /// From hashes to hashes.
    UnionSet,
}

pub(super) fn item_field() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::UInt64, true))
}

/// A set of values: a list of hashes.
pub(super) fn list_type() -> DataType {
    DataType::List(item_field())
}
