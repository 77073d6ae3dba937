//! Enumerations. Each has the values of the catalog's field of the same name; a test compares them.

macro_rules! vocabulary {
    ($(#[$about:meta])* $visibility:vis enum $name:ident, $field:expr, { $($(#[$word_about:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        $visibility enum $name {
            $($(#[$word_about])* $variant,)+
        }

        impl $name {
            /// The value in the catalog.
            $visibility fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $word,)+
                }
            }

            #[cfg(test)]
            const WORDS: &'static [&'static str] = &[$($word,)+];
        }

        impl std::str::FromStr for $name {
            type Err = UnknownValue;

            /// The reverse of `as_str`.
            fn from_str(word: &str) -> Result<Self, UnknownValue> {
                match word {
                    $($word => Ok($name::$variant),)+
                    _ => Err(UnknownValue { field: $field.key }),
                }
            }
        }

        #[cfg(test)]
        impl Words for $name {
            fn compare() -> (&'static str, Vec<&'static str>, Vec<&'static str>) {
                (stringify!($name), Self::WORDS.to_vec(), $field.values.to_vec())
            }
        }
    };
}

#[cfg(test)]
trait Words: std::str::FromStr {
    fn compare() -> (&'static str, Vec<&'static str>, Vec<&'static str>);
}

use std::fmt;

use crate::fields;

/// A value that the catalog's list does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownValue {
    /// The field whose list it is, such as `crew.process`.
    pub field: &'static str,
}

impl fmt::Display for UnknownValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "not a value of {}", self.field)
    }
}

impl std::error::Error for UnknownValue {}

vocabulary! {
    /// How a crew's tasks are assigned (`crew.process`).
    #[non_exhaustive]
    pub enum Process, fields::crew::PROCESS, {
        /// One after the other.
        Sequential = "sequential",
        /// A manager agent assigns them.
        Hierarchical = "hierarchical",
        /// At the same time.
        Parallel = "parallel",
        /// The agents agree.
        Consensual = "consensual",
    }
}

vocabulary! {
    /// The language runtime of the framework (`versions.runtime`).
    #[non_exhaustive]
    pub enum Runtime, fields::versions::RUNTIME, {
        /// Python, calling this crate.
        Python = "python",
        /// Rust.
        Rust = "rust",
    }
}

vocabulary! {
    /// The outcome of a tool call (`tool_usage.outcome`).
    pub(crate) enum ToolOutcome, fields::tool_usage::OUTCOME, {
        Used = "used",
        Repeated = "repeated",
        Error = "error",
    }
}

vocabulary! {
    /// The outcome of a run (`flow_lifecycle.outcome`).
    pub(crate) enum Outcome, fields::flow_lifecycle::OUTCOME, {
        Completed = "completed",
        Failed = "failed",
    }
}

vocabulary! {
    /// Whether a test started or an iteration was scored (`test.step`).
    pub(crate) enum TestStep, fields::test::STEP, {
        Execution = "execution",
        Result = "result",
    }
}

vocabulary! {
    /// A step of a deployment (`deployment.step`).
    #[non_exhaustive]
    pub enum DeploymentStep, fields::deployment::STEP, {
        /// Signing up failed.
        SignupError = "signup_error",
        /// The deployment was started.
        Start = "start",
        /// Creating it was attempted.
        Create = "create",
        /// The platform confirmed it.
        Created = "created",
        /// It failed.
        Failed = "failed",
        /// Its logs were requested.
        Logs = "logs",
        /// It was removed.
        Remove = "remove",
    }
}

vocabulary! {
    /// Where a deployment was requested (`deployment.source`).
    #[non_exhaustive]
    pub enum DeploymentSource, fields::deployment::SOURCE, {
        /// The command line.
        Cli = "cli",
        /// The text user interface.
        Tui = "tui",
    }
}

vocabulary! {
    /// Why a deployment failed (`deployment.reason`).
    #[non_exhaustive]
    pub enum DeploymentFailure, fields::deployment::REASON, {
        /// The platform answered with a status of 4xx.
        Api4xx = "api_4xx",
        /// The platform answered with a status of 5xx.
        Api5xx = "api_5xx",
        /// The platform's answer was not JSON.
        InvalidJson = "invalid_json",
        /// The platform's answer did not name the deployment.
        InvalidCreationResponse = "invalid_creation_response",
        /// The platform could not be reached.
        NetworkError = "network_error",
        /// The project could not be packed.
        ZipError = "zip_error",
        /// The user declined.
        UserDeclined = "user_declined",
        /// Anything else.
        Unexpected = "unexpected",
    }
}

vocabulary! {
    /// The event of a flow (`flow_lifecycle.event`).
    pub(crate) enum FlowEvent, fields::flow_lifecycle::EVENT, {
        Created = "created",
        Plotted = "plotted",
        Started = "started",
        Completed = "completed",
        Paused = "paused",
        MethodFailed = "method_failed",
    }
}

vocabulary! {
    /// The author of a flow (`flow_lifecycle.origin`).
    #[non_exhaustive]
    pub enum FlowOrigin, fields::flow_lifecycle::ORIGIN, {
        /// The builder.
        User = "user",
        /// The framework itself.
        Internal = "internal",
    }
}

vocabulary! {
    /// Whether feedback was requested or given (`human_feedback.event_type`).
    pub(crate) enum FeedbackEvent, fields::human_feedback::EVENT_TYPE, {
        Requested = "requested",
        Received = "received",
    }
}

vocabulary! {
    /// How a project was created (`project.event`).
    pub(crate) enum ProjectEvent, fields::project::EVENT, {
        Created = "created",
        TemplateInstalled = "template_installed",
    }
}

vocabulary! {
    /// The kind of a project (`project.kind`).
    #[non_exhaustive]
    pub enum ProjectKind, fields::project::KIND, {
        /// A crew in code.
        Crew = "crew",
        /// A crew in JSON.
        JsonCrew = "json_crew",
        /// A flow.
        Flow = "flow",
        /// A single agent.
        Agent = "agent",
    }
}

vocabulary! {
    /// Whether content is an input or an output (`crew_io.direction`).
    pub(crate) enum Direction, fields::crew_io::DIRECTION, {
        Input = "input",
        Output = "output",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: Words>() {
        let (name, ours, catalog) = T::compare();
        assert_eq!(ours, catalog, "{name}");
        assert!(ours.iter().all(|word| word.parse::<T>().is_ok()), "{name}");
        assert!("SEQUENTIAL".parse::<T>().is_err(), "{name}");
    }

    #[test]
    fn every_enumeration_is_the_catalogs() {
        check::<Process>();
        check::<ToolOutcome>();
        check::<Outcome>();
        check::<TestStep>();
        check::<DeploymentStep>();
        check::<DeploymentSource>();
        check::<DeploymentFailure>();
        check::<FlowEvent>();
        check::<FlowOrigin>();
        check::<FeedbackEvent>();
        check::<ProjectEvent>();
        check::<ProjectKind>();
        check::<Direction>();
    }

    #[test]
    fn every_runtime_is_in_the_catalog() {
        // Those of other languages are recorded by other clients.
        let (name, ours, catalog) = Runtime::compare();
        assert!(ours.iter().all(|word| catalog.contains(word)), "{name}");
    }
}
