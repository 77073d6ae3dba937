//! A keep-alive HTTP/1.1 connection that parses only the necessary parts of a response.

use std::io::BufRead;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long a server may take for one response.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The longest response.
const MAX_RESPONSE: usize = 1 << 20;

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The response has a body, such as a `partial_success`.
    pub(crate) has_body: bool,
}

/// A connection to the receiver.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
    line: Vec<u8>,
    body: Vec<u8>,
    request: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: &str) -> io::Result<Self> {
        let resolved = address
            .to_socket_addrs()?
            .next()
            .ok_or_else(|| io::Error::new(ErrorKind::NotFound, "the host name has no address"))?;
        let stream = TcpStream::connect_timeout(&resolved, TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self {
            stream: BufReader::new(stream),
            host: address.to_owned(),
            line: Vec::new(),
            body: Vec::new(),
            request: Vec::new(),
        })
    }

    /// Posts one body and waits for the response.
    pub(crate) fn post(&mut self, body: &[u8]) -> io::Result<Response> {
        self.request.clear();
        write!(
            self.request,
            "POST /v1/traces HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
            self.host,
            body.len(),
        )?;
        // One write: two would be two packets.
        self.request.extend_from_slice(body);
        self.stream.get_mut().write_all(&self.request)?;
        self.read_response()
    }

    fn read_response(&mut self) -> io::Result<Response> {
        let status_line = self.read_line()?;
        let status = status_line
            .split_ascii_whitespace()
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(|| invalid("no status in the response"))?;
        let mut length = 0;
        loop {
            let line = self.read_line()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value
                    .trim()
                    .parse()
                    .map_err(|_| invalid("content-length is not a number"))?;
            }
        }
        if length > MAX_RESPONSE {
            return Err(invalid("the response is longer than any acknowledgement"));
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        Ok(Response {
            status,
            has_body: length > 0,
        })
    }

    fn read_line(&mut self) -> io::Result<String> {
        self.line.clear();
        let read = (&mut self.stream)
            .take(16_384)
            .read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                "the server closed the connection",
            ));
        }
        let text =
            std::str::from_utf8(&self.line).map_err(|_| invalid("the response is not UTF-8"))?;
        Ok(text.trim_end().to_owned())
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.to_owned())
}
