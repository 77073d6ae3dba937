//! The header of a report's file: its question and the meaning of its columns.

use serde::Serialize;

use crate::condition::split_condition;
use crate::own_parameters::OwnParameter;
use crate::shared_tier::is_shared;
use crate::sums::Sum;

/// A column of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportColumn {
    /// Its name in the answer.
    pub name: String,
    /// The meaning of its values.
    pub meaning: String,
}

/// The senders that the k-threshold counts for a column of free text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// The report's column that counts how many different crews (or projects) sent the value.
    Column(String),
    /// The spans carry no crew: no value is known to come from enough of them. The SQL itself leaves the text out, unless
    /// `$min_crews` allows it, and counts the values in a column `names`.
    NoCrew,
}

/// A column whose values are free text: shown only when enough crews sent them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FreeText {
    /// The column.
    pub column: String,
    /// The count of its senders.
    pub holder: Holder,
    /// Only rows where this column has one of these values hold free text; all rows if `None`.
    pub only_where: Option<(String, Vec<String>)>,
}

/// Columns that count crews and are shown only where they count enough, beside those that are derived from them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldBack {
    /// The count.
    pub column: String,
    /// The columns that would tell it, as a share does.
    pub with: Vec<String>,
}

/// A report: its header and its SQL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportHeader {
    /// The report's name: the file's name without `.sql`.
    pub name: String,
    /// A short title.
    pub title: String,
    /// The question that the report answers.
    pub question: String,
    /// The parameters of this report alone.
    pub parameters: Vec<OwnParameter>,
    /// The columns, in order. With a period asked for, a column `period` stands before them.
    pub columns: Vec<ReportColumn>,
    /// The columns that count who a row is about, the first that is not null for each row; none if the report is never
    /// published.
    pub published_by: Vec<String>,
    /// Whether the rows count different things, so that publishing never groups them into one.
    pub published_alone: bool,
    /// The columns that reveal a total of all rows, as a share does. They are not published beside a grouped row.
    pub tells_the_whole: Vec<String>,
    /// Columns of whole numbers that count nobody, as a number of weeks: small ones are published, too.
    pub not_a_count: Vec<String>,
    /// The column under the k-threshold, if there is one.
    pub free_text: Option<FreeText>,
    /// The counts of crews under the k-threshold.
    pub held_back: Vec<HeldBack>,
    /// The sums that would tell a single one of them.
    #[serde(skip)]
    pub(crate) sums: Vec<Sum>,
    /// The columns that are shown first where not all fit, as on a terminal.
    pub in_brief: Vec<String>,
    /// The column whose texts are said as the first notes of an answer.
    pub said_first: Option<String>,
    /// Notes for an answer in which a column has no value: (column, note).
    pub when_null: Vec<(String, String)>,
    /// Notes for every answer.
    pub notes: Vec<String>,
    /// The SQL after the header.
    #[serde(skip)]
    pub sql: &'static str,
}

impl ReportHeader {
    /// Whether the query itself depends on the threshold for free text, so that its rows serve that threshold alone.
    pub fn reads_min_crews(&self) -> bool {
        self.sql.contains("$min_crews")
    }

    /// Whether the report counts days or weeks of its own back from the last day of the answer (`$today`). Grouping it by
    /// period would cut these in pieces that mean nothing, so that it has no `by`.
    pub fn counts_from_today(&self) -> bool {
        self.sql.contains("$today")
    }

    /// Reads the header of the report `name` from its file's `text`.
    ///
    /// # Errors
    /// Says which line is not a header line, or which part is missing.
    pub fn parse(name: &str, text: &'static str) -> Result<Self, String> {
        let mut header = Self {
            name: name.to_owned(),
            title: String::new(),
            question: String::new(),
            parameters: Vec::new(),
            columns: Vec::new(),
            published_by: Vec::new(),
            published_alone: false,
            tells_the_whole: Vec::new(),
            not_a_count: Vec::new(),
            free_text: None,
            held_back: Vec::new(),
            sums: Vec::new(),
            in_brief: Vec::new(),
            said_first: None,
            when_null: Vec::new(),
            notes: Vec::new(),
            sql: "",
        };
        let mut rest = text;
        let mut list = List::None;
        while let Some(after) = rest.strip_prefix("--") {
            let (line, following) = after.split_once('\n').unwrap_or((after, ""));
            header
                .read_line(line, &mut list)
                .map_err(|reason| format!("{name}.sql, {line:?}: {reason}"))?;
            rest = following;
        }
        header.sql = rest;
        if header.title.is_empty() || header.question.is_empty() || header.columns.is_empty() {
            return Err(format!(
                "{name}.sql: title, question or columns are missing"
            ));
        }
        Ok(header)
    }

    /// Whether the report may be shown to everybody, see [`crate::publish`].
    pub fn is_publishable(&self) -> bool {
        !self.published_by.is_empty()
    }

    /// Whether the column counts distinct things, as crews: such counts of two rows have no sum. Its meaning says so.
    pub(crate) fn counts_distinct(&self, column: &str) -> bool {
        let mut columns = self.columns.iter();
        let known = columns.find(|known| known.name == column);
        known.is_some_and(|known| known.meaning.starts_with("distinct "))
    }

    /// Whether it is about the shared tier.
    pub(crate) fn reads_shared_tier(&self) -> bool {
        let is_word = |letter: char| letter.is_alphanumeric() || letter == '_';
        self.sql.split(|letter| !is_word(letter)).any(is_shared)
    }

    fn read_item(&mut self, item: &str, list: List) -> Result<(), String> {
        match list {
            List::None => return Err("an item of no list".to_owned()),
            List::Columns => {
                let (name, meaning) = split(item)?;
                self.columns.push(ReportColumn { name, meaning });
            }
            List::Parameters => self.parameters.push(OwnParameter::parse(item)?),
        }
        Ok(())
    }

    fn read_line(&mut self, line: &str, list: &mut List) -> Result<(), String> {
        if let Some(item) = line.strip_prefix("   ") {
            return self.read_item(item, *list);
        }
        let (key, value) = line.split_once(':').ok_or("no colon")?;
        let value = value.trim();
        match key.trim() {
            "columns" => *list = List::Columns,
            "parameters" => *list = List::Parameters,
            "held back" => self.held_back.push(HeldBack::parse(value)),
            "adds up" => self.sums.push(Sum::parse(value)?),
            "in brief" => self.in_brief = names(value),
            "said first" => self.said_first = Some(value.to_owned()),
            "title" => value.clone_into(&mut self.title),
            "question" => value.clone_into(&mut self.question),
            "note" => self.notes.push(value.to_owned()),
            "when null" => self.when_null.push(split(value)?),
            "published by" if value == "none" => {}
            "published by" => {
                let columns = value.strip_suffix(" alone");
                self.published_alone = columns.is_some();
                self.published_by = names(columns.unwrap_or(value));
            }
            "not a count" => self.not_a_count = names(value),
            "tells the whole" => self.tells_the_whole = names(value),
            "free text" => self.free_text = Some(FreeText::parse(value)?),
            other => return Err(format!("{other:?} is not known")),
        }
        Ok(())
    }
}

/// The list that an indented line of a header belongs to.
#[derive(Debug, Clone, Copy)]
enum List {
    None,
    Columns,
    Parameters,
}

impl HeldBack {
    /// Reads `COUNT [with COLUMN, …]`.
    fn parse(text: &str) -> Self {
        let (column, with) = text.split_once(" with ").unwrap_or((text, ""));
        let with = with.split(',').map(str::trim);
        Self {
            column: column.trim().to_owned(),
            with: with
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        }
    }
}

fn names(text: &str) -> Vec<String> {
    text.split(',').map(|name| name.trim().to_owned()).collect()
}

fn split(text: &str) -> Result<(String, String), String> {
    let (name, meaning) = text.split_once(':').ok_or("no colon after the column")?;
    Ok((name.trim().to_owned(), meaning.trim().to_owned()))
}

impl FreeText {
    /// Reads `COLUMN by COUNT [where COLUMN in VALUE, …]`, or `COLUMN by no crew`.
    fn parse(text: &str) -> Result<Self, String> {
        let (what, only_where) = split_condition(text)?;
        let (column, holder) = what.split_once(" by ").ok_or("no \" by \"")?;
        let holder = match holder.trim() {
            "no crew" => Holder::NoCrew,
            counted => Holder::Column(counted.to_owned()),
        };
        Ok(Self {
            column: column.trim().to_owned(),
            holder,
            only_where,
        })
    }
}
