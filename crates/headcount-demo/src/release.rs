//! Differences between the spans of CrewAI's releases, as predicates of the release number.

/// A release that is in use in the model's world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Release {
    major: u16,
    minor: u16,
    patch: u16,
}

/// Releases in use at the beginning of the week with their share among crews, old to new.
pub(crate) const IN_USE: &[(Release, u32)] = &[
    (Release::new(0, 28, 8), 3),
    (Release::new(0, 36, 1), 2),
    (Release::new(0, 51, 0), 1),
    (Release::new(0, 51, 1), 3),
    (Release::new(0, 65, 2), 3),
    (Release::new(0, 86, 0), 6),
    (Release::new(0, 100, 1), 6),
    (Release::new(0, 134, 0), 9),
    (Release::new(0, 186, 1), 5),
    (Release::new(1, 5, 0), 9),
    (Release::new(1, 9, 3), 9),
    (Release::new(1, 14, 6), 10),
    (Release::new(1, 15, 16), 14),
    (Release::new(1, 15, 24), 16),
    (Release::new(1, 15, 30), 4),
];

/// The release that came out at the beginning of the week and is taken up during it.
pub(crate) const NEWEST: Release = Release::new(1, 15, 30);

impl Release {
    pub(crate) const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self {
            major,
            minor,
            patch,
        }
    }

    pub(crate) fn text(self) -> String {
        format!("{}.{}.{}", self.major, self.minor, self.patch)
    }

    /// This release or a later one.
    pub(crate) fn since(self, major: u16, minor: u16, patch: u16) -> bool {
        self >= Self::new(major, minor, patch)
    }

    fn within(self, first: (u16, u16, u16), last: (u16, u16, u16)) -> bool {
        self.since(first.0, first.1, first.2) && self <= Self::new(last.0, last.1, last.2)
    }

    /// 0.41.0 gave crews, agents and tasks a content-derived key.
    pub(crate) fn has_keys(self) -> bool {
        self.since(0, 41, 0)
    }

    /// 0.35.0 to 0.51.0 sent goals, backstories and descriptions of everyone.
    pub(crate) fn sends_content_ungated(self) -> bool {
        self.within((0, 35, 0), (0, 51, 0))
    }

    /// Platform and CPU count of everyone, until 0.51.0.
    pub(crate) fn sends_platform_ungated(self) -> bool {
        !self.since(0, 51, 1)
    }

    /// 0.51.1 left agents and tasks out altogether unless shared.
    pub(crate) fn lists_members(self, shared: bool) -> bool {
        shared || self != Self::new(0, 51, 1)
    }

    /// Until 0.55.2 a model was a JSON string inside the JSON string.
    pub(crate) fn nests_model_json(self) -> bool {
        !self.since(0, 60, 0)
    }

    pub(crate) fn creates_tasks(self) -> bool {
        self.since(0, 41, 0)
    }

    /// `Task Created` came twice a task from 0.186.0 to 1.0.0.
    pub(crate) fn task_created_times(self) -> usize {
        1 + usize::from(self.within((0, 186, 0), (1, 0, 0)))
    }

    /// `Task Execution` never arrived from 0.74.0 to 0.177.0.
    pub(crate) fn executes_tasks(self) -> bool {
        self.since(0, 35, 0) && !self.within((0, 74, 0), (0, 177, 0))
    }

    /// The record of a shared crew never arrived from 0.41.0 to 1.9.3.
    pub(crate) fn executes_crews(self) -> bool {
        !self.within((0, 41, 0), (1, 9, 3))
    }

    pub(crate) fn has_fingerprints(self) -> bool {
        self.since(0, 114, 0)
    }

    /// Tool names are snake case everywhere from 1.9.0; calls of tools by the model's own protocol report nothing from then on.
    pub(crate) fn has_native_tool_calls(self) -> bool {
        self.since(1, 9, 0)
    }

    /// The version stands on the busiest spans only since 1.15.16.
    pub(crate) fn versions_every_span(self) -> bool {
        self.since(1, 15, 16)
    }

    /// Booleans travel as words since 1.15.18.
    pub(crate) fn spells_booleans(self) -> bool {
        self.since(1, 15, 18)
    }

    /// Until 1.15.14 the provider was the host's own: its spans came along.
    pub(crate) fn carries_foreign_spans(self) -> bool {
        self.since(0, 10, 0) && !self.since(1, 15, 15)
    }

    /// Agents run as an internal flow, which reports itself.
    pub(crate) fn runs_agents_as_flows(self) -> bool {
        self.since(1, 15, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gaps_of_the_releases_are_known() {
        let is = |text: &str| {
            IN_USE
                .iter()
                .map(|(release, _)| *release)
                .find(|release| release.text() == text)
                .expect("a release in use")
        };
        assert!(!is("0.134.0").executes_tasks() && is("0.186.1").executes_tasks());
        assert_eq!(is("0.186.1").task_created_times(), 2);
        assert!(is("0.51.0").sends_content_ungated() && !is("0.51.1").sends_content_ungated());
        assert!(!is("0.51.1").lists_members(false) && is("0.51.1").lists_members(true));
        assert!(!is("1.9.3").executes_crews() && is("1.14.6").executes_crews());
        assert!(is("1.15.24").spells_booleans() && !is("1.15.16").spells_booleans());
        assert!(IN_USE.is_sorted_by_key(|(release, _)| *release));
    }
}
