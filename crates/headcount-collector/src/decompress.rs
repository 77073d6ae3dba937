//! Decompression of request bodies, within the limits of size and memory.

use std::io::{self, Read};

use bytes::Bytes;

use crate::memory_budget::{BudgetExhausted, MemoryReservation};
use crate::need::Need;

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
    /// A frame asks for more memory than decoders must have.
    #[error("a zstd frame needs a window of {} MiB; compress with a window of at most {} MiB (RFC 9659), which the levels up to 19 do, or without --long", .window.div_ceil(1 << 20), MAX_WINDOW >> 20)]
    Window {
        /// Its window, in bytes.
        window: u64,
    },
    /// The body is larger than the limit after decompression.
    #[error("the body is larger than {0} bytes after decompression; send fewer spans per request")]
    TooLarge(usize),
    /// The memory budget for bodies is exhausted.
    #[error("{}", BudgetExhausted)]
    MemoryExhausted,
}

/// The largest window of a zstd frame: what RFC 9659 §3 allows over HTTP.
const MAX_WINDOW: u64 = 1 << MAX_WINDOW_LOG;
const MAX_WINDOW_LOG: u32 = 23;

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
/// moves with the work: if the sender disconnects, it is released when the work ends, and not before. In the end it is what
/// admission needs.
pub(crate) async fn decompress_all(
    body: Bytes,
    codings: &[ContentCoding],
    need: Need,
    mut reservation: MemoryReservation,
) -> Result<(Bytes, MemoryReservation), DecompressError> {
    let Some((&last, rest)) = codings.split_last() else {
        return Ok((body, reservation));
    };
    if let Some(length) = stated_length(&body, codings) {
        let bytes = need.of_decoding(body.len(), length);
        reservation
            .resize(bytes)
            .await
            .map_err(|_| DecompressError::MemoryExhausted)?;
    }
    let (rest, limit) = (rest.to_vec(), need.decoded_limit);
    let work = tokio::task::spawn_blocking(move || {
        let mut decoded = decompress(&body, last, limit, &mut reservation)?;
        for &coding in rest.iter().rev() {
            decoded = decompress(&decoded, coding, limit, &mut reservation)?;
        }
        drop(body);
        let bytes = need.of_decoded(decoded.len());
        reservation
            .cover(bytes)
            .map_err(|_| DecompressError::MemoryExhausted)?;
        reservation.shrink(bytes);
        Ok((Bytes::from(decoded), reservation))
    });
    work.await.unwrap_or(Err(DecompressError::MemoryExhausted))
}

/// The length after decompression, where the body states it. It may lie: memory is reserved for what really comes.
fn stated_length(body: &[u8], codings: &[ContentCoding]) -> Option<usize> {
    match codings {
        // RFC 1952 §2.3.1: the last four bytes, for a single member.
        [ContentCoding::Gzip] => {
            let length = u32::from_le_bytes(*body.last_chunk()?);
            usize::try_from(length).ok()
        }
        [ContentCoding::Zstd] => {
            let length = zstd::zstd_safe::get_frame_content_size(body).ok()??;
            usize::try_from(length).ok()
        }
        _ => None,
    }
}

/// Undoes one coding; the result has at most `limit` bytes, and `reservation` covers each of them.
pub(crate) fn decompress(
    bytes: &[u8],
    coding: ContentCoding,
    limit: usize,
    reservation: &mut MemoryReservation,
) -> Result<Vec<u8>, DecompressError> {
    let corrupt = |_: io::Error| DecompressError::Corrupt(coding);
    let held = bytes.len();
    match coding {
        ContentCoding::Gzip => {
            let source = flate2::read::MultiGzDecoder::new(bytes);
            read_bounded(source, held, limit, reservation, corrupt)
        }
        ContentCoding::Deflate if is_zlib(bytes) => {
            let source = flate2::read::ZlibDecoder::new(bytes);
            read_bounded(source, held, limit, reservation, corrupt)
        }
        ContentCoding::Deflate => {
            let source = flate2::read::DeflateDecoder::new(bytes);
            read_bounded(source, held, limit, reservation, corrupt)
        }
        ContentCoding::Zstd => {
            if let Some(window) = window_of(bytes).filter(|window| *window > MAX_WINDOW) {
                return Err(DecompressError::Window { window });
            }
            let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(corrupt)?;
            // For the frames behind the first.
            decoder.window_log_max(MAX_WINDOW_LOG).map_err(corrupt)?;
            read_bounded(decoder, held, limit, reservation, corrupt)
        }
    }
}

/// The window of the first zstd frame behind skippable ones (RFC 8878 §3.1), in bytes; `None` if there is none.
fn window_of(mut bytes: &[u8]) -> Option<u64> {
    const FRAME: u32 = 0xfd2f_b528;
    loop {
        let (magic, rest) = bytes.split_first_chunk()?;
        let magic = u32::from_le_bytes(*magic);
        if magic & 0xffff_fff0 == 0x184d_2a50 {
            let (length, content) = rest.split_first_chunk()?;
            let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
            bytes = content.get(length..)?;
            continue;
        }
        let (descriptor, rest) = rest.split_first()?;
        // A frame in a single segment has its content as the window, which is limited otherwise.
        if magic != FRAME || descriptor & 0x20 != 0 {
            return None;
        }
        let window = *rest.first()?;
        let base = 1_u64 << (10 + u32::from(window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
}

/// RFC 1950 §2.2: compression method 8, and a header that is a multiple of 31.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [first, second, ..] if first & 0x0f == 8 && (u32::from(*first) << 8 | u32::from(*second)).is_multiple_of(31))
}

fn read_bounded(
    mut source: impl Read,
    held: usize,
    limit: usize,
    reservation: &mut MemoryReservation,
    corrupt: impl Fn(io::Error) -> DecompressError,
) -> Result<Vec<u8>, DecompressError> {
    const MIN: usize = 64 * 1024;
    const MAX: usize = 1 << 20;
    let mut decoded = Vec::new();
    let mut filled = 0;
    loop {
        if filled == decoded.len() {
            let step = filled.clamp(MIN, MAX);
            reservation
                .cover(held + filled + step)
                .map_err(|_| DecompressError::MemoryExhausted)?;
            decoded.reserve_exact(step);
            decoded.resize(filled + step, 0);
        }
        let read = source.read(&mut decoded[filled..]);
        let count = read.map_err(&corrupt)?;
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

    fn reservation(budget: &MemoryBudget, bytes: usize) -> MemoryReservation {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let reserved = runtime.block_on(budget.reserve(bytes, &budget.share()));
        reserved.unwrap()
    }

    fn decompressed(bytes: &[u8], coding: ContentCoding) -> Result<Vec<u8>, DecompressError> {
        let mut reservation = reservation(&MemoryBudget::new(8 << 20), 4 << 20);
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
            let mut first = reservation(&budget, 200 * 1024);
            let decoded = decompress(&bytes, coding, 1 << 20, &mut first).unwrap();
            assert_eq!(decoded.len(), large.len());
            assert!(
                first.bytes() >= large.len(),
                "{coding:?} reserved too little"
            );
            let mut second = reservation(&budget, 1024);
            let second = decompress(&bytes, coding, 1 << 20, &mut second);
            assert!(
                matches!(second, Err(DecompressError::MemoryExhausted)),
                "{coding:?}"
            );
        }
    }

    #[test]
    fn a_window_beyond_eight_mebibytes_is_named() {
        use zstd::zstd_safe::CParameter;
        let compress = |log: u32| {
            let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
            encoder.set_parameter(CParameter::WindowLog(log)).unwrap();
            encoder.write_all(TEXT).unwrap();
            encoder.finish().unwrap()
        };
        let skippable = b"\x50\x2a\x4d\x18\x04\0\0\0abcd";
        for behind in [&b""[..], skippable] {
            let small = [behind, &compress(23)].concat();
            assert_eq!(decompressed(&small, ContentCoding::Zstd).unwrap(), TEXT);
            let large = [behind, &compress(27)].concat();
            let error = decompressed(&large, ContentCoding::Zstd).unwrap_err();
            let text = error.to_string();
            assert!(text.contains("a window of 128 MiB"), "{text}");
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
