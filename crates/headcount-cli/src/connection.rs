//! How commands reach a running server: its address, and the token that they send to it.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use headcount_access::AccessToken;
use ureq::Agent;

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
        let (agent, address) = http::agent(url)?;
        let token = match &self.token_file {
            Some(path) => Some(read_token(path)?),
            None => own_token(&address),
        };
        Ok(Connection {
            agent,
            address,
            authorization: token.map(|token| format!("Bearer {}", token.reveal())),
        })
    }
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
