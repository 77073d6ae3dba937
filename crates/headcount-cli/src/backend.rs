//! Backends of the commands that query: a data folder, even while a server runs on it, or the server itself.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use chrono::NaiveDate;
use clap::Args;
use headcount_access::AuditReader;
use headcount_catalog::{Catalog, Retention};
use headcount_commands::exit::{self, Code};
use headcount_commands::output::on_one_line;
use headcount_lake::{CrewSelection, LakeSnapshot, audit_folder, is_data_folder};
use headcount_reports::{
    Answer, AuditView, ExportFormat, QueryLimits, REPORTS_OF_FILTER_VALUES, ReportParameters,
    Reports, audit_answer, every_filter_value, is_about_missing_rows, may_be_unmatched,
    unmatched_filters,
};
use serde_json::Value;
use tokio::runtime::Runtime;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};

use crate::connection::{Connection, ConnectionArgs, DEFAULT_FOLDER};
use crate::policy::put_kept_in_force;
use crate::selection;

/// The media type of an answer with column types and notes.
const ANSWER: &str = "application/vnd.headcount.answer+json";

/// The largest response that is read.
const ANSWER_LIMIT: u64 = 1024 * 1024 * 1024;

/// The options that select a data folder or a server.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// The data folder; a server may be running on it
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER, conflicts_with = "url")]
    pub(crate) data: PathBuf,
    /// Ask the server at this address instead, for example http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
}

/// The options that select the backend.
#[derive(Debug, Args)]
pub(crate) struct BackendArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

impl BackendArgs {
    /// The data folder, which counts where there is no [`Self::server`].
    pub(crate) fn data(&self) -> &Path {
        &self.place.data
    }

    /// The server, if one was named.
    ///
    /// # Errors
    /// As of [`ConnectionArgs::connect`].
    pub(crate) fn server(&self) -> anyhow::Result<Option<Server>> {
        let url = self.place.url.as_ref();
        let connection = url.map(|url| self.connection.connect(url)).transpose()?;
        Ok(connection.map(Server))
    }

    /// The latest `limit` events of the audit log since the day `since`: of the data folder, or as the server shows it.
    pub(crate) fn audit_log(
        &self,
        since: Option<NaiveDate>,
        limit: usize,
    ) -> anyhow::Result<Answer> {
        let Some(server) = self.server()? else {
            require_folder(self.data())?;
            return Ok(AuditReader::of(self.data()).read(since, limit)?);
        };
        let mut parameters = vec![("limit".to_owned(), limit.to_string())];
        parameters.extend(since.map(|since| ("since".to_owned(), since.to_string())));
        server.get("/api/v1/audit-log", &parameters)
    }

    /// The account of the data folder, or as the server shows it. `retention` is for how long the rows of a
    /// folder may be kept; a server knows that itself.
    pub(crate) fn audit(&self, view: AuditView, retention: Retention) -> anyhow::Result<Answer> {
        let Some(server) = self.server()? else {
            let data = self.data();
            require_folder(data)?;
            let schema = Catalog::in_force().schema();
            let audit = audit_folder(data, schema, Some(retention))
                .with_context(|| format!("cannot audit the data folder {}", data.display()))?;
            return Ok(audit_answer(&audit, view));
        };
        let view = ("view".to_owned(), view.name().to_owned());
        server.get("/api/v1/audit", &[view])
    }

    /// Puts the policy of the data folder in force, if one is read.
    pub(crate) fn put_policy_in_force(&self) -> anyhow::Result<()> {
        match self.server()? {
            Some(_) => Ok(()),
            None => require_folder(self.data()),
        }
    }

    /// Opens the data folder, or prepares requests to the server.
    pub(crate) fn open(&self) -> anyhow::Result<Backend> {
        match self.server()? {
            Some(server) => Ok(Backend::Server(server)),
            None => Folder::open(self.data()).map(Backend::Folder),
        }
    }
}

/// The exit code for an answer: a script must not take one with missing rows for the whole truth.
pub(crate) fn completeness(answer: &Answer) -> Code {
    let is_incomplete = answer.notes.iter().any(|note| is_about_missing_rows(note));
    if is_incomplete {
        Code::Failed
    } else {
        Code::Done
    }
}

/// A place to query.
#[derive(Debug)]
pub(crate) enum Backend {
    /// A data folder.
    Folder(Folder),
    /// A running server.
    Server(Server),
}

impl Backend {
    /// Runs the report `name`.
    pub(crate) fn report(
        &self,
        name: &str,
        parameters: &ReportParameters,
    ) -> anyhow::Result<Answer> {
        match self {
            Backend::Folder(folder) => folder.report(name, parameters),
            Backend::Server(server) => server.report(name, parameters),
        }
    }

    /// Runs a SQL query.
    pub(crate) fn sql(&self, query: &str) -> anyhow::Result<Answer> {
        match self {
            Backend::Folder(folder) => Ok(folder.runtime.block_on(folder.reports.sql(query))?),
            Backend::Server(server) => server.sql(query),
        }
    }

    /// The tables and their numbers of rows.
    pub(crate) fn tables(&self) -> anyhow::Result<Answer> {
        match self {
            Backend::Folder(folder) => Ok(folder.reports.tables()),
            Backend::Server(server) => server.get("/api/v1/tables", &[]),
        }
    }
}

/// Fails where there is no data folder; where there is one, its policy is in force from here on.
pub(crate) fn require_folder(path: &Path) -> anyhow::Result<()> {
    match is_data_folder(path) {
        true => put_kept_in_force(path),
        false => Err(exit::nothing_there(format!(
            "there is no data folder at {}; create one with `headcount serve` or `headcount ingest`, or give another --data",
            path.display()
        ))),
    }
}

/// A snapshot of a data folder.
#[derive(Debug)]
pub(crate) struct Folder {
    runtime: Runtime,
    reports: Reports,
}

impl Folder {
    fn open(path: &Path) -> anyhow::Result<Folder> {
        require_folder(path)?;
        let runtime = Runtime::new().context("cannot start the threads that read the store")?;
        let schema = Arc::clone(Catalog::in_force().schema());
        let snapshot = runtime
            .block_on(LakeSnapshot::read(path, schema))
            .with_context(|| format!("cannot read the data folder {}", path.display()))?;
        let reports = Reports::new(&snapshot, QueryLimits::default());
        Ok(Folder { runtime, reports })
    }

    /// The answer, with notes on filters that nothing meets, as a server gives them.
    fn report(&self, name: &str, parameters: &ReportParameters) -> anyhow::Result<Answer> {
        let run = |name: &str, parameters: &ReportParameters| {
            self.runtime.block_on(self.reports.report(name, parameters))
        };
        let mut answer = run(name, parameters)?;
        if may_be_unmatched(parameters, &answer) {
            let every = every_filter_value();
            let [versions, environments] = REPORTS_OF_FILTER_VALUES;
            let (versions, environments) = (run(versions, &every)?, run(environments, &every)?);
            let notes = unmatched_filters(parameters, &versions, &environments);
            answer.notes.extend(notes);
        }
        Ok(answer)
    }
}

/// The query API of a running server.
#[derive(Debug)]
pub(crate) struct Server(Connection);

impl Server {
    /// A server that is reached so.
    pub(crate) fn new(connection: Connection) -> Self {
        Self(connection)
    }

    /// Orders the erasure of crews; returns the order's number.
    pub(crate) fn order_erasure(&self, selection: &CrewSelection) -> anyhow::Result<u64> {
        let response = self.post("/api/v1/erasures", &selection::as_json(selection));
        let text = self.read(response, 202)?;
        let accepted: Value = serde_json::from_str(&text).unwrap_or_default();
        accepted["order"].as_u64().with_context(|| self.not_ours())
    }

    /// The rows that an erasure of crews would erase, by table.
    pub(crate) fn count_erasure(&self, selection: &CrewSelection) -> anyhow::Result<Answer> {
        let mut body = selection::as_json(selection);
        body["dry_run"] = Value::Bool(true);
        self.read_answer(self.post("/api/v1/erasures", &body))
    }

    /// Copies everything that is stored about crews to `output`; returns what is missing because it is damaged.
    pub(crate) fn export(
        &self,
        selection: &CrewSelection,
        format: ExportFormat,
        output: &mut dyn Write,
    ) -> anyhow::Result<Vec<String>> {
        let mut body = selection::as_json(selection);
        body["format"] = format.name().into();
        let mut response = self.checked(self.post("/api/v1/export", &body), 200)?;
        let notes = response.headers().get_all("headcount-note").iter();
        let notes = notes.filter_map(|note| Some(note.to_str().ok()?.to_owned()));
        let notes: Vec<String> = notes.collect();
        let _bytes = std::io::copy(&mut response.body_mut().as_reader(), output)
            .with_context(|| format!("the export of {} ended early", self.0.address))?;
        Ok(notes)
    }

    /// The orders to erase crews.
    pub(crate) fn erasures(&self) -> anyhow::Result<Answer> {
        self.get("/api/v1/erasures", &[])
    }

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
        let body = serde_json::json!({ "query": query });
        self.read_answer(self.post("/api/v1/sql", &body))
    }

    fn post(&self, path: &str, body: &Value) -> Response {
        let request = self.0.agent.post(format!("{}{path}", self.0.address));
        let request = request
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, ANSWER);
        self.authorized(request).send(body.to_string())
    }

    fn get(&self, path: &str, parameters: &[(String, String)]) -> anyhow::Result<Answer> {
        let request = self
            .0
            .agent
            .get(format!("{}{path}", self.0.address))
            .header(ACCEPT, ANSWER);
        let pairs = parameters.iter().map(|(name, value)| (name, value));
        self.read_answer(self.authorized(request).query_pairs(pairs).call())
    }

    /// Adds the token, if there is one.
    fn authorized<Body>(&self, request: ureq::RequestBuilder<Body>) -> ureq::RequestBuilder<Body> {
        match &self.0.authorization {
            Some(token) => request.header(AUTHORIZATION, token),
            None => request,
        }
    }

    /// The error message for status 401.
    fn unauthorized(&self) -> String {
        let address = &self.0.address;
        match self.0.authorization {
            None => format!(
                "the server at {address} requires a token; give the token file with --token-file or \
                 HEADCOUNT_TOKEN_FILE (`headcount serve` prints its path at startup)"
            ),
            Some(_) => format!(
                "the server at {address} does not know the token: it is another server's, revoked or expired; give a token file with --token-file or HEADCOUNT_TOKEN_FILE"
            ),
        }
    }

    fn read_answer(&self, response: Response) -> anyhow::Result<Answer> {
        let text = self.read(response, 200)?;
        serde_json::from_str(&text).with_context(|| self.not_ours())
    }

    /// The text of a response, which has to have this status.
    fn read(&self, response: Response, expected: u16) -> anyhow::Result<String> {
        let mut response = self.checked(response, expected)?;
        let body = response.body_mut().with_config().limit(ANSWER_LIMIT);
        body.read_to_string()
            .with_context(|| format!("cannot read the response of {}", self.0.address))
    }

    /// The response, which has to have this status.
    fn checked(
        &self,
        response: Response,
        expected: u16,
    ) -> anyhow::Result<ureq::http::Response<ureq::Body>> {
        let address = &self.0.address;
        let mut response = response.with_context(|| {
            format!("no server responds at {address}; start one with `headcount serve` or give another --url")
        })?;
        let status = response.status().as_u16();
        if status == 401 {
            bail!("{}", self.unauthorized());
        }
        if status != expected {
            let text = response.body_mut().read_to_string().unwrap_or_default();
            bail!("{}", error_message(&text, address, status));
        }
        Ok(response)
    }

    fn not_ours(&self) -> String {
        let address = &self.0.address;
        format!("the response of {address} is not from Headcount; is --url right?")
    }
}

/// What a server responds, or why it does not.
type Response = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

/// The server's error message if there is one, the status otherwise.
fn error_message(text: &str, address: &str, status: u16) -> String {
    let problem = serde_json::from_str::<Value>(text).ok();
    // RFC 9457: `detail` explains this occurrence.
    let message = problem
        .as_ref()
        .and_then(|problem| problem["detail"].as_str());
    match message {
        Some(message) => on_one_line(message),
        None => format!("the server at {address} responded with status {status}; is --url right?"),
    }
}
