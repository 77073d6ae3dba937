use super::*;

/// A stream of pieces, each of which comes at once, and then an end.
struct Pieces<'p>(&'p [&'p [u8]]);

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let Some((piece, rest)) = self.0.split_first() else {
            return Ok(0);
        };
        assert!(piece.len() <= buffer.len());
        buffer[..piece.len()].copy_from_slice(piece);
        self.0 = rest;
        Ok(piece.len())
    }
}

fn read(pieces: &[&[u8]]) -> Answer {
    Answer::read(&mut Pieces(pieces), PROTOBUF, || {})
}

fn status(status: u16, retry_after: Option<Duration>) -> Answer {
    let remarks = Remarks {
        retry_after,
        rejected_spans: 0,
    };
    Answer::Status(status, remarks)
}

/// How many spans an answer of this head and body says were rejected, however it comes in.
fn rejected(head: &str, body: &[u8]) -> u64 {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n{head}\r\n");
    let whole = [head.as_bytes(), body].concat();
    let pieces = |length: usize| read(&whole.chunks(length).collect::<Vec<&[u8]>>());
    let (at_once, in_pieces) = (pieces(1_024), pieces(1));
    assert_eq!(at_once, in_pieces, "{head:?}");
    match at_once {
        Answer::Status(200, remarks) => remarks.rejected_spans,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_head_is_read_when_it_is_whole() {
    assert_eq!(
        read(&[b"HTTP/1.1 200 OK\r\nContent-Le"]),
        Answer::Unanswered
    );
    let fine = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(read(&[fine]), status(200, None));
    assert_eq!(
        read(&[b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nretry-after: 7\r\n\r\n"]),
        status(503, Some(Duration::from_secs(7)))
    );
    assert_eq!(read(&[b"SSH-2.0-OpenSSH_9.6\r\n\r\n"]), Answer::Unanswered);
    assert_eq!(read(&[]), Answer::Unanswered);
}

#[test]
fn a_wait_is_asked_for_in_seconds_or_until_a_date() {
    assert_eq!(
        retry_after("99999999999999999999999"),
        Some(Duration::from_secs(u64::MAX))
    );
    let of_a_date = retry_after("Fri, 01 Mar 2199 00:00:00 GMT").unwrap();
    assert!(of_a_date > Duration::from_secs(86_400 * 365 * 50));
    assert_eq!(
        retry_after("Sun, 06 Nov 1994 08:49:37 GMT"),
        Some(Duration::ZERO)
    );
    assert_eq!(retry_after("soon"), None);
}

#[test]
fn what_was_rejected_is_read_in_every_framing() {
    let body = ExportResponse {
        rejected_spans: 300,
        message: "what is not in the catalog".into(),
    };
    let body = body.to_protobuf();
    let length = format!("Content-Length: {}\r\n", body.len());
    assert_eq!(rejected(&length, &body), 300);
    assert_eq!(rejected("", &body), 300);
    let (first, second) = body.split_at(5);
    let mut chunks = format!("{:x}\r\n", first.len()).into_bytes();
    chunks.extend_from_slice(first);
    chunks.extend_from_slice(format!("\r\n{:X};x=y\r\n", second.len()).as_bytes());
    chunks.extend_from_slice(second);
    chunks.extend_from_slice(b"\r\n0\r\n\r\n");
    assert_eq!(rejected("Transfer-Encoding: chunked\r\n", &chunks), 300);
}

#[test]
fn a_body_that_cannot_be_read_says_nothing() {
    let body = ExportResponse {
        rejected_spans: 300,
        message: "".into(),
    };
    let body = body.to_protobuf();
    for (head, body) in [
        ("Content-Length: 900\r\n", &*body),
        ("Content-Length: 0\r\n", &*body),
        ("Content-Length: many\r\n", &*body),
        ("Content-Length: 4\r\nContent-Encoding: gzip\r\n", &*body),
        ("Transfer-Encoding: chunked\r\n", &*body),
        ("Transfer-Encoding: chunked\r\n", b"4\r\nabcdefgh"),
        ("Transfer-Encoding: chunked\r\n", b"ffffffffffffffff\r\n"),
        ("", b"<html>"),
        ("", &vec![0x0a; 2 * BODY_LIMIT][..]),
    ] {
        assert_eq!(rejected(head, body), 0, "{head:?}");
    }
    let negative = ExportResponse {
        rejected_spans: -5,
        message: "".into(),
    };
    assert_eq!(rejected("", &negative.to_protobuf()), 0);
    let in_json = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{}";
    assert_eq!(read(&[in_json]), status(200, None));
}

/// A collector that streams for ever is read as far as anybody needs.
#[test]
fn no_more_of_a_body_is_read_than_a_collector_has_to_say() {
    struct Endless(usize);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 += buffer.len();
            buffer.fill(0x0a);
            Ok(buffer.len())
        }
    }
    let head = &b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n\r\n"[..];
    let mut stream = head.chain(Endless(0));
    assert_eq!(
        Answer::read(&mut stream, PROTOBUF, || {}),
        status(200, None)
    );
    let (_, endless) = stream.into_inner();
    assert!(endless.0 <= BODY_LIMIT + 2_048, "{}", endless.0);
}

#[test]
fn a_collector_cannot_reject_more_than_it_was_sent() {
    let answer = |rejected_spans| {
        let remarks = Remarks {
            retry_after: None,
            rejected_spans,
        };
        Answer::Status(200, remarks)
    };
    assert_eq!(answer(0).shares(7), (7, 0));
    assert_eq!(answer(3).shares(7), (4, 3));
    assert_eq!(answer(u64::MAX).shares(7), (0, 7));
    assert_eq!(Answer::Unanswered.shares(7), (7, 0));
}

/// Of a captive portal, a proxy, a web site: nothing was delivered (OTLP/HTTP, "Full Success").
#[test]
fn a_page_is_not_a_collectors_answer() {
    let html = "<!doctype html><title>Welcome</title>";
    let in_chunks = format!("{:x}\r\n{html}\r\n0\r\n\r\n", html.len());
    let length = format!("Content-Length: {}\r\n", html.len());
    for (status_line, head, body) in [
        (
            "200 OK",
            format!("Content-Type: text/html; charset=utf-8\r\n{length}"),
            html,
        ),
        (
            "200 OK",
            "Content-Type: text/html\r\nTransfer-Encoding: chunked\r\n".to_owned(),
            &*in_chunks,
        ),
        ("200 OK", "Content-Type: text/html\r\n".to_owned(), html),
        ("200 OK", length.clone(), html),
        ("200 OK", String::new(), html),
        (
            "200 OK",
            "Content-Type: text/plain\r\nContent-Length: 7\r\n".to_owned(),
            "Success",
        ),
        (
            "200 OK",
            "Content-Type: text/html\r\nContent-Length: 10000000\r\n".to_owned(),
            html,
        ),
        (
            "200 OK",
            "Content-Type: application/json\r\n".to_owned(),
            r#"{"login":"required"}"#,
        ),
        (
            "202 Accepted",
            format!("Content-Type: text/html\r\n{length}"),
            html,
        ),
        (
            "203 Non-Authoritative Information",
            format!("Content-Type: text/html\r\n{length}"),
            html,
        ),
        (
            "200 OK",
            format!("Content-Type: text/html\r\nContent-Encoding: br\r\n{length}"),
            html,
        ),
    ] {
        let whole = format!("HTTP/1.1 {status_line}\r\n{head}\r\n{body}").into_bytes();
        let code = status_line[..3].parse().unwrap();
        for length in [1_024, 1] {
            let pieces: Vec<&[u8]> = whole.chunks(length).collect();
            assert_eq!(
                read(&pieces),
                Answer::NotACollector(code),
                "{status_line} {head}"
            );
        }
    }
    for head in [
        "200 OK\r\nContent-Type: text/html\r\nContent-Length: 0\r\n\r\n",
        "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "200 OK\r\n\r\n",
        "202 Accepted\r\nContent-Length: 0\r\n\r\n",
        "204 No Content\r\nContent-Type: text/html\r\n\r\n",
        "200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    ] {
        let code = head[..3].parse().unwrap();
        assert_eq!(
            read(&[format!("HTTP/1.1 {head}").as_bytes()]),
            status(code, None),
            "{head}"
        );
    }
}

#[test]
fn rejected_spans_are_read_in_json_too() {
    let whole = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"partialSuccess\":{\"rejectedSpans\":\"4\"}}";
    assert_eq!(read(&[whole]).shares(9), (5, 4));
}

/// An erasure request is in JSON, and so is its answer.
#[test]
fn an_answer_in_another_notation_accepts_no_erasure() {
    let erase = |text: &str| Answer::read(&mut Pieces(&[text.as_bytes()]), JSON, || {});
    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>";
    assert_eq!(erase(page), Answer::NotACollector(200));
    let protobuf = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n\r\nx";
    assert_eq!(erase(protobuf), Answer::NotACollector(200));
    let accepted =
        "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n\r\n{\"accepted\":1}";
    assert_eq!(erase(accepted), status(202, None));
}
