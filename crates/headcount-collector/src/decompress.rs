//! Decompression of request bodies, within the limits of size and memory.

use std::io::{self, Read};

use bytes::Bytes;

use crate::memory_budget::{BudgetExhausted, MemoryReservation};

/// A content coding (RFC 9110 §8.4.1; zstd by RFC 8878).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentCoding {
    /// `gzip` or `x-gzip`.
    Gzip,
    /// `deflate`: zlib, or the raw stream that some senders call by that name.
    Deflate,
    /// `zstd`.
    Zstd,
}

/// Why a body could not be decompressed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecompressError {
    /// The body does not match its `Content-Encoding`, or is truncated.
    #[error("the body is not a complete {0:?} stream, although its Content-Encoding says so")]
    Corrupt(ContentCoding),
    /// The body is larger than the limit after decompression.
    #[error("the body is larger than {0} bytes after decompression; send fewer spans per request")]
    TooLarge(usize),
    /// The memory budget for bodies is exhausted.
    #[error("{}", BudgetExhausted)]
    MemoryExhausted,
}

/// The most codings that a `Content-Encoding` may list; no exporter needs two.
const MAX_CODINGS: usize = 2;

/// Parses a `Content-Encoding`: the codings in the order in which they were applied.
///
/// # Errors
/// A coding is unknown, or there are too many.
pub(crate) fn parse_content_encoding(header: &str) -> Result<Vec<ContentCoding>, String> {
    let mut codings = Vec::new();
    for name in header
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        match name.to_ascii_lowercase().as_str() {
            "identity" => {}
            "gzip" | "x-gzip" => codings.push(ContentCoding::Gzip),
            "deflate" => codings.push(ContentCoding::Deflate),
            "zstd" => codings.push(ContentCoding::Zstd),
            _ => {
                return Err(
                    "the Content-Encoding is not supported; use gzip, deflate, zstd or none"
                        .to_owned(),
                );
            }
        }
    }
    if codings.len() > MAX_CODINGS {
        return Err("the Content-Encoding lists too many codings; use one".to_owned());
    }
    Ok(codings)
}

/// Undoes all codings, the last one applied first, away from the threads that serve connections. The memory reservation
/// moves with the work: if the sender disconnects, it is released when the work ends, and not before.
pub(crate) async fn decompress_all(
    body: Bytes,
    codings: &[ContentCoding],
    limit: usize,
    mut reservation: MemoryReservation,
) -> Result<(Bytes, MemoryReservation), DecompressError> {
    let Some((&last, rest)) = codings.split_last() else {
        return Ok((body, reservation));
    };
    let rest = rest.to_vec();
    let work = tokio::task::spawn_blocking(move || {
        let mut decoded = decompress(&body, last, limit, &mut reservation)?;
        for &coding in rest.iter().rev() {
            decoded = decompress(&decoded, coding, limit, &mut reservation)?;
        }
        Ok((Bytes::from(decoded), reservation))
    });
    work.await.unwrap_or(Err(DecompressError::MemoryExhausted))
}

/// Undoes one coding; the result has at most `limit` bytes, and `reservation` covers each of them.
pub(crate) fn decompress(
    bytes: &[u8],
    coding: ContentCoding,
    limit: usize,
    reservation: &mut MemoryReservation,
) -> Result<Vec<u8>, DecompressError> {
    let corrupt = |_: io::Error| DecompressError::Corrupt(coding);
    match coding {
        ContentCoding::Gzip => read_bounded(
            flate2::read::MultiGzDecoder::new(bytes),
            coding,
            limit,
            reservation,
        ),
        ContentCoding::Deflate if is_zlib(bytes) => read_bounded(
            flate2::read::ZlibDecoder::new(bytes),
            coding,
            limit,
            reservation,
        ),
        ContentCoding::Deflate => read_bounded(
            flate2::read::DeflateDecoder::new(bytes),
            coding,
            limit,
            reservation,
        ),
        ContentCoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(corrupt)?;
            // A frame may ask for a window of its own choice; 8 MiB is what RFC 8878 §3.1.1.1.2 asks decoders to support.
            decoder.window_log_max(23).map_err(corrupt)?;
            read_bounded(decoder, coding, limit, reservation)
        }
    }
}

/// RFC 1950 §2.2: compression method 8, and a header that is a multiple of 31.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [first, second, ..] if first & 0x0f == 8 && (u32::from(*first) << 8 | u32::from(*second)).is_multiple_of(31))
}

fn read_bounded(
    mut source: impl Read,
    coding: ContentCoding,
    limit: usize,
    reservation: &mut MemoryReservation,
) -> Result<Vec<u8>, DecompressError> {
    const MIN: usize = 64 * 1024;
    const MAX: usize = 1 << 20;
    let mut decoded = Vec::new();
    let mut filled = 0;
    loop {
        if filled == decoded.len() {
            let step = filled.clamp(MIN, MAX);
            reservation
                .grow(step)
                .map_err(|_| DecompressError::MemoryExhausted)?;
            decoded.reserve_exact(step);
            decoded.resize(filled + step, 0);
        }
        let read = source.read(&mut decoded[filled..]);
        let count = read.map_err(|_| DecompressError::Corrupt(coding))?;
        filled += count;
        if filled > limit {
            return Err(DecompressError::TooLarge(limit));
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
    use crate::memory_budget::MemoryBudget;

    const TEXT: &[u8] =
        b"counts heads and never reads the mail, counts heads and never reads the mail";

    fn decompressed(bytes: &[u8], coding: ContentCoding) -> Result<Vec<u8>, DecompressError> {
        let mut reservation = MemoryBudget::new(8 << 20).reserve(0).unwrap();
        decompress(bytes, coding, 1 << 20, &mut reservation)
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_coding_is_decompressed() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(TEXT).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(TEXT).unwrap();
        assert_eq!(
            decompressed(&gzip(TEXT), ContentCoding::Gzip).unwrap(),
            TEXT
        );
        assert_eq!(
            decompressed(&zlib.finish().unwrap(), ContentCoding::Deflate).unwrap(),
            TEXT
        );
        assert_eq!(
            decompressed(&raw.finish().unwrap(), ContentCoding::Deflate).unwrap(),
            TEXT
        );
        assert_eq!(
            decompressed(&zstd::encode_all(TEXT, 3).unwrap(), ContentCoding::Zstd).unwrap(),
            TEXT
        );
    }

    #[test]
    fn a_truncated_stream_is_corrupt() {
        let whole = gzip(TEXT);
        assert!(matches!(
            decompressed(&whole[..whole.len() - 9], ContentCoding::Gzip),
            Err(DecompressError::Corrupt(ContentCoding::Gzip))
        ));
        let whole = zstd::encode_all(TEXT, 3).unwrap();
        assert!(matches!(
            decompressed(&whole[..whole.len() - 4], ContentCoding::Zstd),
            Err(DecompressError::Corrupt(ContentCoding::Zstd))
        ));
        assert!(matches!(
            decompressed(b"not gzip", ContentCoding::Gzip),
            Err(DecompressError::Corrupt(ContentCoding::Gzip))
        ));
    }

    #[test]
    fn a_decompression_bomb_stops_at_the_limit() {
        let bomb = vec![0; 4 << 20];
        assert!(matches!(
            decompressed(&gzip(&bomb), ContentCoding::Gzip),
            Err(DecompressError::TooLarge(_))
        ));
        let bomb = zstd::encode_all(&bomb[..], 3).unwrap();
        assert!(matches!(
            decompressed(&bomb, ContentCoding::Zstd),
            Err(DecompressError::TooLarge(_))
        ));
    }

    #[test]
    fn decompressed_bytes_are_reserved() {
        let large = vec![0; 600 * 1024];
        for (bytes, coding) in [
            (gzip(&large), ContentCoding::Gzip),
            (
                zstd::encode_all(&large[..], 3).unwrap(),
                ContentCoding::Zstd,
            ),
        ] {
            let budget = MemoryBudget::new(1 << 20);
            let mut reservation = budget.reserve(0).unwrap();
            let decoded = decompress(&bytes, coding, 1 << 20, &mut reservation).unwrap();
            assert_eq!(decoded.len(), large.len());
            assert!(
                budget.reserve(500 * 1024).is_err(),
                "{coding:?} reserved too little"
            );
            let second = decompress(&bytes, coding, 1 << 20, &mut reservation);
            assert!(
                matches!(second, Err(DecompressError::MemoryExhausted)),
                "{coding:?}"
            );
        }
    }

    #[test]
    fn codings_are_read_in_any_case_and_unknown_ones_refused() {
        assert_eq!(
            parse_content_encoding("GZip, identity").unwrap(),
            [ContentCoding::Gzip]
        );
        assert_eq!(parse_content_encoding("").unwrap(), []);
        assert!(parse_content_encoding("br").is_err());
        assert!(parse_content_encoding("gzip, gzip, gzip").is_err());
    }
}
