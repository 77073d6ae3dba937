//! How commands reach a running server: its address, and the token that they send to it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use headcount_access::AccessToken;
use ureq::Agent;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use crate::http;
use crate::listening::Listening;

/// The default data folder.
pub(crate) const DEFAULT_FOLDER: &str = "./headcount-data";

/// The options of a connection to a server.
#[derive(Debug, Default, Args)]
pub(crate) struct ConnectionArgs {
    /// The file with a token of the server at --url; found by itself for the server of ./headcount-data
    #[arg(long, value_name = "FILE", env = "HEADCOUNT_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    tls: TlsArgs,
}

/// The options of a connection on which no token is sent.
#[derive(Debug, Default, Args)]
pub(crate) struct TlsArgs {
    /// The authorities to trust for https, in PEM, instead of the public ones
    #[arg(long, value_name = "FILE", env = "HEADCOUNT_CA_FILE")]
    ca_file: Option<PathBuf>,
    /// A file with a certificate and its private key, in PEM, for a server that asks its clients for one (mutual TLS)
    #[arg(long, value_name = "FILE", env = "HEADCOUNT_CLIENT_CERT")]
    client_cert: Option<PathBuf>,
}

/// A server, and how to ask it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) agent: Agent,
    /// `http://HOST:PORT`, without a slash at the end.
    pub(crate) address: String,
    /// The value of the `Authorization` header, if there is a token.
    pub(crate) authorization: Option<String>,
}

impl ConnectionArgs {
    /// Prepares requests to the server at `url`; sends nothing.
    ///
    /// # Errors
    /// The URL is malformed, or a file that was given cannot be read.
    pub(crate) fn connect(&self, url: &str) -> anyhow::Result<Connection> {
        self.connect_or(url, own_token(url.trim_end_matches('/')))
    }

    /// The same for a server whose own token is known: it is sent unless another one was given.
    ///
    /// # Errors
    /// As of [`Self::connect`].
    pub(crate) fn connect_or(
        &self,
        url: &str,
        own: Option<AccessToken>,
    ) -> anyhow::Result<Connection> {
        let (agent, address) = self.tls.agent(url)?;
        let token = match &self.token_file {
            Some(path) => Some(read_token(path)?),
            None => own,
        };
        Ok(Connection {
            agent,
            address,
            authorization: token.map(|token| format!("Bearer {}", token.reveal())),
        })
    }
}

impl TlsArgs {
    /// An agent for requests without a token to the server at `url`, and its address.
    ///
    /// # Errors
    /// The URL is malformed, or a file that was given cannot be read.
    pub(crate) fn agent(&self, url: &str) -> anyhow::Result<(Agent, String)> {
        http::agent(url, self.config(true)?)
    }

    /// The same, whatever certificate the server shows: nothing that it could misuse is sent, and nothing that it says is believed
    /// for more than it is.
    ///
    /// # Errors
    /// As of [`TlsArgs::agent`].
    pub(crate) fn agent_without_verification(&self, url: &str) -> anyhow::Result<(Agent, String)> {
        http::agent(url, self.config(false)?)
    }

    /// How to use TLS, where it differs from the default.
    fn config(&self, verifies: bool) -> anyhow::Result<Option<TlsConfig>> {
        if self.ca_file.is_none() && self.client_cert.is_none() && verifies {
            return Ok(None);
        }
        let mut config = TlsConfig::builder().disable_verification(!verifies);
        if let Some(path) = &self.ca_file {
            config = config.root_certs(authorities(path)?);
        }
        if let Some(path) = &self.client_cert {
            let pem = read_pem(path)?;
            let key = pem.key.filter(|_| !pem.certificates.is_empty());
            let key = key.with_context(|| {
                let path = path.display();
                format!("{path} must contain a certificate and its private key, in PEM")
            })?;
            config = config.client_cert(Some(ClientCert::new_with_certs(&pem.certificates, key)));
        }
        Ok(Some(config.build()))
    }
}

/// Trusts the authorities in the file, in PEM, and no others.
///
/// # Errors
/// The file cannot be read, or has no certificate.
pub(crate) fn trusting(path: &Path) -> anyhow::Result<TlsConfig> {
    let config = TlsConfig::builder();
    Ok(config.root_certs(authorities(path)?).build())
}

fn authorities(path: &Path) -> anyhow::Result<RootCerts> {
    let authorities = read_pem(path)?.certificates;
    if authorities.is_empty() {
        bail!("{} contains no certificate in PEM", path.display());
    }
    Ok(RootCerts::new_with_certs(&authorities))
}

/// What a file in PEM contains.
#[derive(Default)]
struct Pem {
    certificates: Vec<Certificate<'static>>,
    key: Option<PrivateKey<'static>>,
}

fn read_pem(path: &Path) -> anyhow::Result<Pem> {
    let shown = path.display();
    let text = std::fs::read(path).with_context(|| format!("cannot read {shown}"))?;
    let mut pem = Pem::default();
    for item in parse_pem(&text) {
        match item.with_context(|| format!("{shown} is not PEM"))? {
            PemItem::Certificate(certificate) => pem.certificates.push(certificate),
            PemItem::PrivateKey(key) => pem.key = Some(key),
            _ => {}
        }
    }
    Ok(pem)
}

/// The token of the server at `url`, if that is the one that runs on the default data folder. Another server never gets it.
fn own_token(url: &str) -> Option<AccessToken> {
    let listening = Listening::read(Path::new(DEFAULT_FOLDER))?;
    listening.serves(url).then(|| listening.token())?
}

/// The token in the file.
fn read_token(path: &Path) -> anyhow::Result<AccessToken> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the token file {}", path.display()))?;
    AccessToken::parse(&text)
        .with_context(|| format!("the token file {} contains no token", path.display()))
}
