//! What every answer says to a browser, and which requests of other sites are refused.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::problem::Problem;

/// Nothing but our own files is loaded, nothing runs inside a page, nobody frames it: markup that came in with a tool's
/// name would stay without effect even if it were not escaped.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Adds the headers that every answer carries.
pub(crate) fn cover(headers: &mut HeaderMap) {
    let fixed = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    for (name, value) in fixed {
        let _none = headers.insert(name, HeaderValue::from_static(value));
    }
    if !headers.contains_key(CACHE_CONTROL) {
        let _none = headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// Refuses what a page of another site asks for in the reader's name. To follow a link from there is not that.
pub(crate) fn refuse_other_sites(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_foreign = matches!(text("sec-fetch-site"), Some("cross-site" | "same-site"));
    let is_link = text("sec-fetch-mode") == Some("navigate") && !headers.contains_key("origin");
    if is_foreign && !is_link {
        let detail = "a page of another site sent this request; open the address itself";
        return Err(Problem::new(StatusCode::FORBIDDEN, "another site", detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|&(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        pairs.collect()
    }

    #[test]
    fn a_request_of_another_site_is_refused_and_a_link_from_it_is_followed() {
        let fetch = headers(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "cors")]);
        assert!(refuse_other_sites(&fetch).is_err());
        let form = headers(&[
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
            ("origin", "https://elsewhere.example"),
        ]);
        assert!(refuse_other_sites(&form).is_err());
        let link = headers(&[
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-mode", "navigate"),
        ]);
        assert!(refuse_other_sites(&link).is_ok());
        let own = headers(&[
            ("sec-fetch-site", "same-origin"),
            ("sec-fetch-mode", "cors"),
        ]);
        assert!(refuse_other_sites(&own).is_ok());
        assert!(refuse_other_sites(&HeaderMap::new()).is_ok());
    }
}
