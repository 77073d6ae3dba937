//! The command line of `headcount serve`.

use std::path::PathBuf;

use clap::Args;
use headcount_access::DEFAULT_AUDIT_DAYS;
use headcount_collector::{BasePath, ProxyAddresses};

use super::rate_limit::RateLimit;
use crate::commands::sign_on::SignOnArgs;
use crate::connection::DEFAULT_FOLDER;
use crate::policy::PolicyArgs;

/// Receive and store telemetry
///
/// Receives OpenTelemetry traces over OTLP/HTTP (POST /v1/traces: protobuf and JSON) and OTLP/gRPC. The dashboard is at /
/// of the same HTTP addresses, the API under /api/v1. A request is acknowledged when its admitted rows are on disk.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Serve {
    /// The data folder; created if missing
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER)]
    pub(super) data: PathBuf,
    /// An address for OTLP/HTTP, the dashboard and the API; may be repeated. Port 0 picks a free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4318")]
    pub(super) http: Vec<String>,
    /// The address for OTLP/gRPC, or `none`
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4317")]
    pub(super) grpc: String,
    /// The file with the access token that queries require; created if missing. By default the file `token` in the data
    /// folder. To replace the token, delete the file and restart
    #[arg(long, value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// Answer queries of every user of this machine without the access token. Only for loopback addresses, and never
    /// behind a reverse proxy, whose clients would all count as users of this machine
    #[arg(long, conflicts_with_all = ["token_file", "public"])]
    pub(super) no_token: bool,
    /// Show the reports of the anonymous tier to everybody, with rare values grouped; the rest requires the access token
    #[arg(long)]
    pub(super) public: bool,
    /// Take telemetry only with a token of the role ingest (`headcount token new`); by default everybody may send
    #[arg(long)]
    pub(super) require_ingest_token: bool,
    /// The certificate for TLS on all addresses, in PEM, followed by those between it and its authority. A changed file is used
    /// within seconds, without a restart
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(super) tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_key: Option<PathBuf>,
    /// The authorities, in PEM, one of which the certificate of every client must come from (mutual TLS), also of probes
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(super) tls_client_ca: Option<PathBuf>,
    /// A proxy in front of the server, as an address or a network such as 10.0.0.0/8; may be repeated. Its X-Forwarded-For, -Proto
    /// and -Host count, and nobody else's
    #[arg(long, value_name = "ADDR", conflicts_with = "no_token")]
    pub(super) behind_proxy: Vec<ProxyAddresses>,
    /// How many requests a second one sender may make, and ten times as many after a pause; or `none`. Senders on this machine are
    /// not limited
    #[arg(long, value_name = "N", default_value = "500")]
    pub(super) rate_limit: RateLimit,
    /// The path under which a proxy serves it, such as /headcount; the proxy may pass it on or take it off
    #[arg(
        long,
        value_name = "PATH",
        default_value = "/",
        hide_default_value = true
    )]
    pub(super) base_path: BasePath,
    /// For how many days the audit log keeps its lines
    #[arg(long, value_name = "DAYS", default_value_t = DEFAULT_AUDIT_DAYS, value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) audit_days: u16,
    /// Keep rows of the anonymous tier for so many days; at most as many as the catalog says, which is the default
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) keep: Option<u32>,
    /// Keep content that crews shared for so many days; at most as many as the catalog says, which is the default
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) keep_shared: Option<u32>,
    /// Who runs the collector, on which legal basis and for whom, for the page /privacy (`headcount privacy --template` prints the form).
    /// Everybody can read it
    #[arg(long, value_name = "FILE")]
    pub(super) privacy: Option<PathBuf>,
    #[command(flatten)]
    pub(super) policy: PolicyArgs,
    #[command(flatten)]
    pub(super) sign_on: SignOnArgs,
}

const EXAMPLES: &str = "\
Examples:
  headcount serve
  headcount serve --data /srv/headcount --http 127.0.0.1:4318 --http 127.0.0.1:4319
  headcount serve --http 0.0.0.0:4318 --grpc none
  headcount serve --http 0.0.0.0:4318 --grpc 0.0.0.0:4317 --tls-cert chain.pem --tls-key key.pem
  headcount serve --privacy privacy.yaml
  headcount serve --dialects dialects/ --catalog catalog.yaml
  headcount serve --behind-proxy 127.0.0.1 --base-path /headcount
  headcount serve --http 0.0.0.0:4318 --public --token-file /etc/headcount/token

Ctrl-C, SIGTERM or SIGQUIT stops it after it has flushed all rows to the tables. SIGHUP reads tokens and \
certificates again; in a terminal, whose end it is, it stops. Started by systemd or Podman it tells them when it is \
ready (sd_notify).

Anyone who reaches it may send, unless --require-ingest-token is given; queries require a token. The first start creates \
and prints one that may do everything (`headcount open` signs a browser in), and `headcount token new` makes others with \
a role. Beyond this machine use TLS: --tls-cert and --tls-key, or a reverse proxy in front of it, under a host name of its own.

Exit codes:
  0  stopped by a signal
  1  it cannot listen or store
  2  the command line is wrong";
