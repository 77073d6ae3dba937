//! What the engine says of a query, in words of ours: without the names of its types and of its catalog, and with the name that was probably
//! meant.

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use headcount_catalog::Catalog;

use crate::suggestion::did_you_mean;

/// What the engine puts before the names of tables.
const QUALIFIER: &str = "datafusion.public.";

/// The reason of an error.
pub(crate) fn in_our_words(error: &DataFusionError) -> String {
    let root = error.find_root();
    let text = match root {
        DataFusionError::SQL(error, _) => match &**error {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
                format!("it is not valid SQL: {text}")
            }
            ParserError::RecursionLimitExceeded => "it is nested too deeply".to_owned(),
        },
        DataFusionError::NotImplemented(text) => format!("it is not supported: {text}"),
        other => other.message().into_owned(),
    };
    let separator = DataFusionError::BACK_TRACE_SEP;
    let text = text.split(separator).next().unwrap_or_default();
    let text = text.replace(QUALIFIER, "").replace('\n', " ");
    missing_table(&text).unwrap_or(text)
}

/// A better text where the error is about a table that does not exist.
fn missing_table(text: &str) -> Option<String> {
    let name = text.strip_prefix("table '")?.strip_suffix("' not found")?;
    let tables = Catalog::in_force().schema().tables.iter();
    let hint = did_you_mean(name, tables.map(|table| table.name.as_str()));
    let hint = hint.unwrap_or_else(|| "; `headcount tables` lists them".to_owned());
    Some(format!("there is no table {name:?}{hint}"))
}

/// A number of bytes as a person reads it, such as `128 MiB`.
pub(crate) fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..0x10_0000 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_of_the_engine_is_left() {
        let parser = |text: &str| {
            let error = ParserError::ParserError(text.to_owned());
            DataFusionError::SQL(Box::new(error), None)
        };
        let plan = |text: &str| DataFusionError::Plan(text.to_owned());
        for (error, expected) in [
            (
                parser("Expected: FROM, found: FORM at Line: 1, Column: 10"),
                "it is not valid SQL: Expected: FROM, found: FORM at Line: 1, Column: 10",
            ),
            (
                plan("table 'datafusion.public.crew' not found"),
                "there is no table \"crew\"; did you mean \"crews\"?",
            ),
            (
                plan("table 'datafusion.public.people' not found"),
                "there is no table \"people\"; `headcount tables` lists them",
            ),
            (
                plan("No field named datafusion.public.crews.kee"),
                "No field named crews.kee",
            ),
            (plan("x").context("while something"), "x"),
        ] {
            assert_eq!(in_our_words(&error), expected);
        }
    }

    #[test]
    fn sizes_are_in_the_largest_unit() {
        for (bytes, text) in [
            (1000, "1000 bytes"),
            (131_072, "128 KiB"),
            (134_217_728, "128 MiB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }
}
