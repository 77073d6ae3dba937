//! Which claims give which role.

use std::fmt;
use std::str::FromStr;

use headcount_access::Role;
use serde_json::{Map, Value};

/// What the provider states of a person.
pub(crate) type Claims = Map<String, Value>;

const EMAIL: &str = "email";
const EMAIL_VERIFIED: &str = "email_verified";

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

    /// Whether the claims say anything of its claim: of an address also whether it is verified.
    pub(crate) fn is_answered_by(&self, claims: &Claims) -> bool {
        if self.claim == EMAIL && !claims.contains_key(EMAIL_VERIFIED) {
            return false;
        }
        lookup(claims, &self.claim).is_some()
    }

    fn holds(&self, claims: &Claims) -> bool {
        // An address that nobody has verified may be anybody's (OpenID Connect Core §5.7).
        if self.claim == EMAIL && !is_verified(claims) {
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
        if self.claim == EMAIL {
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
    match claims.get(EMAIL_VERIFIED) {
        Some(Value::Bool(is_verified)) => *is_verified,
        // Some providers write it as text.
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

/// Adds the claims of `userinfo` to those of a token: what is signed counts more. An address and whether it is verified belong together, so both
/// come from one of them: from the token if it has both, or else from whichever has the address.
pub(crate) fn add(claims: &mut Claims, mut userinfo: Claims) {
    let token_has_both = claims.contains_key(EMAIL) && claims.contains_key(EMAIL_VERIFIED);
    let without_pair = match !token_has_both && userinfo.contains_key(EMAIL) {
        true => &mut *claims,
        false => &mut userinfo,
    };
    for name in [EMAIL, EMAIL_VERIFIED] {
        let _other = without_pair.remove(name);
    }
    for (name, value) in userinfo {
        let _kept = claims.entry(name).or_insert(value);
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

    #[test]
    fn an_address_and_its_verification_come_from_one_source() {
        let (mallory, anna) = (
            r#""email": "mallory@x.example""#,
            r#""email": "anna@x.example""#,
        );
        let verified = r#""email_verified": true"#;
        for (token, userinfo, expected) in [
            // The verification of one address says nothing about another.
            (format!("{{{mallory}}}"), format!("{{{verified}}}"), None),
            (
                format!("{{{mallory}}}"),
                format!("{{{anna}, {verified}}}"),
                Some("anna@x.example"),
            ),
            (format!("{{{verified}}}"), format!("{{{anna}}}"), None),
            (format!("{{{verified}}}"), "{}".to_owned(), None),
            (
                format!("{{{mallory}, \"email_verified\": false}}"),
                format!("{{{anna}, {verified}}}"),
                None,
            ),
            (
                format!("{{{anna}, {verified}}}"),
                format!("{{{mallory}}}"),
                Some("anna@x.example"),
            ),
            (
                "{}".to_owned(),
                format!("{{{anna}, {verified}}}"),
                Some("anna@x.example"),
            ),
        ] {
            let mut both = claims(&token);
            add(&mut both, claims(&userinfo));
            let address = both.get("email").and_then(Value::as_str);
            let address = address.filter(|_| is_verified(&both));
            assert_eq!(address, expected, "{token} {userinfo}");
        }
    }
}
