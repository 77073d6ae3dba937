//! The difference between two catalogs, as a reviewer reads it.

use headcount_catalog::{Catalog, CatalogDifference};

/// The built-in catalog with `changes` made to its text.
fn changed(changes: &[(&str, &str)]) -> Catalog {
    let mut text = Catalog::embedded_text().to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    Catalog::parse(&text).unwrap()
}

fn difference(changes: &[(&str, &str)]) -> CatalogDifference {
    Catalog::embedded().difference_to(&changed(changes))
}

const NEW_FIELD: (&str, &str) = (
    "      - {name: memory, kind: boolean, example: true}\n",
    "      - {name: memory, kind: boolean, example: true}\n      \
     - {name: planner, kind: free_text, max_length: 64, personal: true, example: gpt-4o, why: Shows who plans.}\n",
);

#[test]
fn nothing_changed_is_said() {
    let same = difference(&[]);
    assert!(same.is_empty());
    assert!(same.markdown("a", "b").contains("allow the same"));
    let words = difference(&[("title: Crew metadata", "title: Crews")]);
    assert!(words.is_empty(), "{words:?}");
}

#[test]
fn a_new_field_is_named_with_its_limits_and_purpose() {
    let page = difference(&[NEW_FIELD]).markdown("the old one", "the new one");
    for said in [
        "# From the old one to the new one",
        "## More is collected, or for another purpose: 1",
        "`crew.planner` (table `crews`): newly collected, from everybody: free text, scrubbed, 64 characters, may name a person by accident.",
        "Purpose: Shows who plans.",
    ] {
        assert!(page.contains(said), "{said} is not in\n{page}");
    }
    // And the other way round.
    let back = changed(&[NEW_FIELD]).difference_to(Catalog::embedded());
    assert!(back.more.is_empty() && back.less.len() == 1);
    assert!(back.less[0].what.contains("no longer collected"));
}

#[test]
fn each_way_to_collect_more_is_told_from_less() {
    for (from, to, more, said) in [
        (
            "default_days: 400",
            "default_days: 500",
            true,
            "at most 500 days instead of 400",
        ),
        (
            "shared_days: 30",
            "shared_days: 7",
            false,
            "at most 7 days instead of 30",
        ),
        (
            "{name: role, kind: free_text, max_length: 256",
            "{name: role, kind: free_text, max_length: 512",
            true,
            "at most 512 characters instead of 256",
        ),
        (
            "[sequential, hierarchical, parallel, consensual]",
            "[sequential, hierarchical, parallel, consensual, swarm]",
            true,
            "may also be `swarm`",
        ),
        (
            "[sequential, hierarchical, parallel, consensual]",
            "[sequential, hierarchical]",
            false,
            "can no longer be `parallel`, `consensual`",
        ),
        (
            "{name: task_count, kind: integer, unit: tasks, min: 0, max: 100000",
            "{name: task_count, kind: integer, unit: tasks, min: 0, max: 100",
            false,
            "0 to 100 instead of 0 to 100000",
        ),
        (
            "{name: key, kind: key, domain: crew, example: 5d41a2c8e0b7f319, why: Recognises the same crew when it runs again.}",
            "{name: key, kind: free_text, max_length: 99, personal: true, example: x, why: Recognises the same crew when it runs again.}",
            true,
            "now free text, scrubbed instead of keyed hash",
        ),
        (
            "why: Recognises the same crew when it runs again.",
            "why: To rank builders.",
            true,
            "another purpose: “To rank builders.”",
        ),
    ] {
        let found = difference(&[(from, to)]);
        let (expected, other) = match more {
            true => (&found.more, &found.less),
            false => (&found.less, &found.more),
        };
        assert!(
            expected.iter().any(|change| change.what.contains(said)),
            "{said}: {found:#?}"
        );
        assert!(other.is_empty(), "{said}: {found:#?}");
    }
}

#[test]
fn a_field_of_sharing_crews_that_everybody_sends_is_more() {
    let found = difference(&[(
        "    title: Environment information\n    tier: shared\n    table: shared_environments",
        "    title: Environment information\n    tier: default\n    table: shared_environments",
    )]);
    let said = "collected from everybody, and no longer from crews with share_crew alone";
    assert_eq!(
        found
            .more
            .iter()
            .filter(|change| change.what == said)
            .count(),
        7
    );
}

#[test]
fn the_history_of_the_newer_one_is_quoted() {
    let found = difference(&[(
        "switches:\n",
        "  - {revision: 6, date: 2026-12-01, what: Added the planner., fingerprint: 0123456789abcdef}\n\nswitches:\n",
    )]);
    assert_eq!(
        found.revisions,
        ["Revision 6 of 2026-12-01: Added the planner."]
    );
}
