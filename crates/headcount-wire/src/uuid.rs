//! UUIDs as text (RFC 9562 §4): 36 characters, `8-4-4-4-12` hexadecimal digits.

use crate::hex;

/// How many characters the text of a UUID has.
pub const LENGTH: usize = 36;

/// Whether `text` is a UUID of any version, in any case.
#[inline]
#[must_use]
pub fn is_uuid(text: &[u8]) -> bool {
    let is_expected = |(index, byte): (usize, &u8)| match index {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == LENGTH && text.iter().enumerate().all(is_expected)
}

/// 16 random bytes as a UUID of version 4 (RFC 9562 §5.4), in lower case.
#[must_use]
pub fn version_4(mut random: [u8; 16]) -> [u8; LENGTH] {
    random[6] = random[6] & 0x0f | 0x40;
    random[8] = random[8] & 0x3f | 0x80;
    let mut text = [b'-'; LENGTH];
    for (bytes, start) in [(0..4, 0), (4..6, 9), (6..8, 14), (8..10, 19), (10..16, 24)] {
        hex::encode_into(&random[bytes], &mut text[start..]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_4_uuid_has_the_shape_of_the_rfc() {
        let text = version_4(std::array::from_fn(|index| 0xf0 | index as u8));
        assert_eq!(&text, b"f0f1f2f3-f4f5-46f7-b8f9-fafbfcfdfeff");
        assert!(is_uuid(&text));
    }

    #[test]
    fn other_shapes_are_refused() {
        let good = "f0f1f2f3-f4f5-46F7-b8f9-fafbfcfdfeff";
        assert!(is_uuid(good.as_bytes()));
        for bad in [
            "",
            &good[1..],
            "f0f1f2f3-f4f5-46f7-b8f9-fafbfcfdfefg",
            "f0f1f2f3f4f5-46f7-b8f9--fafbfcfdfeff",
            "{0f1f2f3-f4f5-46f7-b8f9-fafbfcfdfef}",
        ] {
            assert!(!is_uuid(bad.as_bytes()), "{bad}");
        }
    }
}
