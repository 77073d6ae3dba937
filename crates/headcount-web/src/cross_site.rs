//! Protection against requests that other sites make in the user's name, by Fetch Metadata
//! (<https://www.w3.org/TR/fetch-metadata/>).

use headcount_problem::Problem;
use http::{HeaderMap, StatusCode};

/// Rejects a request that a page of another site sends. Following a link from there is allowed.
///
/// # Errors
/// 403 for a request from another site.
pub(crate) fn reject_cross_site(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_foreign = matches!(text("sec-fetch-site"), Some("cross-site" | "same-site"));
    let is_link = text("sec-fetch-mode") == Some("navigate") && !headers.contains_key("origin");
    if is_foreign && !is_link {
        let detail = "a page of another site sent this request; open the address directly";
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "cross-site request",
            detail,
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|&(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    #[test]
    fn a_cross_site_request_is_rejected_and_a_cross_site_link_is_followed() {
        let fetch = headers(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")]);
        assert!(reject_cross_site(&fetch).is_err());
        let form = headers(&[
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("origin", "https://elsewhere.example"),
        ]);
        assert!(reject_cross_site(&form).is_err());
        let link = headers(&[
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
        ]);
        assert!(reject_cross_site(&link).is_ok());
        let own = headers(&[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "cors"),
        ]);
        assert!(reject_cross_site(&own).is_ok());
        assert!(reject_cross_site(&HeaderMap::new()).is_ok());
    }
}
