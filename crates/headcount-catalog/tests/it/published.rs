//! The published page and the lint, on the catalog that ships.

use headcount_catalog::{Catalog, SwitchKind};

#[test]
fn the_catalog_breaks_no_rule() {
    assert_eq!(Catalog::embedded().lint(None), []);
}

/// `UPDATE_TELEMETRY=1 cargo test --release -p headcount-catalog --test it published` writes the page.
#[test]
fn the_published_page_is_the_catalogs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../TELEMETRY.md");
    let page = Catalog::embedded().markdown();
    if std::env::var_os("UPDATE_TELEMETRY").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        published == page,
        "TELEMETRY.md differs from catalog/crew.yaml; write it anew with UPDATE_TELEMETRY=1"
    );
}

#[test]
fn the_json_names_every_field() {
    let json = Catalog::embedded().json();
    let categories = json["categories"].as_array().unwrap();
    let fields: usize = categories
        .iter()
        .map(|category| category["fields"].as_array().unwrap().len())
        .sum();
    let expected: usize = Catalog::embedded()
        .categories()
        .iter()
        .map(|category| category.fields.len())
        .sum();
    assert_eq!(fields, expected);
}

/// The framework's own switches are listed where the listener for CrewAI hands them to the client.
#[test]
fn the_switches_of_crewai_are_those_of_its_listener() {
    let listener = include_str!("../../../headcount-python/python/headcount/crewai/_installed.py");
    let line = listener
        .lines()
        .find(|line| line.starts_with("SWITCHES = "));
    let line = line.expect("the listener names its switches");
    let of_the_listener: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
    let switches = Catalog::embedded().switches().iter();
    let of_the_catalog: Vec<&str> = switches
        .filter(|switch| switch.framework.as_deref() == Some("crewai"))
        .map(|switch| switch.name.as_str())
        .collect();
    assert_eq!(of_the_catalog, of_the_listener);
}

#[test]
fn readers_find_every_switch_on_the_published_pages() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    for page in ["TELEMETRY.md", "README.md"] {
        let text = std::fs::read_to_string(format!("{root}/{page}")).unwrap();
        for switch in Catalog::embedded().switches() {
            for name in switch.name.split(", ") {
                let is_a_state = switch.kind > SwitchKind::Code;
                assert!(
                    is_a_state || text.contains(name),
                    "{page} does not name {name}"
                );
            }
        }
    }
}
