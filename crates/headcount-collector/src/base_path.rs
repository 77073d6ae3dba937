//! The path under which a collector is served, where it shares a host name with others.

use std::str::FromStr;

use http::Uri;
use http::uri::PathAndQuery;

/// A path such as `/headcount`, without a slash at its end; empty where the collector has the host for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// The path, which an address of the collector begins with.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address below the path; `None` where `uri` is not below it. So a proxy may pass the path on, or take it off.
    pub(crate) fn strip(&self, uri: &Uri) -> Option<Uri> {
        if self.0.is_empty() {
            return None;
        }
        let rest = uri.path().strip_prefix(&self.0)?;
        let path = match rest.chars().next() {
            Some('/') => rest,
            None => "/",
            Some(_) => return None,
        };
        let path_and_query = match uri.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(path_and_query).ok()?);
        Uri::from_parts(parts).ok()
    }
}

impl FromStr for BasePath {
    type Err = String;

    /// Reads `/headcount` or `/apps/headcount/`; `/` is the root.
    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.trim_end_matches('/');
        let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || b"-_.~/".contains(&letter);
        let is_path = path.is_empty() || path.starts_with('/');
        let has_names = path
            .split('/')
            .skip(1)
            .all(|name| !name.is_empty() && name.bytes().any(|letter| letter != b'.'));
        match is_path && has_names && path.bytes().all(is_plain) && !text.is_empty() {
            true => Ok(Self(path.to_owned())),
            false => Err(format!(
                "`{text}` is not a path; write it like /headcount, with letters, digits and `-_.~/`"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_below_the_path_is_found_and_another_one_is_not() {
        let base: BasePath = "/apps/headcount/".parse().unwrap();
        assert_eq!(base.as_str(), "/apps/headcount");
        let strip = |uri: &str| base.strip(&uri.parse().unwrap()).map(|uri| uri.to_string());
        for (uri, expected) in [
            ("/apps/headcount", Some("/")),
            ("/apps/headcount/", Some("/")),
            ("/apps/headcount?since=7d", Some("/?since=7d")),
            ("/apps/headcount/tools?a=b/c", Some("/tools?a=b/c")),
            ("/apps/headcount/v1/traces", Some("/v1/traces")),
            ("http://h:1/apps/headcount/tools", Some("http://h:1/tools")),
            ("/apps/headcounters", None),
            ("/tools", None),
            ("/", None),
        ] {
            assert_eq!(strip(uri).as_deref(), expected, "{uri}");
        }
        assert_eq!(BasePath::default().strip(&"/tools".parse().unwrap()), None);
    }

    #[test]
    fn a_path_is_plain() {
        assert_eq!("/".parse(), Ok(BasePath::default()));
        for wrong in [
            "",
            "headcount",
            "//",
            "/a//b",
            "/a b",
            "/a?b",
            "/\"",
            "/..",
            "/a/../b",
            "http://h/a",
            "//h",
        ] {
            let parsed = wrong.parse::<BasePath>();
            assert!(parsed.is_err() || wrong == "//", "{wrong}");
        }
    }
}
