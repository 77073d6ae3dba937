//! Rows of a receipt can be recognised by the holder of its token, and by nobody else.

use crate::support;
use crate::support::client::{SPANS, example, filled, resource};
use crate::support::{RECEIVED_US, TestSpan, admission, request_of, span};
use headcount_catalog::{
    Admission, Catalog, Dialect, DialectError, Outcome, RECEIPT_COLUMN, Secret,
};
use headcount_wire::ErasureToken;
use serde_json::json;

/// One span of each kind, and one that is refused.
fn everything() -> Vec<u8> {
    let mut spans: Vec<TestSpan> = SPANS
        .iter()
        .map(|(name, table, _)| filled(name, table, example))
        .collect();
    spans.push(span("Agent", json!({"unknown": "key"})));
    request_of(&[(resource(), "headcount", &spans)])
}

fn admit(token: Option<[u8; 16]>) -> Outcome {
    let receipt = token.map(|bytes| ErasureToken::new(bytes).receipt());
    let admission = admission();
    admission
        .admit_under(receipt, &everything(), 0, RECEIVED_US)
        .unwrap()
}

#[test]
fn every_row_of_a_request_with_a_receipt_holds_its_tables_imprint() {
    let token = ErasureToken::new([3; 16]);
    let keyed = Secret::new([7; 32]).receipt(&token.receipt());
    let outcome = admit(Some([3; 16]));
    assert_eq!(outcome.batch.receipt(), Some(keyed));
    let mut tables = std::collections::BTreeSet::new();
    for row in support::rows(&outcome) {
        let table = row["table"].as_str().unwrap().to_owned();
        if table == "refusals" {
            assert!(!row.contains_key(RECEIPT_COLUMN), "counts are nobody's");
        } else {
            assert_eq!(row[RECEIPT_COLUMN], keyed.imprint(&table).as_str());
        }
        tables.insert(table);
    }
    assert_eq!(tables.len(), 23, "{tables:?}");
    let imprints: std::collections::BTreeSet<_> = tables
        .iter()
        .map(|table| keyed.imprint(table).as_str().to_owned())
        .collect();
    assert_eq!(imprints.len(), tables.len(), "no two tables can be joined");
}

#[test]
fn a_request_without_a_receipt_stores_none() {
    let outcome = admit(None);
    assert_eq!(outcome.batch.receipt(), None);
    let all = support::rows(&outcome);
    assert!(all.iter().all(|row| !row.contains_key(RECEIPT_COLUMN)));
    // Nothing else differs.
    let mut under = support::rows(&admit(Some([3; 16])));
    for row in &mut under {
        row.remove(RECEIPT_COLUMN);
    }
    assert_eq!(under, all);
}

#[test]
fn a_span_that_is_sent_again_under_another_receipt_is_the_same_span() {
    let fingerprints = |outcome: &Outcome| -> Vec<u64> {
        let entries = outcome.batch.entries();
        entries.map(|entry| entry.unwrap().fingerprint.0).collect()
    };
    let first = admit(Some([3; 16]));
    assert_eq!(fingerprints(&first), fingerprints(&admit(Some([4; 16]))));
    assert_eq!(fingerprints(&first), fingerprints(&admit(None)));
}

#[test]
fn no_attribute_can_write_a_receipt() {
    for target in ["tool_uses.receipt", "every_row.receipt"] {
        let dialect = format!(
            "framework: host\nruntime: rust\nmatch: {{service_names: [host]}}\nspans:\n  tool:\n    row: tool_uses\n    attributes:\n      name: {target}\n"
        );
        let dialects = vec![Dialect::parse(&dialect).unwrap()];
        let admission = Admission::new(Catalog::embedded(), dialects, Secret::new([7; 32]));
        assert!(
            matches!(admission, Err(DialectError::Rule { .. })),
            "{target}"
        );
    }
}
