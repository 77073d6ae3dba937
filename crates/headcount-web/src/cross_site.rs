//! Protection against requests that other sites make in the user's name, by Fetch Metadata
//! (<https://www.w3.org/TR/fetch-metadata/>) and `Origin` (RFC 6454 §7).
//!
//! | method | from another site |
//! | --- | --- |
//! | GET, HEAD | only a link that opens in the window; so no GET may change anything, or run a query that its address states |
//! | POST | never |
//!
//! Browsers send `Sec-Fetch-Site` to HTTPS and to this machine. To other addresses over HTTP they send only `Origin` with a
//! POST; it must name the host that the request names. A request with neither is not from a browser's page.

use headcount_access::Arrival;
use headcount_problem::Problem;
use http::StatusCode;
use http::Uri;
use http::header::HOST;
use http::request::Parts;

/// Rejects a request that a page of another site sends. Following a link from there is allowed.
///
/// # Errors
/// 403 for a request from another site.
pub(crate) fn reject_cross_site(request: &Parts) -> Result<(), Problem> {
    let is_allowed = if request.method.is_safe() {
        !is_foreign(request) || is_link(request)
    } else {
        match text(request, "sec-fetch-site") {
            // `none`: the user sends a form again.
            Some(site) => matches!(site, "same-origin" | "none"),
            None => !request.headers.contains_key("origin") || is_own_origin(request),
        }
    };
    if is_allowed {
        return Ok(());
    }
    let detail = "a page of another site sent this request; open the address directly. If this is your own page behind a \
                  proxy without TLS, have the proxy pass on the Host header, or name the proxy with --behind-proxy";
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "cross-site request",
        detail,
    ))
}

fn text<'r>(request: &'r Parts, name: &str) -> Option<&'r str> {
    request.headers.get(name)?.to_str().ok()
}

fn is_foreign(request: &Parts) -> bool {
    matches!(
        text(request, "sec-fetch-site"),
        Some("cross-site" | "same-site")
    )
}

/// Whether the request is for the whole window: a link, not a frame, an image or a script.
fn is_link(request: &Parts) -> bool {
    let opens_window = matches!(text(request, "sec-fetch-dest"), None | Some("document"));
    text(request, "sec-fetch-mode") == Some("navigate")
        && opens_window
        && !request.headers.contains_key("origin")
}

/// Whether `Origin` is this site, as far as the request tells: a proxy may replace `Host`; one that the operator trusts may
/// pass on the one that it got.
fn is_own_origin(request: &Parts) -> bool {
    let origin = text(request, "origin").and_then(|origin| origin.parse::<Uri>().ok());
    let Some(origin) = origin.as_ref().and_then(Uri::authority) else {
        return false;
    };
    let arrival = request.extensions.get::<Arrival>();
    let forwarded = arrival.and_then(|arrival| arrival.host.as_deref());
    let target = request.uri.authority().map(|authority| authority.as_str());
    let host = text(request, HOST.as_str());
    let mut named = [forwarded, target, host].into_iter().flatten();
    named.any(|host| host.trim().eq_ignore_ascii_case(origin.as_str()))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn is_rejected(method: &str, headers: &[(&str, &str)]) -> bool {
        is_rejected_for(None, method, headers)
    }

    /// The same where a trusted proxy was asked for `host`.
    fn is_rejected_for(host: Option<&str>, method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = Request::builder().method(method).uri("/sql");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.extension(Arrival {
            is_tls: false,
            host: host.map(str::to_owned),
        });
        reject_cross_site(&request.body(()).unwrap().into_parts().0).is_err()
    }

    #[test]
    fn a_cross_site_request_is_rejected_and_a_cross_site_link_is_followed() {
        for site in ["cross-site", "same-site"] {
            let link = [("sec-fetch-site", site), ("sec-fetch-mode", "navigate")];
            assert!(!is_rejected("GET", &link));
            assert!(!is_rejected(
                "GET",
                &[&link[..], &[("sec-fetch-dest", "document")]].concat()
            ));
            assert!(is_rejected(
                "GET",
                &[&link[..], &[("sec-fetch-dest", "iframe")]].concat()
            ));
            assert!(is_rejected(
                "GET",
                &[&link[..], &[("origin", "null")]].concat()
            ));
            assert!(is_rejected("POST", &link));
            for mode in ["cors", "no-cors", "websocket"] {
                let fetch = [("sec-fetch-site", site), ("sec-fetch-mode", mode)];
                assert!(is_rejected("GET", &fetch), "{site} {mode}");
                assert!(is_rejected("POST", &fetch), "{site} {mode}");
            }
        }
        let own = [
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "cors"),
        ];
        assert!(!is_rejected("GET", &own));
        assert!(!is_rejected("POST", &own));
        assert!(!is_rejected("GET", &[]));
        assert!(!is_rejected("POST", &[]), "a program");
    }

    #[test]
    fn a_form_without_fetch_metadata_must_come_from_the_host_that_it_is_sent_to() {
        let post = |origin, headers: &[(&'static str, &'static str)]| {
            is_rejected("POST", &[&[("origin", origin)][..], headers].concat())
        };
        let host = ("host", "telemetry.example.com");
        assert!(!post("http://telemetry.example.com", &[host]));
        assert!(!post("http://TELEMETRY.example.com", &[host]));
        assert!(!post("http://10.0.0.5:4318", &[("host", "10.0.0.5:4318")]));
        for origin in [
            "https://elsewhere.example",
            "http://telemetry.example.com:8080",
            "http://telemetry.example.com.elsewhere.example",
            "null",
            "",
        ] {
            assert!(post(origin, &[host]), "{origin}");
        }
        // A proxy that puts the collector's address in place of the host.
        let replaced = ("host", "127.0.0.1:4318");
        assert!(post("https://telemetry.example.com", &[replaced]));
        let forwarded = ("x-forwarded-host", "telemetry.example.com");
        assert!(
            post("https://telemetry.example.com", &[replaced, forwarded]),
            "anybody can write it"
        );
        let headers = [("origin", "https://telemetry.example.com"), replaced];
        assert!(!is_rejected_for(
            Some("telemetry.example.com"),
            "POST",
            &headers
        ));
        assert!(is_rejected_for(Some("elsewhere.example"), "POST", &headers));
        let metadata = ("sec-fetch-site", "same-origin");
        assert!(!post(
            "https://telemetry.example.com",
            &[replaced, metadata]
        ));
    }
}
