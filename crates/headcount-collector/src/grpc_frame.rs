//! Messages of gRPC calls: one in, one out (gRPC over HTTP/2, §Requests and §Responses).

use std::convert::Infallible;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::{BodyExt as _, Full};
use tonic::body::Body;

use crate::counters::RejectionReason;
use crate::rejection::Rejection;

/// The length of the prefix of a message: whether it is compressed, and its length as a big-endian `u32`.
pub(crate) const PREFIX: usize = 5;

/// The message length in the prefix, once the prefix is complete.
pub(crate) fn announced(framed: &[u8]) -> Option<usize> {
    let length = framed.get(1..PREFIX)?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    usize::try_from(length).ok()
}

/// The only message of the call, and whether it is compressed.
pub(crate) fn unframe(framed: &Bytes) -> Result<(bool, Bytes), Rejection> {
    let malformed = |message| Rejection::new(RejectionReason::Malformed, message);
    let length = announced(framed).ok_or_else(|| malformed("the call contains no message"))?;
    let is_compressed = match framed[0] {
        0 => false,
        1 => true,
        _ => return Err(malformed("the compressed flag is neither 0 nor 1")),
    };
    if framed.len() - PREFIX != length {
        return Err(malformed(
            "the call must contain exactly one message of the announced length",
        ));
    }
    Ok((is_compressed, framed.slice(PREFIX..)))
}

/// The response to a call that succeeded, with this message.
pub(crate) fn reply(message: &[u8]) -> Response<Body> {
    let mut framed = BytesMut::with_capacity(PREFIX + message.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    framed.put_slice(message);
    let trailers = async {
        let done = (HeaderName::from_static("grpc-status"), HeaderValue::from(0));
        Some(Ok::<_, Infallible>(HeaderMap::from_iter([done])))
    };
    let body = Full::new(framed.freeze()).with_trailers(trailers);
    let mut response = Response::new(Body::new(body));
    let content_type = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_contains_exactly_one_message() {
        let (is_compressed, message) = unframe(&Bytes::from_static(b"\0\0\0\0\x02ab")).unwrap();
        assert_eq!((is_compressed, &message[..]), (false, &b"ab"[..]));
        for framed in [
            &b""[..],
            b"\0\0\0\0",
            b"\0\0\0\0\x02a",
            b"\0\0\0\0\x02abc",
            b"\x02\0\0\0\x02ab",
        ] {
            let rejection = unframe(&Bytes::from_static(framed)).unwrap_err();
            assert_eq!(rejection.reason, RejectionReason::Malformed, "{framed:?}");
        }
    }
}
