//! Each rule of the lint, shown by a catalog that breaks just that rule.

use std::collections::BTreeSet;

use headcount_catalog::{Catalog, FieldsUsed, LintError};

const GOOD: &str = "{name: size, kind: integer, unit: tasks, min: 0, max: 9, example: 1}";

/// A catalog of these categories whose history and switches break no rule.
fn catalog(categories: &str) -> Catalog {
    let draft = with_head("", categories);
    with_head(&revision(1, "2026-03-02", &draft.fingerprint()), categories)
}

fn with_head(revisions: &str, categories: &str) -> Catalog {
    Catalog::parse(&format!(
        "version: 1\nhistory: [{revisions}]\nenvelope: {{title: t, why: w, fields: []}}\ncategories:\n{categories}"
    ))
    .unwrap()
}

fn revision(number: u32, date: &str, fingerprint: &str) -> String {
    format!("{{revision: {number}, date: '{date}', what: w, fingerprint: '{fingerprint}'}},")
}

fn category(tier: &str, table: &str, why: &str, fields: &str) -> String {
    format!(
        "  - {{id: c_{tier}, title: t, tier: {tier}, table: {table}, why: {why}, fields: [{fields}]}}\n"
    )
}

fn lint_fields(fields: &str) -> Vec<LintError> {
    catalog(&category("default", "things", "w", fields)).lint(None)
}

fn at() -> String {
    "c_default.a".to_owned()
}

#[test]
fn a_sound_catalog_has_no_complaints() {
    assert_eq!(lint_fields(GOOD), []);
}

#[test]
fn a_category_says_what_it_is_for() {
    let fields = GOOD.replace("unit:", "why: w, unit:");
    let errors = catalog(&category("default", "things", "''", &fields)).lint(None);
    assert_eq!(
        errors,
        [LintError::CategoryWithoutPurpose {
            at: "c_default".to_owned()
        }]
    );
}

#[test]
fn a_field_says_what_it_is_for() {
    let errors = lint_fields("{name: a, kind: boolean, example: true, why: ' '}");
    assert_eq!(errors, [LintError::FieldWithoutPurpose { at: at() }]);
}

#[test]
fn text_has_a_limit() {
    let errors = lint_fields("{name: a, kind: free_text, personal: true, example: x}");
    assert_eq!(errors, [LintError::TextWithoutLimit { at: at() }]);
}

#[test]
fn content_is_of_the_shared_tier() {
    let errors = lint_fields("{name: a, kind: content, max_length: 9, personal: true, example: x}");
    assert_eq!(errors, [LintError::ContentInDefaultTier { at: at() }]);
}

#[test]
fn the_tiers_share_no_table() {
    let other = "{name: colour, kind: boolean, example: true}";
    let both = category("default", "things", "w", GOOD) + &category("shared", "things", "w", other);
    assert_eq!(
        catalog(&both).lint(None),
        [LintError::TableOfBothTiers {
            at: "things".to_owned()
        }]
    );
}

#[test]
fn a_name_is_in_a_table_once() {
    let errors = lint_fields(
        "{name: a, kind: boolean, example: true}, {name: a, kind: boolean, example: true}",
    );
    assert_eq!(
        errors,
        [LintError::DuplicateName {
            at: at(),
            table: "things".to_owned()
        }]
    );
}

#[test]
fn names_do_not_look_alike() {
    for (first, second) in [
        ("model", "models"),
        ("toolName", "tool_name"),
        ("tool_name", "toolname"),
        ("duration", "durations"),
        ("colour", "color"),
        ("started", "starter"),
        ("Role", "role"),
    ] {
        let errors = lint_fields(&format!(
            "{{name: {first}, kind: boolean, example: true}}, {{name: {second}, kind: boolean, example: true}}"
        ));
        assert!(
            matches!(errors[..], [LintError::LookAlikeNames { .. }]),
            "{first} {second} {errors:?}"
        );
    }
}

#[test]
fn a_number_has_a_unit() {
    assert_eq!(
        lint_fields("{name: a, kind: integer, example: 1}"),
        [LintError::NumberWithoutUnit { at: at() }]
    );
}

#[test]
fn a_field_is_read_by_a_report() {
    let catalog = catalog(&category("default", "things", "w", GOOD));
    let unused = catalog.lint(Some(&FieldsUsed::new()));
    let expected = LintError::UnusedField {
        at: "c_default.size".to_owned(),
        table: "things".to_owned(),
    };
    assert_eq!(unused, [expected]);
    let used = BTreeSet::from([("things".to_owned(), "size".to_owned())]);
    assert_eq!(catalog.lint(Some(&used)), []);
}

#[test]
fn a_receipt_is_in_every_event_table_and_needs_no_report() {
    let field = |table: &str| {
        format!("{{name: a, kind: receipt, table: {table}, example: 8f14e45fceea167a}}, {GOOD}")
    };
    let used = BTreeSet::from([("things".to_owned(), "size".to_owned())]);
    let sound = catalog(&category(
        "default",
        "things",
        "w",
        &field("every_event_table"),
    ));
    assert_eq!(sound.lint(Some(&used)), []);
    let elsewhere = catalog(&category("default", "things", "w", &field("things")));
    let expected = LintError::ReceiptElsewhere { at: at() };
    assert_eq!(elsewhere.lint(Some(&used)), [expected]);
}

#[test]
fn a_field_has_an_example_that_fits() {
    for field in [
        "{name: a, kind: boolean}",
        "{name: a, kind: integer, unit: s, max: 3, example: 4}",
        "{name: a, kind: enum, values: [x], example: y}",
        "{name: a, kind: free_text, personal: true, max_length: 2, example: xyz}",
        "{name: a, kind: free_text, personal: true, max_length: 2, max_items: 1, example: x}",
    ] {
        assert_eq!(
            lint_fields(field),
            [LintError::NoFittingExample { at: at() }],
            "{field}"
        );
    }
}

#[test]
fn limits_fit_the_kind() {
    for field in [
        "{name: a, kind: boolean, min: 1, example: true}",
        "{name: a, kind: integer, unit: s, min: 2, max: 1, example: 1}",
        "{name: a, kind: boolean, max_length: 1, example: true}",
        "{name: a, kind: id, max_items: 1, example: x}",
        "{name: a, kind: boolean, values: [x], example: true}",
        "{name: a, kind: id, domain: crew, example: x}",
        "{name: a, kind: boolean, unit: s, example: true}",
        "{name: a, kind: duration, unit: ms, example: 1.0}",
    ] {
        assert!(
            matches!(lint_fields(field)[..], [LintError::Contradiction { .. }]),
            "{field}"
        );
    }
}

#[test]
fn words_of_people_say_whether_they_may_be_personal() {
    let errors = lint_fields("{name: a, kind: free_text, max_length: 9, example: x}");
    assert_eq!(errors, [LintError::PersonalNotStated { at: at() }]);
}

#[test]
fn a_change_of_what_is_collected_is_written_down() {
    let before = catalog(&category("default", "things", "w", GOOD));
    let first = revision(1, "2026-03-02", &before.fingerprint());
    for (changed, why) in [
        (category("default", "others", "w", GOOD), "another table"),
        (category("shared", "things", "w", GOOD), "another tier"),
        (
            category("default", "things", "w", &GOOD.replace("max: 9", "max: 10")),
            "another limit",
        ),
        (
            category("default", "things", "w", &GOOD.replace("tasks", "agents")),
            "another unit",
        ),
    ] {
        let after = with_head(&first, &changed);
        let fingerprint = after.fingerprint();
        assert_ne!(fingerprint, before.fingerprint(), "{why}");
        let second = first.clone() + &revision(2, "2026-03-02", &fingerprint);
        assert_eq!(
            after.lint(None),
            [LintError::ChangeWithoutRevision { fingerprint }],
            "{why}"
        );
        assert_eq!(with_head(&second, &changed).lint(None), [], "{why}");
    }
    let reworded = GOOD.replace("example: 1", "example: 2, why: for another reason");
    let reworded = with_head(
        &first,
        &category("default", "things", "other words", &reworded),
    );
    assert_eq!(reworded.lint(None), []);
    let unwritten = with_head("", &category("default", "things", "w", GOOD));
    assert!(matches!(
        unwritten.lint(None)[..],
        [LintError::ChangeWithoutRevision { .. }]
    ));
}

#[test]
fn revisions_can_be_followed() {
    let categories = category("default", "things", "w", GOOD);
    let fingerprint = catalog(&categories).fingerprint();
    for unclear in [
        revision(2, "2026-03-02", &fingerprint),
        revision(1, "2 March", &fingerprint),
        revision(1, "2026-03-02", "0") + &revision(2, "2026-03-01", &fingerprint),
        revision(1, "2026-03-02", &fingerprint).replace("what: w", "what: ''"),
    ] {
        assert!(
            matches!(
                with_head(&unclear, &categories).lint(None)[..],
                [LintError::UnclearRevision { .. }]
            ),
            "{unclear}"
        );
    }
}

#[test]
fn switches_are_in_the_order_in_which_a_client_asks() {
    let categories = category("default", "things", "w", GOOD);
    let fingerprint = catalog(&categories).fingerprint();
    let lint = |switches: &str| {
        Catalog::parse(&format!(
            "version: 1\nhistory: [{}]\nswitches: [{switches}]\nenvelope: {{title: t, why: w, fields: []}}\ncategories:\n{categories}",
            revision(1, "2026-03-02", &fingerprint)
        ))
        .unwrap()
        .lint(None)
    };
    let (variable, file) = (
        "{name: A, kind: variable, what: w}",
        "{name: B, kind: user_file, what: w}",
    );
    assert_eq!(lint(&format!("{variable}, {file}")), []);
    for unclear in [
        format!("{file}, {variable}"),
        "{name: A, kind: variable, what: ' '}".to_owned(),
        "{name: A, kind: framework_variable, what: w}".to_owned(),
        "{name: A, kind: code, framework: crewai, what: w}".to_owned(),
    ] {
        assert!(
            matches!(lint(&unclear)[..], [LintError::UnclearSwitch { .. }]),
            "{unclear}"
        );
    }
}
