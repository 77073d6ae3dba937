//! Captured request bodies: finds the files, decompresses them and detects their format.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use headcount_collector::{PayloadFormat, ReceiverLimits};
use headcount_wire::{TraceRequest, json_to_protobuf};

/// The body of one captured request.
#[derive(Debug)]
pub(crate) struct CapturedRequest {
    /// The body, decompressed.
    pub(crate) bytes: Bytes,
    /// Its format.
    pub(crate) format: PayloadFormat,
}

impl CapturedRequest {
    /// Reads the file at `path`.
    pub(crate) fn read(path: &Path) -> anyhow::Result<CapturedRequest> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let compressed =
            read_within_limit(file).with_context(|| format!("cannot read {}", path.display()))?;
        let bytes = decompress(compressed)
            .with_context(|| format!("cannot decompress {}", path.display()))?;
        let format = detect_format(&bytes).with_context(|| {
            format!(
                "{} is neither OTLP protobuf nor OTLP/JSON; give request bodies as an exporter sends them",
                path.display()
            )
        })?;
        Ok(CapturedRequest {
            bytes: bytes.into(),
            format,
        })
    }

    /// The number of spans in it that can be read.
    pub(crate) fn span_count(&self) -> u64 {
        let count = |protobuf: &[u8]| {
            TraceRequest::parse(protobuf).map_or(0, |request| request.span_count() as u64)
        };
        match self.format {
            PayloadFormat::Protobuf => count(&self.bytes),
            PayloadFormat::Json => json_to_protobuf(&self.bytes).map_or(0, |transcoded| {
                count(&transcoded.bytes) + transcoded.malformed_spans
            }),
        }
    }
}

/// Detects the format by the first byte. A protobuf request begins with its only field, `resource_spans = 1`; an empty
/// one has no spans and is valid.
fn detect_format(bytes: &[u8]) -> Option<PayloadFormat> {
    if bytes.trim_ascii_start().starts_with(b"{") {
        Some(PayloadFormat::Json)
    } else if bytes.is_empty() || bytes.starts_with(&[0x0a]) {
        Some(PayloadFormat::Protobuf)
    } else {
        None
    }
}

/// Undoes the compression that an exporter may have used, detected by the first bytes.
fn decompress(bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        read_within_limit(MultiGzDecoder::new(bytes.as_slice()))
    } else if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        read_within_limit(zstd::Decoder::new(bytes.as_slice())?)
    } else {
        Ok(bytes)
    }
}

fn read_within_limit(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // The limit of the collector's receivers.
    let limit = ReceiverLimits::default().decoded_bytes;
    let read = from.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if read > limit {
        return Err(io::Error::other(format!("larger than {} MiB", limit >> 20)));
    }
    Ok(bytes)
}

/// The files that `paths` name: a file itself, and the `*.bin` files below a folder in the order of their paths.
/// The second list has an error for each path that names none.
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
    fn the_first_byte_distinguishes_protobuf_and_json() {
        assert_eq!(detect_format(b" {}"), Some(PayloadFormat::Json));
        assert_eq!(detect_format(&[0x0a, 0x00]), Some(PayloadFormat::Protobuf));
        assert_eq!(detect_format(b""), Some(PayloadFormat::Protobuf));
        assert_eq!(detect_format(b"hello"), None);
    }

    #[test]
    fn compression_is_detected_by_the_first_bytes() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"body").expect("in memory");
        let compressed = gzip.finish().expect("in memory");
        assert_eq!(decompress(compressed).expect("gzip"), b"body");
        let compressed = zstd::encode_all(&b"body"[..], 1).expect("in memory");
        assert_eq!(decompress(compressed).expect("zstd"), b"body");
    }

    #[test]
    fn a_decompression_bomb_is_refused() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let zeros = vec![0_u8; 1024 * 1024];
        for _ in 0..33 {
            gzip.write_all(&zeros).expect("in memory");
        }
        let compressed = gzip.finish().expect("in memory");
        let error = decompress(compressed).expect_err("33 MiB");
        assert_eq!(error.to_string(), "larger than 32 MiB");
    }
}
