//! Telephone numbers and long runs of digits, distinguished from dates, versions and sizes.

use crate::found::Found;

/// Replaces telephone numbers by `[phone]` and runs of 13 or more digits by `[number]`.
pub(crate) fn replace(text: &str, found: &mut Found) -> String {
    let bytes = text.as_bytes();
    let mut output = String::with_capacity(text.len());
    let (mut at, mut copied) = (0, 0);
    while at < bytes.len() {
        if !starts_number(bytes, at) {
            at += 1;
            continue;
        }
        let end = number_end(bytes, at);
        let marker = match judge(&text[at..end]) {
            Verdict::Keep => None,
            Verdict::Phone => Some((Found::PHONE, "[phone]")),
            Verdict::Number => Some((Found::NUMBER, "[number]")),
        };
        if let Some((kind, marker)) = marker {
            found.add(kind);
            output.push_str(&text[copied..at]);
            output.push_str(marker);
            copied = end;
        }
        at = end;
    }
    output.push_str(&text[copied..]);
    output
}

enum Verdict {
    Keep,
    Phone,
    Number,
}

fn starts_number(bytes: &[u8], at: usize) -> bool {
    let digit_at = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
    match bytes[at] {
        b'+' => digit_at(at + 1) || bytes.get(at + 1) == Some(&b'(') && digit_at(at + 2),
        b'(' => digit_at(at + 1) || bytes.get(at + 1) == Some(&b'+') && digit_at(at + 2),
        byte => byte.is_ascii_digit(),
    }
}

/// After the last digit that is at most three separators away from the one before.
fn number_end(bytes: &[u8], start: usize) -> usize {
    let mut end = start;
    let mut at = start;
    while let Some(&byte) = bytes.get(at) {
        if byte.is_ascii_digit() {
            end = at + 1;
        } else if !b"+(). -/".contains(&byte) || at >= end + 3 && end > start {
            break;
        }
        at += 1;
    }
    end.max(start + 1)
}

fn judge(candidate: &str) -> Verdict {
    let groups: Vec<&str> = candidate
        .split(|character: char| !character.is_ascii_digit())
        .filter(|group| !group.is_empty())
        .collect();
    let digits: usize = groups.iter().map(|group| group.len()).sum();
    let longest = groups.iter().map(|group| group.len()).max().unwrap_or(0);
    let has_sign = candidate.contains(['+', '(']);
    if digits < 7 {
        return Verdict::Keep;
    }
    if has_sign && digits <= 15 {
        return Verdict::Phone;
    }
    if longest >= 13 {
        return Verdict::Number;
    }
    // Groups of one digit belong to versions and models (`4-5-20250929`), not to telephone numbers.
    let single = groups.iter().filter(|group| group.len() == 1).count();
    match digits.saturating_sub(dated_digits(&groups) + single) {
        0..7 => Verdict::Keep,
        13.. => Verdict::Number,
        7..=8 if groups.len() == 1 => Verdict::Keep,
        _ => Verdict::Phone,
    }
}

/// How many digits, of groups of two or more, belong to dates: `2024-07-18`, `20240718`, `18.07.2024`, `2019-2024`.
/// A year without a day, month or year next to it may be part of a telephone number.
fn dated_digits(groups: &[&str]) -> usize {
    let is_year =
        |group: &str| group.len() == 4 && (group.starts_with("19") || group.starts_with("20"));
    let is_day = |group: &str| group.len() == 2 && group <= "31";
    let is_date = |index: usize| {
        let group = groups[index];
        let near = |wanted: &dyn Fn(&str) -> bool| {
            let before = index.checked_sub(1).and_then(|before| groups.get(before));
            let after = groups.get(index + 1);
            before.into_iter().chain(after).any(|group| wanted(group))
        };
        match group.len() {
            8 => is_year(&group[..4]) && &group[4..6] <= "12" && &group[6..] <= "31",
            4 => is_year(group) && (near(&is_day) || near(&is_year)),
            2 => is_day(group) && (near(&is_year) || near(&is_day)),
            _ => false,
        }
    };
    (0..groups.len())
        .filter(|&index| is_date(index))
        .map(|index| groups[index].len())
        .sum()
}
