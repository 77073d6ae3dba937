//! Patterns for texts: names of scopes and spans, keys, values.

use std::fmt;

/// A text in which each `*` stands for any characters, or none.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    first: Box<str>,
    /// The parts after each `*`, in their order; empty where the pattern has none.
    rest: Vec<Box<str>>,
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        let mut parts = text.split('*').map(Box::from);
        Self {
            first: parts.next().unwrap_or_default(),
            rest: parts.collect(),
        }
    }

    /// Whether it stands for one text only.
    pub(crate) fn is_exact(&self) -> bool {
        self.rest.is_empty()
    }

    /// Whether it stands for every text.
    pub(crate) fn is_any(&self) -> bool {
        self.first.is_empty() && self.rest.len() == 1 && self.rest[0].is_empty()
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        let Some(mut left) = text.strip_prefix(self.first.as_ref()) else {
            return false;
        };
        let Some((last, middle)) = self.rest.split_last() else {
            return left.is_empty();
        };
        for part in middle {
            let Some(at) = left.find(part.as_ref()) else {
                return false;
            };
            left = &left[at + part.len()..];
        }
        left.ends_with(last.as_ref())
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.first)?;
        self.rest
            .iter()
            .try_for_each(|part| write!(formatter, "*{part}"))
    }
}

/// A text around one name: `invoke_agent {}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    before: Box<str>,
    after: Box<str>,
}

impl Template {
    /// The fewest characters around the name: with less, the pattern would take any text for a name.
    const LEAST: usize = 4;

    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let (before, after) = text
            .split_once("{}")
            .ok_or("a pattern for a name has `{}` where the name is")?;
        if after.contains("{}") || text.contains('*') {
            return Err("a pattern for a name has one `{}` and no `*`");
        }
        if before.len() + after.len() < Self::LEAST {
            return Err("a pattern for a name has at least four characters around `{}`");
        }
        Ok(Self {
            before: before.into(),
            after: after.into(),
        })
    }

    /// The name in `text`.
    pub(crate) fn name<'t>(&self, text: &'t str) -> Option<&'t str> {
        let name = text
            .strip_prefix(self.before.as_ref())?
            .strip_suffix(self.after.as_ref())?;
        (!name.trim().is_empty()).then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_characters() {
        for (pattern, text, expected) in [
            ("chat", "chat", true),
            ("chat", "chats", false),
            ("gen_ai.*", "gen_ai.", true),
            ("gen_ai.*", "gen_a", false),
            ("*.workflow", "a.workflow", true),
            ("a.*.b.*.c", "a.1.b.2.c", true),
            ("a.*.b.*.c", "a.1.b.c", false),
            ("*aa*aa", "aaa", false),
            ("*aa*aa", "aaaa", true),
            ("*", "", true),
        ] {
            assert_eq!(
                Pattern::new(pattern).matches(text),
                expected,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn a_name_stands_between_the_parts_of_a_template() {
        let template = Template::parse("agent_run [{}]").unwrap();
        assert_eq!(template.name("agent_run [writer]"), Some("writer"));
        assert_eq!(template.name("agent_run [ ]"), None);
        assert_eq!(template.name("agent_run [writer"), None);
        let template = Template::parse("aaaa{}aaaa").unwrap();
        assert_eq!(template.name("aaaaaa"), None, "the parts do not overlap");
        for text in ["invoke_agent", "{}", "{}.a", "{} of {}s", "*{} is"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
