//! TLS by rustls, with the Mozilla roots built in: a container without certificates can send, and nothing is read from
//! its disk or its environment.

use std::io;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::timed::Timed;
use super::trust::Trust;

/// The client's side of TLS over `stream`. The handshake takes place when the first byte is written.
pub(super) fn connect<'d>(
    host: &str,
    trust: &Trust,
    stream: Timed<'d>,
) -> io::Result<StreamOwned<ClientConnection, Timed<'d>>> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let own = trust.0.iter().cloned().map(CertificateDer::from);
    let _counts = roots.add_parsable_certificates(own);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    // Now, so that a certificate that is not trusted is known before anything is sent.
    while stream.conn.is_handshaking() {
        let (read, written) = stream.conn.complete_io(&mut stream.sock)?;
        if read == 0 && written == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(stream)
}
