//! Statements, and packs made of them.

use headcount_catalog::Catalog;
use headcount_privacy::{Operation, Pack, Statement, StatementError};

/// A statement in which every value is stated, each with a text of its own.
pub(crate) const COMPLETE: &str = r#"
version: 1
controller:
  name: Example GmbH
  address: 1 Example Street, 12345 Exampletown
  contact: hello@example.com
  representative: Example SARL
data_protection_officer: Dana Example, dpo@example.com
requests: privacy@example.com
supervisory_authority: The authority of Exampleland
purposes:
  - To decide which integrations to maintain
legal_basis:
  default: Art. 6(1)(f)
  shared: Art. 6(1)(a)
  interests: Maintaining what is used
recipients:
  - name: Hosting AG
    role: processor
    purpose: runs the machine
    country: Switzerland
hosting:
  provider: Hosting AG in Zug
  country: Switzerland (adequate)
transfers: None beyond Switzerland
retention:
  default_days: 90
  shared_days: 7
  backups: Two weeks
security:
  - Encrypted disks
assessment:
  date: 2026-11-01
  by: The privacy team
  outcome: Residual risk is acceptable
"#;

/// Reads the text as a file.
pub(crate) fn statement(text: &str) -> Result<Statement, StatementError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("privacy.yaml");
    std::fs::write(&path, text).unwrap();
    Statement::read(&path)
}

/// The embedded catalog with this statement.
pub(crate) fn pack<'p>(statement: &'p Statement, operation: Option<&'p Operation>) -> Pack<'p> {
    Pack {
        catalog: Catalog::embedded(),
        statement,
        operation,
    }
}
