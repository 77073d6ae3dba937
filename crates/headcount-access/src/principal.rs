//! Who sends a request, as far as a collector knows.

use std::sync::Arc;

use crate::role::Role;

/// The sender of a request: a role, and the token that proved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    role: Role,
    id: Arc<str>,
    name: Arc<str>,
}

impl Principal {
    /// The holder of a token.
    pub(crate) fn holder(role: Role, id: &str, name: &str) -> Self {
        Self {
            role,
            id: id.into(),
            name: name.into(),
        }
    }

    /// The holder of the token of the data folder.
    pub fn access_token() -> Self {
        Self::holder(Role::Admin, "", "access token of the data folder")
    }

    /// Somebody whom an identity provider knows by this subject, and people by this name.
    pub fn signed_on(role: Role, subject: &str, name: &str) -> Self {
        Self::holder(role, &format!("oidc:{subject}"), name)
    }

    /// A user of this machine, on a collector that asks them for no token.
    pub fn local() -> Self {
        Self::holder(Role::Admin, "", "this machine, without a token")
    }

    /// Somebody without a token, on a collector that publishes its reports.
    pub fn public() -> Self {
        Self::holder(Role::Public, "", "")
    }

    /// Somebody with access to the data folder, who ran a command on it.
    pub fn command_line() -> Self {
        Self::holder(Role::Admin, "", "command line")
    }

    /// The sender of erasure tokens, whom nobody else knows.
    pub fn receipt_holder() -> Self {
        Self::holder(Role::Public, "", "holder of erasure tokens")
    }

    /// What the principal may do.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The token's id, or `oidc:` and the identity provider's subject; empty where neither proved the role.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The token's name, or how the principal is known without one.
    pub fn name(&self) -> &str {
        &self.name
    }
}
