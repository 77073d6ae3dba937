//! How much memory a request needs, estimated before its body is read.

use crate::payload_format::PayloadFormat;

/// How much larger a body of telemetry is after decompression than before, at most as a rule. One that grows more must find
/// the rest free.
const EXPANSION: usize = 8;

/// What is known of a request before its body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Need {
    pub(crate) format: PayloadFormat,
    pub(crate) is_compressed: bool,
    /// The most bytes after decompression.
    pub(crate) decoded_limit: usize,
}

impl Need {
    /// The bytes that a request needs whose body has `length` bytes as it is sent.
    pub(crate) fn of(self, length: usize) -> usize {
        match self.is_compressed {
            true => self.of_decoding(length, length.saturating_mul(EXPANSION)),
            false => self.of_decoded(length),
        }
    }

    /// The same where the length after decompression is stated, rightly or not.
    pub(crate) fn of_decoding(self, length: usize, decoded: usize) -> usize {
        length.saturating_add(self.of_decoded(decoded.min(self.decoded_limit)))
    }

    /// The bytes that admission needs, the body included: JSON is transcoded to protobuf, and rows are copied.
    pub(crate) fn of_decoded(self, decoded: usize) -> usize {
        decoded.saturating_mul(match self.format {
            PayloadFormat::Protobuf => 2,
            PayloadFormat::Json => 3,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compressed_body_needs_room_for_what_it_becomes_and_no_more_than_the_limit() {
        let need = Need {
            format: PayloadFormat::Protobuf,
            is_compressed: true,
            decoded_limit: 1_000,
        };
        assert_eq!([10, 200].map(|length| need.of(length)), [170, 2_200]);
        assert_eq!(need.of_decoding(10, 5_000), 2_010);
        let plain = Need {
            format: PayloadFormat::Json,
            is_compressed: false,
            ..need
        };
        assert_eq!(plain.of(2_000), 6_000);
    }
}
