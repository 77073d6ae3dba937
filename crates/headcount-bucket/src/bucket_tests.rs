#![allow(clippy::unwrap_used)]
use super::*;
use crate::testing::FaultyStore;

fn bucket(store: &FaultyStore) -> Bucket {
    let address = "s3://backups/below/here".parse().unwrap();
    Bucket::on(Arc::new(store.clone()), address).waiting(Duration::from_millis(1))
}

#[tokio::test]
async fn an_object_is_made_once_whatever_answers_get_lost() {
    for seed in 0..60 {
        let store = FaultyStore::new(seed);
        let bucket = bucket(&store);
        store.fail(3);
        let text = |writer: u64| Bytes::from(format!("of {writer}"));
        let mut made = Vec::new();
        let mut failed = 0;
        for writer in 0..4 {
            match bucket.create("name", text(writer)).await {
                Ok(Creation::Created) => made.push(writer),
                Ok(Creation::Exists) => {}
                Err(error) => {
                    assert!(error.to_string().contains("s3://backups/below/here/name"));
                    failed += 1;
                }
            }
        }
        store.fail(0);
        let found = bucket.read("name").await.unwrap();
        assert!(made.len() <= 1, "{seed}: {made:?}");
        match made.first() {
            Some(writer) => assert_eq!(found, Some(text(*writer)), "{seed}"),
            None => assert!(failed > 0, "{seed}"),
        }
    }
}

#[tokio::test]
async fn an_object_is_written_anew_by_whoever_knows_its_state_alone() {
    for seed in 0..40 {
        let store = FaultyStore::new(seed);
        let bucket = bucket(&store);
        let create = bucket.create("lease", Bytes::from_static(b"0"));
        assert_eq!(create.await.unwrap(), Creation::Created);
        let (_, old) = bucket.read_tagged("lease").await.unwrap().unwrap();
        store.fail(3);
        let Ok(written) = bucket.update("lease", Bytes::from_static(b"1"), &old).await else {
            continue;
        };
        store.fail(0);
        let written = written.expect("nobody else wrote it");
        let (found, tag) = bucket.read_tagged("lease").await.unwrap().unwrap();
        assert_eq!(
            (found, &tag),
            (Bytes::from_static(b"1"), &written),
            "{seed}"
        );
        let late = bucket.update("lease", Bytes::from_static(b"2"), &old);
        assert_eq!(late.await.unwrap(), None, "{seed}");
        bucket.remove(&["lease".to_owned()]).await.unwrap();
        let gone = bucket.update("lease", Bytes::from_static(b"3"), &written);
        assert_eq!(gone.await.unwrap(), None, "{seed}");
        assert_eq!(bucket.read("lease").await.unwrap(), None);
    }
}

#[tokio::test]
async fn objects_are_read_listed_and_removed_over_short_failures() {
    let store = FaultyStore::new(7);
    let bucket = bucket(&store);
    store.fail(4);
    let names: Vec<String> = (0..40).map(|number| format!("a/{number:02}")).collect();
    for name in &names {
        bucket.put(name, Bytes::from(name.clone())).await.unwrap();
    }
    bucket.put("b", Bytes::new()).await.unwrap();
    let listed = bucket.list("a").await.unwrap();
    let listed: Vec<(&str, u64)> = { listed.iter() }
        .map(|object| (object.name.as_str(), object.size))
        .collect();
    let expected: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 4)).collect();
    assert_eq!(listed, expected);
    for name in &names {
        assert_eq!(bucket.read(name).await.unwrap().unwrap(), name.as_bytes());
        assert_eq!(bucket.size(name).await.unwrap(), Some(4));
        let end = bucket.read_range(name, 2..4).await.unwrap().unwrap();
        assert_eq!(end, &name.as_bytes()[2..]);
    }
    assert_eq!(bucket.size("b").await.unwrap(), Some(0));
    bucket.remove(&names).await.unwrap();
    bucket.remove(&names).await.unwrap();
    assert_eq!(bucket.some(9).await.unwrap(), ["b"]);
    assert_eq!(bucket.read("a/00").await.unwrap(), None);
    assert!(store.injected() > 20);
}

#[tokio::test]
async fn an_object_of_parts_is_there_after_its_end_alone() {
    let store = FaultyStore::new(1);
    let bucket = bucket(&store);
    let part = Bytes::from(vec![7; PART]);
    let mut upload = bucket.upload("large").await.unwrap();
    for _ in 0..6 {
        upload.part(part.clone()).await.unwrap();
    }
    assert_eq!(bucket.size("large").await.unwrap(), None);
    upload.part(Bytes::from_static(b"end")).await.unwrap();
    upload.complete().await.unwrap();
    assert_eq!(
        bucket.size("large").await.unwrap(),
        Some(6 * PART as u64 + 3)
    );
    let end = 6 * PART as u64;
    let read = bucket.read_range("large", end - 1..end + 3).await.unwrap();
    assert_eq!(read.unwrap(), &b"\x07end"[..]);
    let mut upload = bucket.upload("other").await.unwrap();
    upload.part(part).await.unwrap();
    upload.abort().await;
    assert_eq!(bucket.size("other").await.unwrap(), None);
}

#[tokio::test]
async fn a_store_that_ignores_conditions_is_found_out() {
    let store = FaultyStore::new(1);
    let bucket = bucket(&store);
    bucket.require_conditional_writes("probe").await.unwrap();
    assert!(bucket.some(9).await.unwrap().is_empty());
    store.ignore_conditions();
    let error = bucket.require_conditional_writes("probe").await;
    let error = error.unwrap_err();
    assert_eq!(error.problem, Problem::Unconditional);
    assert!(error.to_string().contains("If-None-Match"), "{error}");
}
