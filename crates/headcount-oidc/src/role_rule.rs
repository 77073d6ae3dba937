//! Which claims give which role.

use std::fmt;
use std::str::FromStr;

use headcount_access::Role;
use serde_json::{Map, Value};

/// What the provider states of a person.
pub(crate) type Claims = Map<String, Value>;

/// `CLAIM=VALUE:ROLE`: whoever has the value among those of the claim has the role. The claim may be a path into objects, such as
/// `realm_access.roles`. `email=@example.com:viewer` is for every verified address of a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleRule {
    claim: String,
    value: String,
    role: Role,
}

/// Why a text is no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Not of the form.
    #[error(
        "write it as CLAIM=VALUE:ROLE, for example groups=statistics:viewer or email=@example.com:viewer"
    )]
    Form,
    /// No role of a reader.
    #[error("the role must be viewer, analyst or admin")]
    Role,
}

impl FromStr for RoleRule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        // A value may hold colons, and a claim's name may be a URL.
        let (claim, rest) = text.split_once('=').ok_or(RuleError::Form)?;
        let (value, role) = rest.rsplit_once(':').ok_or(RuleError::Form)?;
        if claim.is_empty() || value.is_empty() {
            return Err(RuleError::Form);
        }
        let role = match role {
            "viewer" => Role::Viewer,
            "analyst" => Role::Analyst,
            "admin" => Role::Admin,
            _ => return Err(RuleError::Role),
        };
        Ok(Self {
            claim: claim.to_owned(),
            value: value.to_owned(),
            role,
        })
    }
}

impl fmt::Display for RoleRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}={}:{}",
            self.claim,
            self.value,
            self.role.name()
        )
    }
}

impl RoleRule {
    /// The name of its claim.
    pub(crate) fn claim(&self) -> &str {
        &self.claim
    }

    /// Whether the claims say anything of its claim.
    pub(crate) fn is_answered_by(&self, claims: &Claims) -> bool {
        lookup(claims, &self.claim).is_some()
    }

    fn holds(&self, claims: &Claims) -> bool {
        // An address that nobody has verified may be anybody's (OpenID Connect Core §5.7).
        if self.claim == "email" && !is_verified(claims) {
            return false;
        }
        match lookup(claims, &self.claim) {
            Some(Value::Array(values)) => values.iter().any(|value| self.is_value(value)),
            Some(value) => self.is_value(value),
            None => false,
        }
    }

    fn is_value(&self, value: &Value) -> bool {
        let Value::String(text) = value else {
            return false;
        };
        if self.claim == "email" {
            let text = text.to_ascii_lowercase();
            let wanted = self.value.to_ascii_lowercase();
            // `@` is in the value, so that example.com is not the end of another domain's name; one `@`, so that it ends a local part.
            return match wanted.starts_with('@') {
                true => text.matches('@').count() == 1 && text.ends_with(&wanted),
                false => text == wanted,
            };
        }
        *text == self.value
    }
}

/// Whether the provider verified the person's address.
pub(crate) fn is_verified(claims: &Claims) -> bool {
    match claims.get("email_verified") {
        Some(Value::Bool(is_verified)) => *is_verified,
        // Some providers write it as text.
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

/// The highest role that a rule gives.
pub(crate) fn role_of(rules: &[RoleRule], claims: &Claims) -> Option<Role> {
    let rank = |role: &Role| match role {
        Role::Admin => 2,
        Role::Analyst => 1,
        _ => 0,
    };
    let holding = rules.iter().filter(|rule| rule.holds(claims));
    holding.map(|rule| rule.role).max_by_key(rank)
}

/// The claim of that name, or what the path leads to.
fn lookup<'c>(claims: &'c Claims, name: &str) -> Option<&'c Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let mut parts = name.split('.');
    let mut value = claims.get(parts.next()?)?;
    for part in parts {
        value = value.get(part)?;
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(json: &str) -> Claims {
        serde_json::from_str(json).unwrap()
    }

    fn role(rules: &[&str], json: &str) -> Option<Role> {
        let rules: Vec<RoleRule> = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        role_of(&rules, &claims(json))
    }

    #[test]
    fn the_highest_role_counts_and_nothing_gives_none() {
        let rules = [
            "groups=readers:viewer",
            "groups=team:analysts:analyst",
            "groups=owners:admin",
        ];
        assert_eq!(
            role(&rules, r#"{"groups": ["readers"]}"#),
            Some(Role::Viewer)
        );
        assert_eq!(
            role(
                &rules,
                r#"{"groups": ["owners", "readers", "team:analysts"]}"#
            ),
            Some(Role::Admin)
        );
        assert_eq!(
            role(&rules, r#"{"groups": "team:analysts"}"#),
            Some(Role::Analyst)
        );
        for nothing in [
            r#"{}"#,
            r#"{"groups": []}"#,
            r#"{"groups": ["Readers"]}"#,
            r#"{"groups": [["readers"]]}"#,
            r#"{"groups": {"readers": true}}"#,
        ] {
            assert_eq!(role(&rules, nothing), None, "{nothing}");
        }
    }

    #[test]
    fn a_claim_may_be_inside_of_others_or_have_dots_in_its_name() {
        assert_eq!(
            role(
                &["realm_access.roles=r:viewer"],
                r#"{"realm_access": {"roles": ["r"]}}"#
            ),
            Some(Role::Viewer)
        );
        assert_eq!(
            role(
                &["https://example.com/roles=r:viewer"],
                r#"{"https://example.com/roles": ["r"]}"#
            ),
            Some(Role::Viewer)
        );
    }

    #[test]
    fn only_a_verified_address_of_the_very_domain_counts() {
        let rule = ["email=@example.com:viewer"];
        let with = |email: &str, verified: &str| {
            role(
                &rule,
                &format!(r#"{{"email": "{email}", "email_verified": {verified}}}"#),
            )
        };
        assert_eq!(with("anna@example.com", "true"), Some(Role::Viewer));
        assert_eq!(with("Anna@Example.COM", "\"true\""), Some(Role::Viewer));
        assert_eq!(with("anna@example.com", "false"), None);
        assert_eq!(role(&rule, r#"{"email": "anna@example.com"}"#), None);
        for other in [
            "anna@evilexample.com",
            "anna@example.com.evil",
            "anna@sub.example.com",
            "a@evil@example.com",
        ] {
            assert_eq!(with(other, "true"), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for (text, error) in [
            ("groups", RuleError::Form),
            ("groups=x", RuleError::Form),
            ("=x:viewer", RuleError::Form),
            ("groups=:viewer", RuleError::Form),
            ("groups=x:ingest", RuleError::Role),
            ("groups=x:public", RuleError::Role),
            ("groups=x:", RuleError::Role),
        ] {
            assert_eq!(text.parse::<RoleRule>(), Err(error), "{text}");
        }
    }
}
