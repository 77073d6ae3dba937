//! The end of a header's line that limits it to some rows: `where COLUMN in VALUE, …`.

/// A column, and the values of the rows that are meant.
pub(crate) type Condition = (String, Vec<String>);

/// Splits `TEXT [where COLUMN in VALUE, …]` into the text and the condition.
pub(crate) fn split_condition(text: &str) -> Result<(&str, Option<Condition>), String> {
    let Some((what, condition)) = text.split_once(" where ") else {
        return Ok((text, None));
    };
    let (column, values) = condition.split_once(" in ").ok_or("no \" in \"")?;
    let values = values.split(',').map(|value| value.trim().to_owned());
    Ok((what, Some((column.trim().to_owned(), values.collect()))))
}
