//! The audit: the account of each table beside what its files and the write-ahead log really hold.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use headcount_catalog::{NO_DAY, Retention, Schema, Table, TableId, TableKind, Tally};
use headcount_log::disk::{Disk, RealDisk};
use headcount_log::folder::check_format;
use headcount_log::wal::{newest_segment, quarantine, replay};

use super::ledger::{self, Followed, Ledger};
use super::measure;
use super::outcome::{Audit, DayAudit, TableAudit};
use super::retention;
use crate::day::{counted_day, day_name};
use crate::delta::log::{ActiveFile, TableLog, table_folder};
use crate::error::LakeError;
use crate::lost_rows::LostRows;
use crate::memtable::{Layout, TableBatches, chunks, decode, tallies};
use crate::sealed_line::Found;
use crate::watermark::Watermark;

/// Times that an audit begins again because a running collector replaced a file that it was about to read.
const ATTEMPTS: usize = 5;

/// Compares the account of the data folder `dir` with what it holds, also beside a running collector. Nothing is changed. `retention`
/// is for how long rows may be kept; `None` for ever.
///
/// # Errors
///
/// The folder does not exist, or the operating system refuses to read a file of it.
pub fn audit_folder(
    dir: &Path,
    schema: &Arc<Schema>,
    retention: Option<Retention>,
) -> Result<Audit, LakeError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::default());
    let root = disk.canonical(dir).map_err(LakeError::io("open", dir))?;
    let _version = check_format(&*disk, &root)?;
    audit_on(disk, root, schema, retention)
}

/// As [`audit_folder`], of the folder `root` of `disk`.
pub(crate) fn audit_on(
    disk: Arc<dyn Disk>,
    root: PathBuf,
    schema: &Arc<Schema>,
    retention: Option<Retention>,
) -> Result<Audit, LakeError> {
    let auditor = Auditor {
        collector: disk
            .read_text(&root.join("collector"))
            .unwrap_or_default()
            .trim()
            .to_owned(),
        lost_rows: LostRows::read(&*disk, &root)?,
        disk,
        root,
        schema: Arc::clone(schema),
        retention,
        now: Utc::now(),
    };
    let mut attempt = 1;
    loop {
        match auditor.run() {
            Err(LakeError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS =>
            {
                attempt += 1;
            }
            done => return done,
        }
    }
}

struct Auditor {
    disk: Arc<dyn Disk>,
    root: PathBuf,
    schema: Arc<Schema>,
    collector: String,
    /// What a repair gave up.
    lost_rows: LostRows,
    retention: Option<Retention>,
    now: DateTime<Utc>,
}

/// The rows that no table holds yet, and what the frames that they came in say of them.
struct InLog {
    layout: Arc<Layout>,
    batches: TableBatches,
    tallies: Vec<(u64, Tally)>,
}

impl Auditor {
    fn run(&self) -> Result<Audit, LakeError> {
        let mut audit = Audit::default();
        // The log first and the tables second: see `LakeSnapshot::read`. A ledger is never ahead of the table that is read after it.
        let newest = newest_segment(&*self.disk, &self.root);
        let wal = self.root.join("wal");
        let segments = replay::read_beside_writer(&*self.disk, &wal)?;
        let watermark = Watermark::read(&*self.disk, &self.root)?.unwrap_or_default();
        let mut tables = Vec::new();
        for table in &self.schema.tables {
            let followed = self.follow(table, &mut audit.problems)?;
            if let Some(followed) = &followed {
                let logs = std::slice::from_ref(&followed.log);
                for (table, commits) in watermark.lost_commits(logs) {
                    let lost =
                        format!("the last {commits} commits of the table {table} are missing");
                    audit.problems.push(lost);
                }
            }
            tables.push(followed);
        }
        let applied = |followed: &Option<Followed>| match followed {
            Some(followed) => followed.log.applied(),
            None => 0,
        };
        let applied: Vec<u64> = tables.iter().map(applied).collect();
        let highest = applied.iter().copied().max().unwrap_or_default();
        self.lost_groups(
            replay::missing_groups(newest, &segments, highest.max(watermark.sequence)),
            &mut audit.problems,
        )?;
        let layout = Layout::new(Arc::clone(&self.schema), applied);
        let in_log = InLog {
            batches: decode(&layout, &chunks(&segments, &self.schema))?,
            tallies: tallies(&segments, &self.schema),
            layout,
        };
        for ((id, table), followed) in self.schema.iter().zip(tables) {
            if let Some(followed) = followed {
                audit.tables.push(self.table(id, table, followed, &in_log)?);
            }
        }
        Ok(audit)
    }

    /// The ledger and the log of a table; `None` where its log cannot be read.
    fn follow(
        &self,
        table: &Table,
        problems: &mut Vec<String>,
    ) -> Result<Option<Followed>, LakeError> {
        let folder = table_folder(&self.root, table);
        let name = &table.name;
        let log_folder = folder.join("_delta_log");
        let followed = match Ledger::find(&*self.disk, &self.root, table, &log_folder)? {
            Found::Whole(ledger) => {
                ledger::follow(&self.disk, &folder, table, &self.collector, ledger, None)
            }
            other => {
                if let Found::Damaged(reason) = other {
                    problems.push(format!(
                        "the ledger of the table {name} is damaged: {reason}"
                    ));
                }
                // It will begin with the next start of the collector: from the table as it is.
                let log = TableLog::open(&self.disk, &folder, table, &self.collector);
                log.map(|log| Followed {
                    ledger: Ledger::begin(&*self.disk, &log, table.kind),
                    log,
                    gap: None,
                })
            }
        };
        match followed {
            Ok(followed) => {
                if let Some(gap) = &followed.gap {
                    problems.push(format!("the account of the table {name} has a gap: {gap}"));
                }
                Ok(Some(followed))
            }
            Err(error @ LakeError::Io { .. }) => Err(error),
            Err(error) => {
                problems.push(format!("the table {name} cannot be read: {error}"));
                Ok(None)
            }
        }
    }

    /// Names groups of requests that are lost together with what they say of themselves, and makes no difference in any account.
    fn lost_groups(&self, missing: u64, problems: &mut Vec<String>) -> Result<(), LakeError> {
        if missing > 0 {
            problems.push(format!(
                "{missing} groups of acknowledged requests are missing between the tables and the write-ahead log"
            ));
        }
        for folder in ["wal", "ledger"].map(|name| self.root.join(name)) {
            if !self.disk.exists(&folder) {
                continue;
            }
            for path in quarantine::files(&*self.disk, &folder)? {
                let path = path.strip_prefix(&self.root).unwrap_or(&path);
                problems.push(format!(
                    "{} was found damaged and set aside; what it held is not in the account",
                    path.display()
                ));
            }
        }
        Ok(())
    }

    fn table(
        &self,
        id: TableId,
        table: &Table,
        followed: Followed,
        in_log: &InLog,
    ) -> Result<TableAudit, LakeError> {
        let mut days = Days::default();
        days.add_ledger(&followed.ledger);
        for (sequence, tally) in &in_log.tallies {
            if !in_log.layout.holds(id, *sequence) {
                days.add_tally(id, tally);
            }
        }
        let batches = in_log.batches.get(usize::from(id.0));
        let batches = batches.map_or(&[][..], Vec::as_slice);
        for (day, units) in measure::units_by_day(batches, table.kind) {
            days.day(&day).stored += units;
        }
        for file in followed.log.files().iter() {
            self.add_file(table, &followed.log, file, &mut days)?;
        }
        days.add_lost(&self.lost_rows, table, &followed);
        if measure::is_losses(table) {
            for (day, lost) in measure::units_by_day(batches, TableKind::Counter) {
                *days.day(&day).claimed_lost.get_or_insert_default() += lost;
            }
        }
        let mut days: Vec<DayAudit> = days.0.into_values().collect();
        if table.kind == TableKind::Counter {
            for day in &mut days {
                day.refused = std::mem::take(&mut day.stored);
            }
        }
        Ok(TableAudit {
            table: table.name.clone(),
            tier: table.tier,
            since: followed.ledger.since,
            retention: retention::of_table(
                &*self.disk,
                &followed.log,
                batches,
                self.retention.map(|retention| retention.days(table.tier)),
                self.now,
            )?,
            days,
        })
    }

    /// Measures one active file.
    fn add_file(
        &self,
        table: &Table,
        log: &TableLog,
        file: &ActiveFile,
        days: &mut Days,
    ) -> Result<(), LakeError> {
        let (disk, folder) = (&*self.disk, &log.folder);
        match measure::days_in_file(disk, folder, file, table.kind) {
            Ok(measured) => {
                for (day, units) in measured {
                    days.day(&day).stored += units;
                }
            }
            Err(error) => {
                if let LakeError::Io { source, .. } = &error {
                    let is_gone = source.kind() == io::ErrorKind::NotFound;
                    let again = TableLog::open(&self.disk, folder, table, &self.collector)?;
                    if !is_gone || !again.contains(file) {
                        return Err(error);
                    }
                }
                tracing::error!(
                    file = %folder.join(&file.path).display(),
                    error = &error as &dyn std::error::Error,
                    "a file of a table cannot be read; the account counts its rows as unreadable, by the table's log"
                );
                match measure::recorded_days(file, table.kind) {
                    Some(recorded) => {
                        for (day, units) in recorded {
                            days.day(&day).unreadable += units;
                        }
                    }
                    None => {
                        for day in measure::possible_days(file) {
                            days.day(&day).is_unknown = true;
                        }
                    }
                }
                return Ok(());
            }
        }
        if measure::is_losses(table)
            && let Ok(lost) = measure::counts_by_day(disk, folder, file)
        {
            for (day, lost) in lost {
                *days.day(&day).claimed_lost.get_or_insert_default() += lost;
            }
        }
        Ok(())
    }
}

/// The days of a table, by name.
#[derive(Debug, Default)]
struct Days(BTreeMap<String, DayAudit>);

impl Days {
    fn day(&mut self, name: &str) -> &mut DayAudit {
        self.0.entry(name.to_owned()).or_insert_with(|| DayAudit {
            day: name.to_owned(),
            ..DayAudit::default()
        })
    }

    fn add_ledger(&mut self, ledger: &Ledger) {
        for (name, opening) in &ledger.opening {
            self.day(name).opening += opening;
        }
        for (name, account) in ledger.account.iter() {
            let day = self.day(name);
            day.taken += account.taken;
            day.duplicate += account.duplicate;
            day.expired += account.expired;
            day.erased += account.erased;
            day.unreadable += account.unreadable;
            day.is_unknown |= account.unknown;
            day.others -= account.moved;
        }
        for (name, others) in &ledger.others {
            self.day(name).others += others;
        }
        for name in &ledger.unknown {
            self.day(name).is_unknown = true;
        }
    }

    /// Adds the files that a repair of an older version gave up since counting began, and did not count in its commit.
    fn add_lost(&mut self, lost: &LostRows, table: &Table, followed: &Followed) {
        let since = followed.ledger.since;
        let files = followed.log.files();
        let lost = lost.of_table(&table.name, &files);
        let lost = lost.filter(|file| !file.is_counted);
        for file in lost.filter(|file| since.is_some_and(|since| file.given_up >= since)) {
            let day = self.day(&file.day);
            match file.units {
                Some(units) => day.unreadable += units,
                None => day.is_unknown = true,
            }
        }
    }

    /// Adds what a frame says that no commit has taken over.
    fn add_tally(&mut self, table: TableId, tally: &Tally) {
        for (_, day, arrivals) in tally.iter().filter(|(of, _, _)| *of == table) {
            let day = counted_day(Some(day).filter(|day| *day != NO_DAY));
            let day = self.day(&day_name(day));
            day.taken += arrivals.kept + arrivals.duplicate + arrivals.erased;
            day.duplicate += arrivals.duplicate;
            day.erased += arrivals.erased;
        }
    }
}
