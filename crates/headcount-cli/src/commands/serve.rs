//! `headcount serve`: runs a collector on a data folder.

use std::io::ErrorKind;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Weak};

use anyhow::{Context as _, anyhow};
use clap::Args;
use headcount_access::{
    AccessToken, AuditLog, AuditReader, Authenticator, DEFAULT_AUDIT_DAYS, TokenStore,
};
use headcount_catalog::{Catalog, Retention};
use headcount_collector::{
    BasePath, Collector, IngestPipeline, ProxyAddresses, ServeError, ServeOptions, TlsFiles,
};
use headcount_commands::exit::{self, Code};
use headcount_commands::output;
use headcount_lake::{LakeError, LogError};
use headcount_reports::are_queries_stuck;
use headcount_web::{Access, SiteOptions, Store, site};
use tokio::runtime::Runtime;

use super::query_process;
use crate::commands::open::{remove_page, sign_in_link};
use crate::commands::signals::Signals;
use crate::connection::DEFAULT_FOLDER;
use crate::listening::Listening;

/// Receive and store telemetry
///
/// Receives OpenTelemetry traces over OTLP/HTTP (POST /v1/traces: protobuf and JSON) and OTLP/gRPC. The dashboard is at /
/// of the same HTTP addresses, the API under /api/v1. A request is acknowledged when its admitted rows are on disk.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// The data folder; created if missing
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER)]
    data: PathBuf,
    /// An address for OTLP/HTTP, the dashboard and the API; may be repeated. Port 0 picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4318")]
    http: Vec<String>,
    /// The address for OTLP/gRPC, or `none`
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4317")]
    grpc: String,
    /// The file with the access token that queries require; created if missing. By default the file `token` in the data
    /// folder. To replace the token, delete the file and restart
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Answer queries of every user of this machine without the access token. Only for loopback addresses, and never
    /// behind a reverse proxy, whose clients would all count as users of this machine
    #[arg(long, conflicts_with_all = ["token_file", "public"])]
    no_token: bool,
    /// Show the reports of the anonymous tier to everybody, with rare values grouped; the rest requires the access token
    #[arg(long)]
    public: bool,
    /// Take telemetry only with a token of the role ingest (`headcount token new`); by default everybody may send
    #[arg(long)]
    require_ingest_token: bool,
    /// The certificate for TLS on all addresses, in PEM, followed by those between it and its authority. A changed file is used
    /// within seconds, without a restart
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The authorities, in PEM, one of which the certificate of every client must come from (mutual TLS), also of probes
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// A proxy in front of the server, as an address or a network such as 10.0.0.0/8; may be repeated. Its X-Forwarded-For, -Proto
    /// and -Host count, and nobody else's
    #[arg(long, value_name = "ADDR", conflicts_with = "no_token")]
    behind_proxy: Vec<ProxyAddresses>,
    /// How many requests a second one sender may make, and ten times as many after a pause; or `none`. Senders on this machine are
    /// not limited
    #[arg(long, value_name = "N", default_value = "500")]
    rate_limit: RateLimit,
    /// The path under which a proxy serves it, such as /headcount; the proxy may pass it on or take it off
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/",
        hide_default_value = true
    )]
    base_path: BasePath,
    /// For how many days the audit log keeps its lines
    #[arg(long, value_name = "DAYS", default_value_t = DEFAULT_AUDIT_DAYS, value_parser = clap::value_parser!(u16).range(1..))]
    audit_days: u16,
    /// Keep rows of the anonymous tier for so many days; at most as many as the catalog says, which is the default
    #[arg(long, value_name = "DAYS")]
    keep: Option<u32>,
    /// Keep content that crews shared for so many days; at most as many as the catalog says, which is the default
    #[arg(long, value_name = "DAYS")]
    keep_shared: Option<u32>,
}

const EXAMPLES: &str = "\
Examples:
  headcount serve
  headcount serve --data /srv/headcount --http 127.0.0.1:4318 --http 127.0.0.1:4319
  headcount serve --http 0.0.0.0:4318 --grpc none
  headcount serve --http 0.0.0.0:4318 --grpc 0.0.0.0:4317 --tls-cert chain.pem --tls-key key.pem
  headcount serve --behind-proxy 127.0.0.1 --base-path /headcount
  headcount serve --http 0.0.0.0:4318 --public --token-file /etc/headcount/token

Ctrl-C, SIGTERM, SIGQUIT or SIGHUP stops it after it has flushed all rows to the tables. Anyone who reaches it may send, unless
--require-ingest-token is given; queries require a token. The first start creates and prints one that may do everything
(`headcount open` signs a browser in), and `headcount token new` makes others with a role. Beyond this machine use TLS: --tls-cert and
--tls-key, or a reverse proxy in front of it, under a host name of its own.

Exit codes:
  0  stopped by a signal
  1  it cannot listen or store
  2  the command line is wrong";

impl Serve {
    /// Runs until a signal stops it.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        let runtime = Runtime::new().context("cannot start the threads of the collector")?;
        runtime.block_on(Box::pin(self.collect()))?;
        Ok(Code::Done)
    }

    async fn collect(self) -> anyhow::Result<()> {
        // Before the banner: its reader may send a signal at once.
        let mut signals = Signals::listen()?;
        self.check_addresses()?;
        let retention = self.retention()?;
        let token = self.token()?;
        let access_token = token.as_ref().map(|file| file.token.clone());
        let tokens = Authenticator::open(access_token, TokenStore::of(&self.data))?;
        let access = match &token {
            Some(_) if self.public => Access::Public(tokens.clone()),
            Some(_) => Access::Token(tokens.clone()),
            None => Access::Loopback,
        };
        let audit = self.audit_log()?;
        let tls = self.tls();
        let mut options = ServeOptions {
            http: self.http,
            grpc: (self.grpc != "none").then_some(self.grpc),
            query_failure: || {
                are_queries_stuck().then_some("every query thread runs a query that does not end")
            },
            tls: tls.clone(),
            trusted_proxies: self.behind_proxy,
            rate_limit: self.rate_limit.0,
            base_path: self.base_path.clone(),
            ingest_tokens: self.require_ingest_token.then_some(tokens),
            audit: Some(audit.clone()),
            ..ServeOptions::local(self.data.clone())
        };
        options.lake.retention = Some(retention);
        let site_options = SiteOptions {
            timeout: Some(options.limits.timeout),
            base_path: self.base_path.as_str().to_owned(),
            audit: Some((audit, AuditReader::of(&self.data))),
            sandbox: Some(query_process::sandbox()?),
            ..SiteOptions::new(access)
        };
        let collector = Collector::start(options, |pipeline| site(store(pipeline), site_options));
        let collector = collector.await.map_err(explain)?;
        if token.is_none() {
            require_loopback(collector.http_addresses())?;
        }
        let token_file = token.as_ref().map(|file| file.path.as_path());
        let scheme = tls.map_or("http", |_| "https");
        let listening = Listening::new(scheme, collector.http_addresses(), token_file);
        if let Err(error) = listening.write(&self.data) {
            let folder = self.data.display();
            output::note(&format!(
                "headcount: cannot write to {folder}: {error}; `headcount open` will not find this server"
            ));
        }
        // A server still serves if nobody reads its banner.
        let _ = output::print(&banner(&listening, &collector, &self.data, token.as_ref()));
        signals.stop().await;
        Listening::remove(&self.data);
        remove_page(&self.data);
        collector.stop().await.context(
            "all rows are safe in the write-ahead log, but the last ones are not in the tables yet",
        )
    }
}

/// Requests a second; any number if `None`.
#[derive(Debug, Clone, Copy)]
struct RateLimit(Option<u32>);

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self(None));
        }
        let rate = text.parse().ok().filter(|rate| *rate > 0);
        let rate = rate.ok_or_else(|| {
            format!(
                "`{text}` is no rate; give a whole number of requests a second from 1, or `none`"
            )
        })?;
        Ok(Self(Some(rate)))
    }
}

/// An access token, its file, and whether the file is new.
struct TokenFile {
    token: AccessToken,
    path: PathBuf,
    is_new: bool,
}

impl Serve {
    /// For how long rows are kept. Longer than the published catalog says is not offered: senders were promised that.
    fn retention(&self) -> anyhow::Result<Retention> {
        let most = Catalog::embedded().retention();
        for (option, days, most) in [
            ("--keep", self.keep, most.default_days),
            ("--keep-shared", self.keep_shared, most.shared_days),
        ] {
            if days.is_some_and(|days| days == 0 || days > most) {
                return Err(exit::usage(format!(
                    "{option} must be between 1 and {most} days, which the catalog (TELEMETRY.md) promises"
                )));
            }
        }
        Ok(Retention {
            default_days: self.keep.unwrap_or(most.default_days),
            shared_days: self.keep_shared.unwrap_or(most.shared_days),
        })
    }

    /// A malformed address is a usage error; an unknown host name or a port in use is not.
    fn check_addresses(&self) -> anyhow::Result<()> {
        let grpc = Some(&self.grpc).filter(|address| *address != "none");
        for address in self.http.iter().chain(grpc) {
            let resolved = address.to_socket_addrs();
            if resolved.is_err_and(|error| error.kind() == ErrorKind::InvalidInput) {
                return Err(exit::usage(format!(
                    "`{address}` is not a valid listen address; write it like 127.0.0.1:4318 (a host, and a port up to 65535)"
                )));
            }
        }
        Ok(())
    }

    /// The files of TLS, if it is wanted.
    fn tls(&self) -> Option<TlsFiles> {
        // The command line ensures that there are both or none.
        let (certificate, key) = self.tls_cert.clone().zip(self.tls_key.clone())?;
        Some(TlsFiles {
            certificate,
            key,
            client_authorities: self.tls_client_ca.clone(),
        })
    }

    /// The audit log of the data folder, which is made if it is missing.
    fn audit_log(&self) -> anyhow::Result<AuditLog> {
        let folder = self.data.display();
        std::fs::create_dir_all(&self.data)
            .with_context(|| format!("cannot create the data folder {folder}"))?;
        Ok(AuditLog::start(&self.data, self.audit_days)?)
    }

    /// The access token that queries require; `None` with `--no-token`.
    fn token(&self) -> anyhow::Result<Option<TokenFile>> {
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
fn require_loopback(addresses: &[SocketAddr]) -> anyhow::Result<()> {
    let is_local = |address: &SocketAddr| address.ip().to_canonical().is_loopback();
    match addresses.iter().find(|address| !is_local(address)) {
        Some(address) => Err(reachable_by_others(&address.to_string())),
        None => Ok(()),
    }
}

/// The site's view of the pipeline. It does not keep the pipeline alive: the collector closes it.
fn store(pipeline: &Arc<IngestPipeline>) -> Store {
    let (tables, account, revisions, counts) = (
        Arc::downgrade(pipeline),
        Arc::downgrade(pipeline),
        Arc::downgrade(pipeline),
        Arc::downgrade(pipeline),
    );
    Store {
        snapshot: Box::new(move || {
            let pipeline = Weak::upgrade(&tables);
            Box::pin(async move {
                match pipeline {
                    Some(pipeline) => pipeline.snapshot().await,
                    None => Err(LakeError::Closed),
                }
            })
        }),
        audit: Box::new(move || {
            let pipeline = Weak::upgrade(&account);
            Box::pin(async move {
                match pipeline {
                    Some(pipeline) => pipeline.audit().await,
                    None => Err(LakeError::Closed),
                }
            })
        }),
        revision: Box::new(move || {
            Weak::upgrade(&revisions).map_or(0, |pipeline| pipeline.revision())
        }),
        metrics: Box::new(move || {
            Weak::upgrade(&counts).map_or_else(String::new, |pipeline| pipeline.metrics())
        }),
    }
}

fn explain(error: ServeError) -> anyhow::Error {
    match error {
        ServeError::Lake(LakeError::Log(LogError::Locked { folder })) => anyhow!(
            "another collector is running on {}; stop it, or give another --data",
            folder.display()
        ),
        other => anyhow::Error::new(other),
    }
}

/// The addresses, the data folder, and the next steps.
fn banner(
    listening: &Listening,
    collector: &Collector,
    data: &Path,
    token: Option<&TokenFile>,
) -> String {
    let mut text = String::from("headcount is listening\n\n");
    let scheme = listening.scheme();
    for address in collector.http_addresses() {
        text.push_str(&format!("  OTLP/HTTP  {scheme}://{address}/v1/traces\n"));
    }
    if let Some(address) = collector.grpc_address() {
        text.push_str(&format!("  OTLP/gRPC  {scheme}://{address}\n"));
    }
    text.push_str(&format!("  stores in  {}\n", data.display()));
    let url = listening.urls.first();
    if let Some(url) = url {
        text.push_str(&format!("  dashboard  {url}/\n"));
    }
    if let Some(file) = token {
        let path = file.path.display();
        text.push_str(&match file.is_new {
            true => format!(
                "  token      {} (shown this once; kept in {path})\n",
                file.token.reveal()
            ),
            false => format!("  token      in {path}\n"),
        });
    }
    if let Some(url) = url {
        let data_option = match data == Path::new(DEFAULT_FOLDER) {
            true => String::new(),
            false => format!(" --data {}", data.display()),
        };
        let dashboard = match token {
            Some(file) if file.is_new => sign_in_link(url, file.token.reveal()),
            _ => format!("headcount open{data_option}"),
        };
        text.push_str(&format!(
            "\nSend a sample week:  headcount demo --url {url}\n\
             Then open:           {dashboard}\n\
             Or run a report:     headcount report tools{data_option}\n"
        ));
    }
    text.push_str("Ctrl-C ends it.\n");
    text
}
