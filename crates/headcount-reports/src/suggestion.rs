//! The name that was probably meant.

use datafusion::common::utils::datafusion_strsim::levenshtein;

/// `; did you mean "…"?` with the one of `known` that is nearest to `given`; `None` where none is near: more than a third of it differs,
/// apart from capitals and a `v` before a release.
pub fn did_you_mean<'k>(given: &str, known: impl IntoIterator<Item = &'k str>) -> Option<String> {
    let wanted = plain(given);
    let distances = known
        .into_iter()
        .map(|name| (levenshtein(&wanted, &plain(name)), name));
    let nearest = distances.min_by_key(|(distance, _)| *distance);
    let most = (wanted.chars().count() / 3).max(1);
    let (_, name) = nearest.filter(|(distance, _)| *distance <= most)?;
    Some(format!("; did you mean {name:?}?"))
}

fn plain(name: &str) -> String {
    let name = name.trim().to_lowercase();
    match name.strip_prefix('v') {
        Some(release) if release.starts_with(|first: char| first.is_ascii_digit()) => {
            release.to_owned()
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["crewai", "headcount", "1.15.30", "1.14.6", "tools"];
        for (given, expected) in [
            ("CrewAI", Some("crewai")),
            ("crew_ai", Some("crewai")),
            ("v1.15.30", Some("1.15.30")),
            ("1.15.3", Some("1.15.30")),
            ("tool", Some("tools")),
            ("langgraph", None),
            // Three of seven characters differ.
            ("0.1.0", None),
            ("", None),
        ] {
            let hint = expected.map(|name| format!("; did you mean {name:?}?"));
            assert_eq!(did_you_mean(given, known), hint, "{given}");
        }
    }
}
