//! Release numbers that can be compared, and the ranges that a dialect names.

use std::cmp::Ordering;
use std::fmt;

/// A release number, compared as PEP 440 compares them: `1.0.0a1` < `1.0.0rc1` < `1.0.0` < `1.0.0.post1` < `1.0.1`.
///
/// Four groups of digits count; further ones, epochs, local labels and a `.dev` after a pre-release do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    release: [u32; 4],
    phase: Phase,
    number: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Phase {
    Dev,
    Alpha,
    Beta,
    Candidate,
    Final,
    Post,
}

impl Version {
    /// Reads `1.15.30`, `1.0.0a1`, `0.150.0rc1`, `2.0.0-beta.1`; `None` where `text` is not a release number.
    pub fn parse(text: &str) -> Option<Version> {
        let text = crate::rule::release_number(text)?;
        let mut version = Version {
            release: [0; 4],
            phase: Phase::Final,
            number: 0,
        };
        let mut rest = text;
        for group in 0.. {
            let (number, after) = take_number(rest);
            if let Some(place) = version.release.get_mut(group) {
                *place = number;
            }
            rest = after;
            match rest.strip_prefix('.') {
                Some(after) if after.starts_with(|next: char| next.is_ascii_digit()) => {
                    rest = after;
                }
                _ => break,
            }
        }
        let suffix = rest.trim_start_matches(['.', '-', '_']);
        let letters = suffix.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (word, after) = suffix.split_at(letters);
        version.phase = match word.bytes().next().map(|first| first.to_ascii_lowercase()) {
            None => return Some(version),
            Some(b'a') => Phase::Alpha,
            Some(b'b') => Phase::Beta,
            Some(b'd' | b'n') => Phase::Dev,
            Some(b'f') => Phase::Final,
            _ if word.eq_ignore_ascii_case("post") => Phase::Post,
            _ => Phase::Candidate,
        };
        version.number = take_number(after.trim_start_matches(['.', '-', '_'])).0;
        Some(version)
    }
}

/// The number at the beginning of `text`, as large as it fits, and what follows it.
fn take_number(text: &str) -> (u32, &str) {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    let number = if number.is_empty() {
        0
    } else {
        number.parse().unwrap_or(u32::MAX)
    };
    (number, rest)
}

/// Comparisons that must all hold, such as `>=0.186.0 <=1.0.0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRange {
    comparisons: Vec<(Comparison, Version)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    AtLeast,
    Greater,
    Equal,
}

/// A text is not a range of versions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{part}` is no comparison of versions; write one such as `>=0.51.1` or `>=0.186.0 <=1.0.0`"
)]
pub struct RangeError {
    part: String,
}

impl VersionRange {
    /// Reads comparisons separated by spaces.
    ///
    /// # Errors
    /// There is none, or one of them is not `<`, `<=`, `>=`, `>` or `=` and a release number.
    pub fn parse(text: &str) -> Result<VersionRange, RangeError> {
        let comparisons = text
            .split_whitespace()
            .map(|part| {
                read_comparison(part).ok_or_else(|| RangeError {
                    part: part.to_owned(),
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        if comparisons.is_empty() {
            return Err(RangeError {
                part: text.to_owned(),
            });
        }
        Ok(VersionRange { comparisons })
    }

    /// Whether every comparison holds for `version`.
    pub fn contains(&self, version: Version) -> bool {
        self.comparisons.iter().all(|(comparison, bound)| {
            let order = version.cmp(bound);
            match comparison {
                Comparison::Less => order == Ordering::Less,
                Comparison::AtMost => order != Ordering::Greater,
                Comparison::AtLeast => order != Ordering::Less,
                Comparison::Greater => order == Ordering::Greater,
                Comparison::Equal => order == Ordering::Equal,
            }
        })
    }
}

fn read_comparison(part: &str) -> Option<(Comparison, Version)> {
    const SIGNS: [(&str, Comparison); 5] = [
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
        ("=", Comparison::Equal),
    ];
    SIGNS.iter().find_map(|(sign, comparison)| {
        let version = Version::parse(part.strip_prefix(sign)?)?;
        Some((*comparison, version))
    })
}

impl fmt::Display for VersionRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (comparison, version)) in self.comparisons.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            let [major, minor, patch, _] = version.release;
            write!(formatter, "{gap}{comparison:?} {major}.{minor}.{patch}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_as_they_were_released() {
        let ordered = [
            "0.5.5",
            "0.35.0",
            "0.51.0",
            "0.51.1",
            "0.150.0rc1",
            "0.150.0",
            "0.186.0",
            "1.0.0.dev2",
            "1.0.0a1",
            "1.0.0a2",
            "1.0.0b1",
            "1.0.0rc1",
            "1.0.0",
            "1.0.0.post1",
            "1.0.1",
            "1.15.9",
            "1.15.30",
        ];
        for pair in ordered.windows(2) {
            let [older, newer] = [pair[0], pair[1]].map(|text| Version::parse(text).unwrap());
            assert!(older < newer, "{} < {}", pair[0], pair[1]);
        }
        assert_eq!(Version::parse("1.0"), Version::parse("1.0.0"));
        assert_eq!(Version::parse("1.0.0+acme"), Version::parse("1.0.0"));
    }

    #[test]
    fn other_text_is_no_version() {
        for text in ["", "v1", "latest", "1.x", "1..2"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_too_long_for_the_machine_is_the_greatest() {
        let huge = Version::parse("99999999999999999999.0").unwrap();
        assert!(huge > Version::parse("1.15.30").unwrap());
    }

    #[test]
    fn a_range_holds_its_bounds() {
        let range = VersionRange::parse(">=0.186.0 <=1.0.0").unwrap();
        let holds = |text: &str| range.contains(Version::parse(text).unwrap());
        assert!(holds("0.186.0") && holds("1.0.0a4") && holds("1.0.0"));
        assert!(!holds("0.177.0") && !holds("1.1.0") && !holds("0.186.0rc1"));
        assert!(VersionRange::parse("").is_err() && VersionRange::parse("0.1 -").is_err());
    }
}
