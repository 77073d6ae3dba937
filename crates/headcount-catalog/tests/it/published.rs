//! The published page and the lint, on the catalog that ships.

use headcount_catalog::Catalog;

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
