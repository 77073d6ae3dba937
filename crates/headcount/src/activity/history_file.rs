//! The file that holds a history (`docs/formats/spool.md`): one line of text, so that its owner can read it.

use super::history::{History, MAX_RELEASES};
use super::release::Release;

/// The file's first word: the version of its form.
const FORM: &str = "1";
/// No file is longer.
pub(super) const LONGEST: u64 = 1_024;

/// A file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing was written yet.
    Empty,
    Known(History),
    /// It was written by another version of this client, and is left as it is.
    OfAnotherForm,
    /// It was cut off or changed.
    Damaged,
}

/// The line: form, first week (`-`: not known), last week, week of the last beat, last day, the seven days (the last one at the
/// right), releases (`-`: none), CRC-32 of everything before it.
pub(super) fn write(history: &History) -> String {
    let first = history
        .first_week
        .map_or("-".to_owned(), |week| week.to_string());
    let releases: Vec<String> = history.releases.iter().map(Release::to_string).collect();
    let releases = match releases.is_empty() {
        true => "-".to_owned(),
        false => releases.join(","),
    };
    let text = format!(
        "{FORM} {first} {} {} {} {:07b} {releases} ",
        history.last_week, history.beat_week, history.last_day, history.days
    );
    format!("{text}{:08x}\n", crc32fast::hash(text.as_bytes()))
}

pub(super) fn read(bytes: &[u8]) -> Content {
    if bytes.is_empty() {
        return Content::Empty;
    }
    let Some(text) = whole_text(bytes) else {
        return Content::Damaged;
    };
    let words: Vec<&str> = text.split(' ').collect();
    match words[..] {
        [FORM, first, last, beat, day, days, releases, ""] => {
            match history(first, [last, beat, day], days, releases) {
                Some(history) => Content::Known(history),
                None => Content::Damaged,
            }
        }
        [FORM, ..] => Content::Damaged,
        _ => Content::OfAnotherForm,
    }
}

/// The text before the checksum, if that is right.
fn whole_text(bytes: &[u8]) -> Option<&str> {
    // What follows the line is left of a longer one, whose writer was killed before it cut the file.
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&bytes[..end]).ok()?;
    let at = line.len().checked_sub(8)?;
    let (text, checksum) = line.split_at_checked(at)?;
    let is_whole = checksum == format!("{:08x}", crc32fast::hash(text.as_bytes()));
    is_whole.then_some(text)
}

fn history(first: &str, numbers: [&str; 3], days: &str, releases: &str) -> Option<History> {
    let first_week = match first {
        "-" => None,
        week => Some(week.parse().ok()?),
    };
    let [last_week, beat_week, last_day] = numbers.map(|number| number.parse::<u32>());
    let releases: Vec<Release> = match releases {
        "-" => Vec::new(),
        some => some.split(',').map(Release::read).collect::<Option<_>>()?,
    };
    let days = u8::from_str_radix(days, 2).ok().filter(|days| *days < 128);
    let history = History {
        first_week,
        last_week: last_week.ok()?,
        beat_week: beat_week.ok()?,
        last_day: last_day.ok()?,
        days: days?,
        releases,
    };
    (history.releases.len() <= MAX_RELEASES).then_some(history)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn example() -> History {
        History {
            first_week: Some(2_960),
            last_week: 2_969,
            beat_week: 2_969,
            last_day: 20_787,
            days: 0b0110_0101,
            releases: ["1.15.30", "1.15.9"]
                .iter()
                .filter_map(|text| Release::read(text))
                .collect(),
        }
    }

    #[test]
    fn the_line_is_as_documented() {
        let line = write(&example());
        assert_eq!(
            line.rsplit_once(' ').unwrap().0,
            "1 2960 2969 2969 20787 1100101 1.15.30,1.15.9"
        );
        assert!((line.len() as u64) < LONGEST);
    }

    #[test]
    fn the_longest_history_fits() {
        let release = Release::read(&vec![u32::MAX.to_string(); 8].join("."));
        let history = History {
            releases: vec![release.unwrap(); MAX_RELEASES],
            ..example()
        };
        assert!((write(&history).len() as u64) < LONGEST);
    }

    #[test]
    fn a_file_of_another_form_is_known_as_such() {
        let text = "2 all different ";
        let line = format!("{text}{:08x}\n", crc32fast::hash(text.as_bytes()));
        assert_eq!(read(line.as_bytes()), Content::OfAnotherForm);
        assert_eq!(read(b""), Content::Empty);
    }

    #[test]
    fn the_end_of_a_longer_line_does_not_matter() {
        let text = format!("{}0,1.2 00000000\n", write(&example()));
        assert_eq!(read(text.as_bytes()), Content::Known(example()));
    }

    #[test]
    fn a_file_that_is_cut_off_or_changed_is_damaged() {
        let line = write(&example());
        for length in 1..line.len() {
            assert_eq!(
                read(&line.as_bytes()[..length]),
                Content::Damaged,
                "{length}"
            );
        }
        for index in 0..line.len() {
            let mut bytes = line.clone().into_bytes();
            bytes[index] ^= 1;
            assert_eq!(read(&bytes), Content::Damaged, "{index}");
        }
    }

    proptest! {
        #[test]
        fn a_history_is_read_back(
            first in proptest::option::of(any::<u32>()),
            numbers in any::<[u32; 3]>(),
            days in 0_u8..128,
            releases in proptest::collection::vec(proptest::collection::vec(any::<u32>(), 1..9), 0..=MAX_RELEASES),
        ) {
            let texts = releases.iter().map(|numbers| {
                numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
            });
            let history = History {
                first_week: first,
                last_week: numbers[0],
                beat_week: numbers[1],
                last_day: numbers[2],
                days,
                releases: texts.filter_map(|text| Release::read(&text)).collect(),
            };
            prop_assert_eq!(read(write(&history).as_bytes()), Content::Known(history));
        }

        #[test]
        fn nothing_in_the_file_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }
    }
}
