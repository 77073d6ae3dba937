//! `tool_key(name)`: one spelling for all spellings of a tool; of a list of names, the list of their spellings.
//! `tool_set(names)`: the spellings of a list as one text, which groups much faster than a list: sorted,
//! without duplicates, one per line.
//!
//! CrewAI sends `Word Counter` (as its author wrote it) until 1.8, `word_counter` since 1.9 and, where a model asked for
//! it, `word counter`. The rule is that of CrewAI 1.9 (`sanitize_tool_name`), but letters outside ASCII stay, so that two
//! tools with Chinese names stay distinct.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, ListViewArray, StringViewArray, UInt32Array, UInt32Builder,
};
use arrow::buffer::ScalarBuffer;
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use hashbrown::HashMap;

use crate::distinct_lists::DistinctLists;

/// The tool's name in lower case with underscores: `Word Counter`, `WordCounter` and `word_counter` are one.
pub(crate) fn tool_key_of(name: &str) -> String {
    let letters: Vec<char> = name.chars().filter(|c| !matches!(c, '\'' | '"')).collect();
    let mut key = String::with_capacity(name.len() + 4);
    for (index, &letter) in letters.iter().enumerate() {
        if !letter.is_alphanumeric() {
            if !key.is_empty() && !key.ends_with('_') {
                key.push('_');
            }
            continue;
        }
        if index > 0 && letter.is_ascii_uppercase() {
            let before = letters[index - 1];
            let before_word = letters.get(index + 1).is_some_and(char::is_ascii_lowercase);
            if before.is_ascii_lowercase() || (before.is_ascii_uppercase() && before_word) {
                key.push('_');
            }
        }
        key.extend(letter.to_lowercase());
    }
    let trimmed = key.trim_end_matches('_');
    if trimmed.is_empty() {
        // A key has no line break, since a set has one key per line.
        name.replace('\n', " ")
    } else {
        trimmed.to_owned()
    }
}

/// The SQL functions of this module.
pub(crate) fn tool_functions() -> [ScalarUDF; 2] {
    [Form::Key, Form::Set].map(|form| {
        let signature = Signature::any(1, Volatility::Immutable);
        ScalarUDF::from(Tools { form, signature })
    })
}

/// The output of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    /// Of a name its key, of a list of names the list of their keys.
    Key,
    /// Of a list of names their keys as one text.
    Set,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Tools {
    form: Form,
    signature: Signature,
}

impl ScalarUDFImpl for Tools {
    fn name(&self) -> &'static str {
        match self.form {
            Form::Key => "tool_key",
            Form::Set => "tool_set",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match (self.form, &arguments[0]) {
            (Form::Key, name) if name.is_string() || name.is_null() => Ok(DataType::Utf8View),
            (form, DataType::List(item)) if item.data_type().is_string() => Ok(match form {
                Form::Key => DataType::ListView(key_field()),
                Form::Set => DataType::Utf8View,
            }),
            (Form::Key, other) => Err(DataFusionError::Plan(format!(
                "tool_key takes a tool's name or a list of names, not a {other}"
            ))),
            (Form::Set, other) => Err(DataFusionError::Plan(format!(
                "tool_set takes a list of tools' names, not a {other}"
            ))),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let names = &arrays[0];
        Ok(ColumnarValue::Array(
            match (names.as_list_opt::<i32>(), self.form) {
                (None, _) => keys_of(names)?,
                (Some(lists), Form::Key) => lists_of_keys(lists)?,
                (Some(lists), Form::Set) => sets_of_keys(lists)?,
            },
        ))
    }
}

fn key_field() -> Arc<Field> {
    Arc::new(Field::new_list_field(DataType::Utf8View, true))
}

/// The keys of each list. Equal lists share theirs in the list view.
fn lists_of_keys(lists: &ListArray) -> Result<ArrayRef> {
    let distinct = DistinctLists::of(lists)?;
    let number = |length: usize| i32::try_from(length).unwrap_or(i32::MAX);
    let ranges = distinct
        .of_rows
        .iter()
        .map(|&list| &distinct.ranges[list as usize]);
    let offsets: ScalarBuffer<i32> = ranges.clone().map(|range| number(range.start)).collect();
    let sizes: ScalarBuffer<i32> = ranges.map(|range| number(range.len())).collect();
    let keys = keys_of(&distinct.items)?;
    let keys = ListViewArray::try_new(key_field(), offsets, sizes, keys, lists.nulls().cloned())?;
    Ok(Arc::new(keys))
}

/// The keys of each list as one text.
fn sets_of_keys(lists: &ListArray) -> Result<ArrayRef> {
    let distinct = DistinctLists::of(lists)?;
    let keys = keys_of(&distinct.items)?;
    let keys = keys.as_string_view();
    let sets = distinct.ranges.iter().map(|range| {
        let filled = range.clone().filter(|&item| keys.is_valid(item));
        let filled = filled.map(|item| keys.value(item));
        let set: BTreeSet<&str> = filled.filter(|key| !key.is_empty()).collect();
        Vec::from_iter(set).join("\n")
    });
    let sets: ArrayRef = Arc::new(StringViewArray::from_iter_values(sets));
    let rows = UInt32Array::new(distinct.of_rows.into(), lists.nulls().cloned());
    Ok(take(&sets, &rows, None)?)
}

/// A batch has few distinct names: each is rewritten once.
fn keys_of(names: &ArrayRef) -> Result<ArrayRef> {
    let names = cast(names, &DataType::Utf8View)?;
    let mut positions: HashMap<&str, u32> = HashMap::new();
    let mut keys: Vec<String> = Vec::new();
    let mut rows = UInt32Builder::with_capacity(names.len());
    for name in names.as_string_view() {
        rows.append_option(name.map(|name| {
            *positions.entry(name).or_insert_with(|| {
                keys.push(tool_key_of(name));
                u32::try_from(keys.len() - 1).unwrap_or(u32::MAX)
            })
        }));
    }
    let keys: ArrayRef = Arc::new(StringViewArray::from_iter_values(keys));
    Ok(take(&keys, &rows.finish(), None)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_tool_have_one_key() {
        for spelling in [
            "Word Counter",
            "word counter",
            "word_counter",
            "WordCounter",
            " Word  counter!",
        ] {
            assert_eq!(tool_key_of(spelling), "word_counter", "{spelling}");
        }
        assert_eq!(tool_key_of("Read a file's content"), "read_a_files_content");
        assert_eq!(tool_key_of("PDFSearchTool"), "pdf_search_tool");
    }

    #[test]
    fn names_without_ascii_letters_stay_apart() {
        assert_ne!(tool_key_of("搜索"), tool_key_of("计算"));
        assert_eq!(tool_key_of("🔍"), "🔍");
        assert_eq!(tool_key_of(""), "");
        assert_eq!(tool_key_of("\n"), " ");
    }
}
