//! The audit log: who read the shared tier, who erased, who changed tokens, and when. Never what was read.
//!
//! The files are described in `docs/formats/access.md`.

mod event;
mod file;
mod log;
mod reader;

pub use event::{Action, AuditEvent};
pub use log::{AuditError, AuditLog, DEFAULT_AUDIT_DAYS};
pub use reader::AuditReader;
