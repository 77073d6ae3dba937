//! Variable-length integers of protobuf: seven bits per byte, the lowest first.
//! <https://protobuf.dev/programming-guides/encoding/#varints>

use crate::fault::Fault;

/// Appends `value`.
#[inline]
pub fn write(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// How many bytes [`write()`] appends.
#[inline]
#[must_use]
pub const fn length(value: u64) -> usize {
    match value.checked_ilog2() {
        Some(highest) => highest as usize / 7 + 1,
        None => 1,
    }
}

/// The integer at the beginning of `bytes`, and the bytes after it.
///
/// # Errors
/// The bytes end inside it, or it does not fit into 64 bits.
#[inline(always)]
pub fn read(bytes: &[u8]) -> Result<(u64, &[u8]), Fault> {
    match *bytes {
        [first, ref rest @ ..] if first < 0x80 => Ok((u64::from(first), rest)),
        [first, second, ref rest @ ..] if second < 0x80 => {
            Ok((u64::from(first & 0x7f) | u64::from(second) << 7, rest))
        }
        _ => read_long(bytes),
    }
}

#[inline(never)]
fn read_long(bytes: &[u8]) -> Result<(u64, &[u8]), Fault> {
    let mut value = 0_u64;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        // The tenth byte holds only the topmost bit.
        if index == 9 && byte > 1 {
            return Err(Fault::VarintTooLong);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok((value, &bytes[index + 1..]));
        }
    }
    Err(Fault::Truncated)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_read_and_written_as_prost_does() {
        for shift in 0..64 {
            for value in [1_u64 << shift, (1_u64 << shift) - 1, u64::MAX >> shift] {
                let mut expected = Vec::new();
                prost::encoding::encode_varint(value, &mut expected);
                let mut bytes = Vec::new();
                write(&mut bytes, value);
                assert_eq!(bytes, expected);
                assert_eq!(length(value), bytes.len());
                assert_eq!(read(&bytes), Ok((value, &[][..])));
                assert_eq!(read(&bytes[..bytes.len() - 1]), Err(Fault::Truncated));
            }
        }
    }

    #[test]
    fn more_than_64_bits_are_refused() {
        let mut bytes = [0xff; 11];
        assert_eq!(read(&bytes), Err(Fault::VarintTooLong));
        bytes[9] = 2;
        assert_eq!(read(&bytes), Err(Fault::VarintTooLong));
        bytes[9] = 1;
        assert_eq!(read(&bytes), Ok((u64::MAX, &[0xff][..])));
    }
}
