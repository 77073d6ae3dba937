//! `headcount erase`: removes crews from a store, and proves it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use headcount_catalog::Catalog;
use headcount_commands::exit::Code;
use headcount_commands::output::{self, Format};
use headcount_lake::{
    CrewOrder, CrewSelection, Lake, LakeError, LakeOptions, LakeSnapshot, Left, LogError, Proof,
    crew_erasures, prove_erased,
};
use headcount_reports::{Answer, ColumnKind};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::backend::{Server, require_folder};
use crate::connection::{ConnectionArgs, DEFAULT_FOLDER};
use crate::listening::Listening;
use crate::selection::SelectionArgs;

/// Erase crews from a store, for whoever runs the collector
///
/// Erases every row that names the crew, and every row that only one of its runs tells of, from the write-ahead log, memory, the tables of
/// both tiers and their older files. A running collector gets an order, which needs a token of the role admin (the folder's own is found by
/// itself), and carries it out in the background, also after a restart. While none runs, the command does it at once. What the crew sends later
/// is new data.
///
/// Rows that name no crew (the uses of tools and features, flows, losses) cannot be traced to one. Whoever sent them can erase them: `headcount
/// forget`. `docs/erasure.md` says what is erased within which time.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Erase {
    #[command(flatten)]
    crews: SelectionArgs,
    /// The data folder; if a server is running on it, the server is asked
    #[arg(long, value_name = "DIR", default_value = DEFAULT_FOLDER)]
    data: PathBuf,
    /// Ask the server at this address, for example http://127.0.0.1:4318
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Count the rows that would be erased, and erase nothing
    #[arg(long)]
    dry_run: bool,
    /// Afterwards read every byte of the data folder, and name what is left of these crews and of those of all earlier orders. Without a
    /// crew, only do that
    #[arg(long, conflicts_with = "dry_run")]
    prove: bool,
    /// List the orders to erase crews, and erase nothing
    #[arg(long, conflicts_with_all = ["dry_run", "prove", "crew_key", "crew_id", "project"])]
    list: bool,
    /// The output format of lists; json is an array of objects
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  headcount sql \"SELECT key, count(*) AS runs FROM crews GROUP BY ALL\"
  headcount erase --crew-key 5d41a2c8e0b7f319 --dry-run
  headcount erase --crew-key 5d41a2c8e0b7f319 --prove
  headcount erase --project 9b1c42d07e5af386 --url https://headcount.example --token-file admin
  headcount erase --list
  headcount erase --prove --data /srv/headcount

Exit codes:
  0  done: erased, or ordered from a running server; with --prove, nothing is left
  1  the operation failed; with --prove, something is left
  2  the command line is wrong
  3  there is no data folder";

/// How long a running server may take before `--prove` gives up waiting: it erases for at most a tenth of the time.
const MOST_WAITING: Duration = Duration::from_secs(3600);

impl Erase {
    /// Erases, counts, lists or proves.
    pub(crate) fn run(self) -> anyhow::Result<Code> {
        if self.list {
            output::show(&self.orders()?, self.format)?;
            return Ok(Code::Done);
        }
        if self.prove && self.crews.is_empty() {
            return self.proof(None);
        }
        let selection = self.crews.read()?;
        if self.dry_run {
            output::show(&self.counts(&selection)?, self.format)?;
            return Ok(Code::Done);
        }
        match &self.url {
            Some(url) => {
                let server = Server::new(self.connection.connect(url)?);
                self.order(&server, &selection)?;
            }
            None => self.erase(&selection)?,
        }
        match self.prove {
            true => self.proof(Some(&selection)),
            false => Ok(Code::Done),
        }
    }

    /// Orders the erasure from a running server; waits for it if it is to be proved.
    fn order(&self, server: &Server, selection: &CrewSelection) -> anyhow::Result<()> {
        let number = server.order_erasure(selection)?;
        if !self.prove {
            return output::print(&format!(
                "order {number} is on the server's disk; it is carried out in the background. Its state: headcount erase --list\n"
            ));
        }
        output::note(&format!("waiting until order {number} is carried out"));
        let began = Instant::now();
        loop {
            let orders = server.erasures()?.to_json_rows();
            let mut orders = orders.as_array().into_iter().flatten();
            let order = orders.find(|order| order["order"] == number);
            if let Some(order) = order.filter(|order| order["state"] == "done") {
                return output::print(&erased(number, order["rows"].as_u64().unwrap_or_default()));
            }
            if began.elapsed() > MOST_WAITING {
                bail!(
                    "order {number} is not carried out after an hour; the server's log may have the reason"
                );
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Erases in the folder, or orders it from the server that is running on it.
    fn erase(&self, selection: &CrewSelection) -> anyhow::Result<()> {
        require_folder(&self.data)?;
        let runtime = Runtime::new().context("cannot start the threads that write the store")?;
        let options = LakeOptions {
            background: false,
            // No server answers from files that are replaced.
            erasure_grace: Duration::ZERO,
            ..LakeOptions::default()
        };
        let schema = Arc::clone(Catalog::in_force().schema());
        let lake = match runtime.block_on(Lake::open(&self.data, schema, options)) {
            Err(LakeError::Log(LogError::Locked { .. })) => {
                return self.order(&self.running_server()?, selection);
            }
            lake => lake.with_context(|| format!("cannot open {}", self.data.display()))?,
        };
        let order = runtime.block_on(erase_in(lake, selection))?;
        output::print(&erased(order.number, order.rows))
    }

    /// The server that is running on the folder.
    fn running_server(&self) -> anyhow::Result<Server> {
        let listening = Listening::read(&self.data);
        let found = listening.as_ref().and_then(|listening| {
            let url = listening.urls.first()?;
            Some((url, listening.token()))
        });
        let (url, token) = found.ok_or_else(|| {
            let folder = self.data.display();
            anyhow!("a collector is running on {folder}, and nobody knows where it listens; give its --url")
        })?;
        Ok(Server::new(self.connection.connect_or(url, token)?))
    }

    /// The rows that would be erased from each table.
    fn counts(&self, selection: &CrewSelection) -> anyhow::Result<Answer> {
        if let Some(url) = &self.url {
            let server = Server::new(self.connection.connect(url)?);
            return server.count_erasure(selection);
        }
        let crews = snapshot(&self.data)?.crew_rows(selection)?;
        Ok(headcount_web::row_counts(&crews)?)
    }

    /// The orders, of the folder or as the server shows them.
    fn orders(&self) -> anyhow::Result<Answer> {
        if let Some(url) = &self.url {
            return Server::new(self.connection.connect(url)?).erasures();
        }
        require_folder(&self.data)?;
        let orders = crew_erasures(&self.data)?;
        Ok(headcount_web::erasure_states(&orders))
    }

    /// Reads the folder, and says what is left.
    fn proof(&self, selection: Option<&CrewSelection>) -> anyhow::Result<Code> {
        require_folder(&self.data)?;
        let proof = prove_erased(&self.data, selection)
            .with_context(|| format!("cannot read the data folder {}", self.data.display()))?;
        let left = proof.left.len();
        if left > 0 || self.format != Format::Table {
            output::show(&left_over(&proof.left), self.format)?;
        }
        output::note(&summary(&proof));
        Ok(if left == 0 { Code::Done } else { Code::Failed })
    }
}

/// Erases in a folder, and closes it.
async fn erase_in(lake: Lake, selection: &CrewSelection) -> anyhow::Result<CrewOrder> {
    let number = lake.order_crew_erasure(selection.clone()).await?;
    let erased = lake.erase().await;
    let mut orders = lake.crew_erasures().into_iter();
    let order = orders.find(|order| order.number == number);
    let closed = lake.close().await;
    erased.with_context(|| {
        format!("order {number} is on the disk, and could not be carried out yet; the next `headcount erase`, or a server, tries again")
    })?;
    closed.context("cannot close the data folder")?;
    order.ok_or_else(|| anyhow!("order {number} is gone"))
}

/// A snapshot of a data folder.
pub(super) fn snapshot(data: &std::path::Path) -> anyhow::Result<LakeSnapshot> {
    require_folder(data)?;
    let runtime = Runtime::new().context("cannot start the threads that read the store")?;
    let schema = Arc::clone(Catalog::in_force().schema());
    runtime
        .block_on(LakeSnapshot::read(data, schema))
        .with_context(|| format!("cannot read the data folder {}", data.display()))
}

fn erased(number: u64, rows: u64) -> String {
    format!("order {number} is done: {rows} rows were erased\n")
}

fn summary(proof: &Proof) -> String {
    let hits = match proof.left.len() {
        0 => "nothing is left".to_owned(),
        left => format!("{left} places where something is left, or may be"),
    };
    format!(
        "read {} files, {} bytes, and decoded {} rows, for the crews of {} orders: {hits}",
        proof.files, proof.bytes, proof.rows, proof.orders
    )
}

fn left_over(left: &[Left]) -> Answer {
    let row = |left: &Left| {
        vec![
            Value::from(left.path.display().to_string()),
            Value::from(left.place),
            Value::from(left.rows),
            Value::from(left.what.clone()),
        ]
    };
    output::answer(
        &[
            ("file", ColumnKind::Text),
            ("place", ColumnKind::Integer),
            ("rows", ColumnKind::Integer),
            ("left", ColumnKind::Text),
        ],
        left.iter().map(row).collect(),
    )
}
