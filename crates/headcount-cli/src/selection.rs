//! Which crews a command is about.

use clap::Args;
use headcount_commands::exit;
use headcount_lake::CrewSelection;
use serde_json::{Value, json};

/// The options that select crews. Each may be repeated; a row is meant that any of them selects.
#[derive(Debug, Default, Args)]
pub(crate) struct SelectionArgs {
    /// A crew's key, as the column `key` of `crews` and `crew_key` elsewhere shows it: all its runs
    #[arg(long, value_name = "KEY")]
    crew_key: Vec<String>,
    /// A crew's id, as the column `id` of `crews` and `crew_id` elsewhere shows it: one crew object of one process
    #[arg(long, value_name = "ID")]
    crew_id: Vec<String>,
    /// A project's key, as the column `project_id` shows it: its rows, and the runs of its crews
    #[arg(long, value_name = "KEY")]
    project: Vec<String>,
}

impl SelectionArgs {
    /// Whether none of the options was given.
    pub(crate) fn is_empty(&self) -> bool {
        self.crew_key.is_empty() && self.crew_id.is_empty() && self.project.is_empty()
    }

    /// The selection.
    ///
    /// # Errors
    /// A usage error where there is none, or a value cannot be in its column.
    pub(crate) fn read(&self) -> anyhow::Result<CrewSelection> {
        if self.is_empty() {
            return Err(exit::usage(
                "name a crew with --crew-key, --crew-id or --project; `headcount sql` and reports show the values",
            ));
        }
        let selection = CrewSelection {
            crew_keys: self.crew_key.clone(),
            crew_ids: self.crew_id.clone(),
            projects: self.project.clone(),
        };
        let checked = selection.checked();
        checked.map_err(|error| exit::usage(error.to_string()))
    }
}

/// The selection as the API takes it.
pub(crate) fn as_json(selection: &CrewSelection) -> Value {
    json!({
        "crew_keys": selection.crew_keys,
        "crew_ids": selection.crew_ids,
        "projects": selection.projects,
    })
}
