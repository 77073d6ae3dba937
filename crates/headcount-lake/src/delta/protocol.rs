//! The table features of the Delta protocol that this version understands (Delta protocol, "Table Features").
//!
//! A client must not read or write a table with a feature that it does not implement: it would answer wrongly, or break
//! the table for others. So a table with any other feature is refused, and the refusal names the feature.

use serde_json::Value;

use crate::error::LakeError;

/// Features that change how a table is read, and that the reader implements. `columnMapping` is one of them only while
/// no mapping is set; files with deletion vectors are refused one by one.
const READ: [&str; 5] = [
    "columnMapping",
    "deletionVectors",
    "timestampNtz",
    "v2Checkpoint",
    "vacuumProtocolCheck",
];

/// Features that change how a table is written, and that our commits, which append rows and replace files, satisfy as they
/// are. Constraints that others add are not enforced (`docs/formats/tables.md`).
const WRITTEN: [&str; 9] = [
    "allowColumnDefaults",
    "appendOnly",
    "changeDataFeed",
    "checkConstraints",
    "clustering",
    "domainMetadata",
    "generatedColumns",
    "identityColumns",
    "invariants",
];

/// Fails if the table needs a feature that cannot be read or written here. `protocol` and `metadata` are the actions in force.
pub(crate) fn check(table: &str, protocol: &Value, metadata: &Value) -> Result<(), LakeError> {
    let unsupported = |feature: String| LakeError::UnsupportedFeature {
        table: table.to_owned(),
        feature,
    };
    let reader = protocol["minReaderVersion"].as_u64().unwrap_or(1);
    let writer = protocol["minWriterVersion"].as_u64().unwrap_or(1);
    if reader > 3 || writer > 7 {
        return Err(unsupported(format!(
            "protocol version {reader}/{writer}, which is newer than 3/7"
        )));
    }
    for feature in features(protocol, "readerFeatures") {
        if !READ.contains(&feature) {
            return Err(unsupported(feature.to_owned()));
        }
    }
    for feature in features(protocol, "writerFeatures") {
        if !READ.contains(&feature) && !WRITTEN.contains(&feature) {
            return Err(unsupported(feature.to_owned()));
        }
    }
    let mode = metadata["configuration"]["delta.columnMapping.mode"].as_str();
    match mode {
        None | Some("none") => Ok(()),
        Some(mode) => Err(unsupported(format!("columnMapping in mode {mode:?}"))),
    }
}

fn features<'a>(protocol: &'a Value, which: &str) -> impl Iterator<Item = &'a str> {
    let features = protocol[which].as_array();
    features.into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn known_features_pass_and_unknown_ones_are_named() {
        let none = json!({});
        let passing = [
            json!({"minReaderVersion": 1, "minWriterVersion": 2}),
            json!({"minReaderVersion": 2, "minWriterVersion": 5}),
            json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["deletionVectors"],
                "writerFeatures": ["deletionVectors", "appendOnly", "invariants"]}),
        ];
        for protocol in passing {
            assert!(check("t", &protocol, &none).is_ok(), "{protocol}");
        }
        let refused = [
            (
                json!({"minReaderVersion": 4, "minWriterVersion": 7}),
                "version 4/7",
            ),
            (
                json!({"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": ["variantType"],
                "writerFeatures": []}),
                "variantType",
            ),
            (
                json!({"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["rowTracking"]}),
                "rowTracking",
            ),
        ];
        for (protocol, named) in refused {
            let error = check("t", &protocol, &none).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
        let mapped = json!({"configuration": {"delta.columnMapping.mode": "name"}});
        let protocol = json!({"minReaderVersion": 2, "minWriterVersion": 5});
        let error = check("t", &protocol, &mapped).unwrap_err().to_string();
        assert!(error.contains("columnMapping in mode \"name\""), "{error}");
    }
}
