//! The HTTP agent for requests to a collector.

use std::time::Duration;

use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::TlsConfig;

/// An agent for `url` (`http://HOST:PORT`), and the URL without a trailing slash. `tls` says whom to trust, instead of the Mozilla
/// roots, and who we are.
pub(crate) fn agent(url: &str, tls: Option<TlsConfig>) -> anyhow::Result<(Agent, String)> {
    let usage = |why: &str| {
        headcount_commands::exit::usage(format!(
            "`{url}` {why}; write it like http://127.0.0.1:4318"
        ))
    };
    let uri: Uri = url.parse().map_err(|_| usage("is not a URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(usage("does not start with http:// or https://"));
    }
    let host = uri.host().ok_or_else(|| usage("has no host"))?;
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_global(Some(Duration::from_secs(120)));
    // A proxy from the environment cannot reach a collector on this machine.
    if matches!(host, "localhost" | "127.0.0.1" | "[::1]") {
        config = config.proxy(None);
    }
    if let Some(tls) = tls {
        config = config.tls_config(tls);
    }
    let address = url.trim_end_matches('/').to_owned();
    Ok((Agent::new_with_config(config.build()), address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_url_is_a_usage_error() {
        for wrong in ["127.0.0.1:4318", "ftp://host", "http://", "not a url"] {
            let error = agent(wrong, None).expect_err(wrong);
            assert_eq!(
                headcount_commands::exit::code_of(&error),
                headcount_commands::exit::Code::Usage
            );
        }
    }
}
