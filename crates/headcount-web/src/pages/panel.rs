//! The parts of a page: tiles with one number each, and panels with a figure, its table and where both come from.

use headcount_reports::{Answer, ReportHeader, ReportParameters};

use super::desk::{Desk, Shown};
use super::figures::{Figure, Legend};
use super::table::Table;

/// One number, with what it was before.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tile {
    pub(crate) label: String,
    pub(crate) value: String,
    /// The change as text, as `+12 %`; empty where nothing is compared.
    pub(crate) change: String,
    /// `up`, `down` or `level`.
    pub(crate) direction: &'static str,
    /// What it was, for whoever wants the number.
    pub(crate) before: String,
    /// The periods' values as a small line, or empty.
    pub(crate) spark: String,
    pub(crate) href: String,
}

/// A figure or a table about one question.
#[derive(Debug, Clone, Default)]
pub(crate) struct Panel {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) question: String,
    /// Whether it takes the page's whole width.
    pub(crate) is_wide: bool,
    /// An SVG, or empty.
    pub(crate) figure: String,
    /// The same over the page's whole width.
    pub(crate) wide_figure: String,
    /// What a panel over the page's whole width shows where the page itself is not wide, or empty.
    pub(crate) middle_figure: String,
    /// The same for a narrow screen, or empty.
    pub(crate) narrow_figure: String,
    pub(crate) legend: Vec<Legend>,
    pub(crate) table: Table,
    /// Whether the table is shown without asking for it.
    pub(crate) is_table_open: bool,
    pub(crate) notes: Vec<String>,
    pub(crate) links: Vec<Link>,
    /// The query whose answer can be saved as a file, where no report answers the same; or empty.
    pub(crate) saved_query: String,
    /// Why there is nothing to see, or empty.
    pub(crate) nothing: String,
    /// Why it failed, or empty.
    pub(crate) failure: String,
}

/// A link below a panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) label: String,
    pub(crate) href: String,
    /// The name of the file that it saves, or empty.
    pub(crate) file: String,
}

impl Panel {
    /// A panel about `shown`: its table, its notes and its links. `measured` names the column that gets bars.
    pub(crate) fn of(desk: &Desk, shown: &Shown, measured: Option<&str>) -> Self {
        let header = shown.header;
        let mut panel = Self {
            id: header.name.clone(),
            title: header.title.clone(),
            question: header.question.clone(),
            links: links(desk, header, &shown.parameters),
            is_table_open: true,
            ..Self::default()
        };
        match &shown.answer {
            Err(error) => panel.failure.clone_from(error),
            Ok(answer) if answer.rows.is_empty() => panel.nothing = desk.nothing(),
            Ok(answer) => panel.fill(header, answer, measured),
        }
        panel
    }

    fn fill(&mut self, header: &ReportHeader, answer: &Answer, measured: Option<&str>) {
        self.table = Table::of(header, answer, measured);
        self.notes.clone_from(&answer.notes);
    }

    /// With another title and question than the report's.
    pub(crate) fn titled(mut self, id: &str, title: &str, question: &str) -> Self {
        id.clone_into(&mut self.id);
        title.clone_into(&mut self.title);
        title.clone_into(&mut self.table.caption);
        question.clone_into(&mut self.question);
        self
    }

    /// With a figure; the table goes behind a click.
    pub(crate) fn with(mut self, figure: Figure) -> Self {
        if self.nothing.is_empty() && self.failure.is_empty() {
            self.figure = figure.half;
            self.wide_figure = figure.wide;
            self.narrow_figure = figure.narrow;
            self.legend = figure.legend;
            self.is_table_open = false;
        }
        self
    }

    /// With the only row's values below each other.
    pub(crate) fn upright(mut self) -> Self {
        self.table = self.table.upright();
        self
    }

    /// With the table in sight beside the figure.
    pub(crate) fn with_open_table(mut self) -> Self {
        self.is_table_open = true;
        self
    }

    /// Over the page's whole width.
    pub(crate) fn wide(mut self) -> Self {
        self.is_wide = true;
        let wide = std::mem::take(&mut self.wide_figure);
        self.middle_figure = std::mem::replace(&mut self.figure, wide);
        self
    }
}

impl Tile {
    /// A tile with `value`, and how it changed since `before`.
    pub(crate) fn of(
        label: &str,
        value: Option<f64>,
        before: Option<f64>,
        show: fn(f64) -> String,
    ) -> Self {
        let (change, direction) = match (value, before) {
            (Some(value), Some(before)) => change(value, before),
            _ => (String::new(), "level"),
        };
        Self {
            label: label.to_owned(),
            value: value.map_or_else(|| "–".to_owned(), show),
            change,
            direction,
            before: before.map(show).unwrap_or_default(),
            ..Self::default()
        }
    }
}

/// A change as people read it, and its direction.
pub(crate) fn change(now: f64, before: f64) -> (String, &'static str) {
    let difference = now - before;
    let direction = match difference {
        difference if difference > 0.0 => "up",
        difference if difference < 0.0 => "down",
        _ => "level",
    };
    let text = if before == 0.0 {
        if now == 0.0 {
            "±0 %".to_owned()
        } else {
            "new".to_owned()
        }
    } else {
        let percent = 100.0 * difference / before;
        match percent.abs() {
            size if size >= 1000.0 => format!("× {:.0}", now / before),
            size if size >= 10.0 => format!("{percent:+.0} %"),
            0.0 => "±0 %".to_owned(),
            _ => format!("{percent:+.1} %"),
        }
    };
    (text.replace('-', "−"), direction)
}

impl Desk {
    /// What to say where a report has no rows.
    pub(crate) fn nothing(&self) -> String {
        let filters = &self.filters;
        let is_narrowed = !(filters.framework.is_empty()
            && filters.version.is_empty()
            && filters.environment.is_empty());
        if is_narrowed {
            "Nothing was reported that passes these filters. Take one away, or choose a longer time.".to_owned()
        } else if filters.first.is_some() {
            "Nothing was reported in this time. Choose a longer one.".to_owned()
        } else {
            "Nothing of this kind was ever reported.".to_owned()
        }
    }
}

/// Where the answer can be had: as SQL, CSV and JSON.
pub(crate) fn links(
    desk: &Desk,
    header: &ReportHeader,
    parameters: &ReportParameters,
) -> Vec<Link> {
    let query = query_of(parameters);
    let api = |format: &str| {
        let joint = if query.is_empty() { "" } else { "&" };
        format!(
            "/api/v1/reports/{}?{query}{joint}format={format}",
            header.name
        )
    };
    let link = |label: &str, href, file| Link {
        label: label.to_owned(),
        href,
        file,
    };
    let mut links = vec![
        link("CSV", api("csv"), format!("{}.csv", header.name)),
        link("JSON", api("json"), String::new()),
    ];
    if desk.reader.is_owner() {
        let joint = if query.is_empty() { "" } else { "&" };
        let href = format!("/sql?report={}{joint}{query}", header.name);
        links.insert(0, link("SQL", href, String::new()));
    }
    links
}

/// The parameters as the query of an address.
pub(crate) fn query_of(parameters: &ReportParameters) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(parameters) {
        for (name, value) in fields {
            match value {
                serde_json::Value::Null => {}
                serde_json::Value::String(text) => {
                    let _query = query.append_pair(&name, &text);
                }
                other => {
                    let _query = query.append_pair(&name, &other.to_string());
                }
            }
        }
    }
    query.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_read_at_a_glance() {
        let read = |now, before| {
            let (text, direction) = change(now, before);
            format!("{text} {direction}")
        };
        assert_eq!(read(112.0, 100.0), "+12 % up");
        assert_eq!(read(97.5, 100.0), "−2.5 % down");
        assert_eq!(read(100.0, 100.0), "±0 % level");
        assert_eq!(read(5.0, 0.0), "new up");
        assert_eq!(read(0.0, 0.0), "±0 % level");
        assert_eq!(read(0.0, 8.0), "−100 % down");
        assert_eq!(read(5000.0, 100.0), "× 50 up");
    }

    #[test]
    fn a_wide_panel_has_a_figure_for_each_width() {
        let figure = Figure {
            wide: "1180".to_owned(),
            half: "580".to_owned(),
            narrow: "330".to_owned(),
            legend: Vec::new(),
        };
        let panel = Panel::default().with(figure.clone()).wide();
        let shown = [&panel.figure, &panel.middle_figure, &panel.narrow_figure];
        assert_eq!(shown, ["1180", "580", "330"]);
        assert_eq!(Panel::default().with(figure).middle_figure, "");
    }

    #[test]
    fn parameters_make_the_query_that_reads_as_them() {
        let parameters = ReportParameters {
            since: Some("2026-11-01".to_owned()),
            framework: Some("a&b".to_owned()),
            min_crews: Some(1),
            ..ReportParameters::default()
        };
        assert_eq!(
            query_of(&parameters),
            "since=2026-11-01&framework=a%26b&min_crews=1"
        );
    }
}
