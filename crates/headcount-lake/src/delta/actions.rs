//! The actions of a log, as JSON (Delta protocol, "Actions").

use std::path::Path;

use serde_json::Value;

use crate::error::LakeError;

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

/// The id of a deletion vector, `None` for none (Delta protocol, "Derived Fields" of deletion vector descriptors).
pub(super) fn vector_id(vector: &Value) -> Option<String> {
    let storage = vector["storageType"].as_str()?;
    let content = vector["pathOrInlineDv"].as_str().unwrap_or_default();
    Some(match vector["offset"].as_i64() {
        Some(offset) => format!("{storage}{content}@{offset}"),
        None => format!("{storage}{content}"),
    })
}
