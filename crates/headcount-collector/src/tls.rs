//! TLS on the listeners, by rustls with ring. The files may change while the collector runs.
//!
//! They are read once a second and compared with what was read before: a certificate that is renewed by a rename, by writing into
//! the file, or by a symbolic link that points elsewhere is noticed all the same. They are used when they have been the same
//! for two looks, so that a certificate is not tried with the key of its predecessor.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use parking_lot::RwLock;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::certificate_expiry::not_after;
use crate::linger::Socket;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What both kinds of listeners speak, best first (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The files of TLS, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate of the collector, followed by those between it and its authority.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
    /// The authorities, one of which the certificate of each client must come from. Clients need none if `None`.
    pub client_authorities: Option<PathBuf>,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file does not contain what it should.
    #[error("{} contains no {what} in PEM: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should contain.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The files do not belong together, or rustls does not support them.
    #[error("the certificate in {} and the key in {} cannot be used together: {reason}", certificate.display(), key.display())]
    Unusable {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What the files contain, or why they cannot be read.
type Found = Result<Contents, String>;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_authorities: Option<Vec<u8>>,
}

/// TLS with the files as they were when they were last good. Clones share it.
#[derive(Clone)]
pub(crate) struct Tls(Arc<RwLock<Current>>);

/// What new connections get.
struct Current {
    config: Arc<ServerConfig>,
    /// When the first certificate of the chain ends, in seconds since 1970 UTC, if that can be read.
    expires: Option<i64>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tls(…)")
    }
}

impl Tls {
    /// TLS with these files, and what notices when they change.
    ///
    /// # Errors
    /// They cannot be read, or not be used.
    pub(crate) fn open(files: TlsFiles) -> Result<(Self, TlsWatch), TlsError> {
        let (reload, asked) = mpsc::channel(1);
        let contents = read(&files)?;
        let current = configure(&files, &contents)?;
        let tls = Self(Arc::new(RwLock::new(current)));
        let watch = TlsWatch {
            files,
            last: Ok(contents.clone()),
            tried: Ok(contents),
            tls: tls.clone(),
            reload: TlsReload(reload),
            asked,
        };
        Ok((tls, watch))
    }

    /// The handshake on a new connection.
    ///
    /// # Errors
    /// The client gave up, trusts another authority, or has no certificate and needs one.
    pub(crate) async fn accept(&self, socket: Socket) -> io::Result<TlsStream<Socket>> {
        let config = Arc::clone(&self.0.read().config);
        TlsAcceptor::from(config).accept(socket).await
    }

    /// When the first certificate of the chain ends, in seconds since 1970 UTC, if that can be read.
    pub(crate) fn expires(&self) -> Option<i64> {
        self.0.read().expires
    }
}

/// Has the files used again at once.
#[derive(Debug, Clone)]
pub(crate) struct TlsReload(mpsc::Sender<oneshot::Sender<()>>);

impl TlsReload {
    /// Resolves when the files were read, and the log says what became of them.
    pub(crate) async fn run(&self) {
        let (done, is_done) = oneshot::channel();
        if self.0.send(done).await.is_ok() {
            // An error means that the collector is stopping.
            let _ = is_done.await;
        }
    }
}

/// Notices when the files change.
pub(crate) struct TlsWatch {
    files: TlsFiles,
    /// What the last look found.
    last: Found,
    /// What was tried last, whether it could be used or not.
    tried: Found,
    tls: Tls,
    /// What asks for a look at once.
    pub(crate) reload: TlsReload,
    asked: mpsc::Receiver<oneshot::Sender<()>>,
}

impl TlsWatch {
    /// Uses the files anew whenever they have changed, until told to stop.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            let asked = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(LOOK_EVERY) => None,
                asked = self.asked.recv() => asked,
            };
            let files = self.files.clone();
            let found = tokio::task::spawn_blocking(move || read(&files)).await;
            let Ok(found) = found.map(|found| found.map_err(|error| error.to_string())) else {
                continue;
            };
            match asked {
                None => self.look(found),
                Some(done) => {
                    self.last = found;
                    self.use_last();
                    // Nobody waits for it any more if the collector is stopping.
                    let _ = done.send(());
                }
            }
        }
    }

    fn look(&mut self, found: Found) {
        let is_settled = found == self.last;
        self.last = found;
        if is_settled && self.last != self.tried {
            self.use_last();
        }
    }

    fn use_last(&mut self) {
        self.tried = self.last.clone();
        let current = match &self.tried {
            Ok(contents) => configure(&self.files, contents).map_err(|error| error.to_string()),
            Err(error) => Err(error.clone()),
        };
        match current {
            Ok(current) => {
                let expires = current
                    .expires
                    .and_then(|end| DateTime::from_timestamp(end, 0));
                *self.tls.0.write() = current;
                let path = self.files.certificate.display();
                tracing::info!(
                    expires = expires.map(tracing::field::display),
                    "new connections get the certificate that is now in {path}"
                );
            }
            Err(error) => tracing::error!(
                "the files of TLS cannot be used, and the former certificate stays in use: {error}"
            ),
        }
    }
}

fn read(files: &TlsFiles) -> Result<Contents, TlsError> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| TlsError::File {
            path: path.to_owned(),
            source,
        })
    };
    Ok(Contents {
        certificate: read(&files.certificate)?,
        key: read(&files.key)?,
        client_authorities: files.client_authorities.as_deref().map(read).transpose()?,
    })
}

fn configure(files: &TlsFiles, contents: &Contents) -> Result<Current, TlsError> {
    let certificates = certificates(&files.certificate, &contents.certificate)?;
    let ends = certificates
        .iter()
        .filter_map(|certificate| not_after(certificate));
    let expires = ends.min();
    let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|error| TlsError::Content {
        path: files.key.clone(),
        what: "private key",
        reason: error.to_string(),
    })?;
    let unusable = |error: rustls::Error| TlsError::Unusable {
        certificate: files.certificate.clone(),
        key: files.key.clone(),
        reason: error.to_string(),
    };
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?;
    let builder = match (&files.client_authorities, &contents.client_authorities) {
        (Some(path), Some(pem)) => {
            let mut roots = RootCertStore::empty();
            let bad = |reason: String| TlsError::Content {
                path: path.clone(),
                what: "certificate of an authority",
                reason,
            };
            for certificate in self::certificates(path, pem)? {
                roots
                    .add(certificate)
                    .map_err(|error| bad(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = verifier.build().map_err(|error| bad(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
        _ => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(certificates, key)
        .map_err(unusable)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
    Ok(Current {
        config: Arc::new(config),
        expires,
    })
}

/// The certificates in PEM; at least one.
fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bad = |reason: String| TlsError::Content {
        path: path.to_owned(),
        what: "certificate",
        reason,
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| bad(error.to_string()))?;
    match found.is_empty() {
        true => Err(bad("there is none".to_owned())),
        false => Ok(found),
    }
}
