//! A keep-alive HTTP/1.1 connection that parses only the necessary parts of a response.

use std::io::BufRead;
use std::io::{self, BufReader, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::arguments::Arguments;

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

/// The receiver, and what is shown to it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    address: String,
    /// The `Authorization` line of each request, or nothing.
    authorization: String,
    tls: Option<Arc<ClientConfig>>,
}

impl Target {
    /// # Errors
    ///
    /// A file cannot be read, or is not a token or certificates.
    pub(crate) fn new(arguments: &Arguments) -> io::Result<Self> {
        let authorization = match &arguments.token_file {
            Some(file) => {
                let token = std::fs::read_to_string(file)?;
                format!("Authorization: Bearer {}\r\n", token.trim())
            }
            None => String::new(),
        };
        Ok(Self {
            address: arguments.address.clone(),
            authorization,
            tls: arguments.ca_file.as_deref().map(trusting).transpose()?,
        })
    }

    fn host(&self) -> &str {
        let host = self.address.rsplit_once(':');
        host.map_or(self.address.as_str(), |(host, _)| host)
    }
}

/// TLS that trusts the authorities in a file.
fn trusting(file: &str) -> io::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(io::Error::other)? {
        let certificate = certificate.map_err(io::Error::other)?;
        roots.add(certificate).map_err(io::Error::other)?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots);
    Ok(Arc::new(config.with_no_client_auth()))
}

/// The bytes' way.
trait Stream: Read + Write + Send {}

impl Stream for TcpStream {}

impl Stream for StreamOwned<ClientConnection, TcpStream> {}

/// A connection to the receiver.
pub(crate) struct Connection {
    stream: BufReader<Box<dyn Stream>>,
    target: Target,
    line: Vec<u8>,
    body: Vec<u8>,
    request: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(target: &Target) -> io::Result<Self> {
        let resolved =
            target.address.to_socket_addrs()?.next().ok_or_else(|| {
                io::Error::new(ErrorKind::NotFound, "the host name has no address")
            })?;
        let stream = TcpStream::connect_timeout(&resolved, TIMEOUT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self {
            stream: BufReader::new(encrypted(stream, target)?),
            target: target.clone(),
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
            "POST /v1/traces HTTP/1.1\r\nHost: {}\r\n{}Content-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
            self.target.address,
            self.target.authorization,
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

/// The stream, with TLS where the target wants it; the handshake is done with the first request.
fn encrypted(stream: TcpStream, target: &Target) -> io::Result<Box<dyn Stream>> {
    let Some(config) = &target.tls else {
        return Ok(Box::new(stream));
    };
    let name = ServerName::try_from(target.host().to_owned()).map_err(io::Error::other)?;
    let tls = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    Ok(Box::new(StreamOwned::new(tls, stream)))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what.to_owned())
}
