//! Hexadecimal text: lower case when written, any case when read.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The digits of `bytes`.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|&byte| digits_of(byte));
    digits.map(char::from).collect()
}

/// Writes the digits of `bytes` to the beginning of `digits`, without allocating. Stops at the end of the shorter one.
#[inline]
pub fn encode_into(bytes: &[u8], digits: &mut [u8]) {
    for (pair, &byte) in digits.chunks_exact_mut(2).zip(bytes) {
        pair.copy_from_slice(&digits_of(byte));
    }
}

/// The bytes that exactly `2 * N` digits stand for; `None` for any other text.
#[must_use]
pub fn decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    decode_into(text, &mut bytes)?;
    Some(bytes)
}

/// Fills `bytes` with what `text` stands for; `None` unless it has two digits for each byte.
#[must_use]
pub(crate) fn decode_into(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    if text.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = value_of(pair[0])? << 4 | value_of(pair[1])?;
    }
    Some(())
}

/// The value of one digit.
#[inline]
pub(crate) fn value_of(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[inline]
fn digits_of(byte: u8) -> [u8; 2] {
    [
        DIGITS[usize::from(byte >> 4)],
        DIGITS[usize::from(byte & 15)],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_read_as_it_was_written() {
        let bytes: [u8; 256] = std::array::from_fn(|index| index as u8);
        let text = encode(&bytes);
        assert!(text.starts_with("000102") && text.ends_with("fdfeff"));
        assert_eq!(decode(text.as_bytes()), Some(bytes));
        assert_eq!(decode(text.to_uppercase().as_bytes()), Some(bytes));
        let mut digits = [0; 512];
        encode_into(&bytes, &mut digits);
        assert_eq!(&digits[..], text.as_bytes());
    }

    #[test]
    fn other_lengths_and_other_characters_are_refused() {
        for text in ["", "0", "000", "00000", "0x00", "+000", "00 0", "00g0"] {
            assert_eq!(decode::<2>(text.as_bytes()), None, "{text:?}");
        }
    }
}
