//! Where answers come from: a data folder, also beside a running server, or the server itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use clap::Args;
use headcount_catalog::Catalog;
use headcount_commands::exit;
use headcount_lake::{LakeSnapshot, is_data_folder};
use headcount_reports::{Answer, QueryLimits, ReportParameters, Reports};
use headcount_web::AccessToken;
use serde_json::Value;
use tokio::runtime::Runtime;
use ureq::Agent;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};

use crate::door;

/// The data folder where none is given.
pub(crate) const DEFAULT_FOLDER: &str = "./headcount-data";

/// The media type of an answer with its columns' types and its notes.
const ANSWER: &str = "application/vnd.headcount.answer+json";

/// An answer of a server larger than this is not read.
const ANSWER_LIMIT: u64 = 1024 * 1024 * 1024;

/// The options that say where to read.
#[derive(Debug, Args)]
pub(crate) struct From {
    /// The data folder; a server may be running on it
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER, conflicts_with = "url")]
    data: PathBuf,
    /// Ask the server at this address instead, for example http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The file of the server's token, where it asks for one
    #[arg(
        long,
        value_name = "FILE",
        requires = "url",
        env = "HEADCOUNT_TOKEN_FILE"
    )]
    token_file: Option<PathBuf>,
}

impl From {
    /// Opens the folder, or makes ready to ask the server.
    pub(crate) fn open(&self) -> anyhow::Result<Source> {
        match &self.url {
            Some(url) => {
                let (agent, address) = door::client(url)?;
                let token = self.token_file.as_deref().map(read_token).transpose()?;
                Ok(Source::Server(Server {
                    agent,
                    address,
                    token,
                }))
            }
            None => Folder::open(&self.data).map(Source::Folder),
        }
    }
}

/// What questions are asked of.
#[derive(Debug)]
pub(crate) enum Source {
    /// A data folder.
    Folder(Folder),
    /// A running server.
    Server(Server),
}

impl Source {
    /// Asks the report `name`.
    pub(crate) fn report(
        &self,
        name: &str,
        parameters: &ReportParameters,
    ) -> anyhow::Result<Answer> {
        match self {
            Source::Folder(folder) => {
                let answer = folder.reports.report(name, parameters);
                Ok(folder.runtime.block_on(answer)?)
            }
            Source::Server(server) => server.report(name, parameters),
        }
    }

    /// Asks a query in SQL.
    pub(crate) fn sql(&self, query: &str) -> anyhow::Result<Answer> {
        match self {
            Source::Folder(folder) => Ok(folder.runtime.block_on(folder.reports.sql(query))?),
            Source::Server(server) => server.sql(query),
        }
    }

    /// The tables and how many rows each has.
    pub(crate) fn tables(&self) -> anyhow::Result<Answer> {
        match self {
            Source::Folder(folder) => Ok(folder.reports.tables()),
            Source::Server(server) => server.get("/api/v1/tables", &[]),
        }
    }
}

/// The state of a data folder at one moment.
#[derive(Debug)]
pub(crate) struct Folder {
    runtime: Runtime,
    reports: Reports,
}

impl Folder {
    fn open(path: &Path) -> anyhow::Result<Folder> {
        if !is_data_folder(path) {
            return Err(exit::nothing_there(format!(
                "there is no data folder at {}; make one with `headcount serve` or `headcount ingest`, or give another --data",
                path.display()
            )));
        }
        let runtime = Runtime::new().context("cannot start the threads that read the store")?;
        let schema = Arc::clone(Catalog::embedded().schema());
        let snapshot = runtime
            .block_on(LakeSnapshot::read(path, schema))
            .with_context(|| format!("cannot read the data folder {}", path.display()))?;
        let reports = Reports::new(&snapshot, QueryLimits::default());
        Ok(Folder { runtime, reports })
    }
}

/// The query door of a running server.
#[derive(Debug)]
pub(crate) struct Server {
    agent: Agent,
    address: String,
    /// The value of the `Authorization` header.
    token: Option<String>,
}

/// The token in the file, as the `Authorization` header's value.
fn read_token(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the token file {}", path.display()))?;
    let token = AccessToken::parse(&text)
        .with_context(|| format!("the token file {} holds no token", path.display()))?;
    Ok(format!("Bearer {}", token.reveal()))
}

impl Server {
    fn report(&self, name: &str, parameters: &ReportParameters) -> anyhow::Result<Answer> {
        let Value::Object(fields) = serde_json::to_value(parameters)? else {
            bail!("report parameters are not an object");
        };
        let given = fields.into_iter().filter_map(|(name, value)| match value {
            Value::Null => None,
            Value::String(text) => Some((name, text)),
            other => Some((name, other.to_string())),
        });
        self.get(
            &format!("/api/v1/reports/{name}"),
            &given.collect::<Vec<_>>(),
        )
    }

    fn sql(&self, query: &str) -> anyhow::Result<Answer> {
        let request = self.agent.post(format!("{}/api/v1/sql", self.address));
        let question = serde_json::json!({ "query": query }).to_string();
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, ANSWER);
        self.answer(self.signed(request).send(question))
    }

    fn get(&self, path: &str, parameters: &[(String, String)]) -> anyhow::Result<Answer> {
        let request = self
            .agent
            .get(format!("{}{path}", self.address))
            .header(ACCEPT, ANSWER);
        let pairs = parameters.iter().map(|(name, value)| (name, value));
        self.answer(self.signed(request).query_pairs(pairs).call())
    }

    /// The request with the token, if there is one.
    fn signed<Body>(&self, request: ureq::RequestBuilder<Body>) -> ureq::RequestBuilder<Body> {
        match &self.token {
            Some(token) => request.header(AUTHORIZATION, token),
            None => request,
        }
    }

    /// What to do where the server wants a token, or another one.
    fn turned_away(&self) -> String {
        let address = &self.address;
        match self.token {
            None => format!(
                "the server at {address} asks for its token; give the file that holds it with --token-file or \
                 HEADCOUNT_TOKEN_FILE (`headcount serve` names the file when it starts)"
            ),
            Some(_) => format!(
                "the server at {address} has another token than the file given with --token-file or HEADCOUNT_TOKEN_FILE"
            ),
        }
    }

    fn answer(
        &self,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> anyhow::Result<Answer> {
        let address = &self.address;
        let mut response = response.with_context(|| {
            format!("no server answers at {address}; start one with `headcount serve` or give another --url")
        })?;
        let text = response
            .body_mut()
            .with_config()
            .limit(ANSWER_LIMIT)
            .read_to_string()
            .with_context(|| format!("cannot read the answer of {address}"))?;
        let status = response.status().as_u16();
        if status == 401 {
            bail!("{}", self.turned_away());
        }
        if status != 200 {
            bail!("{}", refusal(&text, address, status));
        }
        serde_json::from_str(&text)
            .with_context(|| format!("the answer of {address} is not Headcount's; is --url right?"))
    }
}

/// The server's own words where it said some, the status otherwise.
fn refusal(text: &str, address: &str, status: u16) -> String {
    let said = serde_json::from_str::<Value>(text).ok();
    // RFC 9457: `detail` says what to do about this very problem.
    let message = said.as_ref().and_then(|said| said["detail"].as_str());
    match message {
        Some(message) => message.to_owned(),
        None => format!("the server at {address} answered with status {status}; is --url right?"),
    }
}
