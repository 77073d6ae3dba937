//! What the command line says, checked.

use std::io::ErrorKind;
use std::net::ToSocketAddrs as _;

use anyhow::Context as _;
use headcount_access::{AuditLog, Authenticator};
use headcount_catalog::Retention;
use headcount_collector::{ServeOptions, TlsFiles};
use headcount_commands::exit;
use headcount_privacy::Operation;
use headcount_reports::are_queries_stuck;

use super::arguments::Serve;
use crate::commands::privacy;

impl Serve {
    /// How the collector listens and stores.
    pub(super) fn serve_options(
        &self,
        retention: Retention,
        tokens: &Authenticator,
        audit: AuditLog,
    ) -> ServeOptions {
        let mut options = ServeOptions {
            http: self.http.clone(),
            grpc: (self.grpc != "none").then(|| self.grpc.clone()),
            query_failure: || {
                are_queries_stuck().then_some("every query thread runs a query that does not end")
            },
            tls: self.tls(),
            trusted_proxies: self.behind_proxy.clone(),
            rate_limit: self.rate_limit.0,
            base_path: self.base_path.clone(),
            ingest_tokens: self.require_ingest_token.then(|| tokens.clone()),
            audit: Some(audit),
            ..ServeOptions::local(self.data.clone())
        };
        options.lake.retention = Some(retention);
        options
    }

    /// The scheme of its HTTP addresses.
    pub(super) fn scheme(&self) -> &'static str {
        match &self.tls_cert {
            Some(_) => "https",
            None => "http",
        }
    }

    /// The page /privacy, which shows how this collector runs.
    pub(super) fn privacy_page(&self, retention: Retention) -> anyhow::Result<String> {
        let running = Operation {
            retention,
            audit_days: self.audit_days,
            has_tls: self.tls_cert.is_some(),
            needs_token: !self.no_token,
            is_public: self.public,
            needs_ingest_token: self.require_ingest_token,
        };
        Ok(privacy::page(self.privacy.as_deref(), &running)?)
    }

    /// A malformed address is a usage error; an unknown host name or a port in use is not.
    pub(super) fn check_addresses(&self) -> anyhow::Result<()> {
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
    pub(super) fn audit_log(&self) -> anyhow::Result<AuditLog> {
        let folder = self.data.display();
        std::fs::create_dir_all(&self.data)
            .with_context(|| format!("cannot create the data folder {folder}"))?;
        Ok(AuditLog::start(&self.data, self.audit_days)?)
    }
}
