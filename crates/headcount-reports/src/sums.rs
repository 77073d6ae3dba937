//! Sums in which a single held-back number would be the rest (complementary suppression).
//!
//! ```text
//! -- adds up: active = new + steady + back
//! -- adds up: active of the row before = steady + gone
//! -- adds up: crews within measure
//! -- adds up: recent within dimension where dimension in python, process
//! ```
//!
//! Of each sum either none or at least two numbers are held back, and those of the rows add up to the threshold: so what
//! the others leave is no number of few. The sums of a report form no circle, so that this holds for all of them
//! together: each number that is held back can be traded for another one in every sum that it is part of.

use std::collections::{BTreeMap, BTreeSet};

use headcount_answer::{Answer, cell_text};

use crate::condition::{Condition, split_condition};

/// A row and a column of an answer.
pub(crate) type Place = (usize, usize);

/// Counts of crews of which one is told by the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sum {
    /// `whole` is the sum of `parts`, columns of one row.
    Columns {
        whole: String,
        /// Whether the whole is that of the row before.
        of_the_row_before: bool,
        parts: Vec<String>,
    },
    /// The column `count` of all rows that are equal in the columns `within` is a total that shares tell.
    Rows {
        count: String,
        within: Vec<String>,
        only_where: Option<Condition>,
    },
}

impl Sum {
    /// Reads `WHOLE [of the row before] = PART + …`, or `COUNT within COLUMN, … [where COLUMN in VALUE, …]`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let name = |text: &str| text.trim().to_owned();
        if let Some((whole, parts)) = text.split_once('=') {
            let before = whole.trim().strip_suffix(" of the row before");
            return Ok(Self::Columns {
                whole: name(before.unwrap_or(whole)),
                of_the_row_before: before.is_some(),
                parts: parts.split('+').map(name).collect(),
            });
        }
        let (text, only_where) = split_condition(text)?;
        let (count, within) = text
            .split_once(" within ")
            .ok_or("no \" = \" or \" within \"")?;
        Ok(Self::Rows {
            count: name(count),
            within: within.split(',').map(name).collect(),
            only_where,
        })
    }

    /// Every column that it names.
    #[cfg(test)]
    pub(crate) fn columns(&self) -> Vec<&String> {
        match self {
            Self::Columns { whole, parts, .. } => parts.iter().chain([whole]).collect(),
            Self::Rows {
                count,
                within,
                only_where,
            } => {
                let condition = only_where.iter().map(|(column, _)| column);
                within.iter().chain([count]).chain(condition).collect()
            }
        }
    }

    /// The numbers of each such sum in `answer`.
    fn terms(&self, answer: &Answer) -> Vec<Terms> {
        match self {
            Self::Columns {
                whole,
                of_the_row_before,
                parts,
            } => {
                let index = |name: &String| answer.column_index(name);
                let parts: Option<Vec<usize>> = parts.iter().map(index).collect();
                let Some((whole, parts)) = index(whole).zip(parts) else {
                    return Vec::new();
                };
                let first = usize::from(*of_the_row_before);
                let rows = first..answer.rows.len();
                let terms = |row: usize| Terms {
                    whole: Some((row - first, whole)),
                    parts: parts.iter().map(|part| (row, *part)).collect(),
                };
                rows.map(terms).collect()
            }
            Self::Rows {
                count,
                within,
                only_where,
            } => rows_alike(answer, count, within, only_where.as_ref()),
        }
    }
}

/// The sums over rows that are equal in the columns `within`, and in their period.
fn rows_alike(
    answer: &Answer,
    count: &str,
    within: &[String],
    only_where: Option<&Condition>,
) -> Vec<Terms> {
    let Some(count) = answer.column_index(count) else {
        return Vec::new();
    };
    let names = within.iter().map(String::as_str).chain(["period"]);
    let keys: Vec<usize> = names.filter_map(|name| answer.column_index(name)).collect();
    let condition =
        only_where.and_then(|(column, values)| Some((answer.column_index(column)?, values)));
    let mut groups: BTreeMap<Vec<String>, Vec<Place>> = BTreeMap::new();
    for (place, row) in answer.rows.iter().enumerate() {
        let applies =
            condition.is_none_or(|(column, values)| values.contains(&cell_text(&row[column])));
        if applies {
            let key = keys.iter().map(|key| cell_text(&row[*key])).collect();
            groups.entry(key).or_default().push((place, count));
        }
    }
    let terms = |parts| Terms { whole: None, parts };
    groups.into_values().map(terms).collect()
}

/// The numbers of one sum.
struct Terms {
    /// The number that the parts add up to; `None` where a share tells it.
    whole: Option<Place>,
    parts: Vec<Place>,
}

impl Terms {
    /// A number that has to be held back beside those of `hidden`.
    fn next(
        &self,
        hidden: &BTreeSet<Place>,
        numbers: &BTreeMap<Place, u64>,
        least: u64,
    ) -> Option<Place> {
        let is_hidden = |place: &&Place| hidden.contains(place);
        let (parts, whole) = (
            self.parts.iter().filter(is_hidden).count(),
            self.whole.iter().filter(is_hidden).count(),
        );
        let of_parts = self.parts.iter().filter(is_hidden);
        let sum = of_parts
            .filter_map(|place| numbers.get(place))
            .fold(0_u64, |sum, number| sum.saturating_add(*number));
        let is_told = parts + whole == 1 || (parts > 0 && whole == 0 && sum < least);
        if !is_told {
            return None;
        }
        let open = self.parts.iter().filter(|place| !hidden.contains(*place));
        let counted = open
            .filter_map(|place| Some((*numbers.get(place).filter(|number| **number > 0)?, *place)));
        let smallest = counted.min_by_key(|(number, place)| (*number, std::cmp::Reverse(*place)));
        let whole = self
            .whole
            .filter(|place| !hidden.contains(place) && numbers.contains_key(place));
        smallest.map(|(_, place)| place).or(whole)
    }
}

/// The places that have to be held back beside `hidden`, so that no sum tells a number of fewer than `least`; `numbers` are
/// all counts of crews in `answer`.
pub(crate) fn told_by_others(
    answer: &Answer,
    sums: &[Sum],
    hidden: &BTreeSet<Place>,
    numbers: &BTreeMap<Place, u64>,
    least: u64,
) -> BTreeSet<Place> {
    let terms: Vec<Terms> = sums.iter().flat_map(|sum| sum.terms(answer)).collect();
    let mut all = hidden.clone();
    // Each number that is held back may be part of another sum.
    while let Some(next) = terms
        .iter()
        .find_map(|terms| terms.next(&all, numbers, least))
    {
        all.insert(next);
    }
    all.difference(hidden).copied().collect()
}

#[cfg(test)]
mod tests {
    use headcount_answer::{AnswerColumn, ColumnKind};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Weeks of a lifecycle in which the sums hold: parts of each week, and who is gone since the week before.
    fn lifecycle(weeks: &[(u64, u64, u64)]) -> Vec<[u64; 5]> {
        let mut rows: Vec<[u64; 5]> = Vec::new();
        for (new, steady, back) in weeks {
            let before = rows.last().map_or(0, |row| row[0]);
            let steady = *steady.min(&before);
            rows.push([new + steady + back, *new, steady, *back, before - steady]);
        }
        rows
    }

    /// The places of few, and those that have to go with them.
    fn held_back(rows: &[[u64; 5]]) -> BTreeSet<Place> {
        let names = ["active", "new", "steady", "back", "gone"];
        let answer = Answer {
            columns: names
                .map(|name| AnswerColumn {
                    name: name.to_owned(),
                    kind: ColumnKind::Integer,
                })
                .into(),
            rows: rows
                .iter()
                .map(|row| row.map(|count| json!(count)).into())
                .collect(),
            notes: Vec::new(),
        };
        let cells = rows.iter().enumerate();
        let numbers: BTreeMap<Place, u64> = cells
            .flat_map(|(row, counts)| (0..5).map(move |column| ((row, column), counts[column])))
            .collect();
        let few = numbers.iter().filter(|(_, count)| (1..5).contains(*count));
        let few: BTreeSet<Place> = few.map(|(place, _)| *place).collect();
        let sums = [
            "active = new + steady + back",
            "active of the row before = steady + gone",
        ]
        .map(|text| Sum::parse(text).unwrap());
        let beside = told_by_others(&answer, &sums, &few, &numbers, 5);
        few.union(&beside).copied().collect()
    }

    #[test]
    fn a_number_that_the_others_tell_is_not_held_back_alone() {
        // 40 active crews: 3 new, 37 steady. 40 − 37 would tell the three.
        let hidden = held_back(&lifecycle(&[(40, 0, 0), (3, 37, 0)]));
        assert!(
            hidden.contains(&(1, 1)) && hidden.contains(&(1, 2)),
            "{hidden:?}"
        );
        // Of the 40 crews of the week before 3 are gone, so that the steady ones would tell them; and then the new ones
        // would tell the steady ones.
        assert!(hidden.contains(&(1, 4)), "{hidden:?}");
        let none = held_back(&lifecycle(&[(40, 0, 0), (9, 30, 6)]));
        assert!(none.is_empty(), "{none:?}");
    }

    #[test]
    fn a_line_that_is_no_sum_is_refused() {
        for line in ["active", "active where a in b"] {
            assert!(Sum::parse(line).is_err(), "{line}");
        }
    }

    proptest! {
        #[test]
        fn of_no_sum_is_a_single_number_held_back(weeks in prop::collection::vec((0_u64..12, 0_u64..12, 0_u64..12), 1..8)) {
            let rows = lifecycle(&weeks);
            let hidden = held_back(&rows);
            let is_hidden = |places: &[Place]| places.iter().filter(|place| hidden.contains(place)).count();
            for row in 0..rows.len() {
                prop_assert!(is_hidden(&[(row, 0), (row, 1), (row, 2), (row, 3)]) != 1, "{rows:?} {hidden:?}");
                if row > 0 {
                    prop_assert!(is_hidden(&[(row - 1, 0), (row, 2), (row, 4)]) != 1, "{rows:?} {hidden:?}");
                }
            }
        }
    }
}
