use headcount_catalog::{Catalog, Retention, Tier};
use headcount_privacy::{Operation, Statement};

use crate::support::{COMPLETE, pack, statement};

const NOT_STATED: &str = "*not stated by the operator*";

#[test]
fn every_field_of_the_catalog_is_in_its_tier() {
    let silent = Statement::default();
    let markdown = pack(&silent, None).markdown();
    let html = pack(&silent, None).html_document();
    let (_, fields) = markdown.split_once("\n### Default tier\n").unwrap();
    let (default, rest) = fields.split_once("\n### Shared tier\n").unwrap();
    let (shared, _) = rest.split_once("\n### Never stored\n").unwrap();
    let mut fields = 0;
    for category in Catalog::embedded().categories() {
        let section = match category.tier {
            Tier::Default => default,
            Tier::Shared => shared,
        };
        for field in &category.fields {
            let name = format!("{}.{}", category.id, field.name);
            assert!(section.contains(&format!("\n| `{name}` | ")), "{name}");
            assert!(
                html.contains(&format!("<td><code>{name}</code></td>")),
                "{name}"
            );
            fields += 1;
        }
    }
    assert!(fields > 100, "{fields}");
    assert_eq!(
        default.matches("\n| `").count() + shared.matches("\n| `").count(),
        fields
    );
}

#[test]
fn every_row_has_as_many_cells_as_its_heading() {
    let stated = statement(COMPLETE).unwrap();
    let markdown = pack(&stated, None).markdown();
    let mut cells = 0;
    for line in markdown.lines() {
        let in_line = line.replace("\\|", "").matches('|').count();
        if !line.starts_with("| ") {
            cells = 0;
        } else if cells == 0 {
            cells = in_line;
        } else {
            assert_eq!(in_line, cells, "{line}");
        }
    }
}

#[test]
fn every_switch_is_in_its_order_and_the_warning_beside_it() {
    let silent = Statement::default();
    let markdown = pack(&silent, None).markdown();
    for (number, switch) in (1..).zip(Catalog::embedded().switches()) {
        let row = format!("\n| {number} | {} | ", switch.name_text());
        assert!(markdown.contains(&row), "{row}");
    }
    assert!(markdown.contains("**Do not rely on `OTEL_SDK_DISABLED` alone.**"));
}

#[test]
fn what_the_operator_states_is_shown_and_nothing_else_is_assumed() {
    let stated = statement(COMPLETE).unwrap();
    let markdown = pack(&stated, None).markdown();
    for value in [
        "Example GmbH",
        "1 Example Street, 12345 Exampletown",
        "hello@example.com",
        "Example SARL",
        "Dana Example, dpo@example.com",
        "privacy@example.com",
        "The authority of Exampleland",
        "To decide which integrations to maintain",
        "Art. 6(1)(f)",
        "Art. 6(1)(a)",
        "Maintaining what is used",
        "Hosting AG | processor | runs the machine | Switzerland",
        "Hosting AG in Zug",
        "Switzerland (adequate)",
        "None beyond Switzerland",
        "| 90 days |",
        "| 7 days |",
        "Two weeks",
        "Encrypted disks",
        "2026-11-01",
        "The privacy team",
        "Residual risk is acceptable",
    ] {
        assert!(markdown.contains(value), "{value}");
    }
    // Only a running collector knows how long its audit log is.
    assert_eq!(markdown.matches(NOT_STATED).count(), 1);
    let silent = Statement::default();
    let silent = pack(&silent, None).markdown();
    assert!(silent.matches(NOT_STATED).count() > 25);
    assert!(!silent.contains("Example"));
}

#[test]
fn a_running_collector_shows_how_it_runs() {
    let silent = Statement::default();
    let mut running = Operation {
        retention: Retention {
            default_days: 41,
            shared_days: 3,
        },
        audit_days: 77,
        has_tls: true,
        needs_token: true,
        is_public: false,
        needs_ingest_token: false,
    };
    let markdown = pack(&silent, Some(&running)).markdown();
    for text in [
        "41 days, as this collector runs",
        "3 days, as this collector runs",
        "77 days, as this collector runs",
        "speaks TLS itself",
        "answers no query without a token",
        "Default tier: at most 41 days.",
        "takes telemetry from everybody",
    ] {
        assert!(markdown.contains(text), "{text}");
    }
    running.is_public = true;
    let public = pack(&silent, Some(&running)).markdown();
    assert!(public.contains("runs with `--public`"));
    running = Operation {
        is_public: false,
        needs_token: false,
        has_tls: false,
        ..running
    };
    let open = pack(&silent, Some(&running)).markdown();
    assert!(open.contains("runs with `--no-token`") && open.contains("speaks no TLS itself"));
}

/// An operator's own words, or somebody's who edits the file, can be neither HTML nor Markdown.
#[test]
fn words_of_the_operator_are_shown_as_they_are() {
    let hostile = r#"</td></table><script>alert(1)</script> [a](javascript:b) ![c](d) `e` | f *g* & "h" <https://i>"#;
    let yaml = COMPLETE
        .replace("Example GmbH", "HOSTILE")
        .replace("Hosting AG", "HOSTILE");
    let yaml = yaml
        .replace("HOSTILE", &format!("'{hostile}'"))
        .replace("' in Zug", " in Zug'");
    let stated = statement(&yaml).unwrap();
    let html = pack(&stated, None).html_document();
    let escaped = hostile
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let quoted = escaped.replace('"', "&quot;");
    assert!(
        html.contains(&format!("<td>{escaped}</td>"))
            || html.contains(&format!("<td>{quoted}</td>"))
    );
    for markup in [
        "<script",
        "javascript:b\"",
        "<img",
        "<em>g",
        "<code>e<",
        "href=\"https://i",
    ] {
        assert!(!html.contains(markup), "{markup}");
    }
    let pictured = html
        .split_once("<svg")
        .unwrap()
        .1
        .split_once("</svg>")
        .unwrap()
        .0;
    assert!(pictured.contains("&lt;/td&gt;") && !pictured.contains("</td>"));
}

#[test]
fn the_document_needs_no_other_file_and_the_fragment_no_inline_style() {
    let silent = Statement::default();
    let document = pack(&silent, None).html_document();
    assert!(document.starts_with("<!doctype html>"));
    assert_eq!(document.matches("<h1").count(), 1);
    for outside in ["src=", "<link", "url(", "@import", "<script"] {
        assert!(!document.contains(outside), "{outside}");
    }
    let fragment = pack(&silent, None).html_fragment();
    assert!(fragment.starts_with("<h1"));
    assert!(!fragment.contains(" style=") && !fragment.contains("<style"));
    assert!(fragment.contains("<svg class=\"flow\""));
    // Addresses within the document lead somewhere.
    for link in fragment.split("href=\"#").skip(1) {
        let id = link.split('"').next().unwrap();
        assert!(fragment.contains(&format!("id=\"{id}\"")), "{id}");
    }
}

#[test]
fn the_honest_words_are_there() {
    let silent = Statement::default();
    let markdown = pack(&silent, None).markdown();
    for words in [
        "**Keyed hashes under a kept secret are pseudonyms, not anonymous data.**",
        "**shared content is not scrubbed**",
        "It does not find a person's name",
    ] {
        assert!(markdown.contains(words), "{words}");
    }
}
