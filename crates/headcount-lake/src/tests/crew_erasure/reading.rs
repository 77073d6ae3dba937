//! What is stored about a crew, and the proof that nothing is left of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use parquet::arrow::ArrowWriter;

use super::{id, key, of_keys, open, runs};
use crate::tests::support::parquet_files;
use crate::{LakeError, LakeSnapshot, prove_erased};

#[tokio::test]
async fn a_crews_rows_are_exported_in_an_order_that_depends_on_them_alone() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path()).await;
    lake.append(runs(0..30)).await.unwrap();
    lake.flush().await.unwrap();
    lake.append(runs(30..60)).await.unwrap();
    let exported = |snapshot: LakeSnapshot| {
        let rows = snapshot.crew_rows(&of_keys(&[2])).unwrap();
        let mut all = Vec::new();
        for table in rows.tables() {
            rows.each_day(table, |batch| {
                let column = batch.column_by_name("n").unwrap();
                let values = column.as_primitive::<Int64Type>().values();
                all.extend(values.iter().map(|run| (table.0, *run)));
                Ok::<(), LakeError>(())
            })
            .unwrap();
        }
        all
    };
    let before = exported(lake.snapshot().await.unwrap());
    lake.flush().await.unwrap();
    lake.compact().await.unwrap();
    assert_eq!(exported(lake.snapshot().await.unwrap()), before);
    let expected = (0..4_u8).flat_map(|table| {
        let by_time = |run: &i64| (run % 3, *run);
        let mut runs: Vec<i64> = (0..60).filter(|run| run % 4 == 2).collect();
        runs.sort_by_key(by_time);
        runs.into_iter().map(move |run| (table, run))
    });
    assert_eq!(before, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn a_proof_reads_everything_and_names_the_file_in_which_something_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path()).await;
    lake.append(runs(0..30)).await.unwrap();
    lake.flush().await.unwrap();
    lake.append(runs(30..40)).await.unwrap();
    let selection = of_keys(&[1]);
    let find = || prove_erased(dir.path(), Some(&selection)).unwrap().left;
    let places: BTreeSet<PathBuf> = find().into_iter().map(|left| left.path).collect();
    assert!(
        places.iter().any(|path| path.starts_with("wal")),
        "{places:?}"
    );
    assert!(places.iter().any(|path| path.starts_with("tables/shared")));
    // An old file of a table whose rows name no key, where nobody looks for one.
    let file = parquet_files(&dir.path().join("tables/default/deployments")).remove(0);
    let copy = std::fs::read(file).unwrap();
    lake.order_crew_erasure(selection.clone()).await.unwrap();
    lake.erase().await.unwrap();

    let proof = prove_erased(dir.path(), Some(&selection)).unwrap();
    assert_eq!(proof.left, []);
    assert_eq!(proof.orders, 1);
    // The first of each table's files that are left hold the others' 30 rows each, and those of tools.
    assert!(proof.rows >= 30 * 4 + 40, "{proof:?}");
    let mut files = 0;
    let mut folders = vec![dir.path().to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            match entry.path().is_dir() {
                true => folders.push(entry.path()),
                false => files += 1,
            }
        }
    }
    assert_eq!(proof.files, files);

    let hidden = dir.path().join("audit-of-old/old.bin");
    std::fs::create_dir(hidden.parent().unwrap()).unwrap();
    std::fs::write(&hidden, &copy).unwrap();
    let left = prove_erased(dir.path(), None).unwrap().left;
    assert!(
        left.iter()
            .all(|left| left.path == Path::new("audit-of-old/old.bin"))
    );
    let rows: u64 = left.iter().filter_map(|left| left.rows).sum();
    assert!(rows > 0, "{left:?}");
    std::fs::write(
        &hidden,
        [&[7; WINDOW_OF_A_PROOF - 5], key(1).as_bytes(), b"xyz"].concat(),
    )
    .unwrap();
    let left = prove_erased(dir.path(), None).unwrap().left;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].place, Some(WINDOW_OF_A_PROOF as u64 - 5));
    std::fs::write(&hidden, &copy[..copy.len() / 2]).unwrap();
    let left = prove_erased(dir.path(), None).unwrap().left;
    assert!(left.iter().any(|left| left.place.is_none()), "{left:?}");
}

/// A name across two of the pieces in which a file is read.
const WINDOW_OF_A_PROOF: usize = 1 << 20;

fn parquet_of(columns: &[(&str, &[&str])]) -> Vec<u8> {
    use arrow::array::{ArrayRef, RecordBatch, StringArray};
    let columns = columns.iter().map(|(name, texts)| {
        let texts: ArrayRef = Arc::new(StringArray::from(texts.to_vec()));
        (*name, texts)
    });
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

#[tokio::test]
async fn a_proof_finds_a_name_in_whatever_column_and_leaves_a_row_to_another_crew() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(dir.path()).await;
    lake.append(runs(0..8)).await.unwrap();
    lake.order_crew_erasure(of_keys(&[1])).await.unwrap();
    lake.erase().await.unwrap();
    lake.close().await.unwrap();
    let hidden = dir.path().join("somewhere.parquet");
    let rows = |columns: &[(&str, &[&str])]| -> Vec<(Option<u64>, Option<u64>)> {
        std::fs::write(&hidden, parquet_of(columns)).unwrap();
        let left = prove_erased(dir.path(), None).unwrap().left;
        let of_rows = left.into_iter().filter(|left| left.rows.is_some());
        of_rows.map(|left| (left.place, left.rows)).collect()
    };
    let (named, run, other, other_run) = (key(1), id(5), key(2), id(2));
    // No table has such a column, and no part of the erasure knows it.
    assert_eq!(
        rows(&[("owner", &["x", &named, &named])]),
        [(Some(1), Some(2))]
    );
    assert_eq!(rows(&[("of", &[&run])]), [(Some(0), Some(1))]);
    assert_eq!(rows(&[("of", &[&other_run]), ("by", &[&other])]), []);
    // Senders choose ids: the row is of the crew whose key it names.
    assert_eq!(rows(&[("crew_id", &[&run]), ("crew_key", &[&other])]), []);
    assert_eq!(
        rows(&[("crew_id", &[&run]), ("crew_key", &[""])]),
        [(Some(0), Some(1))]
    );
    assert_eq!(
        rows(&[("crew_id", &[&run]), ("crew_key", &[&named])]),
        [(Some(0), Some(1))]
    );
}
