//! The picture of the data's way, from a person's machine to those who read reports: once as text, once as SVG.

use std::fmt::Write as _;

use headcount_catalog::{Retention, Tier};

use crate::statement::Statement;

/// The longest line of a box, in characters: what fits its width.
const LINE: usize = 54;
/// The most lines of a box; a longer list of recipients is in the text beside the picture.
const LINES: usize = 4;
/// The width of the picture, in its own units: those of a narrow screen's pixels, so that its words stay readable there.
const WIDTH: usize = 360;

/// The stations in their order.
#[derive(Debug)]
pub(crate) struct DataFlow {
    stations: Vec<Station>,
}

/// One station, and the way that leads to it.
#[derive(Debug)]
struct Station {
    /// What happens on the way from the station before; empty for the first.
    way: &'static str,
    /// Whose machine it is on.
    place: String,
    name: &'static str,
    lines: Vec<String>,
}

impl DataFlow {
    /// The way to the reports of an operator that keeps rows for so long.
    pub(crate) fn new(statement: &Statement, kept: Retention) -> Self {
        let named = statement.controller.name.as_deref();
        let operator = named.unwrap_or("the operator (name not stated)");
        let station = |way, place: &str, name, text: &str| Station {
            way,
            place: place.to_owned(),
            name,
            lines: wrap(text),
        };
        let tables = format!(
            "Default tier: at most {} days. Shared tier, in tables and a folder of its own: at most {} days",
            kept.days(Tier::Default),
            kept.days(Tier::Shared)
        );
        let recipients = match statement.recipients.is_empty() {
            true => "recipients not stated by the operator".to_owned(),
            false => {
                let names = statement.recipients.iter();
                let names: Vec<&str> = names.map(|recipient| recipient.name.as_str()).collect();
                names.join(", ")
            }
        };
        let stations = vec![
            station(
                "",
                "a person's machine",
                "Client",
                "Asks every switch. Records fields of the catalog; content only with share_crew. Scrubs free text, hashes keys.",
            ),
            station(
                "written as it will be sent",
                "a person's machine",
                "Spool",
                "Files of this user alone: at most 8 MiB, at most 30 days. The command headcount preview shows them.",
            ),
            station(
                "OTLP over TLS, no account, no lasting id",
                operator,
                "Collector: admission",
                "Refuses what the catalog does not list, scrubs free text again, hashes keys with its own secret. Stores no address.",
            ),
            station(
                "admitted rows only",
                operator,
                "Write-ahead log",
                "Synced to the disk before the answer; removed when the tables have the rows.",
            ),
            station("within about a minute", operator, "Tables", &tables),
            station(
                "queries, by role",
                operator,
                "Reports",
                "Counts by day, release, tool, model. Values of few crews are grouped unless a role may see them.",
            ),
            station("read by", "readers", "Recipients", &recipients),
        ];
        Self { stations }
    }

    /// For Markdown: the lines of a code block. None of them can end the block, because each begins with a character that no fence has.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut place = "";
        for station in &self.stations {
            if !station.way.is_empty() {
                let _ = writeln!(text, "      │\n      │ {}\n      ▼", station.way);
            }
            if station.place != place {
                place = &station.place;
                let shown = wrap(place).join("\n│ ");
                let _ = writeln!(text, "│ {shown}");
            }
            let _ = writeln!(text, "├─ {}", station.name);
            for line in &station.lines {
                let _ = writeln!(text, "│    {line}");
            }
        }
        text.truncate(text.trim_end().len());
        text
    }

    /// For HTML: an SVG without styles of its own, so that it needs no inline style, which the site's policy refuses. Classes begin with `flow-`.
    pub(crate) fn svg(&self) -> String {
        let mut shapes = String::new();
        let mut top = 8;
        let mut place = "";
        for station in &self.stations {
            if !station.way.is_empty() {
                arrow(&mut shapes, &mut top, station.way);
            }
            if station.place != place {
                place = &station.place;
                for line in wrap(place) {
                    words(&mut shapes, "flow-place", 8, top + 12, &line);
                    top += 16;
                }
                top += 2;
            }
            let height = 26 + 14 * station.lines.len();
            let _ = write!(
                shapes,
                "<rect class=\"flow-box\" x=\"4\" y=\"{top}\" width=\"{}\" height=\"{height}\" rx=\"6\"/>",
                WIDTH - 8
            );
            words(&mut shapes, "flow-name", 14, top + 18, station.name);
            for (number, line) in station.lines.iter().enumerate() {
                words(&mut shapes, "flow-line", 14, top + 33 + 14 * number, line);
            }
            top += height;
        }
        let height = top + 8;
        format!(
            "<svg class=\"flow\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"flow-title\">\
             <title id=\"flow-title\">The data's way: {}</title>{shapes}</svg>\n",
            self.stations
                .iter()
                .map(|station| station.name)
                .collect::<Vec<_>>()
                .join(", then ")
        )
    }
}

/// An arrow to the next station, with what happens on the way.
fn arrow(shapes: &mut String, top: &mut usize, way: &str) {
    let (from, to) = (*top + 2, *top + 26);
    let _ = write!(
        shapes,
        "<path class=\"flow-arrow\" d=\"M24 {from}V{to}M19 {}L24 {to}L29 {}\"/>",
        to - 6,
        to - 6
    );
    words(shapes, "flow-way", 38, *top + 18, way);
    *top += 30;
}

fn words(shapes: &mut String, class: &str, left: usize, baseline: usize, text: &str) {
    let _ = write!(
        shapes,
        "<text class=\"{class}\" x=\"{left}\" y=\"{baseline}\">"
    );
    for character in text.chars() {
        match character {
            '<' => shapes.push_str("&lt;"),
            '>' => shapes.push_str("&gt;"),
            '&' => shapes.push_str("&amp;"),
            other => shapes.push(other),
        }
    }
    shapes.push_str("</text>");
}

/// The text in lines of at most [`LINE`] characters, and at most [`LINES`] of them. A word that is longer is cut.
fn wrap(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let mut word: String = word
            .chars()
            .filter(|character| !character.is_control())
            .collect();
        if word.chars().count() > LINE {
            word = word.chars().take(LINE - 1).chain(['…']).collect();
        }
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= LINE => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    if lines.len() > LINES {
        lines.truncate(LINES);
        if let Some(last) = lines.last_mut() {
            *last = last.chars().take(LINE - 2).collect::<String>() + " …";
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_their_box() {
        let text = format!("{} b {}", "a".repeat(200), "c d ".repeat(500));
        let lines = wrap(&text);
        assert_eq!(lines.len(), LINES);
        assert!(
            lines.iter().all(|line| line.chars().count() <= LINE),
            "{lines:?}"
        );
        assert!(lines[LINES - 1].ends_with(" …"), "{lines:?}");
        assert_eq!(wrap("a  b\nc"), ["a b c"]);
    }

    #[test]
    fn a_name_cannot_end_the_code_block_or_add_markup() {
        let name = "~~~~\n</text><script>alert(1)</script>";
        let statement = Statement {
            controller: crate::statement::Controller {
                name: Some(name.to_owned()),
                ..Default::default()
            },
            ..Statement::default()
        };
        let flow = DataFlow::new(&statement, Retention::default());
        assert!(
            flow.text()
                .lines()
                .all(|line| !line.trim_start().starts_with('~'))
        );
        assert!(flow.text().contains("│ ~~~~"));
        assert!(flow.svg().contains("&lt;script&gt;") && !flow.svg().contains("<script"));
    }
}
