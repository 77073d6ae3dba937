//! The pages of the navigation.

use headcount_access::Right;

use super::filters::DEFAULT_RANGE;

/// A page of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Overview,
    Decide,
    Tools,
    Models,
    Features,
    Agents,
    Flows,
    Environments,
    Versions,
    Tasks,
    Tests,
    Deployments,
    Shared,
    Policy,
    Sql,
}

impl Page {
    pub(crate) const ALL: [Self; 15] = [
        Self::Overview,
        Self::Decide,
        Self::Tools,
        Self::Models,
        Self::Features,
        Self::Agents,
        Self::Flows,
        Self::Environments,
        Self::Versions,
        Self::Tasks,
        Self::Tests,
        Self::Deployments,
        Self::Shared,
        Self::Policy,
        Self::Sql,
    ];

    /// Its path.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Decide => "/decide",
            Self::Tools => "/tools",
            Self::Models => "/models",
            Self::Features => "/features",
            Self::Agents => "/agents",
            Self::Flows => "/flows",
            Self::Environments => "/environments",
            Self::Versions => "/versions",
            Self::Tasks => "/tasks",
            Self::Tests => "/tests",
            Self::Deployments => "/deployments",
            Self::Shared => "/shared",
            Self::Policy => "/policy",
            Self::Sql => "/sql",
        }
    }

    /// Its title in the navigation.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Decide => "Decide",
            Self::Tools => "Tools",
            Self::Models => "Models",
            Self::Features => "Features",
            Self::Agents => "Agents",
            Self::Flows => "Flows",
            Self::Environments => "Environments",
            Self::Versions => "Versions",
            Self::Tasks => "Tasks",
            Self::Tests => "Tests",
            Self::Deployments => "Deployments",
            Self::Shared => "Shared crews",
            Self::Policy => "Policy",
            Self::Sql => "SQL",
        }
    }

    /// The question that it answers.
    pub(crate) fn question(self) -> &'static str {
        match self {
            Self::Decide => "What do you want to decide?",
            Self::Overview => "How much are crews used, and what changed?",
            Self::Tools => "Which tools do crews have, and which do they use?",
            Self::Models => "Which models do crews use?",
            Self::Features => "Which features are used, and how large are crews?",
            Self::Agents => "How are agents configured, and which roles do they have?",
            Self::Flows => "Which flows run, how do they end, and what do people answer?",
            Self::Environments => "Where do crews run?",
            Self::Versions => "Which releases are in use, and how fast are new ones adopted?",
            Self::Tasks => "How are tasks configured, how long do they take, and how do they end?",
            Self::Tests => "How good and how fast are crews in their tests, by model?",
            Self::Deployments => "Which steps of deployments are reported, and how often?",
            Self::Shared => "What did crews with share_crew on send?",
            Self::Policy => "What may be collected, what was collected, and what was rejected?",
            Self::Sql => "Run a SQL query. Queries are read-only.",
        }
    }

    /// The range where none is chosen: most questions are about more than the last days.
    pub(crate) fn default_range(self) -> &'static str {
        match self {
            Self::Decide => "all",
            _ => DEFAULT_RANGE,
        }
    }

    /// The right that it requires beyond reading reports.
    pub(crate) fn right(self) -> Option<Right> {
        match self {
            Self::Shared => Some(Right::ReadSharedTier),
            Self::Sql => Some(Right::RunSql),
            _ => None,
        }
    }
}
