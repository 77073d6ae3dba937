//! The token for a collector that takes telemetry only with one.

use std::fmt;

use super::endpoint::EndpointError;

/// The longest token, in bytes: it is one line of a request's head.
const MAX_LENGTH: usize = 512;

/// A token that can be sent as it is: it cannot end the header that it is in. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct IngestToken(String);

impl IngestToken {
    /// Reads a token as the framework has it.
    ///
    /// # Errors
    /// It is empty, too long, or has other characters than visible ASCII.
    pub(crate) fn read(text: String) -> Result<Self, EndpointError> {
        let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        match (1..=MAX_LENGTH).contains(&text.len()) && is_visible {
            true => Ok(Self(text)),
            false => Err(EndpointError::Token),
        }
    }

    /// The line of a request's head (RFC 6750 §2.1).
    pub(super) fn header(&self) -> String {
        format!("Authorization: Bearer {}\r\n", self.0)
    }
}

impl fmt::Debug for IngestToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IngestToken(…)")
    }
}
