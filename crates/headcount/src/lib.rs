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
//! Its promises to the host program and to the person who runs it:
//!
//! - **Only the catalog.** It can record the fields of `catalog/crew.yaml` and no others: no call takes a free key, and a
//!   test compares its fields with the catalog.
//! - **Content only of crews that share.** Goals, descriptions, inputs and outputs are [`Content`]: the recorder can read
//!   it only with the grant of a crew that was built with [`Crew::share_crew`], and nothing else can read it at all.
//! - **Off means off.** While it is off there is no file, no thread, no socket; [`Telemetry::decision`] says why it is off.
//! - **Never in the way.** No call that records waits, fails or panics. It installs no signal handler, no panic hook and no
//!   global of OpenTelemetry or `tracing`, and reads no `OTEL_EXPORTER_*` or proxy variable.
//! - **Exit is instant.** The end of the process writes events in memory to disk. It sends nothing, unless events of earlier runs
//!   wait and every run is short: then it waits for one upload, seldom, and at most half a second
//!   (`docs/decisions/0020-the-end-of-a-short-run.md`).
//! - **You see exactly what is sent.** [`Installation::pending`] returns the bytes that are queued.
//! - **Keys reveal nothing.** Ids are random; keys are keyed hashes under a secret that stays on this machine.
//! - **Sent events can be erased.** Each request carries a receipt that only this secret can redeem
//!   ([`Installation::request_erasure`]).

mod activity;
mod builder;
mod consent;
mod erasure;
mod events;
mod field;
#[rustfmt::skip]
mod fields;
mod installation;
mod model;
mod platform;
mod record;
mod settings;
mod spool;
mod telemetry;
mod upload;
mod worker;

pub use builder::Builder;
pub use consent::{ConsentReason, Decision, Mode};
pub use erasure::{ErasureAnswer, ErasureOutcome};
pub use events::{CrewRun, Deployment, FlowRun, Partial, TaskRun};
pub use installation::{Installation, LastFailure, Pending, Totals, decision_here, set_consent};
pub use model::{
    Agent, Content, Crew, DeploymentFailure, DeploymentSource, DeploymentStep, FlowOrigin, Llm,
    Process, ProjectKind, Runtime, Task, Tool, UnknownValue,
};
pub use platform::{HOME_VARIABLE, utc};
pub use record::{Counters, LossReason};
pub use spool::{DeliveryStatus, Entry};
pub use telemetry::Telemetry;
pub use upload::{EndpointError, UploadFailure};
pub use worker::{end_threads, write_all_to_spool};

/// Former name of [`Counters`].
#[deprecated(note = "renamed to `Counters`")]
pub type Books = Counters;
/// Former name of [`DeliveryStatus`].
#[deprecated(note = "renamed to `DeliveryStatus`")]
pub type Fate = DeliveryStatus;
/// Former name of [`ConsentReason`].
#[deprecated(note = "renamed to `ConsentReason`")]
pub type Reason = ConsentReason;
/// Former name of [`UnknownValue`].
#[deprecated(note = "renamed to `UnknownValue`")]
pub type UnknownWord = UnknownValue;
/// Former name of [`ErasureOutcome`].
#[deprecated(note = "renamed to `ErasureOutcome`")]
pub type Asked = ErasureOutcome;

/// Former name of [`write_all_to_spool`].
#[deprecated(note = "renamed to `write_all_to_spool`")]
pub fn write_down_all() {
    write_all_to_spool();
}

/// The parsers, for the fuzz targets in `fuzz/`.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing {
    pub use crate::spool::{fuzz_ledger as ledger, fuzz_segment as segment};
    pub use crate::upload::{fuzz_answer as answer, fuzz_endpoint as endpoint};
}
