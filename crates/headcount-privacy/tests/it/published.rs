use headcount_privacy::Statement;

use crate::support::pack;

/// The pack without an operator, for readers of the repository.
///
/// `UPDATE_PRIVACY=1 cargo test --release -p headcount-privacy --test it published` writes it.
#[test]
fn the_published_pack_is_the_catalogs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/privacy-review.md");
    let silent = Statement::default();
    let markdown = pack(&silent, None).markdown();
    if std::env::var_os("UPDATE_PRIVACY").is_some() {
        std::fs::write(path, &markdown).unwrap();
    }
    let published = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        published == markdown,
        "docs/privacy-review.md differs from the catalog or the templates; write it anew with UPDATE_PRIVACY=1"
    );
}
