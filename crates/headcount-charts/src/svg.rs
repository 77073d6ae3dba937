//! A writer of SVG text.

use std::fmt::Write as _;

use headcount_answer::visible;

/// An SVG under construction.
#[derive(Debug)]
pub(crate) struct Svg {
    text: String,
}

impl Svg {
    /// An image of this size, in units of the SVG, with an accessible title.
    pub(crate) fn new(width: f64, height: f64, title: &str) -> Self {
        let mut svg = Self {
            text: String::with_capacity(4096),
        };
        svg.raw(format_args!(
            "<svg class=\"chart\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">",
            at(width),
            at(height),
            escaped(title)
        ));
        svg
    }

    /// Appends markup without escaping.
    pub(crate) fn raw(&mut self, markup: std::fmt::Arguments<'_>) {
        // Writing to a `String` cannot fail.
        let _ = self.text.write_fmt(markup);
    }

    /// A straight line.
    pub(crate) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.raw(format_args!(
            "<path class=\"{class}\" d=\"M{} {}L{} {}\"/>",
            at(from.0),
            at(from.1),
            at(to.0),
            at(to.1)
        ));
    }

    /// A rectangle, unless it is empty.
    pub(crate) fn rectangle(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        if width > 0.0 && height > 0.0 {
            self.raw(format_args!(
                "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"2\"/>",
                at(x),
                at(y),
                at(width),
                at(height)
            ));
        }
    }

    /// A dot.
    pub(crate) fn dot(&mut self, class: &str, x: f64, y: f64, radius: f64) {
        self.raw(format_args!(
            "<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>",
            at(x),
            at(y),
            at(radius)
        ));
    }

    /// A text at its baseline; `anchor` is `start`, `middle` or `end`.
    pub(crate) fn text(&mut self, class: &str, x: f64, y: f64, anchor: &str, text: &str) {
        self.raw(format_args!(
            "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            at(x),
            at(y),
            escaped(text)
        ));
    }

    /// The finished SVG.
    pub(crate) fn finish(mut self) -> String {
        self.text.push_str("</svg>");
        self.text
    }
}

/// A coordinate, rounded to a tenth of a unit.
pub(crate) fn at(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_owned();
    }
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0" } else { text }.to_owned()
}

/// Text with markup escaped, and control and invisible characters replaced.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in visible(text).chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' => safe.push('\n'),
            // XML 1.0 forbids most of them (§2.2).
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

/// `text` truncated to `width` units at a font size of 12, assuming 7.7 units per character: wide characters in a wide
/// typeface.
pub(crate) fn truncated(text: &str, width: f64) -> String {
    let letters = (width / 7.7).max(2.0) as usize;
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let kept: String = text.chars().take(letters - 1).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped() {
        let text = escaped("<b a=\"1\">&'\u{0}\u{202e}");
        assert_eq!(text, "&lt;b a=&quot;1&quot;&gt;&amp;&#39; \u{fffd}");
    }

    #[test]
    fn coordinates_are_short_and_finite() {
        assert_eq!(at(12.0), "12");
        assert_eq!(at(12.34), "12.3");
        assert_eq!(at(-0.01), "0");
        assert_eq!(at(f64::NAN), "0");
    }

    #[test]
    fn a_long_name_is_truncated() {
        assert_eq!(truncated("short", 100.0), "short");
        assert_eq!(truncated("a name that is too long", 70.0), "a name t…");
    }
}
