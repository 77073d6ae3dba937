//! One unary gRPC call written out: HTTP/2, a five-byte frame header, a status in the trailers (gRPC over HTTP/2).

use std::io;
use std::sync::Arc;

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Request, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Who a client says it is.
pub(crate) enum Identity {
    Nobody,
    /// Whoever has the certificate and the key in this PEM.
    Pem(Vec<u8>),
}

/// Exports `body`, an `ExportTraceServiceRequest`, and panics unless the status is OK.
pub(crate) fn export(address: &str, body: &[u8]) {
    let status = call_with(address, body, "");
    assert_eq!(status.as_deref(), Some("0"), "the call failed");
}

/// Exports `body` with this `authorization`, if it is not empty; the status.
pub(crate) fn call_with(address: &str, body: &[u8], authorization: &str) -> Option<String> {
    call_with_header(address, body, ("authorization", authorization))
}

/// Exports `body` as a proxy passes it on for `sender`; the status.
pub(crate) fn call_forwarded(address: &str, body: &[u8], sender: &str) -> Option<String> {
    call_with_header(address, body, ("x-forwarded-for", sender))
}

fn call_with_header(address: &str, body: &[u8], header: (&str, &str)) -> Option<String> {
    Runtime::new().expect("threads").block_on(async {
        let stream = TcpStream::connect(address).await.expect("a listener");
        call(stream, body, header).await.expect("an answer")
    })
}

/// Exports `body` over TLS, to whoever has a certificate of `authority`; the status.
pub(crate) fn call_over_tls(
    address: &str,
    body: &[u8],
    authority: &[u8],
    identity: &Identity,
) -> io::Result<Option<String>> {
    Runtime::new().expect("threads").block_on(async {
        let stream = connect(address, authority, identity).await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        call(stream, body, ("authorization", ""))
            .await
            .map_err(io::Error::other)
    })
}

/// The certificate that the server at `address` shows, in DER.
pub(crate) fn certificate_of(address: &str, authority: &[u8]) -> Vec<u8> {
    Runtime::new().expect("threads").block_on(async {
        let stream = connect(address, authority, &Identity::Nobody).await;
        let stream = stream.expect("a handshake");
        let shown = stream
            .get_ref()
            .1
            .peer_certificates()
            .expect("certificates");
        shown[0].to_vec()
    })
}

async fn connect(
    address: &str,
    authority: &[u8],
    identity: &Identity,
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(authority).expect("a certificate");
    roots.add(authority).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("protocols")
        .with_root_certificates(roots);
    let mut config = match identity {
        Identity::Nobody => config.with_no_client_auth(),
        Identity::Pem(pem) => {
            let certificate = CertificateDer::from_pem_slice(pem).expect("a certificate");
            let key = PrivateKeyDer::from_pem_slice(pem).expect("a key");
            let config = config.with_client_auth_cert(vec![certificate], key);
            config.expect("they belong together")
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

async fn call(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    body: &[u8],
    (name, value): (&str, &str),
) -> hyper::Result<Option<String>> {
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut message = vec![0];
    let length = u32::try_from(body.len()).expect("a small body");
    message.extend(length.to_be_bytes());
    message.extend(body);
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let mut request = Request::post(format!("http://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if !value.is_empty() {
        request = request.header(name, value);
    }
    let request = request
        .body(Full::new(Bytes::from(message)))
        .expect("a request");
    let response = sender.send_request(request).await?;
    let at_once = response.headers().get("grpc-status").cloned();
    let collected = response.into_body().collect().await?;
    let trailers = collected.trailers();
    let status = trailers.and_then(|trailers| trailers.get("grpc-status").cloned());
    let status = status.or(at_once);
    Ok(status.and_then(|status| status.to_str().ok().map(str::to_owned)))
}
