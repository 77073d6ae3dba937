//! The pack: the templates, filled from the catalog, the statement and the operation.

use askama::Template;
use headcount_catalog::{Catalog, Retention, Tier};

use crate::data_flow::DataFlow;
use crate::html;
use crate::operation::Operation;
use crate::rows::{
    ChangeRow, PurposeRow, RecipientRow, SwitchRow, TierSection, change, fields_of, purpose,
    switch, tiers, titles,
};
use crate::statement::Statement;
use crate::text::{Plain, Stated};

/// The style of the document that stands alone; on a page of the site, the site's own style holds.
const STYLE: &str = include_str!("../templates/document.css");

/// What the pack is made of.
#[derive(Debug, Clone)]
pub struct Pack<'p> {
    /// What may be collected.
    pub catalog: &'p Catalog,
    /// What the operator states; [`Statement::default`] states nothing.
    pub statement: &'p Statement,
    /// How the collector that shows the pack runs; `None` where none runs.
    pub operation: Option<&'p Operation>,
}

impl Pack<'_> {
    /// The pack as Markdown (CommonMark with tables). It ends with a line break.
    pub fn markdown(&self) -> String {
        let page = self.page();
        let text = page
            .render()
            .expect("the template fails on no value: it formats texts into a text");
        tidy(&text)
    }

    /// The pack as an HTML fragment that begins with its `h1`, for a page with a style of its own. It has no inline style and no script.
    pub fn html_fragment(&self) -> String {
        html::fragment(&self.markdown(), &self.flow().svg())
    }

    /// The pack as one HTML document that needs no other file.
    pub fn html_document(&self) -> String {
        let name = self.statement.controller.name.as_deref();
        let operator = name.map(|name| format!(" · {}", html::escape(name)));
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>Privacy{} · Headcount</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{}</main>\n</body>\n</html>\n",
            operator.unwrap_or_default(),
            self.html_fragment(),
        )
    }

    /// For how long rows are kept: as the collector runs, else as the operator states, else as the catalog allows.
    fn retention(&self) -> Retention {
        let most = self.catalog.retention();
        let stated = |tier| self.statement.days(tier).unwrap_or(most.days(tier));
        let stated = Retention {
            default_days: stated(Tier::Default),
            shared_days: stated(Tier::Shared),
        };
        self.operation.map_or(stated, |running| running.retention)
    }

    fn kept(&self, tier: Tier) -> String {
        match (self.operation, self.statement.days(tier)) {
            (Some(running), _) => format!(
                "{} days, as this collector runs",
                running.retention.days(tier)
            ),
            (None, Some(days)) => format!("{days} days"),
            (None, None) => format!("{}; the catalog's limit holds", Stated(None)),
        }
    }

    fn flow(&self) -> DataFlow {
        DataFlow::new(self.statement, self.retention())
    }

    fn page(&self) -> Page<'_> {
        let statement = self.statement;
        let controller = &statement.controller;
        let catalog = self.catalog;
        let most = catalog.retention();
        let list = |texts: &'_ [String]| texts.iter().map(|text| Plain(text).to_string()).collect();
        Page {
            default_fields: fields_of(catalog, Tier::Default),
            shared_fields: fields_of(catalog, Tier::Shared),
            controller_name: Stated::of(&controller.name),
            controller_address: Stated::of(&controller.address),
            controller_contact: Stated::of(&controller.contact),
            representative: Stated::of(&controller.representative),
            officer: Stated::of(&statement.data_protection_officer),
            requests: Stated::of(&statement.requests),
            authority: Stated::of(&statement.supervisory_authority),
            default_basis: Stated::of(&statement.legal_basis.default),
            shared_basis: Stated::of(&statement.legal_basis.shared),
            interests: Stated::of(&statement.legal_basis.interests),
            purposes: list(&statement.purposes),
            categories: catalog.categories().iter().map(purpose).collect(),
            tiers: tiers(catalog),
            picture: self.flow().text(),
            recipients: statement.recipients.iter().map(RecipientRow::of).collect(),
            readers: readers(self.operation),
            senders: senders(self.operation),
            host: Stated::of(&statement.hosting.provider),
            host_country: Stated::of(&statement.hosting.country),
            transfers: Stated::of(&statement.transfers),
            most_default: most.default_days,
            most_shared: most.shared_days,
            kept_default: self.kept(Tier::Default),
            kept_shared: self.kept(Tier::Shared),
            kept_audit: self.operation.map_or_else(
                || Stated(None).to_string(),
                |running| format!("{} days, as this collector runs", running.audit_days),
            ),
            backups: Stated::of(&statement.retention.backups),
            switches: catalog.switches().iter().map(switch).collect(),
            encryption: encryption(self.operation),
            security: list(&statement.security),
            assessed_on: Stated::of(&statement.assessment.date),
            assessed_by: Stated::of(&statement.assessment.by),
            outcome: Stated::of(&statement.assessment.outcome),
            default_titles: titles(catalog, Tier::Default),
            shared_titles: titles(catalog, Tier::Shared),
            revision: catalog.history().last().map_or(0, |last| last.revision),
            fingerprint: catalog.fingerprint(),
            history: catalog.history().iter().map(change).collect(),
        }
    }
}

/// The document. Its texts are Markdown already: each type in it says so by how it is made.
#[derive(Template)]
#[template(path = "pack.md", escape = "none")]
struct Page<'p> {
    default_fields: usize,
    shared_fields: usize,
    controller_name: Stated<'p>,
    controller_address: Stated<'p>,
    controller_contact: Stated<'p>,
    representative: Stated<'p>,
    officer: Stated<'p>,
    requests: Stated<'p>,
    authority: Stated<'p>,
    default_basis: Stated<'p>,
    shared_basis: Stated<'p>,
    interests: Stated<'p>,
    purposes: Vec<String>,
    categories: Vec<PurposeRow>,
    tiers: Vec<TierSection>,
    picture: String,
    recipients: Vec<RecipientRow<'p>>,
    readers: &'static str,
    senders: &'static str,
    host: Stated<'p>,
    host_country: Stated<'p>,
    transfers: Stated<'p>,
    most_default: u32,
    most_shared: u32,
    kept_default: String,
    kept_shared: String,
    kept_audit: String,
    backups: Stated<'p>,
    switches: Vec<SwitchRow>,
    encryption: &'static str,
    security: Vec<String>,
    assessed_on: Stated<'p>,
    assessed_by: Stated<'p>,
    outcome: Stated<'p>,
    default_titles: String,
    shared_titles: String,
    revision: u32,
    fingerprint: String,
    history: Vec<ChangeRow>,
}

fn readers(operation: Option<&Operation>) -> &'static str {
    match operation {
        Some(running) if running.is_public => {
            "This collector runs with `--public`: everybody may read the reports of the default tier, in which values of fewer than five crews are grouped."
        }
        Some(running) if running.needs_token => "This collector answers no query without a token.",
        Some(_) => {
            "This collector runs with `--no-token`: every user of its machine may read everything."
        }
        None => {
            "With `serve --public` everybody may read the reports of the default tier, in which values of fewer than five crews are grouped."
        }
    }
}

fn senders(operation: Option<&Operation>) -> &'static str {
    match operation {
        Some(running) if running.needs_ingest_token => {
            "This collector takes telemetry only with a token."
        }
        Some(_) => "This collector takes telemetry from everybody, without a token.",
        None => {
            "A collector takes telemetry from everybody, or with `--require-ingest-token` only with a token."
        }
    }
}

fn encryption(operation: Option<&Operation>) -> &'static str {
    match operation {
        Some(running) if running.has_tls => "This collector speaks TLS itself.",
        Some(_) => "This collector speaks no TLS itself; a proxy in front of it may.",
        None => "It is the operator's to turn on, at the collector or at a proxy in front of it.",
    }
}

/// Without the empty lines that the templates' conditions leave.
fn tidy(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut empty = 0;
    for line in text.trim().lines() {
        empty = if line.trim().is_empty() { empty + 1 } else { 0 };
        if empty < 2 {
            tidy.push_str(line.trim_end());
            tidy.push('\n');
        }
    }
    tidy
}
