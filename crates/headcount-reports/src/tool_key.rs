//! `tool_key(name)`: one spelling for all spellings of a tool; of a list of names, the list of their spellings.
//!
//! CrewAI sends `Word Counter` (as its author wrote it) until 1.8, `word_counter` since 1.9 and, where a model asked for
//! it, `word counter`. The rule is that of CrewAI 1.9 (`sanitize_tool_name`), but letters outside ASCII stay, so that two
//! tools with names in Chinese stay two.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StringViewArray, UInt32Builder};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use hashbrown::HashMap;

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
        name.to_owned()
    } else {
        trimmed.to_owned()
    }
}

/// The SQL function `tool_key`.
pub(crate) fn tool_key() -> ScalarUDF {
    ScalarUDF::from(ToolKey {
        signature: Signature::any(1, Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ToolKey {
    signature: Signature,
}

impl ScalarUDFImpl for ToolKey {
    fn name(&self) -> &'static str {
        "tool_key"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match &arguments[0] {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => {
                Ok(DataType::Utf8View)
            }
            DataType::List(item) if item.data_type().is_string() => {
                Ok(DataType::new_list(DataType::Utf8View, true))
            }
            other => Err(DataFusionError::Plan(format!(
                "tool_key takes a tool's name or a list of names, not a {other}"
            ))),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let names = &arrays[0];
        let Some(lists) = names.as_list_opt::<i32>() else {
            return Ok(ColumnarValue::Array(keys_of(names)?));
        };
        let keys = ListArray::try_new(
            Arc::new(Field::new_list_field(DataType::Utf8View, true)),
            lists.offsets().clone(),
            keys_of(lists.values())?,
            lists.nulls().cloned(),
        )?;
        Ok(ColumnarValue::Array(Arc::new(keys)))
    }
}

/// A batch has few different names: each is rewritten once.
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
    }
}
