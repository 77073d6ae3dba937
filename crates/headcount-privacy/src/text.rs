//! Texts as parts of Markdown. Each type says how far its text is trusted, and its `Display` writes what CommonMark reads as that.

use std::fmt;

/// A text of the operator: nothing in it is markup. Line breaks become spaces, so that it stays in its paragraph or cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain<'t>(pub(crate) &'t str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, word) in self.0.split_whitespace().enumerate() {
            if place > 0 {
                formatter.write_str(" ")?;
            }
            write_word(formatter, word, place == 0)?;
        }
        Ok(())
    }
}

/// CommonMark 0.31 §2.4: any ASCII punctuation may follow a backslash. A word at the beginning may not begin a block either (§4.1, §4.2, §5.2).
fn write_word(formatter: &mut fmt::Formatter<'_>, word: &str, begins_text: bool) -> fmt::Result {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    for (at, character) in word.char_indices() {
        let begins_block = begins_text
            && match character {
                '#' | '+' | '-' | '=' | '~' => at == 0,
                '.' | ')' => at > 0 && at == digits,
                _ => false,
            };
        let is_markup = matches!(
            character,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '!'
        );
        if begins_block || is_markup {
            formatter.write_str("\\")?;
        }
        // What a terminal or a browser would obey instead of showing.
        match character.is_control() {
            true => formatter.write_str("\u{fffd}")?,
            false => write!(formatter, "{character}")?,
        }
    }
    Ok(())
}

/// What the operator states, or that it does not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stated<'t>(pub(crate) Option<&'t str>);

impl<'t> Stated<'t> {
    pub(crate) fn of(text: &'t Option<String>) -> Self {
        Self(text.as_deref())
    }
}

impl fmt::Display for Stated<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.filter(|text| !text.trim().is_empty()) {
            Some(text) => Plain(text).fmt(formatter),
            None => formatter.write_str("*not stated by the operator*"),
        }
    }
}

/// A text of the catalog, which is part of this program: Markdown within one cell or paragraph.
#[derive(Debug, Clone)]
pub(crate) struct Own(pub(crate) String);

impl fmt::Display for Own {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one_line = self.0.split_whitespace().collect::<Vec<_>>().join(" ");
        formatter.write_str(&one_line.replace('|', "\\|"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_the_operator_is_never_markup() {
        for (text, markdown) in [
            ("Example GmbH", "Example GmbH"),
            ("a\n\n# b", "a # b"),
            ("# b", "\\# b"),
            ("- b", "\\- b"),
            ("12. b", "12\\. b"),
            ("12.5 b", "12\\.5 b"),
            ("<b>", "\\<b\\>"),
            ("[x](javascript:y)", "\\[x\\](javascript:y)"),
            ("a|b", "a\\|b"),
            ("&lt;", "\\&lt;"),
            ("`*_~", "\\`\\*\\_\\~"),
            ("a\u{1b}[1m", "a\u{fffd}\\[1m"),
        ] {
            assert_eq!(Plain(text).to_string(), markdown);
        }
    }

    #[test]
    fn what_is_missing_or_blank_is_not_stated() {
        for missing in [None, Some(""), Some(" \n")] {
            assert_eq!(Stated(missing).to_string(), "*not stated by the operator*");
        }
        assert_eq!(Stated(Some("x")).to_string(), "x");
    }
}
