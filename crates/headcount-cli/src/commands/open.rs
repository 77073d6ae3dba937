//! `headcount open`: the dashboard in a browser, signed in.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use headcount_commands::exit::Code;
use headcount_commands::output;

use crate::backend::require_folder;
use crate::connection::DEFAULT_FOLDER;
use crate::http;
use crate::listening::Listening;

/// The page that leads to the link with the token, in the data folder. On a command line, everybody on the machine could
/// read the token.
const PAGE: &str = "open.html";

/// Open the dashboard of the server that runs on a data folder, signed in
///
/// Without a browser at hand it prints the link. The link contains the access token: whoever has it sees everything.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Open {
    /// The server's data folder
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER)]
    data: PathBuf,
    /// Print the link, and open nothing
    #[arg(long)]
    print: bool,
}

const EXAMPLES: &str = "\
Examples:
  headcount open
  headcount open --data /srv/headcount
  headcount open --print

Exit codes:
  0  opened or printed
  1  no server runs on the data folder, or its token cannot be read
  2  the command line is wrong
  3  there is no data folder";

impl Open {
    /// Opens the dashboard, or prints the link.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let data = &self.data;
        require_folder(data)?;
        let stopped = || {
            anyhow!(
                "no server runs on {}; start one with `headcount serve`",
                data.display()
            )
        };
        let listening = Listening::read(data).ok_or_else(stopped)?;
        let url = listening.urls.first().ok_or_else(stopped)?;
        require_server(url)?;
        let link = link(url, &listening)?;
        let opened = !self.print && open(data, &link);
        if opened {
            output::note(&format!(
                "opened {url}/ in a browser; `headcount open --print` prints a link"
            ));
        } else {
            output::print(&format!("{link}\n"))?;
        }
        Ok(Code::Done)
    }
}

/// Removes what [`Open`] wrote into the data folder.
pub(crate) fn remove_page(data: &Path) {
    // There is none if nobody ran the command.
    let _ = fs::remove_file(data.join(PAGE));
}

/// The address that signs a browser in at `url`.
pub(crate) fn sign_in_link(url: &str, token: &str) -> String {
    let mut link = format!("{url}/login?token=");
    for byte in token.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                link.push(char::from(byte));
            }
            byte => link.push_str(&format!("%{byte:02X}")),
        }
    }
    link
}

/// Checks that something answers at `url`: a server that was killed leaves its file.
fn require_server(url: &str) -> anyhow::Result<()> {
    let (agent, address) = http::agent(url, None)?;
    let host = address.strip_prefix("https://");
    if host.is_some_and(|host| TcpStream::connect(host).is_ok()) {
        // Whether its certificate is good for this name, the browser will tell.
        return Ok(());
    }
    let alive = agent.get(format!("{address}/healthz")).call();
    match alive {
        Ok(response) if response.status() == 200 => Ok(()),
        Ok(_) => bail!(
            "another program listens at {address}; start the server again with `headcount serve`"
        ),
        Err(error) => Err(error).with_context(|| {
            format!("no server responds at {address}; start one with `headcount serve`")
        }),
    }
}

fn link(url: &str, listening: &Listening) -> anyhow::Result<String> {
    let Some(path) = &listening.token_file else {
        return Ok(format!("{url}/"));
    };
    let token = listening.token().with_context(|| {
        format!(
            "cannot read the access token in {}; run the command as the user who runs the server",
            path.display()
        )
    })?;
    Ok(sign_in_link(url, token.reveal()))
}

/// Opens the link in a browser; whether there is one.
fn open(data: &Path, link: &str) -> bool {
    let Some(browser) = browser() else {
        return false;
    };
    let Ok(page) = write_page(data, link) else {
        return false;
    };
    let mut command = Command::new(browser);
    command.arg(page);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The program that opens a page, where there is a screen to show it on.
fn browser() -> Option<String> {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(chosen) = set("BROWSER") {
        return Some(chosen);
    }
    if cfg!(target_os = "macos") {
        return Some("open".to_owned());
    }
    let has_screen = set("DISPLAY").is_some() || set("WAYLAND_DISPLAY").is_some();
    has_screen.then(|| "xdg-open".to_owned())
}

/// Writes the page that leads to `link`, readable by this user alone.
fn write_page(data: &Path, link: &str) -> io::Result<PathBuf> {
    let page = std::path::absolute(data.join(PAGE))?;
    // A new file: an existing one may be readable by others.
    remove_page(data);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&page)?;
    write!(
        file,
        "<!doctype html>\n<meta charset=\"utf-8\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"refresh\" content=\"0; url={link}\">\n<title>Headcount</title>\n\
         <a href=\"{link}\">Open the dashboard</a>\n"
    )?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_fits_into_a_link_and_a_page() {
        let link = sign_in_link("http://127.0.0.1:4318", "a&b=\"<%#~-_.Z9");
        assert_eq!(
            link,
            "http://127.0.0.1:4318/login?token=a%26b%3D%22%3C%25%23~-_.Z9"
        );
    }
}
