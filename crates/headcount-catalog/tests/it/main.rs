//! The catalog, its dialects and admission, through the crate's public API.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod admission_consent;
mod admission_corpus;
mod admission_dialect;
mod admission_genai;
mod admission_headcount;
mod admission_headcount_consent;
mod admission_kinds;
mod admission_mark;
mod admission_promises;
mod admission_receipt;
mod admission_resource;
mod admission_sender;
mod admission_values;
mod catalog;
mod catalog_difference;
mod explanation;
mod genai_truth;
mod lint;
mod policy;
mod published;
mod support;
