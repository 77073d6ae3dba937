//! The actions of a log, as JSON (Delta protocol, "Actions").

use std::path::Path;

use serde_json::{Value, json};

use crate::error::LakeError;

/// The field of our commits' `commitInfo` with the CRC-32 of all lines behind it, as eight hexadecimal digits. The protocol lets
/// a writer put anything there; a digit that flips in a row count would otherwise be believed.
const CHECKSUM: &str = "headcount.crc32";

/// The text of a commit: `commitInfo`, then the `actions`, one a line.
pub(super) fn sealed_text(mut commit_info: Value, actions: &[Value]) -> String {
    let mut text = String::new();
    for action in actions {
        text.push_str(&action.to_string());
        text.push('\n');
    }
    commit_info[CHECKSUM] = json!(format!("{:08x}", crc32fast::hash(text.as_bytes())));
    format!("{}\n{text}", json!({ "commitInfo": commit_info }))
}

/// The actions of a commit's text. Fails where the text is not as it was written, or is empty: nobody commits nothing.
pub(super) fn unsealed(path: &Path, text: &str) -> Result<Vec<Value>, LakeError> {
    let actions = actions_in(path, text)?;
    let first = actions.first().ok_or_else(|| LakeError::Damaged {
        path: path.to_path_buf(),
        offset: 0,
        reason: "the commit has no actions".to_owned(),
    })?;
    if let Some(expected) = first["commitInfo"][CHECKSUM].as_str() {
        let (line, sealed) = text.split_once('\n').unwrap_or((text, ""));
        if format!("{:08x}", crc32fast::hash(sealed.as_bytes())) != expected {
            return Err(LakeError::Damaged {
                path: path.to_path_buf(),
                offset: line.len() as u64 + 1,
                reason: "the commit does not match its checksum".to_owned(),
            });
        }
    }
    Ok(actions)
}

/// The actions in JSON text, one per line.
pub(super) fn actions_in(path: &Path, text: &str) -> Result<Vec<Value>, LakeError> {
    let mut actions = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        if !trimmed.is_empty() {
            let action = serde_json::from_str(trimmed).map_err(|error| LakeError::Damaged {
                path: path.to_path_buf(),
                offset,
                reason: error.to_string(),
            })?;
            actions.push(action);
        }
        offset += line.len() as u64;
    }
    Ok(actions)
}

/// The identity of a file of a table (Delta protocol, "Action Reconciliation"): the same path with another deletion vector is
/// another file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileKey {
    /// Decoded: programs escape different characters of the same path.
    pub(super) path: String,
    pub(super) deletion_vector: Option<String>,
}

impl FileKey {
    /// The first of the keys that `path` can have.
    pub(super) fn first(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            deletion_vector: None,
        }
    }
}

/// The key of an `add` or `remove` action.
pub(super) fn file_key(action: &Value) -> FileKey {
    FileKey {
        path: decoded(&action["path"]),
        deletion_vector: vector_id(&action["deletionVector"]),
    }
}

/// A path in the log is percent-encoded (Delta protocol, "Add File and Remove File").
fn decoded(path: &Value) -> String {
    let path = path.as_str().unwrap_or_default();
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8();
    decoded.map_or_else(|_| path.to_owned(), |path| path.into_owned())
}

/// The id of a deletion vector, `None` for none (Delta protocol, "Derived Fields" of deletion vector descriptors).
fn vector_id(vector: &Value) -> Option<String> {
    let storage = vector["storageType"].as_str()?;
    let content = vector["pathOrInlineDv"].as_str().unwrap_or_default();
    Some(match vector["offset"].as_i64() {
        Some(offset) => format!("{storage}{content}@{offset}"),
        None => format!("{storage}{content}"),
    })
}
