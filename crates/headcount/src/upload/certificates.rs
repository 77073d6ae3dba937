//! Reading certificates.

#[cfg(feature = "tls")]
use rustls::RootCertStore;
#[cfg(feature = "tls")]
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

/// The certificates in `value`, in DER: it is one, or a text with some in PEM (RFC 7468).
#[cfg(feature = "tls")]
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

/// Without TLS no certificate is ever used.
#[cfg(not(feature = "tls"))]
pub(super) fn certificates_in(value: &[u8]) -> Vec<Vec<u8>> {
    vec![value.to_vec()]
}
