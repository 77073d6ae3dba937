//! A request's body: what it is written in, how it is compressed, and what it may grow to.

use std::io::{self, Read};

use bytes::Bytes;

use crate::budget::Share;

/// What a request is written in (OTLP 1.x §OTLP/HTTP Request).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Notation {
    /// Reads a `Content-Type`; parameters such as a charset are passed over.
    pub fn of(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/x-protobuf") {
            Some(Self::Protobuf)
        } else if essence.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else {
            None
        }
    }

    /// The `Content-Type` of an answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// One layer of compression (RFC 9110 §8.4.1; zstd by RFC 8878).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// `gzip` or `x-gzip`.
    Gzip,
    /// `deflate`: zlib, or the raw stream that some senders call by that name.
    Deflate,
    /// `zstd`.
    Zstd,
}

/// Why a body could not be decompressed.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The body is not what its `Content-Encoding` says, or ends too soon.
    #[error("the body is not a complete {0:?} stream; send it as its Content-Encoding says")]
    Corrupt(Coding),
    /// The body is larger than the limit after decompression.
    #[error("the body is larger than {0} bytes after decompression; send fewer spans at a time")]
    TooLarge(usize),
    /// The memory for bodies is in use.
    #[error("the collector holds as many requests as it can; send again later")]
    NoRoom,
}

/// The most layers that a `Content-Encoding` may name; nobody needs two.
const MOST_CODINGS: usize = 2;

/// Reads a `Content-Encoding`: the layers in the order in which they were applied.
///
/// # Errors
/// A layer is unknown, or there are too many.
pub fn read_codings(header: &str) -> Result<Vec<Coding>, String> {
    let mut codings = Vec::new();
    for name in header
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        match name.to_ascii_lowercase().as_str() {
            "identity" => {}
            "gzip" | "x-gzip" => codings.push(Coding::Gzip),
            "deflate" => codings.push(Coding::Deflate),
            "zstd" => codings.push(Coding::Zstd),
            _ => {
                return Err(
                    "the Content-Encoding is not supported; use gzip, deflate, zstd or none"
                        .to_owned(),
                );
            }
        }
    }
    if codings.len() > MOST_CODINGS {
        return Err("the Content-Encoding names too many layers; use one".to_owned());
    }
    Ok(codings)
}

/// Undoes the layers of compression, the last one applied first, away from the threads that serve connections. The
/// share of the budget goes along: a sender that goes away frees it when the work has ended, and not before.
pub(crate) async fn undo(
    body: Bytes,
    codings: &[Coding],
    limit: usize,
    mut share: Share,
) -> Result<(Bytes, Share), BodyError> {
    let Some((&last, rest)) = codings.split_last() else {
        return Ok((body, share));
    };
    let rest = rest.to_vec();
    let work = tokio::task::spawn_blocking(move || {
        let mut decoded = decompress(&body, last, limit, &mut share)?;
        for &coding in rest.iter().rev() {
            decoded = decompress(&decoded, coding, limit, &mut share)?;
        }
        Ok((Bytes::from(decoded), share))
    });
    work.await.unwrap_or(Err(BodyError::NoRoom))
}

/// Undoes one layer; at most `limit` bytes come out, and each is taken from the budget by `share`.
pub(crate) fn decompress(
    bytes: &[u8],
    coding: Coding,
    limit: usize,
    share: &mut Share,
) -> Result<Vec<u8>, BodyError> {
    let corrupt = |_: io::Error| BodyError::Corrupt(coding);
    match coding {
        Coding::Gzip => read_bounded(
            flate2::read::MultiGzDecoder::new(bytes),
            coding,
            limit,
            share,
        ),
        Coding::Deflate if is_zlib(bytes) => {
            read_bounded(flate2::read::ZlibDecoder::new(bytes), coding, limit, share)
        }
        Coding::Deflate => read_bounded(
            flate2::read::DeflateDecoder::new(bytes),
            coding,
            limit,
            share,
        ),
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(corrupt)?;
            // A frame may ask for a window of its own choice; 8 MiB is what RFC 8878 §3.1.1.1.2 asks decoders to support.
            decoder.window_log_max(23).map_err(corrupt)?;
            read_bounded(decoder, coding, limit, share)
        }
    }
}

/// RFC 1950 §2.2: compression method 8, and a header that is a multiple of 31.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [first, second, ..] if first & 0x0f == 8 && (u32::from(*first) << 8 | u32::from(*second)).is_multiple_of(31))
}

fn read_bounded(
    mut source: impl Read,
    coding: Coding,
    limit: usize,
    share: &mut Share,
) -> Result<Vec<u8>, BodyError> {
    const LEAST: usize = 64 * 1024;
    const MOST: usize = 1 << 20;
    let mut decoded = Vec::new();
    let mut filled = 0;
    loop {
        if filled == decoded.len() {
            let step = filled.clamp(LEAST, MOST);
            share.grow(step).map_err(|_| BodyError::NoRoom)?;
            decoded.reserve_exact(step);
            decoded.resize(filled + step, 0);
        }
        let read = source.read(&mut decoded[filled..]);
        let count = read.map_err(|_| BodyError::Corrupt(coding))?;
        filled += count;
        if filled > limit {
            return Err(BodyError::TooLarge(limit));
        }
        if count == 0 {
            decoded.truncate(filled);
            return Ok(decoded);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;
    use crate::budget::Budget;

    const TEXT: &[u8] =
        b"counts heads and never reads the mail, counts heads and never reads the mail";

    fn undone(bytes: &[u8], coding: Coding) -> Result<Vec<u8>, BodyError> {
        let mut share = Budget::new(8 << 20).take(0).unwrap();
        decompress(bytes, coding, 1 << 20, &mut share)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn each_coding_is_undone() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(TEXT).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(TEXT).unwrap();
        assert_eq!(undone(&gzip(TEXT), Coding::Gzip).unwrap(), TEXT);
        assert_eq!(
            undone(&zlib.finish().unwrap(), Coding::Deflate).unwrap(),
            TEXT
        );
        assert_eq!(
            undone(&raw.finish().unwrap(), Coding::Deflate).unwrap(),
            TEXT
        );
        assert_eq!(
            undone(&zstd::encode_all(TEXT, 3).unwrap(), Coding::Zstd).unwrap(),
            TEXT
        );
    }

    #[test]
    fn a_stream_that_ends_too_soon_is_corrupt() {
        let whole = gzip(TEXT);
        assert!(matches!(
            undone(&whole[..whole.len() - 9], Coding::Gzip),
            Err(BodyError::Corrupt(Coding::Gzip))
        ));
        let whole = zstd::encode_all(TEXT, 3).unwrap();
        assert!(matches!(
            undone(&whole[..whole.len() - 4], Coding::Zstd),
            Err(BodyError::Corrupt(Coding::Zstd))
        ));
        assert!(matches!(
            undone(b"not gzip", Coding::Gzip),
            Err(BodyError::Corrupt(Coding::Gzip))
        ));
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = vec![0; 4 << 20];
        assert!(matches!(
            undone(&gzip(&bomb), Coding::Gzip),
            Err(BodyError::TooLarge(_))
        ));
        let bomb = zstd::encode_all(&bomb[..], 3).unwrap();
        assert!(matches!(
            undone(&bomb, Coding::Zstd),
            Err(BodyError::TooLarge(_))
        ));
    }

    #[test]
    fn what_comes_out_takes_its_room() {
        let large = vec![0; 600 * 1024];
        for (bytes, coding) in [
            (gzip(&large), Coding::Gzip),
            (zstd::encode_all(&large[..], 3).unwrap(), Coding::Zstd),
        ] {
            let budget = Budget::new(1 << 20);
            let mut share = budget.take(0).unwrap();
            let decoded = decompress(&bytes, coding, 1 << 20, &mut share).unwrap();
            assert_eq!(decoded.len(), large.len());
            assert!(
                budget.take(500 * 1024).is_err(),
                "{coding:?} took too little"
            );
            let second = decompress(&bytes, coding, 1 << 20, &mut share);
            assert!(matches!(second, Err(BodyError::NoRoom)), "{coding:?}");
        }
    }

    #[test]
    fn codings_are_read_in_any_case_and_unknown_ones_refused() {
        assert_eq!(read_codings("GZip, identity").unwrap(), [Coding::Gzip]);
        assert_eq!(read_codings("").unwrap(), []);
        assert!(read_codings("br").is_err());
        assert!(read_codings("gzip, gzip, gzip").is_err());
    }

    #[test]
    fn a_content_type_may_have_parameters() {
        assert_eq!(
            Notation::of("application/json; charset=utf-8"),
            Some(Notation::Json)
        );
        assert_eq!(
            Notation::of("Application/X-Protobuf"),
            Some(Notation::Protobuf)
        );
        assert_eq!(Notation::of("text/plain"), None);
    }
}
