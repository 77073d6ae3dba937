//! The fingerprint of what may be collected, which keeps the catalog's history honest.

use std::fmt::Write as _;

use crate::catalog::{Catalog, Category, Field};

impl Catalog {
    /// Identifies what may be collected, where it is kept and for how long: 16 hexadecimal digits. A change of a category's tier, of a
    /// field, of its kind, limits or values, or of the retention gives another one; a change of words or examples does not.
    pub fn fingerprint(&self) -> String {
        let kept = self.retention();
        let mut collected = format!("{} {}\n", kept.default_days, kept.shared_days);
        for category in self.categories() {
            for field in &category.fields {
                describe(category, field, &mut collected);
            }
        }
        let hash = blake3::hash(collected.as_bytes()).to_hex();
        hash[..16].to_owned()
    }
}

/// A line that differs wherever something else would be collected. The order of fields does not matter to senders, but moving one is rare
/// enough to be written down as well.
fn describe(category: &Category, field: &Field, collected: &mut String) {
    let limits = field.limits;
    let domain = field.domain.map_or("", |domain| domain.name());
    let line = writeln!(
        collected,
        "{} {} {} {} {} {:?} {:?} {:?} {:?} {:?} {:?} {domain} {:?}",
        category.tier.name(),
        category.id,
        field.place.name(),
        field.name,
        field.kind.name(),
        field.unit,
        limits.max_length,
        limits.max_items,
        limits.min,
        limits.max,
        field.values,
        field.personal,
    );
    line.expect("writing to a text cannot fail");
}
