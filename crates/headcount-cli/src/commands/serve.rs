//! `headcount serve`: runs a collector on a data folder.

mod access;
mod arguments;
mod banner;
mod options;
mod rate_limit;
mod running;
mod service_manager;
mod signals;
mod store;

use std::time::Instant;

use anyhow::{Context as _, anyhow};
use headcount_access::{AuditReader, Authenticator, TokenStore};
use headcount_collector::{Collector, ServeError, ServeOptions};
use headcount_commands::exit::Code;
use headcount_commands::output;
use headcount_lake::{LakeError, LogError};
use headcount_web::{Access, SiteOptions, site};
use tokio::runtime::Runtime;

pub(crate) use self::arguments::Serve;

use self::access::{TokenFile, require_loopback};
use self::banner::banner;
use self::running::Running;
use self::service_manager::ServiceManager;
use self::signals::Signals;
use self::store::store;
use super::query_process;
use crate::commands::open::remove_page;
use crate::listening::Listening;
use crate::retention::retention;

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
        let began = Instant::now();
        let manager = ServiceManager::from_environment();
        self.check_addresses()?;
        self.policy.put_in_force(&self.data, false).await?;
        let retention = retention(self.keep, self.keep_shared)?;
        let privacy = self.privacy_page(retention)?;
        let sign_on = self.sign_on.sign_on()?;
        let token = self.token()?;
        let access_token = token.as_ref().map(|file| file.token.clone());
        let tokens = Authenticator::open(access_token, TokenStore::of(&self.data))?;
        let access = match &token {
            Some(_) if self.public => Access::Public(tokens.clone()),
            Some(_) => Access::Token(tokens.clone()),
            None => Access::Loopback,
        };
        let audit = self.audit_log()?;
        let site_options = SiteOptions {
            base_path: self.base_path.as_str().to_owned(),
            privacy,
            sign_on,
            audit: Some((audit.clone(), AuditReader::of(&self.data))),
            sandbox: Some(query_process::sandbox(&self.data)?),
            ..SiteOptions::new(access)
        };
        let options = self.serve_options(retention, &tokens, audit);
        let collector = start(options, site_options).await?;
        if token.is_none() {
            require_loopback(collector.http_addresses())?;
        }
        let listening = self.listening(&collector, token.as_ref());
        // A server still serves if nobody reads its banner.
        let _ = output::print(&banner(&listening, &collector, &self.data, token.as_ref()));
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            folder = %self.data.display(),
            http = ?collector.http_addresses(),
            grpc = collector.grpc_address().map(tracing::field::display),
            scheme = self.scheme(),
            ms = milliseconds(began),
            "headcount is listening"
        );
        let running = Running {
            collector: &collector,
            tokens: &tokens,
            manager: &manager,
        };
        let signal = running.until_stopped(&mut signals).await;
        Listening::remove(&self.data);
        remove_page(&self.data);
        stop(collector, &manager, signal).await
    }

    /// Where it listens, for other commands: also in a file of the data folder.
    fn listening(&self, collector: &Collector, token: Option<&TokenFile>) -> Listening {
        let token_file = token.map(|file| file.path.as_path());
        let listening = Listening::new(self.scheme(), collector.http_addresses(), token_file);
        if let Err(error) = listening.write(&self.data) {
            let folder = self.data.display();
            output::note(&format!(
                "headcount: cannot write to {folder}: {error}; `headcount open` will not find this server"
            ));
        }
        listening
    }
}

/// Opens the store and listens.
async fn start(options: ServeOptions, site_options: SiteOptions) -> anyhow::Result<Collector> {
    let site_options = SiteOptions {
        timeout: Some(options.limits.timeout),
        ..site_options
    };
    let collector = Collector::start(options, |pipeline| site(store(pipeline), site_options));
    collector.await.map_err(explain)
}

async fn stop(
    collector: Collector,
    manager: &ServiceManager,
    signal: &'static str,
) -> anyhow::Result<()> {
    let began = Instant::now();
    manager.stopping("flushing the last rows to the tables");
    tracing::info!(
        signal,
        "stopping: requests in flight are answered, and rows flushed"
    );
    collector.stop().await.context(
        "all rows are safe in the write-ahead log, but the last ones are not in the tables yet",
    )?;
    tracing::info!(ms = milliseconds(began), "stopped");
    Ok(())
}

fn milliseconds(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
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
