//! The operator's erasures: a restore carries them out, whatever state a point knows them in.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use headcount_backup::{RestoreOptions, back_up, restore};
use headcount_catalog::{
    AdmittedBatch, BatchWriter, Column, ColumnType, Fingerprint, Schema, Table, TableId, TableKind,
    Tier,
};
use headcount_lake::{CrewSelection, Lake};
use headcount_log::disk::RealDisk;
use headcount_log::erasure::{CrewOfRow, CrewOrders};

use crate::support::by_hand;

const KEY: &str = "c0ffee0000000001";
const ID: &str = "00000001-0000-4000-8000-000000000001";
const OTHER: &str = "00000002-0000-4000-8000-000000000002";
const ORDER: &str = "crew-erasures/00000000000000000001.order";

/// Crews, which name their key, and deployments, which name a run alone.
fn schema() -> Arc<Schema> {
    let table = |name: &str, columns: &[&str]| Table {
        name: name.to_owned(),
        tier: Tier::Default,
        kind: TableKind::Event,
        columns: [("time", ColumnType::Timestamp)]
            .into_iter()
            .chain(columns.iter().map(|name| (*name, ColumnType::Text)))
            .map(|(name, column_type)| Column {
                name: name.to_owned(),
                column_type,
            })
            .collect(),
    };
    Arc::new(Schema {
        tables: vec![
            table("crews", &["id", "key"]),
            table("deployments", &["crew_id"]),
        ],
    })
}

/// Two deployments of the runs [`ID`] and [`OTHER`], whose crews' rows are gone already.
fn deployments() -> AdmittedBatch {
    let mut writer = BatchWriter::for_tests(1024);
    for (fingerprint, id) in [(1, ID), (2, OTHER)] {
        writer.begin_entry(Fingerprint(fingerprint));
        writer.row(TableId(1), |row| {
            row.timestamp(0, 1_795_410_571_182_041);
            row.text(1, id);
        });
        writer.end_entry();
    }
    writer.finish()
}

/// The file of an order to erase the crew [`KEY`] as it was accepted, and when it was done: then it knows the run.
fn order() -> (Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Arc::new(RealDisk::default());
    let orders = CrewOrders::load(disk, folder.path().to_path_buf()).unwrap();
    let selection = CrewSelection {
        crew_keys: vec![KEY.to_owned()],
        ..CrewSelection::default()
    };
    let number = orders.accept(&selection).unwrap();
    let file = folder.path().join(Path::new(ORDER).file_name().unwrap());
    let accepted = fs::read(&file).unwrap();
    let row = CrewOfRow {
        key: Some(KEY),
        id: Some(ID),
        project: None,
    };
    let run = orders.pending()[0].names.unknown_run(row).unwrap();
    orders.prepared(number, &[run]).unwrap();
    orders.finish(number).unwrap();
    (accepted, fs::read(&file).unwrap())
}

#[tokio::test]
async fn a_point_made_while_a_crews_order_was_carried_out_learns_from_later_ones_which_runs_it_meant()
 {
    let (data, repository) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let lake = Lake::open(data.path(), schema(), by_hand()).await.unwrap();
    lake.append(deployments()).await.unwrap();
    lake.flush().await.unwrap();
    lake.close().await.unwrap();
    let made = || back_up(data.path(), repository.path(), &schema(), |_, _| ()).unwrap();
    let (accepted, done) = order();
    // The order was read before its runs were known; when the tables were, the rows that name the key had gone.
    fs::write(data.path().join(ORDER), accepted).unwrap();
    let first = made().point.about.id;
    fs::write(data.path().join(ORDER), done).unwrap();
    made();
    let to = tempfile::tempdir().unwrap();
    let options = RestoreOptions {
        point: Some(first),
        ..RestoreOptions::default()
    };
    let schema = schema();
    let report = restore(repository.path(), to.path(), &options, &schema, |_, _| ());
    assert_eq!(
        report.await.unwrap().orders,
        0,
        "the point has the order, in another state"
    );
    let copy = Lake::open(to.path(), Arc::clone(&schema), by_hand());
    let copy = copy.await.unwrap();
    let snapshot = copy.snapshot().await.unwrap();
    assert_eq!(snapshot.row_count(TableId(1)), Some(1), "the other's");
    assert_eq!(copy.pending_erasures(), 0);
    let orders = CrewOrders::read_all(&RealDisk::default(), &to.path().join("crew-erasures"));
    let orders = orders.unwrap().orders;
    assert!(orders.len() == 1 && orders[0].is_done(), "{orders:?}");
}
