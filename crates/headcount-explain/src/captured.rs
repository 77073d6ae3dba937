//! Captured requests in files: decompresses them, detects their format and takes them apart.
//!
//! A file is one request body as an exporter sends it, or what the OpenTelemetry Collector's file exporter writes: JSON with one
//! request a line, or requests that each have their length in front. Such files are read a request at a time, whatever their size.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use headcount_wire::{JsonError, TraceRequest, json_to_protobuf};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The most bytes of one request after decompression: the limit of the collector's receivers.
pub const MAX_REQUEST_BYTES: usize = 32 << 20;

/// Why a captured request cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CapturedError {
    /// The file, or the part of it with the request, cannot be read or decompressed.
    #[error("cannot read {place}")]
    Read {
        /// The file, and the line or message in it.
        place: String,
        /// The reason.
        source: io::Error,
    },
    /// The file is one JSON array.
    #[error(
        "{place} is a JSON array; write its elements one a line, without the brackets and the commas between them"
    )]
    Array {
        /// The file.
        place: String,
    },
    /// The file is something else.
    #[error(
        "{place} is neither OTLP protobuf nor OTLP/JSON; give request bodies as an exporter sends them, or files of the OpenTelemetry Collector's file exporter"
    )]
    Other {
        /// The file.
        place: String,
    },
}

/// The encoding of a request (OTLP 1.x §OTLP/HTTP Request).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Protobuf.
    Protobuf,
    /// OTLP/JSON.
    Json,
}

/// One captured request.
#[derive(Debug)]
pub struct CapturedRequest {
    /// The body, decompressed.
    pub bytes: Vec<u8>,
    /// Its encoding.
    pub encoding: Encoding,
    /// The file, and the line or message in it.
    pub place: String,
}

/// A request in protobuf, with the number of spans that were lost on the way there.
#[derive(Debug)]
pub struct ProtobufRequest<'r> {
    /// The body.
    pub bytes: Cow<'r, [u8]>,
    /// Spans that are not of OTLP/JSON's form.
    pub malformed_spans: u64,
}

impl CapturedRequest {
    /// The request in protobuf.
    ///
    /// # Errors
    /// It is not OTLP/JSON.
    pub fn protobuf(&self) -> Result<ProtobufRequest<'_>, JsonError> {
        Ok(match self.encoding {
            Encoding::Protobuf => ProtobufRequest {
                bytes: Cow::Borrowed(&self.bytes),
                malformed_spans: 0,
            },
            Encoding::Json => {
                let transcoded = json_to_protobuf(&self.bytes)?;
                ProtobufRequest {
                    bytes: Cow::Owned(transcoded.bytes),
                    malformed_spans: transcoded.malformed_spans,
                }
            }
        })
    }

    /// The number of spans in it that can be read.
    pub fn span_count(&self) -> u64 {
        self.protobuf().map_or(0, |request| {
            let spans = TraceRequest::parse(&request.bytes).map_or(0, |request| {
                (request.span_count() + request.refused_span_count()) as u64
            });
            spans + request.malformed_spans
        })
    }
}

/// A file of captured requests, in their order. An error costs one request where the next one can be found.
pub struct CapturedFile {
    name: String,
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
    pub fn open(path: &Path) -> Result<CapturedFile, CapturedError> {
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => Self::read_from(name, file),
            Err(source) => Err(CapturedError::Read {
                place: name,
                source,
            }),
        }
    }

    /// Reads what `source` holds, which errors call `name`.
    ///
    /// # Errors
    /// It cannot be read, or holds something else.
    pub fn read_from(
        name: String,
        source: impl Read + 'static,
    ) -> Result<CapturedFile, CapturedError> {
        let unreadable = |source| CapturedError::Read {
            place: name.clone(),
            source,
        };
        let mut source = decompress(BufReader::new(source)).map_err(unreadable)?;
        let head = source.fill_buf().map_err(unreadable)?;
        let text = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
        let kind = match text.trim_ascii_start() {
            [b'{', ..] => Kind::Lines,
            [b'[', ..] => return Err(CapturedError::Array { place: name }),
            _ if head.is_empty() || head.starts_with(&[0x0a]) => Kind::Whole,
            _ if is_prefixed(head) => Kind::Prefixed,
            _ => return Err(CapturedError::Other { place: name }),
        };
        Ok(CapturedFile {
            name,
            source,
            kind,
            number: 0,
            ahead: None,
        })
    }

    fn read(&mut self) -> io::Result<Option<CapturedRequest>> {
        self.number += 1;
        match self.kind {
            Kind::Ended => Ok(None),
            Kind::Whole => {
                self.kind = Kind::Ended;
                let bytes = read_within_limit(&mut self.source)?;
                Ok(Some(self.request(bytes, Encoding::Protobuf)))
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
                    return Ok(Some(self.request(line, Encoding::Json)));
                }
                self.number += 1;
            },
            Kind::Prefixed => {
                let Some(message) = self.message()? else {
                    return Ok(None);
                };
                let is_json = message.trim_ascii_start().starts_with(b"{");
                let format = match is_json {
                    true => Encoding::Json,
                    false => Encoding::Protobuf,
                };
                Ok(Some(self.request(message, format)))
            }
        }
    }

    /// The first line, or the whole file if that is one document over several lines.
    fn first_lines(&mut self) -> io::Result<CapturedRequest> {
        let mut first = self.line()?.unwrap_or_default();
        let second = self.line()?;
        let is_whole = json_to_protobuf(&first).is_ok();
        let begins_another = |line: &Vec<u8>| line.trim_ascii_start().starts_with(b"{");
        if is_whole || second.as_ref().is_none_or(begins_another) {
            self.ahead = second;
            return Ok(self.request(first, Encoding::Json));
        }
        first.extend(second.into_iter().flatten());
        first.extend(read_within_limit(&mut self.source)?);
        self.kind = Kind::Ended;
        Ok(self.request(first, Encoding::Json))
    }

    /// The next line with its end; `None` after the last one.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let limit = MAX_REQUEST_BYTES as u64 + 1;
        let read = (&mut self.source)
            .take(limit)
            .read_until(b'\n', &mut line)?;
        if read as u64 == limit {
            return Err(too_large("a line"));
        }
        Ok((read > 0).then_some(line))
    }

    fn message(&mut self) -> io::Result<Option<Vec<u8>>> {
        if self.source.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.source.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        if length > MAX_REQUEST_BYTES {
            return Err(too_large("a message"));
        }
        let mut message = vec![0; length];
        self.source.read_exact(&mut message)?;
        if message.starts_with(ZSTD) {
            message = read_within_limit(zstd::Decoder::new(message.as_slice())?)?;
        }
        Ok(Some(message))
    }

    fn request(&self, bytes: Vec<u8>, encoding: Encoding) -> CapturedRequest {
        CapturedRequest {
            bytes,
            encoding,
            place: self.place(),
        }
    }

    fn place(&self) -> String {
        let (name, number) = (&self.name, self.number);
        match self.kind {
            Kind::Lines if number > 1 || self.ahead.is_some() => format!("{name}, line {number}"),
            Kind::Prefixed => format!("{name}, message {number}"),
            _ => name.clone(),
        }
    }
}

impl Iterator for CapturedFile {
    type Item = Result<CapturedRequest, CapturedError>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = self.read();
        let place = self.place();
        if read.is_err() {
            // Nobody can tell where the next one begins.
            self.kind = Kind::Ended;
        }
        read.map_err(|source| CapturedError::Read { place, source })
            .transpose()
    }
}

/// Whether the bytes begin with a message and its length. No protobuf request begins with a zero.
fn is_prefixed(head: &[u8]) -> bool {
    let Some((length, message)) = head.split_first_chunk() else {
        return false;
    };
    let fits = (u32::from_be_bytes(*length) as usize) <= MAX_REQUEST_BYTES;
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

fn too_large(part: &str) -> io::Error {
    let limit = MAX_REQUEST_BYTES >> 20;
    io::Error::other(format!("{part} is larger than {limit} MiB"))
}

fn read_within_limit(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = from
        .take(MAX_REQUEST_BYTES as u64 + 1)
        .read_to_end(&mut bytes)?;
    if read > MAX_REQUEST_BYTES {
        return Err(too_large("the request"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// The requests in a file of these bytes; an error as its text.
    fn read(bytes: &[u8]) -> Result<Vec<Result<String, String>>, CapturedError> {
        let bytes = io::Cursor::new(bytes.to_vec());
        let requests = CapturedFile::read_from("it".to_owned(), bytes)?;
        let shown = |request: CapturedRequest| {
            let text = String::from_utf8_lossy(&request.bytes).trim().to_owned();
            format!("{:?} {text}", request.encoding)
        };
        Ok(requests
            .map(|request| request.map(shown).map_err(in_full))
            .collect())
    }

    fn in_full(error: CapturedError) -> String {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", cause.unwrap_or_default())
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
