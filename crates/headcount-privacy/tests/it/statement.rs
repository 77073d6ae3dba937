use headcount_catalog::Retention;
use headcount_privacy::{Statement, StatementError};

use crate::support::{COMPLETE, statement};

#[test]
fn the_template_is_a_statement_that_states_nothing() {
    let template = statement(Statement::TEMPLATE).unwrap();
    assert_eq!(format!("{template:?}").matches("Some(").count(), 0);
}

/// A key that is misspelt would silently not be stated.
#[test]
fn an_unknown_key_is_an_error_that_names_it() {
    let error = statement("version: 1\ncontroler: {name: x}\n").unwrap_err();
    let StatementError::Form { source, .. } = error else {
        panic!("{error}")
    };
    assert!(source.to_string().contains("controler"), "{source}");
}

#[test]
fn a_file_of_another_form_is_refused() {
    let error = statement("version: 2\n").unwrap_err();
    assert!(matches!(error, StatementError::Version { found: 2, .. }));
    let missing = Statement::read("/nowhere/privacy.yaml".as_ref()).unwrap_err();
    assert!(missing.to_string().contains("/nowhere/privacy.yaml"));
    let long = "# ".repeat(200_000);
    assert!(matches!(
        statement(&long),
        Err(StatementError::TooLong { .. })
    ));
}

#[test]
fn a_collector_keeps_nothing_for_longer_than_the_statement_says() {
    let kept = |default_days, shared_days| Retention {
        default_days,
        shared_days,
    };
    let stated = statement(COMPLETE).unwrap();
    assert!(stated.allows(kept(90, 7)).is_ok());
    assert!(stated.allows(kept(1, 1)).is_ok());
    for (kept, option) in [(kept(91, 7), "--keep 90"), (kept(90, 8), "--keep-shared 7")] {
        let error = stated.allows(kept).unwrap_err().to_string();
        assert!(error.contains(option), "{error}");
    }
    assert!(Statement::default().allows(Retention::default()).is_ok());
}
