//! Numbers formatted for people.

/// A whole number with separators: `1,234,567`. NaN and infinity are a dash.
pub fn format_count(number: f64) -> String {
    if !number.is_finite() {
        return "–".to_owned();
    }
    let digits = format!("{:.0}", number.abs());
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number <= -0.5 {
        text.push('−');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number for an axis: `950`, `12k`, `3.4M`, `0.25`.
pub fn format_short(number: f64) -> String {
    if !number.is_finite() {
        return "–".to_owned();
    }
    for (size, letter) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if number.abs() >= size {
            return format!("{}{letter}", trimmed(number / size, 1));
        }
    }
    trimmed(number, 2)
}

/// Seconds: `840 ms`, `9.5 s`, `2 min 5 s`, `3 h 20 min`.
pub fn format_duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "–".to_owned();
    }
    match seconds.abs() {
        0.0 => "0 s".to_owned(),
        size if size < 0.9995 => format!("{} ms", trimmed(seconds * 1e3, u8::from(size < 0.01))),
        size if size < 59.95 => format!("{} s", trimmed(seconds, 1)),
        size if size < 3599.5 => pair(seconds.round(), 60.0, "min", "s"),
        _ => pair((seconds / 60.0).round(), 60.0, "h", "min"),
    }
}

/// A ratio in percent: `63.7 %`.
pub fn format_share(share: f64) -> String {
    if !share.is_finite() {
        return "–".to_owned();
    }
    format!("{} %", trimmed(share * 100.0, 1))
}

fn pair(small: f64, ratio: f64, large_name: &str, small_name: &str) -> String {
    let (large, rest) = ((small / ratio).trunc(), small % ratio);
    if rest == 0.0 {
        format!("{} {large_name}", format_count(large))
    } else {
        format!(
            "{} {large_name} {rest:.0} {small_name}",
            format_count(large)
        )
    }
}

/// With at most this number of decimals, without trailing zeros.
fn trimmed(number: f64, decimals: u8) -> String {
    let text = format!("{number:.0$}", usize::from(decimals));
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_formatted_for_people() {
        assert_eq!(format_count(0.0), "0");
        assert_eq!(format_count(999.0), "999");
        assert_eq!(format_count(1234567.0), "1,234,567");
        assert_eq!(format_count(-1234.0), "−1,234");
        assert_eq!(format_count(f64::NAN), "–");
        assert_eq!(format_short(950.0), "950");
        assert_eq!(format_short(12_000.0), "12k");
        assert_eq!(format_short(3_400_000.0), "3.4M");
        assert_eq!(format_short(0.25), "0.25");
        assert_eq!(format_share(0.6344), "63.4 %");
        assert_eq!(format_share(1.0), "100 %");
    }

    #[test]
    fn durations_use_a_fitting_unit() {
        for (seconds, text) in [
            (0.0, "0 s"),
            (0.0042, "4.2 ms"),
            (0.84, "840 ms"),
            (9.54, "9.5 s"),
            (59.99, "1 min"),
            (125.0, "2 min 5 s"),
            (3600.0, "1 h"),
            (12_000.0, "3 h 20 min"),
        ] {
            assert_eq!(format_duration(seconds), text);
        }
    }
}
