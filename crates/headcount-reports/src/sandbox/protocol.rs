//! What a server and the process of a query say to each other.
//!
//! The server writes one request: a frame with JSON, then for each table that [`Request::in_memory`] names one Arrow IPC
//! stream. The process writes one response: a frame with JSON, then the rows of the answer ([`super::values`]). A frame is
//! its length as four bytes, the lowest first, and its content. The request's pipe stays open until the answer is read, so that
//! the process sees the end of its server.

use std::io::{self, Read, Write};

use headcount_answer::AnswerColumn;
use headcount_lake::{DamagedFile, SnapshotFiles};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::engine::QueryLimits;
use crate::error::ReportError;

/// The longest frame, in bytes: the names of a million files.
const MAX_FRAME_BYTES: u32 = 512 << 20;

/// A query, and the tables that it may read.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) query: String,
    pub(super) limits: QueryLimits,
    /// The memory that the process may take beyond what it has when it reads this, in bytes.
    pub(super) memory_bytes: u64,
    pub(super) files: SnapshotFiles,
    /// The tables whose rows in memory follow, by their position in the schema.
    pub(super) in_memory: Vec<u8>,
}

/// The response to a request.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Response {
    pub(super) outcome: Outcome,
    /// The files of the snapshot that are damaged.
    pub(super) damaged: Vec<DamagedFile>,
}

/// The outcome of a query.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// The answer's rows follow.
    Answer {
        columns: Vec<AnswerColumn>,
        notes: Vec<String>,
        rows: usize,
    },
    Failure(Failure),
}

/// A [`ReportError`] of a query, without the limits, which both sides know.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Failure {
    Refused(String),
    Failed(String),
    Unreadable(String),
    Engine(String),
    QueryTooLong(usize),
    TooSlow,
    TooMuchMemory,
    AnswerTooLarge,
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Refused(reason) => Self::Refused(reason),
            ReportError::Failed(reason) => Self::Failed(reason),
            ReportError::Unreadable(reason) => Self::Unreadable(reason),
            ReportError::Engine(reason) => Self::Engine(reason),
            ReportError::QueryTooLong { bytes, .. } => Self::QueryTooLong(bytes),
            ReportError::TooSlow { .. } => Self::TooSlow,
            ReportError::TooMuchMemory { .. } => Self::TooMuchMemory,
            ReportError::AnswerTooLarge { .. } => Self::AnswerTooLarge,
            other => Self::Refused(other.to_string()),
        }
    }
}

impl Failure {
    /// The error within `limits`.
    pub(super) fn into_error(self, limits: &QueryLimits) -> ReportError {
        match self {
            Self::Refused(reason) => ReportError::Refused(reason),
            Self::Failed(reason) => ReportError::Failed(reason),
            Self::Unreadable(reason) => ReportError::Unreadable(reason),
            Self::Engine(reason) => ReportError::Engine(reason),
            Self::QueryTooLong(bytes) => ReportError::QueryTooLong {
                bytes,
                limit: limits.query_bytes,
            },
            Self::TooSlow => ReportError::TooSlow { limit: limits.time },
            Self::TooMuchMemory => ReportError::TooMuchMemory {
                limit: limits.memory_bytes,
            },
            Self::AnswerTooLarge => ReportError::AnswerTooLarge {
                limit: limits.answer_bytes,
            },
        }
    }
}

/// Writes `content` as a frame.
pub(super) fn write_frame(to: &mut impl Write, content: &impl Serialize) -> io::Result<()> {
    let content = serde_json::to_vec(content)?;
    let length = u32::try_from(content.len())
        .ok()
        .filter(|length| *length <= MAX_FRAME_BYTES);
    let length = length.ok_or_else(|| io::Error::other("the message is too long"))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&content)
}

/// Reads a frame; `None` at the end of the stream.
pub(super) fn read_frame<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length);
    if length > MAX_FRAME_BYTES {
        return Err(io::Error::other("the message is too long"));
    }
    let mut content = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut content)?;
    Ok(Some(serde_json::from_slice(&content)?))
}
