//! The two encodings of OTLP payloads.

/// The encoding of an OTLP payload (OTLP 1.x §OTLP/HTTP Request).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadFormat {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl PayloadFormat {
    /// Reads a `Content-Type`; ignores parameters such as a charset.
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

    /// The `Content-Type` of a request or response.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_type_may_have_parameters() {
        assert_eq!(
            PayloadFormat::of("application/json; charset=utf-8"),
            Some(PayloadFormat::Json)
        );
        assert_eq!(
            PayloadFormat::of("Application/X-Protobuf"),
            Some(PayloadFormat::Protobuf)
        );
        assert_eq!(PayloadFormat::of("text/plain"), None);
    }
}
