//! A page of metrics in Prometheus' text format 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>).

use std::fmt::{Display, Write as _};

use crate::histogram::Histogram;

/// Families of metrics, one after the other.
#[derive(Debug, Default)]
pub struct Page(String);

/// One family: its samples follow its name, help and type.
#[derive(Debug)]
pub struct Family<'page> {
    page: &'page mut String,
    name: &'page str,
}

impl Page {
    /// An empty page.
    pub fn new() -> Self {
        Self::default()
    }

    /// A number that only grows until the process ends. Its name ends with `_total`.
    pub fn counter<'page>(&'page mut self, name: &'page str, help: &str) -> Family<'page> {
        self.family(name, help, "counter")
    }

    /// A number that goes up and down.
    pub fn gauge<'page>(&'page mut self, name: &'page str, help: &str) -> Family<'page> {
        self.family(name, help, "gauge")
    }

    /// Durations by their length. Its name ends with `_seconds`.
    pub fn histogram<'page>(&'page mut self, name: &'page str, help: &str) -> Family<'page> {
        self.family(name, help, "histogram")
    }

    /// The page's text.
    pub fn into_text(self) -> String {
        self.0
    }

    // Writing to a string cannot fail, here and below.
    fn family<'page>(&'page mut self, name: &'page str, help: &str, kind: &str) -> Family<'page> {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family {
            page: &mut self.0,
            name,
        }
    }
}

impl Family<'_> {
    /// The only sample of a family without labels.
    pub fn value(self, value: impl Display) {
        let _ = writeln!(self.page, "{} {value}", self.name);
    }

    /// A sample with these labels. Their values come from fixed lists: no text of a request becomes one (promise 1).
    pub fn labelled(&mut self, labels: &[(&str, &str)], value: impl Display) {
        let labels = written(labels);
        let _ = writeln!(self.page, "{}{{{labels}}} {value}", self.name);
    }

    /// The samples of a histogram with these labels.
    pub fn durations(&mut self, labels: &[(&str, &str)], histogram: &Histogram) {
        let name = self.name;
        let labels = written(labels);
        let comma = if labels.is_empty() { "" } else { "," };
        let (buckets, total) = histogram.cumulative();
        for (bound, count) in buckets {
            let _ = writeln!(
                self.page,
                "{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"
            );
        }
        let _ = writeln!(
            self.page,
            "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {total}"
        );
        let braced = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{labels}}}"),
        };
        let sum = histogram.sum_seconds();
        let _ = writeln!(
            self.page,
            "{name}_sum{braced} {sum}\n{name}_count{braced} {total}"
        );
    }
}

fn written(labels: &[(&str, &str)]) -> String {
    let escaped = |value: &str| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        value.replace('\n', "\\n")
    };
    let labels = labels.iter();
    let labels = labels.map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
    labels.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn families_have_help_type_and_escaped_labels() {
        let mut page = Page::new();
        page.gauge("free_bytes", "Bytes\nleft.").value(7);
        let mut family = page.counter("refused_total", "Refused.");
        family.labelled(&[("reason", "a\"b\\c\nd"), ("by", "x")], 2);
        assert_eq!(
            page.into_text(),
            "# HELP free_bytes Bytes\\nleft.\n# TYPE free_bytes gauge\nfree_bytes 7\n\
             # HELP refused_total Refused.\n# TYPE refused_total counter\n\
             refused_total{reason=\"a\\\"b\\\\c\\nd\",by=\"x\"} 2\n"
        );
    }

    #[test]
    fn a_histogram_has_buckets_a_sum_and_a_count() {
        let histogram = Histogram::default();
        histogram.observe(Duration::from_millis(3));
        let mut page = Page::new();
        let mut family = page.histogram("wait_seconds", "Waits.");
        family.durations(&[], &histogram);
        family.durations(&[("to", "x")], &histogram);
        let text = page.into_text();
        for line in [
            "wait_seconds_bucket{le=\"0.0025\"} 0",
            "wait_seconds_bucket{le=\"0.005\"} 1",
            "wait_seconds_bucket{le=\"+Inf\"} 1",
            "wait_seconds_sum 0.003",
            "wait_seconds_count 1",
            "wait_seconds_bucket{to=\"x\",le=\"30\"} 1",
            "wait_seconds_sum{to=\"x\"} 0.003",
            "wait_seconds_count{to=\"x\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
