//! A release of the framework, as far as releases are compared here: its numbers.

use std::fmt;

/// The numbers of a release, without zeros at the end: `1.15.30`. A candidate is the same as the release that follows it, and
/// `1.2` is the same as `1.2.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Release(Vec<u32>);

impl Release {
    /// At most so many numbers count.
    const MAX_NUMBERS: usize = 8;

    /// Reads a version; `None` if it does not begin with a number, or a number is too large.
    pub(super) fn read(version: &str) -> Option<Self> {
        let mut numbers = Vec::new();
        let mut rest = version;
        loop {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                break;
            }
            numbers.push(rest[..digits].parse().ok()?);
            match rest[digits..].strip_prefix('.') {
                Some(after) if numbers.len() < Self::MAX_NUMBERS => rest = after,
                _ => break,
            }
        }
        if numbers.is_empty() {
            return None;
        }
        while numbers.len() > 1 && numbers.last() == Some(&0) {
            let _zero = numbers.pop();
        }
        Some(Self(numbers))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, number) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(formatter, "{dot}{number}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_in_the_order_of_their_numbers() {
        let texts = [
            "0.9", "0.10.1", "1.2.dev1", "1.2.1", "1.15.9", "1.15.30", "2", "10.0.0",
        ];
        let releases: Vec<Release> = texts
            .iter()
            .filter_map(|text| Release::read(text))
            .collect();
        assert_eq!(releases.len(), texts.len());
        assert!(releases.is_sorted(), "{releases:?}");
        assert!(releases.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn spellings_of_one_release_are_equal_and_are_read_back() {
        for (one, other) in [
            ("1.2", "1.2.0"),
            ("1.2.0rc1", "1.2"),
            ("1.2-beta.3", "1.2"),
            ("0.0", "0"),
        ] {
            let (one, other) = (Release::read(one).unwrap(), Release::read(other).unwrap());
            assert_eq!(one, other);
            assert_eq!(Release::read(&one.to_string()), Some(one));
        }
    }

    #[test]
    fn what_is_no_number_is_no_release() {
        for text in ["", "v1", "nightly", ".1", "99999999999.1"] {
            assert_eq!(Release::read(text), None, "{text}");
        }
        let long = Release::read("1.2.3.4.5.6.7.8.9.10").unwrap();
        assert_eq!(long.to_string(), "1.2.3.4.5.6.7.8");
    }
}
