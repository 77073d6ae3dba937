//! `GET /readyz`: whether traces and queries may be sent here, for load balancers, probes, and people at night.

use axum::body::Body;
use axum::response::Response;
use http::header::{ACCEPT, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;

/// Status 200 without a fault, else 503. One line says so, and each warning has a line of its own; or an object, for whoever
/// accepts JSON: `{"status": "ready", "warnings": […]}` or `{"status": "not ready", "reason": "…", "warnings": […]}`.
pub(crate) fn response(
    fault: Option<&'static str>,
    warnings: &[String],
    headers: &HeaderMap,
) -> Response {
    let accepted = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let wants_json = accepted.is_some_and(|accepted| accepted.contains("application/json"));
    let (media_type, body) = match wants_json {
        true => ("application/json", object(fault, warnings)),
        false => ("text/plain; charset=utf-8", text(fault, warnings)),
    };
    let mut response = Response::new(Body::from(body));
    if fault.is_some() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    response
}

fn text(fault: Option<&str>, warnings: &[String]) -> String {
    let mut text = match fault {
        None => "ready\n".to_owned(),
        Some(fault) => format!("not ready: {fault}\n"),
    };
    for warning in warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text
}

fn object(fault: Option<&str>, warnings: &[String]) -> String {
    let object = match fault {
        None => json!({ "status": "ready", "warnings": warnings }),
        Some(fault) => json!({ "status": "not ready", "reason": fault, "warnings": warnings }),
    };
    format!("{object}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_makes_it_503_and_warnings_do_not() {
        let plain = HeaderMap::new();
        let warnings = ["table crews cannot be read".to_owned()];
        assert_eq!(response(None, &[], &plain).status(), 200);
        assert_eq!(response(None, &warnings, &plain).status(), 200);
        assert_eq!(response(Some("it stops"), &[], &plain).status(), 503);
        assert_eq!(
            text(Some("it stops"), &warnings),
            "not ready: it stops\nwarning: table crews cannot be read\n"
        );
        assert_eq!(
            object(Some("it stops"), &warnings),
            "{\"status\":\"not ready\",\"reason\":\"it stops\",\"warnings\":[\"table crews cannot be read\"]}\n"
        );
    }
}
