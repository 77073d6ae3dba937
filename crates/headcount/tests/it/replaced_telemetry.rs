//! The name of the telemetry that a framework replaces, as the commands show it.

use headcount::{Builder, Installation, Telemetry};

/// The name that `headcount status` shows for a framework that was started like this.
fn replaced(start: impl Fn(Builder) -> Builder) -> Option<String> {
    let home = tempfile::tempdir().unwrap();
    let telemetry = start(Telemetry::builder("rig", "1.0").home(home.path())).start();
    assert!(telemetry.is_recording(), "{}", telemetry.decision());
    let [installation] = Installation::all_in(home.path()).try_into().unwrap();
    installation.replaces().map(str::to_owned)
}

#[test]
fn the_replaced_telemetry_is_named() {
    assert_eq!(replaced(|builder| builder), None);
    let named = replaced(|builder| builder.replaces("Rig's own telemetry").switch("RIG_OFF"));
    assert_eq!(named.as_deref(), Some("Rig's own telemetry"));
}

#[test]
fn its_name_cannot_add_a_line() {
    let named = replaced(|builder| builder.replaces("own\ntold\u{1b}[2J"));
    assert_eq!(named.as_deref(), Some("owntold[2J"));
}
