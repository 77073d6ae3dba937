//! Lines for a terminal.

use headcount_answer::visible;

/// The width of a line, in characters.
const WIDTH: usize = 80;

/// Text that strangers wrote, on one line: it cannot move the cursor or recolour the terminal.
pub(crate) fn on_one_line(text: &str) -> String {
    let shown = visible(text);
    let plain = |character: char| match character.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => character,
    };
    shown.chars().map(plain).collect()
}

/// `text` in lines of 80 characters, the first after `indent` spaces and the others after `hanging`. A word that is longer than a
/// line is broken.
pub(crate) fn wrap(indent: usize, hanging: usize, text: &str) -> String {
    let mut lines = String::new();
    let mut line = " ".repeat(indent);
    let mut is_empty = true;
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let used = line.chars().count();
            let gap = usize::from(!is_empty);
            if used + gap + word.len() <= WIDTH {
                if !is_empty {
                    line.push(' ');
                }
                line.extend(&word);
                is_empty = false;
                break;
            }
            if is_empty {
                let rest = word.split_off((WIDTH - used).min(word.len()));
                line.extend(&word);
                word = rest;
            }
            lines.push_str(line.trim_end());
            lines.push('\n');
            line = " ".repeat(hanging);
            is_empty = true;
        }
    }
    lines.push_str(line.trim_end());
    lines.push('\n');
    lines
}

/// `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_longer_than_a_terminal() {
        let text = format!("{} short {}", "x".repeat(200), "words ".repeat(40));
        for line in wrap(4, 8, &text).lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        assert_eq!(wrap(2, 4, "a b"), "  a b\n");
    }

    #[test]
    fn a_name_cannot_command_a_terminal() {
        assert_eq!(on_one_line("a\u{1b}[31m\nb"), "a\u{fffd}[31m\u{fffd}b");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([grouped(0), grouped(1_234_567)], ["0", "1,234,567"]);
    }
}
