//! The operator's statement: what a program cannot know about whoever runs it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use headcount_catalog::{Retention, Tier};
use serde::Deserialize;

/// The form of the file that this code reads.
const VERSION: u32 = 1;
/// The longest file, in bytes: more than a person writes, and less than would make a page unreadable.
const MAX_BYTES: u64 = 256 * 1024;

/// What the operator of a collector states. Everything may be missing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    /// The form of the file, 1.
    pub(crate) version: u32,
    #[serde(default)]
    pub(crate) controller: Controller,
    #[serde(default)]
    pub(crate) data_protection_officer: Option<String>,
    /// Where people ask for access, erasure or objection.
    #[serde(default)]
    pub(crate) requests: Option<String>,
    #[serde(default)]
    pub(crate) supervisory_authority: Option<String>,
    /// What the operator uses the reports for.
    #[serde(default)]
    pub(crate) purposes: Vec<String>,
    #[serde(default)]
    pub(crate) legal_basis: LegalBasis,
    #[serde(default)]
    pub(crate) recipients: Vec<Recipient>,
    #[serde(default)]
    pub(crate) hosting: Hosting,
    /// Transfers to third countries, and what safeguards them.
    #[serde(default)]
    pub(crate) transfers: Option<String>,
    #[serde(default)]
    pub(crate) retention: StatedRetention,
    /// Measures of the operator's own, beside those of the program.
    #[serde(default)]
    pub(crate) security: Vec<String>,
    #[serde(default)]
    pub(crate) assessment: Assessment,
}

/// GDPR Art. 4(7), 13(1)(a), 27.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Controller {
    pub(crate) name: Option<String>,
    pub(crate) address: Option<String>,
    pub(crate) contact: Option<String>,
    pub(crate) representative: Option<String>,
}

/// GDPR Art. 6, by tier.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LegalBasis {
    pub(crate) default: Option<String>,
    pub(crate) shared: Option<String>,
    /// The legitimate interests, where they are the basis (Art. 13(1)(d)).
    pub(crate) interests: Option<String>,
}

/// GDPR Art. 4(9), 13(1)(e), 28.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipient {
    pub(crate) name: String,
    /// Such as `processor`, `joint controller`, `the public`.
    pub(crate) role: Option<String>,
    pub(crate) purpose: Option<String>,
    pub(crate) country: Option<String>,
}

/// Where the data folder is.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Hosting {
    pub(crate) provider: Option<String>,
    pub(crate) country: Option<String>,
}

/// For how long the operator keeps rows, in days, and copies of them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatedRetention {
    pub(crate) default_days: Option<u32>,
    pub(crate) shared_days: Option<u32>,
    pub(crate) backups: Option<String>,
}

/// GDPR Art. 35.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assessment {
    pub(crate) date: Option<String>,
    pub(crate) by: Option<String>,
    pub(crate) outcome: Option<String>,
}

/// Why a statement cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The file cannot be read.
    #[error("cannot read the privacy statement {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is longer than a person's statement.
    #[error("the privacy statement {} has more than {MAX_BYTES} bytes; is it the right file?", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// Not YAML, or not of the form that `headcount privacy --template` prints. The cause names the line.
    #[error("{} is not a privacy statement; `headcount privacy --template` prints the form", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<serde_saphyr::Error>,
    },
    /// A form that this program does not know.
    #[error("{} has version {found}; this program reads version {VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that it states.
        found: u32,
    },
    /// Rows would be kept for longer than people were told.
    #[error(
        "the privacy statement promises to keep the {tier} tier for {stated} days, and the collector would keep it for {kept}; \
         set {option} {stated}, or correct `retention` in the statement"
    )]
    KeptForLonger {
        /// The tier's name.
        tier: &'static str,
        /// The days of the statement.
        stated: u32,
        /// The days of the collector.
        kept: u32,
        /// The option of `headcount serve` that sets them.
        option: &'static str,
    },
}

impl Statement {
    /// The form with explanations, for an operator to fill in: `headcount privacy --template`.
    pub const TEMPLATE: &str = include_str!("../templates/statement.yaml");

    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or is not of the form that [`Statement::TEMPLATE`] explains.
    pub fn read(path: &Path) -> Result<Self, StatementError> {
        let text = read_text(path).map_err(|source| StatementError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        if text.len() as u64 > MAX_BYTES {
            let path = path.to_owned();
            return Err(StatementError::TooLong { path });
        }
        let statement: Self =
            serde_saphyr::from_str(&text).map_err(|source| StatementError::Form {
                path: path.to_owned(),
                source: Box::new(source),
            })?;
        if statement.version != VERSION {
            return Err(StatementError::Version {
                path: path.to_owned(),
                found: statement.version,
            });
        }
        Ok(statement)
    }

    /// Whether a collector that keeps rows for so many days keeps what the statement promises.
    ///
    /// # Errors
    /// It would keep a tier for longer than the statement says.
    pub fn allows(&self, kept: Retention) -> Result<(), StatementError> {
        let stated = [
            (Tier::Default, self.retention.default_days, "--keep"),
            (Tier::Shared, self.retention.shared_days, "--keep-shared"),
        ];
        for (tier, stated, option) in stated {
            let kept = kept.days(tier);
            if let Some(stated) = stated.filter(|stated| *stated < kept) {
                return Err(StatementError::KeptForLonger {
                    tier: tier.name(),
                    stated,
                    kept,
                    option,
                });
            }
        }
        Ok(())
    }

    /// The days that the statement says for a tier.
    pub(crate) fn days(&self, tier: Tier) -> Option<u32> {
        match tier {
            Tier::Default => self.retention.default_days,
            Tier::Shared => self.retention.shared_days,
        }
    }
}

/// The text, and a little more than the longest one that is taken.
fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let _length = File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_string(&mut text)?;
    Ok(text)
}
