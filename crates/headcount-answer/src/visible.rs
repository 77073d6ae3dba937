//! Text that strangers sent, for people to read.

use std::borrow::Cow;

/// The text with each character replaced by `U+FFFD` that is not seen and changes how the text around it reads: what turns
/// the direction (UAX #9 §2), separates lines, or has no width and no ink. Control characters (`U+0000` to `U+001F`,
/// `U+007F` to `U+009F`) stay: how to show a line break is the caller's choice.
///
/// A joiner (`U+200C`, `U+200D`) between two characters outside ASCII stays, as Persian, the scripts of India and emoji
/// need it.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.chars().any(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut previous = None;
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        let joins = is_joiner(character) && is_joined(previous) && is_joined(rest.peek().copied());
        shown.push(if is_invisible(character) && !joins {
            char::REPLACEMENT_CHARACTER
        } else {
            character
        });
        previous = Some(character);
    }
    Cow::Owned(shown)
}

fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// Whether a joiner may stand beside the character.
fn is_joined(character: Option<char>) -> bool {
    character.is_some_and(|character| !character.is_ascii() && !is_invisible(character))
}

/// Format characters (Unicode's category Cf), separators of lines, and letters without ink.
fn is_invisible(character: char) -> bool {
    matches!(character,
        // Marks, overrides and isolates of direction, and the separators between them.
        '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        // No width: the soft hyphen, joiners, zero-width spaces, invisible operators, annotations.
        | '\u{00ad}' | '\u{034f}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}'
        // Letters without ink.
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_turns_or_hides_is_made_visible() {
        for (text, expected) in [
            ("\u{202e}exe.loot\u{202c}", "\u{fffd}exe.loot\u{fffd}"),
            (
                "\u{2066}a\u{2069}\u{2067}b\u{2068}",
                "\u{fffd}a\u{fffd}\u{fffd}b\u{fffd}",
            ),
            ("a\u{2028}b\u{2029}c", "a\u{fffd}b\u{fffd}c"),
            ("sea\u{200b}rch\u{feff}", "sea\u{fffd}rch\u{fffd}"),
            ("sea\u{200d}rch\u{200c}", "sea\u{fffd}rch\u{fffd}"),
            (
                "tag\u{e0041}\u{00ad}\u{200f}\u{061c}",
                "tag\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
            ),
            ("\u{3164}\u{115f}", "\u{fffd}\u{fffd}"),
        ] {
            assert_eq!(visible(text), expected, "{text:?}");
        }
    }

    #[test]
    fn every_script_reads_as_it_is_written() {
        for text in [
            "plain",
            "naïve – “quoted”\n",
            "研究者",
            "سلام",
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "👩\u{200d}💻 ❤\u{fe0f}",
            "葛\u{e0100}",
        ] {
            assert!(
                matches!(visible(text), Cow::Borrowed(_)) || visible(text) == text,
                "{text:?}"
            );
        }
    }
}
