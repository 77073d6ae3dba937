//! HTTPS to a collector with a private certificate authority.
#![cfg(feature = "tls")]

use std::path::Path;
use std::sync::Arc;

use crate::support::{Receiver, Subject, text};
use headcount::{EndpointError, Installation, Telemetry, UploadFailure};

/// Of localhost, self-signed, good for nothing but these tests: openssl req -x509 -newkey ec -days 36500 …
const CERTIFICATE: &[u8] = include_bytes!("support/localhost.certificate.der");
/// The same: openssl x509 -inform der -outform pem
const PEM: &str = include_str!("support/localhost.certificate.pem");

fn receiver() -> Receiver {
    let key = &include_bytes!("support/localhost.key.der")[..];
    let key = rustls::pki_types::PrivateKeyDer::try_from(key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CERTIFICATE.into()], key)
        .unwrap();
    Receiver::with_tls(Arc::new(config))
}

/// Whether events reach a collector with this certificate.
fn arrives(home: &Path, receiver: &Receiver, trust: &[u8]) -> bool {
    let path = home.join("authority");
    std::fs::write(&path, trust).unwrap();
    let subject = Subject::new(home)
        .endpoint(format!("https://localhost:{}", receiver.address.port()))
        .variable("SUBJECT_TRUST", path.to_str().unwrap());
    text(&subject.run(&["record-and-wait", "5", "1"])).contains("sent true")
}

#[test]
fn tls_trusts_only_known_authorities_and_the_frameworks() {
    let receiver = receiver();
    let home = tempfile::tempdir().unwrap();
    let endpoint = format!("https://localhost:{}", receiver.address.port());
    let stranger = Subject::new(home.path()).endpoint(&endpoint);
    text(&stranger.run(&["live", "600"]));
    assert!(receiver.arrived().is_empty());
    let failed = Installation::all_in(home.path())[0].last_failure().unwrap();
    assert_eq!(failed.failure, UploadFailure::Tls);
    std::fs::remove_file(stranger.of_collector("circuit")).unwrap();
    assert!(arrives(home.path(), &receiver, CERTIFICATE));
    assert!(receiver.spans().len() > 5);
    // Whoever asks to have it erased is not the framework, and trusts the same certificate.
    let before = receiver.arrived().len();
    let asked = Installation::all_in(home.path())[0].request_erasure();
    assert_eq!(asked[0].answer, headcount::ErasureAnswer::Accepted);
    assert_eq!(receiver.arrived().len(), before + 1);
}

#[test]
fn an_authority_may_be_given_in_pem_and_in_a_bundle() {
    let broken = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    let bundle = format!("# Our authorities\r\n{broken}subject=CN = localhost\n{PEM}\n{PEM}");
    for trust in [PEM, &PEM.replace('\n', "\r\n"), &bundle] {
        let receiver = receiver();
        let home = tempfile::tempdir().unwrap();
        assert!(arrives(home.path(), &receiver, trust.as_bytes()), "{trust}");
        assert!(receiver.spans().len() >= 5);
        // The file for `headcount forget` holds DER.
        let asked = Installation::all_in(home.path())[0].request_erasure();
        assert_eq!(asked[0].answer, headcount::ErasureAnswer::Accepted);
    }
}

#[test]
fn a_value_without_a_certificate_is_named() {
    let key = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n";
    for trust in [
        &b""[..],
        b"not a certificate",
        key.as_bytes(),
        &CERTIFICATE[..99],
        &PEM.as_bytes()[..99],
    ] {
        let home = tempfile::tempdir().unwrap();
        let start = |endpoint: &str| {
            let builder = Telemetry::builder("trusting", "1").home(home.path());
            let builder = builder.endpoint(endpoint).trust(CERTIFICATE).trust(trust);
            builder.told_user(true).start().endpoint_error()
        };
        assert_eq!(
            start("https://localhost:1"),
            Some(EndpointError::Certificate)
        );
        let shown = Installation::all_in(home.path())[0].endpoint().to_owned();
        assert!(
            shown.contains("certificate") && shown.contains("PEM"),
            "{shown}"
        );
        // No certificate is used there.
        assert_eq!(start("http://127.0.0.1:1"), None);
    }
}
