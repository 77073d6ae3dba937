//! Anonymous usage telemetry for AI-agent crews: the client that a framework embeds.
//!
//! ```no_run
//! use headcount::{Agent, Crew, Task, Telemetry};
//!
//! let telemetry = Telemetry::builder("my-framework", "1.2.3").endpoint("https://telemetry.example.com").start();
//! let crew = Crew::new().agent(Agent::new("Researcher")).task(Task::new("Find papers"));
//! let run = telemetry.crew_started(&crew);
//! telemetry.tool_used(&"search".into(), 1, Some("gpt-4o-mini"));
//! run.complete();
//! ```
//!
//! What it promises to the program that it lives in, and to the person who runs it:
//!
//! - **Only the catalog.** It can record the fields of `catalog/crew.yaml` and no others: there is no call that takes
//!   a free key, and a test compares its fields with the catalog.
//! - **Content only of crews that share.** Goals, descriptions, inputs and outputs are [`Content`]: nobody can read it
//!   back, and the recorder only with the grant of a crew that was built with [`Crew::share_crew`].
//! - **Off means off.** [`Telemetry::decision`] says why it is off or on; off, no file, no thread, no socket.
//! - **Never in the way.** No call that records waits, fails or panics. It installs no signal handler, no panic hook and no global of
//!   OpenTelemetry or `tracing`, and reads no `OTEL_EXPORTER_*` variable and no proxy's.
//! - **Exit is instant.** The end of the process writes to disk what waits in memory, and sends nothing.
//! - **What you see is what is sent.** [`Installation::pending`] gives the very bytes.
//! - **Keys say nothing.** Ids are random; keys are keyed hashes under a secret that stays on this machine.
//! - **What was sent can be erased.** Each request carries a receipt that only this secret can redeem ([`Installation::ask_to_erase`]).

mod builder;
mod clock;
mod consent;
mod drain;
mod erase;
mod errand;
mod events;
mod field;
#[rustfmt::skip]
mod fields;
mod folders;
mod installation;
mod ledger;
mod lifetime;
mod losses;
mod model;
mod platform;
mod random;
mod receipt;
mod recorder;
mod settings;
mod spool;
mod surroundings;
mod telemetry;
mod upload;
mod word;
mod worker;

pub use builder::Builder;
pub use clock::utc;
pub use consent::{Decision, Mode, Reason};
pub use erase::{Asked, ErasureAnswer};
pub use events::{CrewRun, Deployment, FlowRun, Partial, TaskRun};
pub use folders::HOME_VARIABLE;
pub use installation::{Installation, Pending, Totals};
pub use ledger::{Entry, Fate};
pub use lifetime::write_down_all;
pub use losses::LossReason;
pub use model::{
    Agent, Content, Crew, DeploymentFailure, DeploymentSource, DeploymentStep, FlowOrigin, Llm,
    Process, ProjectKind, Runtime, Task, Tool, UnknownWord,
};
pub use telemetry::{Books, Telemetry};
pub use upload::EndpointError;
pub use word::{decision_here, set_consent};

/// The parsers, for the fuzz targets in `fuzz/`.
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::ledger::fuzz as ledger;
    pub use crate::spool::fuzz as segment;
    pub use crate::upload::{fuzz_answer as answer, fuzz_endpoint as endpoint};
}
