//! Which crews an operator selects, by values as reports and SQL show them.

/// The most values of one selection.
pub const MAX_SELECTED: usize = 10_000;

/// Crews, by values of the columns that tell crews apart ([`headcount_catalog::Table::crew_columns`]).
///
/// A crew's key selects every row with it, and the rows without a key of each run that has it. A crew's id, that of one crew object in
/// one process, selects the rows with it. A project selects its rows, and the rows of its crews' runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CrewSelection {
    /// Keys of crews: 16 hexadecimal digits each.
    pub crew_keys: Vec<String>,
    /// Ids of crews: a UUID, or 16 hexadecimal digits, each.
    pub crew_ids: Vec<String>,
    /// Keys of projects: 16 hexadecimal digits each.
    pub projects: Vec<String>,
}

/// Why a selection is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// It names nothing.
    #[error("name at least one crew key, crew id or project")]
    Empty,
    /// It names more than [`MAX_SELECTED`] values.
    #[error("name at most {MAX_SELECTED} values at a time")]
    TooMany,
    /// A value has another form than the columns' values.
    #[error("`{value}` is no {what}; copy it from a report or a query")]
    Malformed {
        /// The value, cut at 64 characters.
        value: String,
        /// The form that it should have.
        what: &'static str,
    },
}

impl CrewSelection {
    /// The selection with letters in lower case, as stored.
    ///
    /// # Errors
    ///
    /// It names nothing or too much, or a value cannot be in the column.
    pub fn checked(self) -> Result<Self, SelectionError> {
        let count = self.crew_keys.len() + self.crew_ids.len() + self.projects.len();
        if count == 0 {
            return Err(SelectionError::Empty);
        }
        if count > MAX_SELECTED {
            return Err(SelectionError::TooMany);
        }
        let key = "key of a crew (16 hexadecimal digits)";
        let id = "id of a crew (a UUID, or 16 hexadecimal digits)";
        let project = "key of a project (16 hexadecimal digits)";
        Ok(Self {
            crew_keys: all(self.crew_keys, is_hash, key)?,
            crew_ids: all(self.crew_ids, |text| is_hash(text) || is_uuid(text), id)?,
            projects: all(self.projects, is_hash, project)?,
        })
    }

    /// Every value of it.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        let lists = [&self.crew_keys, &self.crew_ids, &self.projects];
        lists.into_iter().flatten().map(String::as_str)
    }
}

fn all(
    values: Vec<String>,
    is_one: impl Fn(&str) -> bool,
    what: &'static str,
) -> Result<Vec<String>, SelectionError> {
    let checked = values.into_iter().map(|value| {
        let value = value.to_ascii_lowercase();
        match is_one(&value) {
            true => Ok(value),
            false => Err(SelectionError::Malformed {
                value: value.chars().take(64).collect(),
                what,
            }),
        }
    });
    checked.collect()
}

/// Whether a text has the form of a keyed hash.
pub(super) fn is_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a text has the form of a UUID with hyphens.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::try_parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(values: &[&str]) -> CrewSelection {
        CrewSelection {
            crew_keys: values.iter().map(|value| (*value).to_owned()).collect(),
            ..CrewSelection::default()
        }
    }

    #[test]
    fn a_value_that_cannot_be_stored_is_refused() {
        let checked = keys(&["5D41A2C8E0B7F319"]).checked();
        assert_eq!(checked, Ok(keys(&["5d41a2c8e0b7f319"])));
        assert_eq!(
            CrewSelection::default().checked(),
            Err(SelectionError::Empty)
        );
        for wrong in ["", "research crew", "5d41a2c8e0b7f31", "5d41a2c8e0b7f31g"] {
            let checked = keys(&[wrong]).checked();
            assert!(
                matches!(checked, Err(SelectionError::Malformed { .. })),
                "{wrong}"
            );
        }
        let many = CrewSelection {
            crew_ids: vec!["3f0c9a52-7d41-4c8e-9b1f-52f6c0a7d913".to_owned(); MAX_SELECTED + 1],
            ..CrewSelection::default()
        };
        assert_eq!(many.checked(), Err(SelectionError::TooMany));
    }
}
