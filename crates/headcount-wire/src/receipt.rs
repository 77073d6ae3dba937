//! Receipts: only the sender of a request can have it erased later.
//!
//! A sender derives an [`ErasureToken`] from a secret for each hour and sends the token's [`Receipt`] along with a request,
//! in the header [`RECEIPT_HEADER`]. A receipt is a hash of its token: it reveals neither the secret nor the sender's other
//! receipts. To erase the rows under a receipt, the sender reveals its token.

use std::fmt;

use hmac_sha256::Hash;

use crate::hex;

/// The header of `POST /v1/traces` with the receipt of the request.
pub const RECEIPT_HEADER: &str = "headcount-receipt";

/// The maximum number of tokens in one erasure request: one for every hour of a year and a month, and some more.
pub const MAX_ERASURE_TOKENS: usize = 10_000;

/// 16 bytes that only the sender can derive. They authorise the erasure of the rows under their receipt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ErasureToken([u8; 16]);

/// The hash of a token, which is sent along with a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Receipt([u8; 16]);

impl ErasureToken {
    /// A token of the bytes that a sender derived from its secret.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads 32 hexadecimal digits; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        hex::decode(text.as_bytes()).map(Self)
    }

    /// The token's receipt: the first half of SHA-256 over `headcount receipt v1` and the token.
    pub fn receipt(&self) -> Receipt {
        let mut hash = Hash::new();
        hash.update(b"headcount receipt v1");
        hash.update(self.0);
        let mut half = [0; 16];
        half.copy_from_slice(&hash.finalize()[..16]);
        Receipt(half)
    }

    /// The token as 32 hexadecimal digits.
    pub fn reveal(&self) -> String {
        hex::encode(&self.0)
    }
}

/// A token must not be logged by accident.
impl fmt::Debug for ErasureToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ErasureToken(redacted)")
    }
}

impl Receipt {
    /// Reads a header's value: exactly 32 hexadecimal digits; `None` for anything else.
    pub fn parse(value: &[u8]) -> Option<Self> {
        hex::decode(value).map(Self)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Receipt({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_the_hash_of_its_token() {
        // printf 'headcount receipt v1\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17' | sha256sum
        let token = ErasureToken::new(std::array::from_fn(|index| index as u8));
        assert_eq!(token.reveal(), "000102030405060708090a0b0c0d0e0f");
        assert_eq!(ErasureToken::parse(&token.reveal()), Some(token));
        assert_eq!(
            token.receipt().to_string(),
            "17116dd50b0e01145c71cc2a17b29bb3"
        );
        assert_eq!(
            Receipt::parse(token.receipt().to_string().as_bytes()),
            Some(token.receipt())
        );
    }

    #[test]
    fn only_32_hexadecimal_digits_are_one() {
        let good = "000102030405060708090A0b0c0d0e0f";
        assert!(Receipt::parse(good.as_bytes()).is_some());
        for bad in [
            "",
            &good[1..],
            "000102030405060708090a0b0c0d0e0g",
            "0x0102030405060708090a0b0c0d0e0f",
            "000102030405060708090a0b0c0d0e0f0",
            " 00102030405060708090a0b0c0d0e0f",
            "+00102030405060708090a0b0c0d0e0f",
        ] {
            assert_eq!(Receipt::parse(bad.as_bytes()), None, "{bad:?}");
            assert_eq!(ErasureToken::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_token_is_redacted_in_debug_output() {
        assert_eq!(
            format!("{:?}", ErasureToken::new([7; 16])),
            "ErasureToken(redacted)"
        );
    }
}
