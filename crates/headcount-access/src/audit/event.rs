//! One line of the audit log.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

use crate::principal::Principal;
use crate::token_store::TokenRecord;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Something that reads the shared tier was asked for; `status` says whether it was answered.
    ReadShared,
    /// An order to erase was given: recorded before it counts, with status 202. One that was not accepted then has a second line, with the
    /// status of its answer.
    EraseOrdered,
    /// A token was made.
    TokenCreated,
    /// A token was revoked.
    TokenRevoked,
    /// Somebody signed on with the identity provider.
    SignedOn,
    /// Lines were lost, because the disk did not take them in time; `items` says how many.
    LinesLost,
}

impl Action {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReadShared => "read_shared",
            Self::EraseOrdered => "erase_ordered",
            Self::TokenCreated => "token_created",
            Self::TokenRevoked => "token_revoked",
            Self::SignedOn => "signed_on",
            Self::LinesLost => "lines_lost",
        }
    }
}

/// Something that was done. It holds no token and nothing of what was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// When, in UTC with milliseconds (RFC 3339).
    pub time: String,
    /// What was done.
    pub action: Action,
    /// The name of the token that proved the right, or how its sender is known without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub who: String,
    /// The id of that token.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub token_id: String,
    /// The role of the sender.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// The method and the address, where it was a request: without ids and parameters, but with a report's name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub endpoint: String,
    /// The status of the response, where it was a request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The id, the name and the role of the token that was changed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// How many erasure tokens, values that name crews to erase, or lost lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
}

impl AuditEvent {
    /// A request for something of the shared tier.
    pub fn read_shared(principal: &Principal, endpoint: String, status: u16) -> Self {
        Self {
            endpoint,
            status: Some(status),
            ..Self::by(principal, Action::ReadShared)
        }
    }

    /// An order to erase what was sent under so many tokens, or what so many values name.
    pub fn erase_ordered(principal: &Principal, items: u64, endpoint: &str, status: u16) -> Self {
        Self {
            items: Some(items),
            status: Some(status),
            endpoint: endpoint.to_owned(),
            ..Self::by(principal, Action::EraseOrdered)
        }
    }

    /// Somebody signed on.
    pub fn signed_on(principal: &Principal, endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            ..Self::by(principal, Action::SignedOn)
        }
    }

    /// A change of a token.
    pub fn token_changed(principal: &Principal, action: Action, token: &TokenRecord) -> Self {
        let parts = [token.id.as_str(), &token.name, token.role.name()];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        Self {
            subject: parts.collect::<Vec<_>>().join(" "),
            ..Self::by(principal, action)
        }
    }

    pub(super) fn lines_lost(items: u64) -> Self {
        Self {
            who: String::new(),
            role: String::new(),
            items: Some(items),
            ..Self::by(&Principal::public(), Action::LinesLost)
        }
    }

    fn by(principal: &Principal, action: Action) -> Self {
        Self {
            time: Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            action,
            who: principal.name().to_owned(),
            token_id: principal.id().to_owned(),
            role: principal.role().name().to_owned(),
            endpoint: String::new(),
            status: None,
            subject: String::new(),
            items: None,
        }
    }

    /// The line, with its end.
    pub(super) fn line(&self) -> Vec<u8> {
        // Texts, numbers and a fixed set of keys can always be written.
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// The time, if it can be read.
    pub(super) fn at(&self) -> Option<DateTime<Utc>> {
        let time = DateTime::parse_from_rfc3339(&self.time).ok()?;
        Some(time.with_timezone(&Utc))
    }
}
