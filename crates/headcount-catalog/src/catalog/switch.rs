//! What turns a client off.

use serde::Deserialize;

/// One way to turn a client off, or a state in which it is off by itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// What a person sets, runs or writes; of a state, its name.
    pub name: String,
    /// Its kind, which is also its rank.
    pub kind: SwitchKind,
    /// The framework whose switch it is; `None` if it counts for every framework.
    pub framework: Option<String>,
    /// What it does, and for whom it is meant.
    pub what: String,
}

/// The kind of a [`Switch`]. A client asks in this order (`crates/headcount/src/consent/decision.rs`, whose tests compare).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwitchKind {
    /// An environment variable that counts for every framework.
    Variable,
    /// An environment variable of one framework.
    FrameworkVariable,
    /// The administrator's file, for every user of a machine.
    AdministratorFile,
    /// The user's file, which `headcount off` writes.
    UserFile,
    /// A call in the code of the program.
    Code,
    /// A folder that the user may not read: nobody can tell what it says.
    UnreadableFolder,
    /// The collector's answer that it takes no more of this version.
    CollectorAnswer,
}

impl SwitchKind {
    /// The kind's name in the catalog.
    pub fn name(self) -> &'static str {
        match self {
            SwitchKind::Variable => "variable",
            SwitchKind::FrameworkVariable => "framework_variable",
            SwitchKind::AdministratorFile => "administrator_file",
            SwitchKind::UserFile => "user_file",
            SwitchKind::Code => "code",
            SwitchKind::UnreadableFolder => "unreadable_folder",
            SwitchKind::CollectorAnswer => "collector_answer",
        }
    }
}
