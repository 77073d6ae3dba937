//! The commands of the collector's side, one in each module.

pub(crate) mod audit;
pub(crate) mod audit_log;
pub(crate) mod backup;
pub(crate) mod catalog;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod erase;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod health;
pub(crate) mod ingest;
pub(crate) mod open;
pub(crate) mod privacy;
pub(crate) mod query_process;
pub(crate) mod report;
pub(crate) mod restore;
pub(crate) mod serve;
mod sign_on;
pub(crate) mod sql;
pub(crate) mod tables;
pub(crate) mod token;
