//! What a framework leaves for the commands to show.

use headcount::{Builder, Installation, Telemetry};

/// What `headcount status` shows of a framework that was started like this.
fn replaced(start: impl Fn(Builder) -> Builder) -> Option<String> {
    let home = tempfile::tempdir().unwrap();
    let telemetry = start(Telemetry::builder("rig", "1.0").home(home.path())).start();
    assert!(telemetry.is_recording(), "{}", telemetry.decision());
    let [installation] = Installation::all_in(home.path()).try_into().unwrap();
    installation.replaces().map(str::to_owned)
}

#[test]
fn a_telemetry_that_is_silent_meanwhile_is_named() {
    assert_eq!(replaced(|builder| builder), None);
    let named = replaced(|builder| builder.replaces("Rig's own telemetry").switch("RIG_OFF"));
    assert_eq!(named.as_deref(), Some("Rig's own telemetry"));
}

#[test]
fn its_name_cannot_pass_for_another_line() {
    let named = replaced(|builder| builder.replaces("own\ntold\u{1b}[2J"));
    assert_eq!(named.as_deref(), Some("owntold[2J"));
}
