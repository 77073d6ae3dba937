//! The state of a log at one version (Delta protocol, "Action Reconciliation").

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::delta::actions::{FileKey, file_key};

/// The latest of each kind of action that a checkpoint keeps.
#[derive(Debug, Default)]
pub(super) struct Reconciled {
    protocol: Option<Value>,
    metadata: Option<Value>,
    /// By application.
    transactions: BTreeMap<String, Value>,
    domains: BTreeMap<String, Value>,
    files: BTreeMap<FileKey, Value>,
    removed: BTreeMap<FileKey, Value>,
}

impl Reconciled {
    pub(super) fn apply(&mut self, action: &Value) {
        let Some((kind, body)) = action.as_object().and_then(|action| action.iter().next()) else {
            return;
        };
        match kind.as_str() {
            "protocol" => self.protocol = Some(body.clone()),
            "metaData" => self.metadata = Some(body.clone()),
            "txn" => {
                self.transactions.insert(text(&body["appId"]), body.clone());
            }
            "domainMetadata" => {
                self.domains.insert(text(&body["domain"]), body.clone());
            }
            "add" => {
                let key = file_key(body);
                self.removed.remove(&key);
                self.files.insert(key, body.clone());
            }
            "remove" => {
                let key = file_key(body);
                self.files.remove(&key);
                self.removed.insert(key, body.clone());
            }
            // `commitInfo` and `cdc` are of their commit alone; a V2 checkpoint's own actions describe that checkpoint.
            _ => {}
        }
    }

    /// How many files are active.
    pub(super) fn files(&self) -> usize {
        self.files.len()
    }

    /// The content of the `add` actions in force.
    pub(super) fn into_adds(self) -> Vec<Value> {
        self.files.into_values().collect()
    }

    /// The actions of the checkpoint. Removed files are named until their retention has passed, so that other programs'
    /// clean-up does not take them from readers of older versions.
    pub(super) fn into_actions(self, now_ms: i64) -> Vec<Value> {
        let retention = self
            .metadata
            .as_ref()
            .map_or(RETENTION, removed_file_retention);
        let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let kept = now_ms.saturating_sub(retention_ms);
        let mut actions = Vec::new();
        let mut keep = |kind: &str, body: Value| actions.push(json!({ kind: body }));
        if let Some(protocol) = self.protocol {
            keep("protocol", protocol);
        }
        if let Some(metadata) = self.metadata {
            keep("metaData", metadata);
        }
        for transaction in self.transactions.into_values() {
            keep("txn", transaction);
        }
        for domain in self.domains.into_values() {
            if domain["removed"] != true {
                keep("domainMetadata", domain);
            }
        }
        for mut remove in self.removed.into_values() {
            if remove["deletionTimestamp"].as_i64().unwrap_or_default() >= kept {
                remove["dataChange"] = json!(false);
                keep("remove", remove);
            }
        }
        for mut add in self.files.into_values() {
            add["dataChange"] = json!(false);
            keep("add", add);
        }
        actions
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// `delta.deletedFileRetentionDuration` where the table does not set it.
const RETENTION: Duration = Duration::from_secs(7 * 86_400);

fn removed_file_retention(metadata: &Value) -> Duration {
    let setting = metadata["configuration"]["delta.deletedFileRetentionDuration"].as_str();
    setting.and_then(interval).unwrap_or(RETENTION)
}

/// A setting such as `interval 1 week`; `None` for what is not one.
fn interval(text: &str) -> Option<Duration> {
    let mut words = text.split_whitespace();
    let mut word = words.next()?;
    if word.eq_ignore_ascii_case("interval") {
        word = words.next()?;
    }
    let number: u64 = word.parse().ok()?;
    let seconds = match words.next()?.to_ascii_lowercase().trim_end_matches('s') {
        "second" => 1,
        "minute" => 60,
        "hour" => 3600,
        "day" => 86_400,
        "week" => 7 * 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_as_delta_writes_them() {
        assert_eq!(
            interval("interval 1 week"),
            Some(Duration::from_secs(604_800))
        );
        assert_eq!(
            interval("interval 30 DAYS"),
            Some(Duration::from_secs(2_592_000))
        );
        assert_eq!(interval("2 hours"), Some(Duration::from_secs(7200)));
        assert_eq!(interval("soon"), None);
        assert_eq!(interval("interval many days"), None);
    }
}
