//! The access token of a server, and where it may do without one.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

use headcount_access::AccessToken;
use headcount_commands::exit;

use super::arguments::Serve;

/// An access token, its file, and whether the file is new.
pub(super) struct TokenFile {
    pub(super) token: AccessToken,
    pub(super) path: PathBuf,
    pub(super) is_new: bool,
}

impl Serve {
    /// The access token that queries require; `None` with `--no-token`.
    pub(super) fn token(&self) -> anyhow::Result<Option<TokenFile>> {
        if self.no_token {
            return match self.http.iter().find(|address| !is_loopback(address)) {
                Some(address) => Err(reachable_by_others(address)),
                None => Ok(None),
            };
        }
        let in_data = || self.data.join("token");
        let path = self.token_file.clone().unwrap_or_else(in_data);
        let (token, is_new) = AccessToken::load_or_generate(&path)?;
        Ok(Some(TokenFile {
            token,
            path,
            is_new,
        }))
    }
}

/// Whether only this machine can reach the address. An address that cannot be resolved fails later, when it is bound.
fn is_loopback(address: &str) -> bool {
    let Ok(mut addresses) = address.to_socket_addrs() else {
        return true;
    };
    addresses.all(|address| address.ip().to_canonical().is_loopback())
}

fn reachable_by_others(address: &str) -> anyhow::Error {
    exit::usage(format!(
        "--no-token is only for addresses of this machine, and others can reach `{address}`; leave out --no-token"
    ))
}

/// Without a token, only this machine may reach the collector. A name may have resolved to another address since.
pub(super) fn require_loopback(addresses: &[SocketAddr]) -> anyhow::Result<()> {
    let is_local = |address: &SocketAddr| address.ip().to_canonical().is_loopback();
    match addresses.iter().find(|address| !is_local(address)) {
        Some(address) => Err(reachable_by_others(&address.to_string())),
        None => Ok(()),
    }
}
