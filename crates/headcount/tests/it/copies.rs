//! Values that are not recorded are not copied. `examples/copies.rs` counts the bytes, with an allocator of its own.

use crate::support::{example, text};

fn check(name: &str) {
    let home = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(example("copies"))
        .arg(name)
        .env_clear()
        .env("HEADCOUNT_HOME", home.path())
        .output()
        .unwrap();
    assert_eq!(text(&output), "checked\n");
}

#[test]
fn content_that_is_not_recorded_is_not_copied() {
    check("not-recorded");
}

#[test]
fn nothing_is_copied_after_an_off() {
    check("after-an-off");
}
