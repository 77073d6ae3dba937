//! The commands, one a module.

pub(crate) mod catalog;
pub(crate) mod completions;
pub(crate) mod consent;
pub(crate) mod demo;
pub(crate) mod forget;
pub(crate) mod ingest;
pub(crate) mod log;
pub(crate) mod preview;
pub(crate) mod report;
pub(crate) mod serve;
pub(crate) mod sql;
pub(crate) mod status;
pub(crate) mod tables;
