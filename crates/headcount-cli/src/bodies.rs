//! Request bodies in files: found, unpacked, and recognised as OTLP protobuf or OTLP/JSON.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use headcount_collector::{Notation, ReceiverLimits};
use headcount_wire::{TraceRequest, json_to_protobuf};

/// One captured request body.
#[derive(Debug)]
pub(crate) struct Body {
    /// The body, unpacked.
    pub(crate) bytes: Bytes,
    /// What it is written in.
    pub(crate) notation: Notation,
}

impl Body {
    /// Reads the body in the file at `path`; the error says what the file is not.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Body> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let packed =
            read_within_limit(file).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = unpack(packed).with_context(|| format!("cannot unpack {}", path.display()))?;
        let notation = recognise(&bytes).with_context(|| {
            format!(
                "{} is neither OTLP protobuf nor OTLP/JSON; give request bodies as an exporter sends them",
                path.display()
            )
        })?;
        Ok(Body {
            bytes: bytes.into(),
            notation,
        })
    }

    /// The spans in it, as far as it can be read.
    pub(crate) fn span_count(&self) -> u64 {
        let count = |protobuf: &[u8]| {
            TraceRequest::parse(protobuf).map_or(0, |request| request.span_count() as u64)
        };
        match self.notation {
            Notation::Protobuf => count(&self.bytes),
            Notation::Json => json_to_protobuf(&self.bytes).map_or(0, |transcoded| {
                count(&transcoded.bytes) + transcoded.malformed_spans
            }),
        }
    }
}

/// Tells the notation by the first byte. A protobuf request begins with its only field, `resource_spans = 1`; an empty
/// one has no spans and is valid.
fn recognise(bytes: &[u8]) -> Option<Notation> {
    if bytes.trim_ascii_start().starts_with(b"{") {
        Some(Notation::Json)
    } else if bytes.is_empty() || bytes.starts_with(&[0x0a]) {
        Some(Notation::Protobuf)
    } else {
        None
    }
}

/// Undoes the compression that an exporter may have used, told by the body's first bytes.
fn unpack(packed: Vec<u8>) -> io::Result<Vec<u8>> {
    if packed.starts_with(&[0x1f, 0x8b]) {
        read_within_limit(MultiGzDecoder::new(packed.as_slice()))
    } else if packed.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        read_within_limit(zstd::Decoder::new(packed.as_slice())?)
    } else {
        Ok(packed)
    }
}

fn read_within_limit(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // What the collector's doors would take, too.
    let limit = ReceiverLimits::default().decoded_bytes;
    let read = from.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if read > limit {
        return Err(io::Error::other(format!(
            "it is larger than {} MiB",
            limit >> 20
        )));
    }
    Ok(bytes)
}

/// The files that `paths` name: a file as it is, a folder's `*.bin` files in the order of their paths.
/// A path that names nothing is in the second list, with the reason.
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
            // A link to a folder is not followed: it may lead back.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "bin") {
                found.push(path);
            }
        }
    }
    if found.is_empty() {
        bail!("there is no *.bin file below {}", path.display());
    }
    found.sort_unstable();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn the_first_byte_tells_protobuf_from_json() {
        assert_eq!(recognise(b" {}"), Some(Notation::Json));
        assert_eq!(recognise(&[0x0a, 0x00]), Some(Notation::Protobuf));
        assert_eq!(recognise(b""), Some(Notation::Protobuf));
        assert_eq!(recognise(b"hello"), None);
    }

    #[test]
    fn a_packed_body_is_unpacked_by_its_first_bytes() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"body").expect("in memory");
        let packed = gzip.finish().expect("in memory");
        assert_eq!(unpack(packed).expect("gzip"), b"body");
        let packed = zstd::encode_all(&b"body"[..], 1).expect("in memory");
        assert_eq!(unpack(packed).expect("zstd"), b"body");
    }

    #[test]
    fn a_decompression_bomb_is_refused() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let zeros = vec![0_u8; 1024 * 1024];
        for _ in 0..33 {
            gzip.write_all(&zeros).expect("in memory");
        }
        let packed = gzip.finish().expect("in memory");
        let error = unpack(packed).expect_err("33 MiB");
        assert_eq!(error.to_string(), "it is larger than 32 MiB");
    }
}
