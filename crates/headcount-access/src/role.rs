//! Roles and their rights: the one place that says who may do what.

use std::fmt;
use std::str::FromStr;

/// What a principal may do on a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everybody, on a collector that publishes its reports. No token has this role.
    Public,
    /// Programs that send telemetry to a collector that does not take it from everybody.
    Ingest,
    /// People and dashboards that read statistics.
    Viewer,
    /// People who may read what crews shared, and ask questions of their own.
    Analyst,
    /// Whoever runs the collector.
    Admin,
}

/// Something that not everybody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Send telemetry, where the collector requires a token for it.
    SendTelemetry,
    /// Read the reports of the anonymous tier with rare values grouped, by whole days and without a selection.
    ReadPublished,
    /// Read the reports and tables' sizes of the anonymous tier in full, and the collector's metrics.
    ReadAnonymousTier,
    /// Read what crews with `share_crew` sent.
    ReadSharedTier,
    /// Run SQL queries over both tiers.
    RunSql,
    /// Have captured telemetry explained: what of it would be stored, and what not.
    ExplainTelemetry,
    /// Read the account of records.
    ReadAccount,
    /// Export everything that is stored about a crew, of both tiers.
    ExportCrews,
    /// Read the audit log.
    ReadAuditLog,
    /// Erase crews from the store, and see the orders to do so.
    EraseCrews,
}

/// Who may do what; `docs/access.md` shows the same table, and a test compares the two.
#[rustfmt::skip]
const RIGHTS: [(Right, &str, [bool; 5]); 10] = [
    //                                                                                          public ingest viewer analyst admin
    (Right::SendTelemetry, "send telemetry, with `--require-ingest-token`",                    [false, true,  false, false, true]),
    (Right::ReadPublished, "read reports of the anonymous tier, rare values grouped",          [true,  false, true,  true,  true]),
    (Right::ReadAnonymousTier, "read the anonymous tier in full and by filters; metrics",      [false, false, true,  true,  true]),
    (Right::ReadSharedTier, "read the shared tier",                                            [false, false, false, true,  true]),
    (Right::RunSql, "run SQL",                                                                 [false, false, false, true,  true]),
    (Right::ExplainTelemetry, "have captured telemetry explained",                             [false, false, false, true,  true]),
    (Right::ReadAccount, "read the account of records over the API",                           [false, false, false, true,  true]),
    (Right::ExportCrews, "export a crew's rows",                                               [false, false, false, true,  true]),
    (Right::ReadAuditLog, "read the audit log over the API",                                   [false, false, false, false, true]),
    (Right::EraseCrews, "erase crews",                                                         [false, false, false, false, true]),
];

impl Role {
    /// The roles that a token can have, the least powerful first.
    pub const OF_TOKENS: [Self; 4] = [Self::Ingest, Self::Viewer, Self::Analyst, Self::Admin];

    const ALL: [Self; 5] = [
        Self::Public,
        Self::Ingest,
        Self::Viewer,
        Self::Analyst,
        Self::Admin,
    ];

    /// Whether the role has the right.
    pub fn may(self, right: Right) -> bool {
        RIGHTS
            .iter()
            .any(|(known, _, roles)| *known == right && roles[self as usize])
    }

    /// Its name: on the command line, in the token file and in the audit log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Ingest => "ingest",
            Self::Viewer => "viewer",
            Self::Analyst => "analyst",
            Self::Admin => "admin",
        }
    }

    /// The table of rights in Markdown, with a column for each role.
    pub fn table() -> String {
        let mut table = String::from("| may |");
        for role in Self::ALL {
            table.push_str(&format!(" {role} |"));
        }
        table.push_str("\n| --- |");
        table.push_str(&" --- |".repeat(Self::ALL.len()));
        table.push('\n');
        for (right, text, _) in RIGHTS {
            table.push_str(&format!("| {text} |"));
            for role in Self::ALL {
                table.push_str(if role.may(right) { " yes |" } else { " – |" });
            }
            table.push('\n');
        }
        table
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    /// The role of a token by its name.
    fn from_str(name: &str) -> Result<Self, String> {
        let mut roles = Self::OF_TOKENS.into_iter();
        roles.find(|role| role.name() == name).ok_or_else(|| {
            format!("`{name}` is not a role; the roles are ingest, viewer, analyst and admin")
        })
    }
}
