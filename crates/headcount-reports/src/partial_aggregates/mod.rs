//! A cache of partial aggregates of files.
//!
//! A file of the store never changes under its name. The first step of an aggregate (counts, sums, sets, buckets of each
//! group) over one file therefore has the same result whenever a report is computed, and is cached; only newer files and
//! the rows in memory are read again. An entry does not depend on the time range of a query, unless an edge of the range
//! lies inside the file ([`time_bounds`]).
//!
//! ```text
//!  Final                          Final
//!    Partial                        CachedPartialsExec
//!      Projection, Filter, …   →      cached states of files a, b
//!        files a, b, c                Partial, Projection, Filter, … of file c
//!        rows in memory               Partial, Projection, Filter, … of the rows in memory
//! ```
//!
//! Entries are found by the structure of the plan ([`plan_key`]). Only the reports that ship with Headcount use the cache:
//! their expressions depend on nothing but the rows.

mod branches;
mod cache;
mod exec;
mod plan_key;
mod rule;
#[cfg(test)]
mod tests;
mod time_bounds;

pub use cache::PartialAggregateCache;
pub(crate) use rule::CachePartialAggregates;
