//! What the command line says, checked.

use std::io::ErrorKind;
use std::net::ToSocketAddrs as _;

use anyhow::Context as _;
use headcount_access::AuditLog;
use headcount_catalog::{Catalog, Retention};
use headcount_collector::TlsFiles;
use headcount_commands::exit;
use headcount_privacy::Operation;

use super::arguments::Serve;
use crate::commands::privacy;

impl Serve {
    /// For how long rows are kept. Longer than the published catalog says is not offered: senders were promised that.
    pub(super) fn retention(&self) -> anyhow::Result<Retention> {
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
    pub(super) fn tls(&self) -> Option<TlsFiles> {
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
