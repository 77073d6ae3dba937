//! TLS by rustls, with the Mozilla roots built in: a container without certificates can send, and nothing is read from
//! its disk or its environment.

use std::io;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::timed::Timed;
use super::trust::Trust;

/// The certificates in `value`, in DER: it is one, or a text with some in PEM (RFC 7468).
pub(super) fn certificates_in(value: &[u8]) -> Vec<Vec<u8>> {
    const PEM: &[u8] = b"-----BEGIN ";
    let is_pem = value.windows(PEM.len()).any(|window| window == PEM);
    let candidates: Vec<CertificateDer<'_>> = match is_pem {
        true => CertificateDer::pem_slice_iter(value)
            .filter_map(Result::ok)
            .collect(),
        false => vec![CertificateDer::from(value)],
    };
    let is_readable =
        |certificate: &CertificateDer<'_>| RootCertStore::empty().add(certificate.clone()).is_ok();
    candidates
        .into_iter()
        .filter(is_readable)
        .map(|certificate| certificate.to_vec())
        .collect()
}

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
