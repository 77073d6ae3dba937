//! Captured requests in files: decompresses them, detects their format and takes them apart.
//!
//! A file is one request body as an exporter sends it, or what the OpenTelemetry Collector's file exporter writes: JSON with one
//! request a line, or requests that each have their length in front. Such files are read a request at a time, whatever their size.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use headcount_collector::{PayloadFormat, ReceiverLimits};
use headcount_wire::{TraceRequest, json_to_protobuf};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// One captured request.
#[derive(Debug)]
pub(crate) struct CapturedRequest {
    /// The body, decompressed.
    pub(crate) bytes: Bytes,
    /// Its format.
    pub(crate) format: PayloadFormat,
    /// The file, and the line or message in it.
    pub(crate) place: String,
}

impl CapturedRequest {
    /// The number of spans in it that can be read.
    pub(crate) fn span_count(&self) -> u64 {
        let count = |protobuf: &[u8]| {
            TraceRequest::parse(protobuf).map_or(0, |request| {
                (request.span_count() + request.refused_span_count()) as u64
            })
        };
        match self.format {
            PayloadFormat::Protobuf => count(&self.bytes),
            PayloadFormat::Json => json_to_protobuf(&self.bytes).map_or(0, |transcoded| {
                count(&transcoded.bytes) + transcoded.malformed_spans
            }),
        }
    }
}

/// A file of captured requests, in their order. An error costs one request where the next one can be found.
pub(crate) struct CapturedFile {
    path: PathBuf,
    source: Box<dyn BufRead>,
    kind: Kind,
    /// The number of the last request that was read.
    number: u64,
    /// A line that was read ahead.
    ahead: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// One request.
    Whole,
    /// One JSON document a line.
    Lines,
    /// Messages with their length in front, as four bytes, the highest first.
    Prefixed,
    /// Everything was read.
    Ended,
}

impl CapturedFile {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, or holds something else.
    pub(crate) fn open(path: &Path) -> anyhow::Result<CapturedFile> {
        let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let mut source = decompress(BufReader::new(file))
            .with_context(|| format!("cannot decompress {}", path.display()))?;
        let head = source
            .fill_buf()
            .with_context(|| format!("cannot read {}", path.display()))?;
        let text = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
        let kind = match text.trim_ascii_start() {
            [b'{', ..] => Kind::Lines,
            [b'[', ..] => bail!(
                "{} is a JSON array; write its elements one a line, without the brackets and the commas between them",
                path.display()
            ),
            _ if head.is_empty() || head.starts_with(&[0x0a]) => Kind::Whole,
            _ if is_prefixed(head) => Kind::Prefixed,
            _ => bail!(
                "{} is neither OTLP protobuf nor OTLP/JSON; give request bodies as an exporter sends them, or files of the OpenTelemetry Collector's file exporter",
                path.display()
            ),
        };
        Ok(CapturedFile {
            path: path.to_owned(),
            source,
            kind,
            number: 0,
            ahead: None,
        })
    }

    fn read(&mut self) -> anyhow::Result<Option<CapturedRequest>> {
        self.number += 1;
        match self.kind {
            Kind::Ended => Ok(None),
            Kind::Whole => {
                self.kind = Kind::Ended;
                let bytes = read_within_limit(&mut self.source)?;
                Ok(Some(self.request(bytes, PayloadFormat::Protobuf)))
            }
            Kind::Lines if self.number == 1 => self.first_lines().map(Some),
            Kind::Lines => loop {
                let line = match self.ahead.take() {
                    Some(line) => Some(line),
                    None => self.line()?,
                };
                let Some(line) = line else {
                    return Ok(None);
                };
                if !line.trim_ascii().is_empty() {
                    return Ok(Some(self.request(line, PayloadFormat::Json)));
                }
                self.number += 1;
            },
            Kind::Prefixed => {
                let Some(message) = self.message()? else {
                    return Ok(None);
                };
                let is_json = message.trim_ascii_start().starts_with(b"{");
                let format = match is_json {
                    true => PayloadFormat::Json,
                    false => PayloadFormat::Protobuf,
                };
                Ok(Some(self.request(message, format)))
            }
        }
    }

    /// The first line, or the whole file if that is one document over several lines.
    fn first_lines(&mut self) -> anyhow::Result<CapturedRequest> {
        let mut first = self.line()?.unwrap_or_default();
        let second = self.line()?;
        let is_whole = json_to_protobuf(&first).is_ok();
        let begins_another = |line: &Vec<u8>| line.trim_ascii_start().starts_with(b"{");
        if is_whole || second.as_ref().is_none_or(begins_another) {
            self.ahead = second;
            return Ok(self.request(first, PayloadFormat::Json));
        }
        first.extend(second.into_iter().flatten());
        first.extend(read_within_limit(&mut self.source)?);
        self.kind = Kind::Ended;
        Ok(self.request(first, PayloadFormat::Json))
    }

    /// The next line with its end; `None` after the last one.
    fn line(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let limit = limit() as u64 + 1;
        let read = (&mut self.source)
            .take(limit)
            .read_until(b'\n', &mut line)?;
        if read as u64 == limit {
            bail!("a line is longer than {} MiB", limit >> 20);
        }
        Ok((read > 0).then_some(line))
    }

    fn message(&mut self) -> anyhow::Result<Option<Vec<u8>>> {
        if self.source.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.source.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > limit() {
            bail!("a message is longer than {} MiB", limit() >> 20);
        }
        let mut message = vec![0; length];
        self.source.read_exact(&mut message)?;
        if message.starts_with(ZSTD) {
            message = read_within_limit(zstd::Decoder::new(message.as_slice())?)?;
        }
        Ok(Some(message))
    }

    fn request(&self, bytes: Vec<u8>, format: PayloadFormat) -> CapturedRequest {
        CapturedRequest {
            bytes: bytes.into(),
            format,
            place: self.place(),
        }
    }

    fn place(&self) -> String {
        let (path, number) = (self.path.display(), self.number);
        match self.kind {
            Kind::Lines if number > 1 || self.ahead.is_some() => format!("{path}, line {number}"),
            Kind::Prefixed => format!("{path}, message {number}"),
            _ => path.to_string(),
        }
    }
}

impl Iterator for CapturedFile {
    type Item = anyhow::Result<CapturedRequest>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        if read.is_err() {
            // Nobody can tell where the next one begins.
            self.kind = Kind::Ended;
        }
        let place = format!("cannot read {}", self.place());
        read.with_context(|| place).transpose()
    }
}

/// Whether the bytes begin with a message and its length. No protobuf request begins with a zero.
fn is_prefixed(head: &[u8]) -> bool {
    let Some((length, message)) = head.split_first_chunk() else {
        return false;
    };
    let fits = (u32::from_be_bytes(*length) as usize) <= limit();
    fits && (message.starts_with(&[0x0a]) || message.starts_with(b"{") || message.starts_with(ZSTD))
}

/// Undoes the compression that an exporter may have used, detected by the first bytes.
fn decompress(mut source: impl BufRead + 'static) -> io::Result<Box<dyn BufRead>> {
    let head = source.fill_buf()?;
    if head.starts_with(GZIP) {
        Ok(Box::new(BufReader::new(MultiGzDecoder::new(source))))
    } else if head.starts_with(ZSTD) {
        let decoder = zstd::Decoder::with_buffer(source)?;
        Ok(Box::new(BufReader::new(decoder)))
    } else {
        Ok(Box::new(source))
    }
}

/// The most bytes of one request: the limit of the collector's receivers.
fn limit() -> usize {
    ReceiverLimits::default().decoded_bytes
}

fn read_within_limit(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = from.take(limit() as u64 + 1).read_to_end(&mut bytes)?;
    if read > limit() {
        return Err(io::Error::other(format!(
            "larger than {} MiB",
            limit() >> 20
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// The requests in a file of these bytes; an error as its text.
    fn read(bytes: &[u8]) -> anyhow::Result<Vec<Result<String, String>>> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(bytes)?;
        let requests = CapturedFile::open(file.path())?;
        let shown = |request: CapturedRequest| {
            let text = String::from_utf8_lossy(&request.bytes).trim().to_owned();
            format!("{:?} {text}", request.format)
        };
        Ok(requests
            .map(|request| request.map(shown).map_err(|error| format!("{error:#}")))
            .collect())
    }

    fn ok(requests: &[&str]) -> Vec<Result<String, String>> {
        requests.iter().map(|text| Ok((*text).to_owned())).collect()
    }

    fn prefixed(messages: &[&[u8]]) -> Vec<u8> {
        let framed = |message: &&[u8]| [&(message.len() as u32).to_be_bytes(), *message].concat();
        messages.iter().flat_map(framed).collect()
    }

    #[test]
    fn a_file_is_one_request_or_one_a_line_or_messages_with_their_length() {
        let zstd = zstd::encode_all(&b"{}"[..], 1).expect("in memory");
        for (bytes, requests) in [
            (&b""[..], &["Protobuf "][..]),
            (b"\x0a\x00", &["Protobuf \0"]),
            (b" {}", &["Json {}"]),
            (b"\xef\xbb\xbf{}\n", &["Json \u{feff}{}"]),
            (b"{\n\"a\":\n1}\n", &["Json {\n\"a\":\n1}"]),
            (
                b"{\"a\":1}\n\n{}\r\n{}",
                &["Json {\"a\":1}", "Json {}", "Json {}"],
            ),
            // The last line of a file that is still written.
            (b"{}\n{\"a\":", &["Json {}", "Json {\"a\":"]),
            (b"{\"torn\n{}\n", &["Json {\"torn", "Json {}"]),
            (
                &prefixed(&[b"\x0a\x00", b"{}", &zstd]),
                &["Protobuf \0", "Json {}", "Json {}"],
            ),
        ] {
            assert_eq!(read(bytes).expect("a file"), ok(requests), "{bytes:?}");
        }
    }

    #[test]
    fn other_files_are_refused_with_a_way_out() {
        for (bytes, text) in [(&b"hello"[..], "neither OTLP"), (b"[{}]", "one a line")] {
            let error = read(bytes).expect_err("not a request").to_string();
            assert!(error.contains(text), "{error}");
        }
        let cut = prefixed(&[b"\x0a\x00", b"\x0a\x00"]);
        let read = read(&cut[..cut.len() - 1]).expect("a file");
        assert_eq!(read.len(), 2);
        assert!(read[0].is_ok() && read[1].is_err(), "{read:?}");
    }

    #[test]
    fn compression_is_detected_by_the_first_bytes() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"{}\n{}\n").expect("in memory");
        let gzip = gzip.finish().expect("in memory");
        let zstd = zstd::encode_all(&b"{}\n{}\n"[..], 1).expect("in memory");
        for compressed in [gzip, zstd] {
            assert_eq!(
                read(&compressed).expect("a file"),
                ok(&["Json {}", "Json {}"])
            );
        }
    }

    #[test]
    fn a_decompression_bomb_is_refused() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let zeros = vec![b' '; 1024 * 1024];
        gzip.write_all(b"\x0a").expect("in memory");
        for _ in 0..33 {
            gzip.write_all(&zeros).expect("in memory");
        }
        let compressed = gzip.finish().expect("in memory");
        let read = read(&compressed).expect("a file");
        let error = read[0].as_ref().expect_err("33 MiB");
        assert!(error.ends_with("larger than 32 MiB"), "{error}");
    }
}
