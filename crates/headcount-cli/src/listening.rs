//! The file `listening` of a data folder: where its server listens, and where the server's access token is. So commands on
//! the same machine find both.
//!
//! ```text
//! http http://127.0.0.1:4318
//! token /srv/headcount/token
//! ```
//!
//! One line for each HTTP address, and one for the token's file unless the server has none. A server writes it at its start
//! and removes it at its end; one that was killed leaves it.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use headcount_access::AccessToken;
use ureq::http::Uri;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Listening {
    /// Its HTTP addresses, `http://HOST:PORT` or `https://HOST:PORT`, as this machine reaches them.
    pub(crate) urls: Vec<String>,
    /// The file with its access token.
    pub(crate) token_file: Option<PathBuf>,
}

impl Listening {
    /// Of a server with these HTTP addresses and this scheme, `http` or `https`.
    pub(crate) fn new(scheme: &str, addresses: &[SocketAddr], token_file: Option<&Path>) -> Self {
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Self {
            urls: addresses
                .iter()
                .map(|address| local_url(scheme, *address))
                .collect(),
            token_file: token_file.map(absolute),
        }
    }

    /// Writes the file into the data folder `data`.
    pub(crate) fn write(&self, data: &Path) -> io::Result<()> {
        let mut text = String::new();
        for url in &self.urls {
            text.push_str(&format!("http {url}\n"));
        }
        if let Some(path) = &self.token_file {
            text.push_str(&format!("token {}\n", path.display()));
        }
        let unfinished = data.join(".listening.tmp");
        fs::write(&unfinished, text)?;
        fs::rename(unfinished, path_in(data))
    }

    /// Reads the file of the data folder `data`; `None` without one.
    pub(crate) fn read(data: &Path) -> Option<Self> {
        let text = fs::read_to_string(path_in(data)).ok()?;
        let mut listening = Self::default();
        for line in text.lines() {
            match line.split_once(' ') {
                Some(("http", url)) => listening.urls.push(url.to_owned()),
                Some(("token", path)) => listening.token_file = Some(PathBuf::from(path)),
                _ => {}
            }
        }
        Some(listening)
    }

    /// Removes the file of the data folder `data`.
    pub(crate) fn remove(data: &Path) {
        // It may have been removed by hand. One that stays is overwritten by the next start.
        let _ = fs::remove_file(path_in(data));
    }

    /// `http`, or `https` where the server uses TLS.
    pub(crate) fn scheme(&self) -> &'static str {
        match self.urls.iter().any(|url| url.starts_with("https:")) {
            true => "https",
            false => "http",
        }
    }

    /// Whether the server listens at `url`.
    pub(crate) fn serves(&self, url: &str) -> bool {
        let Some(wanted) = address_of(url) else {
            return false;
        };
        let mut known = self.urls.iter().filter_map(|url| address_of(url));
        known.any(|known| known == wanted)
    }

    /// The access token, if the server has one that can be read.
    pub(crate) fn token(&self) -> Option<AccessToken> {
        let text = fs::read_to_string(self.token_file.as_ref()?).ok()?;
        AccessToken::parse(&text)
    }
}

fn path_in(data: &Path) -> PathBuf {
    data.join("listening")
}

/// The URL under which this machine reaches `address`.
fn local_url(scheme: &str, address: SocketAddr) -> String {
    let host = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        other => other,
    };
    format!("{scheme}://{}", SocketAddr::new(host, address.port()))
}

/// The scheme, the host and the port of a URL; `localhost` is every loopback address.
fn address_of(url: &str) -> Option<(String, String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let host = uri.host()?.to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let host = match is_loopback || address == "localhost" {
        true => "localhost".to_owned(),
        false => host,
    };
    let (scheme, usual_port) = match uri.scheme_str()? {
        "http" => ("http", 80),
        "https" => ("https", 443),
        _ => return None,
    };
    let port = uri.port_u16().unwrap_or(usual_port);
    Some((scheme.to_owned(), host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_found_by_every_name_of_this_machine() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Listening::read(folder.path()), None);
        let addresses = ["0.0.0.0:4318", "[::]:4319", "192.0.2.7:80"];
        let addresses = addresses.map(|address| address.parse().expect("an address"));
        let token = folder.path().join("my token");
        let listening = Listening::new("http", &addresses, Some(&token));
        listening.write(folder.path()).expect("it is written");
        let read = Listening::read(folder.path()).expect("a file");
        assert_eq!(read, listening);
        assert_eq!(read.token_file.as_deref(), Some(token.as_path()));
        for url in [
            "http://127.0.0.1:4318",
            "http://localhost:4318/",
            "http://[::1]:4319",
            "http://192.0.2.7",
        ] {
            assert!(read.serves(url), "{url}");
        }
        for url in [
            "https://127.0.0.1:4318",
            "http://127.0.0.1:4320",
            "http://127.0.0.1",
            "http://example.com:4318",
            "http://localhost.example.com:4318",
            "nonsense",
        ] {
            assert!(!read.serves(url), "{url}");
        }
        Listening::remove(folder.path());
        assert_eq!(Listening::read(folder.path()), None);
    }
}
