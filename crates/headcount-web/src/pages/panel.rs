//! The parts of a page: tiles with one number each, and panels with a chart, its table and links to its data.

use headcount_reports::{Answer, ReportHeader, is_about_missing_rows};

use super::context::PageContext;
use super::figures::{Figure, Legend};
use super::links::{Link, links};
use super::report_view::ReportView;
use super::table::Table;

/// The most columns that a table in half the width of a page shows whole.
const MAX_COLUMNS_OF_HALF: usize = 5;

/// One number, compared with the previous range.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tile {
    pub(crate) label: String,
    pub(crate) value: String,
    /// The change, such as `+12 %`; empty if the page does not compare.
    pub(crate) change: String,
    /// `up`, `down` or `level`.
    pub(crate) direction: &'static str,
    /// The number of the previous range.
    pub(crate) previous: String,
    /// The values by period as a sparkline, or empty.
    pub(crate) spark: String,
    pub(crate) href: String,
}

/// A chart or a table about one question.
#[derive(Debug, Clone, Default)]
pub(crate) struct Panel {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) question: String,
    /// Whether it spans the whole page.
    pub(crate) is_wide: bool,
    /// An SVG, or empty.
    pub(crate) figure: String,
    /// The SVG for a panel that spans the page.
    pub(crate) wide_figure: String,
    /// The SVG for a wide panel on a medium screen, or empty.
    pub(crate) middle_figure: String,
    /// The SVG for a narrow screen, or empty.
    pub(crate) narrow_figure: String,
    pub(crate) legend: Vec<Legend>,
    /// Why the chart has nothing to draw, or empty.
    pub(crate) figure_message: String,
    /// The page with every value, where the threshold keeps some from being drawn; or empty.
    pub(crate) all_values_href: String,
    pub(crate) table: Table,
    /// Whether the table is expanded.
    pub(crate) is_table_open: bool,
    pub(crate) notes: Vec<String>,
    /// Notes that are always visible: rows that are missing.
    pub(crate) warnings: Vec<String>,
    pub(crate) links: Vec<Link>,
    /// The query to download the answer with, where no report has the same; or empty.
    pub(crate) saved_query: String,
    /// Why there is no data, or empty.
    pub(crate) empty_message: String,
    /// The error, or empty.
    pub(crate) failure: String,
}

impl Panel {
    /// The table, the notes and the links of a report. `measured` names the column with bars.
    pub(crate) fn of(context: &PageContext, view: &ReportView, measured: Option<&str>) -> Self {
        let header = view.header;
        let mut panel = Self {
            id: header.name.clone(),
            title: header.title.clone(),
            question: header.question.clone(),
            links: links(context, header, &view.parameters),
            is_table_open: true,
            all_values_href: context.all_values_address(),
            ..Self::default()
        };
        match &view.answer {
            Err(error) => panel.failure.clone_from(error),
            Ok(answer) if answer.rows.is_empty() => panel.empty_message = context.empty_message(),
            Ok(answer) => panel.fill(header, answer, measured),
        }
        let notes = view.answer.iter().flat_map(|answer| &answer.notes);
        panel.warnings = notes
            .filter(|note| is_about_missing_rows(note))
            .cloned()
            .collect();
        panel
    }

    fn fill(&mut self, header: &ReportHeader, answer: &Answer, measured: Option<&str>) {
        self.table = Table::of(header, answer, measured);
        self.widen_for_table();
        let notes = answer.notes.iter();
        self.notes = notes
            .filter(|note| !is_about_missing_rows(note))
            .cloned()
            .collect();
    }

    /// Spans the page if the table would not fit half of it: numbers would be cut off.
    pub(crate) fn widen_for_table(&mut self) {
        if self.figure.is_empty() {
            self.is_wide |= self.table.columns.len() > MAX_COLUMNS_OF_HALF;
        }
    }

    /// Replaces the report's title and question.
    pub(crate) fn titled(mut self, id: &str, title: &str, question: &str) -> Self {
        id.clone_into(&mut self.id);
        title.clone_into(&mut self.title);
        title.clone_into(&mut self.table.caption);
        question.clone_into(&mut self.question);
        self
    }

    /// Adds a chart and collapses the table. Without a chart it says so, and the table stays.
    pub(crate) fn with_figure(mut self, figure: Figure) -> Self {
        if !self.empty_message.is_empty() || !self.failure.is_empty() {
            return self;
        }
        // The table is collapsed.
        self.is_wide = false;
        if figure.half.is_empty() {
            self.figure_message = match self.table.has_grouped() {
                true => "Nothing to draw: every name here is of too few crews, so that they are grouped.",
                false => "Nothing to draw: no value of this kind was reported.",
            }
            .to_owned();
            if !self.table.has_grouped() {
                self.all_values_href.clear();
            }
        } else {
            self.figure = figure.half;
            self.wide_figure = figure.wide;
            self.narrow_figure = figure.narrow;
            self.legend = figure.legend;
            self.is_table_open = false;
        }
        self
    }

    /// Shows the columns of the only row as rows.
    pub(crate) fn transposed(mut self) -> Self {
        self.table = self.table.transposed();
        self
    }

    /// Expands the table beside the chart.
    pub(crate) fn with_open_table(mut self) -> Self {
        self.is_table_open = true;
        self
    }

    /// Spans the whole page.
    pub(crate) fn wide(mut self) -> Self {
        self.is_wide = true;
        let wide = std::mem::take(&mut self.wide_figure);
        self.middle_figure = std::mem::replace(&mut self.figure, wide);
        self
    }
}

impl Tile {
    /// A tile with `value` and its change from `previous`.
    pub(crate) fn of(
        label: &str,
        value: Option<f64>,
        previous: Option<f64>,
        show: fn(f64) -> String,
    ) -> Self {
        let (change, direction) = match (value, previous) {
            (Some(value), Some(previous)) => change(value, previous),
            _ => (String::new(), "level"),
        };
        Self {
            label: label.to_owned(),
            value: value.map_or_else(|| "–".to_owned(), show),
            change,
            direction,
            previous: previous.map(show).unwrap_or_default(),
            ..Self::default()
        }
    }
}

/// A change as text, and its direction.
pub(crate) fn change(current: f64, previous: f64) -> (String, &'static str) {
    let difference = current - previous;
    let direction = match difference {
        difference if difference > 0.0 => "up",
        difference if difference < 0.0 => "down",
        _ => "level",
    };
    let text = if previous == 0.0 {
        if current == 0.0 {
            "±0 %".to_owned()
        } else {
            "new".to_owned()
        }
    } else {
        let percent = 100.0 * difference / previous;
        match percent.abs() {
            size if size >= 1000.0 => format!("× {:.0}", current / previous),
            size if size >= 10.0 => format!("{percent:+.0} %"),
            0.0 => "±0 %".to_owned(),
            _ => format!("{percent:+.1} %"),
        }
    };
    (text.replace('-', "−"), direction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_formatted_with_a_direction() {
        let formatted = |current, previous| {
            let (text, direction) = change(current, previous);
            format!("{text} {direction}")
        };
        assert_eq!(formatted(112.0, 100.0), "+12 % up");
        assert_eq!(formatted(97.5, 100.0), "−2.5 % down");
        assert_eq!(formatted(100.0, 100.0), "±0 % level");
        assert_eq!(formatted(5.0, 0.0), "new up");
        assert_eq!(formatted(0.0, 0.0), "±0 % level");
        assert_eq!(formatted(0.0, 8.0), "−100 % down");
        assert_eq!(formatted(5000.0, 100.0), "× 50 up");
    }

    #[test]
    fn a_wide_panel_has_a_chart_for_each_width() {
        let figure = Figure {
            wide: "1180".to_owned(),
            half: "580".to_owned(),
            narrow: "330".to_owned(),
            legend: Vec::new(),
        };
        let panel = Panel::default().with_figure(figure.clone()).wide();
        let shown = [&panel.figure, &panel.middle_figure, &panel.narrow_figure];
        assert_eq!(shown, ["1180", "580", "330"]);
        assert_eq!(Panel::default().with_figure(figure).middle_figure, "");
    }
}
