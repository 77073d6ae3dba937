//! The one table of rights.

use headcount_access::{Right, Role};

#[test]
fn the_table_in_the_documentation_is_the_one_in_the_code() {
    let page = include_str!("../../../../docs/access.md");
    let table = Role::table();
    assert!(
        page.contains(&table),
        "docs/access.md must contain:\n{table}"
    );
}

#[test]
fn a_role_that_may_read_more_may_do_what_the_lesser_may() {
    let rights = [
        Right::ReadPublished,
        Right::ReadAnonymousTier,
        Right::ReadSharedTier,
        Right::RunSql,
        Right::ExportCrews,
        Right::ReadAuditLog,
        Right::EraseCrews,
    ];
    for (lesser, greater) in [
        (Role::Public, Role::Viewer),
        (Role::Viewer, Role::Analyst),
        (Role::Analyst, Role::Admin),
    ] {
        for right in rights {
            let keeps = !lesser.may(right) || greater.may(right);
            assert!(keeps, "{greater} has not the right {right:?} of {lesser}");
        }
    }
    assert!(rights.into_iter().all(|right| !Role::Ingest.may(right)));
    assert!(!Role::Viewer.may(Right::ReadSharedTier) && !Role::Viewer.may(Right::RunSql));
    let senders = Role::OF_TOKENS.into_iter();
    let senders: Vec<Role> = senders
        .filter(|role| role.may(Right::SendTelemetry))
        .collect();
    assert_eq!(senders, [Role::Ingest, Role::Admin]);
}

#[test]
fn a_role_is_known_by_its_name_alone() {
    for role in Role::OF_TOKENS {
        assert_eq!(role.name().parse(), Ok(role));
    }
    for name in ["public", "Admin", "owner", ""] {
        assert!(name.parse::<Role>().is_err(), "{name}");
    }
}
