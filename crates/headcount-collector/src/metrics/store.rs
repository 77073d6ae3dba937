//! The write-ahead log, the rows in memory, the tables, and their upkeep.

use std::time::{Duration, UNIX_EPOCH};

use headcount_catalog::Tier;
use headcount_lake::{LakeActivity, LakeStats, LogActivity, TableStats};
use headcount_observe::Page;

use crate::ingest::IngestPipeline;

pub(super) fn write(page: &mut Page, pipeline: &IngestPipeline) {
    let stats = pipeline.lake().stats();
    health(page, pipeline);
    if let Some(activity) = pipeline.lake().log_activity() {
        log_activity(page, activity);
    }
    log(page, &stats);
    page.gauge(
        "headcount_log_silence_seconds",
        "For how long the thread of the write-ahead log has not answered; about a second is usual.",
    )
    .value(pipeline.heartbeat().silence().as_secs_f64());
    let activity = pipeline.lake().activity();
    flushes(page, activity);
    disk(page, &stats);
    tables(page, &stats);
    upkeep(page, activity);
    page.gauge(
        "headcount_erasures_pending",
        "Receipts whose rows were ordered to be erased, and are not yet.",
    )
    .value(pipeline.lake().pending_erasures());
    page.gauge(
        "headcount_crew_erasures_pending",
        "Orders to erase crews that are not carried out yet.",
    )
    .value(pipeline.lake().pending_crew_erasures());
    erasures(page, activity, &stats);
    damage(page, pipeline);
}

fn health(page: &mut Page, pipeline: &IngestPipeline) {
    page.gauge(
        "headcount_ready",
        "1 if telemetry and queries may be sent here, as /readyz says; else 0.",
    )
    .value(u8::from(pipeline.fault().is_none()));
    page.gauge(
        "headcount_store_ready",
        "1 if the store accepts writes, 0 for 10 s after a write failed.",
    )
    .value(u8::from(pipeline.store_failure().is_none()));
    page.gauge(
        "headcount_clock_suspect",
        "1 if nearly all senders are days ahead of this machine's clock, and so refused.",
    )
    .value(u8::from(pipeline.is_clock_suspect()));
}

fn log_activity(page: &mut Page, activity: &LogActivity) {
    page.histogram(
        "headcount_log_fsync_duration_seconds",
        "Fsyncs of the write-ahead log, one for each group of requests. An acknowledgement waits for one.",
    )
    .durations(&[], &activity.syncs);
    page.counter(
        "headcount_log_groups_total",
        "Groups of requests in the write-ahead log that shared an fsync.",
    )
    .value(activity.groups.get());
    page.counter(
        "headcount_log_written_bytes_total",
        "Bytes written to the write-ahead log.",
    )
    .value(activity.bytes.get());
}

fn log(page: &mut Page, stats: &LakeStats) {
    page.gauge(
        "headcount_log_segments",
        "Files of the write-ahead log whose rows are not in the tables yet.",
    )
    .value(stats.log_segments);
    page.gauge("headcount_log_bytes", "Bytes of these files.")
        .value(stats.log_bytes);
    page.gauge(
        "headcount_log_lag_seconds",
        "Age of the oldest acknowledged row that is not in the tables yet; 0 if there is none.",
    )
    .value(seconds(stats.oldest_unflushed));
    page.gauge(
        "headcount_memtable_bytes",
        "Encoded bytes of acknowledged rows in memory that are not in the tables yet.",
    )
    .value(stats.memory_bytes);
    page.gauge(
        "headcount_memtable_limit_bytes",
        "The bytes in memory at which requests wait for a flush, and are refused if it does not come.",
    )
    .value(stats.memory_limit_bytes);
}

fn flushes(page: &mut Page, activity: &LakeActivity) {
    page.histogram(
        "headcount_flush_duration_seconds",
        "Flushes of the rows in memory to the tables that succeeded.",
    )
    .durations(&[], &activity.flushes);
    page.counter(
        "headcount_flush_failures_total",
        "Flushes that failed; their rows stay in the log and in memory.",
    )
    .value(activity.failed_flushes.get());
    page.counter(
        "headcount_flushed_rows_total",
        "Rows that flushes moved to the tables.",
    )
    .value(activity.flushed_rows.get());
    let last = activity.last_flush();
    let last = last.and_then(|last| last.duration_since(UNIX_EPOCH).ok());
    page.gauge(
        "headcount_last_flush_timestamp_seconds",
        "When the last flush ended that succeeded, in seconds since 1970 UTC; 0 before the first.",
    )
    .value(seconds(last));
}

fn disk(page: &mut Page, stats: &LakeStats) {
    if let Some(disk) = stats.disk {
        page.gauge(
            "headcount_disk_free_bytes",
            "Bytes that are left on the file system of the data folder.",
        )
        .value(disk.free_bytes);
        page.gauge("headcount_disk_size_bytes", "The size of that file system.")
            .value(disk.total_bytes);
    }
    page.gauge(
        "headcount_disk_reserve_bytes",
        "Bytes of it that merges leave free, for the write-ahead log.",
    )
    .value(stats.disk_reserve_bytes);
}

fn tables(page: &mut Page, stats: &LakeStats) {
    let (name, help) = ("headcount_table_files", "Files of a table.");
    of_each_table(page, stats, name, help, |table| table.files);
    let (name, help) = ("headcount_table_bytes", "Bytes of a table's files.");
    of_each_table(page, stats, name, help, |table| table.bytes);
    let help = "Rows in a table's files, without those in memory.";
    of_each_table(page, stats, "headcount_table_rows", help, |table| {
        table.rows
    });
}

fn of_each_table(
    page: &mut Page,
    stats: &LakeStats,
    name: &str,
    help: &str,
    value: impl Fn(&TableStats) -> u64,
) {
    let mut family = page.gauge(name, help);
    for table in &stats.tables {
        let tier = match table.tier {
            Tier::Default => "default",
            Tier::Shared => "shared",
        };
        family.labelled(&[("table", &table.name), ("tier", tier)], value(table));
    }
}

fn upkeep(page: &mut Page, activity: &LakeActivity) {
    let counts = [
        (
            "headcount_merges_total",
            "Merges of a day's small files into few large ones.",
            &activity.merges,
        ),
        (
            "headcount_merged_files_total",
            "Files that merges replaced.",
            &activity.merged_files,
        ),
        (
            "headcount_checkpoints_total",
            "Checkpoints of the tables' logs.",
            &activity.checkpoints,
        ),
        (
            "headcount_removed_files_total",
            "Files that no table needed any more and that were removed.",
            &activity.removed_files,
        ),
        (
            "headcount_expired_files_total",
            "Files from which rows were deleted because their time was over.",
            &activity.expired_files,
        ),
        (
            "headcount_upkeep_failures_total",
            "Rounds of merges, checkpoints, expiry and removals of which a part failed.",
            &activity.failed_upkeep,
        ),
    ];
    for (name, help, count) in counts {
        page.counter(name, help).value(count.get());
    }
}

fn erasures(page: &mut Page, activity: &LakeActivity, stats: &LakeStats) {
    page.gauge(
        "headcount_erasure_oldest_pending_seconds",
        "For how long the oldest order to erase has been waiting, of senders or for crews; 0 if there is none.",
    )
    .value(seconds(stats.oldest_pending_erasure));
    page.counter(
        "headcount_erased_receipts_total",
        "Receipts whose rows were erased.",
    )
    .value(activity.erased_receipts.get());
    page.counter(
        "headcount_erasure_failures_total",
        "Erasures that failed; their orders stay, and are tried again.",
    )
    .value(activity.failed_erasures.get());
}

fn damage(page: &mut Page, pipeline: &IngestPipeline) {
    let lake = pipeline.lake();
    let gauges = [
        (
            "headcount_log_damaged_files",
            "Damaged files of the write-ahead log, of deduplication and of orders to erase, kept as *.damaged until an administrator removes them.",
            lake.damaged_files(),
        ),
        (
            "headcount_log_missing_groups",
            "Groups of acknowledged requests that were in neither the log nor the tables when the collector started.",
            lake.missing_groups(),
        ),
        (
            "headcount_table_unreadable_files",
            "Files of tables that queries, merges or erasures pass over because they cannot be read, since the start.",
            lake.unreadable_files(),
        ),
        (
            "headcount_tables_refused",
            "Tables that cannot be read: their log is damaged, or holds a commit that is not understood.",
            lake.refused_tables().len() as u64,
        ),
        (
            "headcount_tables_with_lost_commits",
            "Tables whose log had lost its last commits when the collector started.",
            lake.tables_with_lost_commits().len() as u64,
        ),
    ];
    for (name, help, value) in gauges {
        page.gauge(name, help).value(value);
    }
}

fn seconds(duration: Option<Duration>) -> f64 {
    duration.map_or(0.0, |duration| duration.as_secs_f64())
}
