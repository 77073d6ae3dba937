//! What a server prints at its start, for whoever started it in a terminal.

use std::path::Path;

use headcount_collector::Collector;

use super::access::TokenFile;
use crate::commands::open::sign_in_link;
use crate::connection::DEFAULT_FOLDER;
use crate::listening::Listening;

/// The addresses, the data folder, and the next steps.
pub(super) fn banner(
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
