//! Finds files of captured requests.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// The endings that are looked for below a folder: those of captured bodies, and of the OpenTelemetry Collector's file exporter,
/// which keeps its ending when it rotates a file (`traces-2026-11-30T12-00-00.000.jsonl`).
const ENDINGS: [&str; 5] = ["bin", "json", "jsonl", "ndjson", "pb"];
const COMPRESSED: [&str; 2] = ["gz", "zst"];

/// The files that `paths` name: a file itself, and those below a folder in the order of their paths. The second list has an
/// error for each path that names none.
pub(crate) fn find(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<anyhow::Error>) {
    let mut files = Vec::new();
    let mut failures = Vec::new();
    for path in paths {
        match find_below(path) {
            Ok(found) => files.extend(found),
            Err(failure) => failures.push(failure),
        }
    }
    (files, failures)
}

fn find_below(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if !metadata.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        let listing = fs::read_dir(&folder)
            .with_context(|| format!("cannot list the folder {}", folder.display()))?;
        for entry in listing {
            let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
            let path = entry.path();
            // Links to folders are not followed: they may form a cycle.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if is_captured(&path) && !is_other_json(&path) {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        let endings = ENDINGS.map(|ending| format!("*.{ending}")).join(", ");
        bail!(
            "there is no {endings} below {}, compressed or not; name the files",
            path.display()
        );
    }
    found.sort_unstable();
    Ok(found)
}

/// Whether the file's name has one of the endings, perhaps with that of a compression behind it.
fn is_captured(path: &Path) -> bool {
    let ends_in = |path: &Path, endings: &[&str]| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| endings.contains(&ending))
    };
    if ends_in(path, &COMPRESSED) {
        return ends_in(&path.with_extension(""), &ENDINGS);
    }
    ends_in(path, &ENDINGS)
}

/// Whether the file is JSON of something else: that ending is anybody's.
fn is_other_json(path: &Path) -> bool {
    if path.extension().is_none_or(|ending| ending != "json") {
        return false;
    }
    let mut head = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(4096).read_to_end(&mut head));
    let names = [
        "resourceSpans",
        "resource_spans",
        "resourceLogs",
        "resourceMetrics",
    ];
    // One that cannot be read is reported when it is ingested.
    read.is_ok() && {
        let head = String::from_utf8_lossy(&head);
        !head
            .trim_start_matches('\u{feff}')
            .trim_start()
            .starts_with('{')
            || !names.iter().any(|name| head.contains(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_rotated_and_compressed_files_are_known() {
        for (name, known) in [
            ("000.bin", true),
            ("traces.jsonl", true),
            ("traces-2026-11-30T12-00-00.000.json", true),
            ("traces-2026-11-30T12-00-00.000.jsonl.gz", true),
            ("traces.pb.zst", true),
            ("traces.gz", false),
            ("notes.txt", false),
            ("json", false),
        ] {
            assert_eq!(is_captured(Path::new(name)), known, "{name}");
        }
    }
}
