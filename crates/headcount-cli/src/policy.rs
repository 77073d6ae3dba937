//! The policy that a command works by: the built-in one, one that the command line names, or the one that a data folder keeps.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use headcount_catalog::{Catalog, Policy, PolicyFault, Table};
use headcount_commands::output::on_one_line;
use headcount_lake::foreign_tables;
use headcount_reports::fields_used;

/// The options that name a policy.
#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    /// The catalog of what may be collected, instead of the built-in one
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// A folder with dialects (*.yaml), beside the built-in ones; one replaces the built-in dialect whose file has the same name
    #[arg(long, value_name = "DIR")]
    dialects: Option<PathBuf>,
}

impl PolicyArgs {
    /// Whether the command line names a policy.
    pub(crate) fn is_given(&self) -> bool {
        self.catalog.is_some() || self.dialects.is_some()
    }

    /// The policy that the command line names; the built-in one if it names none.
    pub(crate) fn read(&self) -> anyhow::Result<Policy> {
        Ok(Policy::read(
            self.catalog.as_deref(),
            self.dialects.as_deref(),
        )?)
    }

    /// Puts the policy of the command line in force for a process that writes the data folder `data`, which keeps it once it is opened. Without
    /// one that is the built-in policy, or with `or_kept` the one that the folder keeps.
    ///
    /// # Errors
    /// The policy cannot be read, breaks a rule, or does not describe the tables that are in the folder.
    pub(crate) async fn put_in_force(&self, data: &Path, or_kept: bool) -> anyhow::Result<()> {
        let kept = Policy::of_folder(data);
        let policy = match self.is_given() {
            true => self.read()?,
            false if or_kept => kept.with_context(|| unreadable(data))?,
            false => {
                let is_own = kept.map_or(true, |kept| !kept.is_embedded());
                if is_own {
                    tracing::warn!(
                        folder = %data.display(),
                        "the data folder was last written under a policy of its own; this process works by the built-in one"
                    );
                }
                Policy::embedded()
            }
        };
        if !policy.put_in_force() {
            bail!("another policy is in force already");
        }
        let policy = Policy::in_force();
        if !policy.is_embedded() {
            require_rules(policy).await?;
        }
        require_tables(policy, data)
    }
}

/// Puts the policy that the data folder `data` keeps in force, for a process that only reads it.
pub(crate) fn put_kept_in_force(data: &Path) -> anyhow::Result<()> {
    let policy = Policy::of_folder(data).with_context(|| unreadable(data))?;
    // A command that opens the same folder twice works by the same policy.
    let _is_first = policy.put_in_force();
    Ok(())
}

fn unreadable(data: &Path) -> String {
    format!(
        "cannot read the policy that the data folder {} keeps; a server that is started with --catalog or --dialects writes it again",
        data.display()
    )
}

/// Every rule that the policy breaks, with those of the reports.
pub(crate) async fn faults(policy: &Policy) -> anyhow::Result<Vec<PolicyFault>> {
    let used = fields_used(policy.catalog().schema()).await;
    let used = used.context("the built-in reports need tables or columns that the catalog does not have; keep those of `headcount catalog`, and add yours")?;
    Ok(policy.faults(Some(&used)))
}

async fn require_rules(policy: &Policy) -> anyhow::Result<()> {
    let faults = faults(policy).await?;
    if faults.is_empty() {
        return Ok(());
    }
    let faults: Vec<String> = faults
        .iter()
        .map(|fault| format!("\n  {}", on_one_line(&fault.to_string())))
        .collect();
    bail!(
        "the policy breaks these rules (`headcount catalog --lint` with the same options checks them):{}",
        faults.concat()
    );
}

/// A table that the catalog does not describe would never expire, and nobody could erase a crew from it.
fn require_tables(policy: &Policy, data: &Path) -> anyhow::Result<()> {
    let kept = Policy::of_folder(data).ok();
    let was_embedded = kept.as_ref().is_none_or(Policy::is_embedded);
    if policy.is_embedded() && was_embedded {
        return Ok(());
    }
    let schema = policy.catalog().schema();
    let was = kept.as_ref().map_or(Catalog::embedded(), Policy::catalog);
    // Those that have files, and those whose rows may be in the write-ahead log alone.
    let mut foreign = foreign_tables(data, schema)
        .with_context(|| format!("cannot list the tables in {}", data.display()))?;
    let is_described = |table: &&Table| {
        let mut known = schema.tables.iter();
        known.any(|known| known.name == table.name && known.tier == table.tier)
    };
    let wrote = was.schema().tables.iter();
    if data.join("wal").exists() {
        foreign.extend(wrote.filter(|table| !is_described(table)).cloned());
    }
    let folder = data.display();
    if let Some(table) = foreign.first() {
        let way_out = match was_embedded {
            true => "add it to the catalog, or give another --data".to_owned(),
            false => format!(
                "give --catalog with a catalog that has it ({folder}/policy/catalog.yaml is the one that wrote it), or another --data"
            ),
        };
        bail!(
            "the data folder {folder} has the table `{}` of the {} tier, which the catalog does not describe, so that its rows would neither expire nor be erased; {way_out}",
            table.name,
            table.tier
        );
    }
    for table in &schema.tables {
        let before = was
            .schema()
            .tables
            .iter()
            .find(|before| before.name == table.name);
        if before.is_some_and(|before| before.kind != table.kind) && data.join("tables").exists() {
            bail!(
                "the table `{}` of the data folder {folder} holds rows of another kind (`rows` in the catalog) than this catalog says; give the table a new name",
                table.name
            );
        }
    }
    Ok(())
}
