//! The columns of an answer, from an Arrow schema.

use arrow::datatypes::{DataType, Schema};
use headcount_answer::{Answer, AnswerColumn, ColumnKind};

/// The kind of column for values of an Arrow type.
pub(crate) fn kind_of(data_type: &DataType) -> ColumnKind {
    match data_type {
        DataType::Boolean => ColumnKind::Boolean,
        DataType::Dictionary(_, values) => kind_of(values),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ColumnKind::Text,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => ColumnKind::Moment,
        integer if integer.is_integer() => ColumnKind::Integer,
        number if number.is_numeric() => ColumnKind::Number,
        list if list.is_list() => ColumnKind::List,
        _ => ColumnKind::Other,
    }
}

/// An answer without rows.
pub(crate) fn of_schema(schema: &Schema) -> Answer {
    let mut columns: Vec<AnswerColumn> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let taken = |name: &str| columns.iter().any(|column| column.name == name);
        let mut name = field.name().clone();
        let mut copies = 1;
        while taken(&name) {
            copies += 1;
            name = format!("{}_{copies}", field.name());
        }
        let kind = kind_of(field.data_type());
        columns.push(AnswerColumn { name, kind });
    }
    Answer {
        columns,
        ..Answer::default()
    }
}
