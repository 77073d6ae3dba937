//! The flow, from the link on the sign-in page to a role (OpenID Connect Core §3.1).

use headcount_access::Role;
use serde_json::Value;
use ureq::tls::TlsConfig;
use url::Url;

use crate::attempt::{Attempt, Seals};
use crate::encoding::base64url;
use crate::error::SignOnError;
use crate::http::{Http, is_safe};
use crate::id_token::{self, Expected, Head};
use crate::provider::{Metadata, Provider};
use crate::role_rule::{self, Claims, RoleRule, is_verified, role_of};
use crate::signature;

/// The longest name of a person that is shown and recorded, in characters.
const MAX_NAME: usize = 128;

/// Which provider, and who gets which role.
#[derive(Debug, Clone)]
pub struct SignOnOptions {
    /// The provider, as it calls itself.
    pub issuer: String,
    /// Our name at the provider.
    pub client_id: String,
    /// Our secret there; a client without one relies on PKCE alone.
    pub client_secret: Option<String>,
    /// What to ask for beside `openid email profile`.
    pub scopes: Vec<String>,
    /// What gives a role. Without any rule nobody has one.
    pub rules: Vec<RoleRule>,
    /// Whom to trust for TLS, instead of the public authorities.
    pub tls: Option<TlsConfig>,
}

/// Signs people on with one provider.
#[derive(Debug)]
pub struct SignOn {
    provider: Provider,
    client_id: String,
    client_secret: Option<String>,
    scopes: String,
    rules: Vec<RoleRule>,
    name: String,
    seals: Seals,
}

/// A sign-in that began.
#[derive(Debug, Clone)]
pub struct Began {
    /// Where to send the browser.
    pub location: String,
    /// What the browser must bring back, in a cookie.
    pub cookie: String,
}

/// Somebody whom the provider knows, and whom a rule gives a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The highest role of the rules that hold.
    pub role: Role,
    /// The provider's lasting name for the person (`sub`), which is nobody else's there.
    pub subject: String,
    /// A name for people: the verified e-mail address, the user name, or the subject.
    pub name: String,
    /// Where the person wanted to go, as [`SignOn::begin`] was told; `/` where that was too long for a cookie.
    pub next: String,
}

impl SignOn {
    /// How long a browser keeps the cookie of a sign-in that began, in seconds.
    pub const COOKIE_SECONDS: u64 = crate::attempt::LIFETIME.as_secs();

    /// Prepares; asks nobody yet, so that a provider that is down keeps no collector from starting.
    ///
    /// # Errors
    /// The issuer is not an https address (http of this machine counts too).
    pub fn new(options: SignOnOptions) -> Result<Self, SignOnError> {
        signature::install();
        let issuer: Option<Url> = options.issuer.parse().ok();
        let usable = issuer.filter(|issuer| {
            is_safe(issuer) && issuer.query().is_none() && issuer.fragment().is_none()
        });
        let issuer = usable.ok_or_else(|| SignOnError::Provider {
            what: format!("`{}` is not an https address", options.issuer),
        })?;
        let http = Http::new(&issuer, options.tls);
        Ok(Self {
            name: issuer.host_str().unwrap_or_default().to_owned(),
            provider: Provider::new(http, options.issuer),
            client_id: options.client_id,
            client_secret: options.client_secret,
            scopes: scopes_with(&options.scopes),
            rules: options.rules,
            seals: Seals::new()?,
        })
    }

    /// The provider's host, for the link on the sign-in page.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Begins: the browser goes to the provider, which sends it back to `redirect_uri`. Blocks while it asks the provider.
    ///
    /// # Errors
    /// The provider does not answer.
    pub fn begin(&self, redirect_uri: &str, next: &str) -> Result<Began, SignOnError> {
        let metadata = self.provider.metadata()?;
        let attempt = Attempt::new(next)?;
        let challenge = ring::digest::digest(&ring::digest::SHA256, attempt.verifier.as_bytes());
        let mut location = metadata.authorization_endpoint;
        let _pairs = location
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", &self.scopes)
            .append_pair("state", &attempt.state)
            .append_pair("nonce", &attempt.nonce)
            .append_pair("code_challenge", &base64url(challenge.as_ref()))
            .append_pair("code_challenge_method", "S256");
        Ok(Began {
            location: location.into(),
            cookie: self.seals.seal(&attempt),
        })
    }

    /// Finishes: `query` is that of the address at which the provider sent the browser back, `cookie` what [`SignOn::begin`] gave it. Blocks
    /// while it asks the provider.
    ///
    /// # Errors
    /// The answer is of no sign-in that began here, the provider refuses or does not answer, its token does not hold, or it gives no role.
    pub fn finish(
        &self,
        redirect_uri: &str,
        query: &str,
        cookie: Option<&str>,
    ) -> Result<Identity, SignOnError> {
        let answer = Answer::parse(query).ok_or(SignOnError::UnknownAttempt)?;
        let attempt = cookie.and_then(|cookie| self.seals.open(cookie, &answer.state));
        let attempt = attempt.ok_or(SignOnError::UnknownAttempt)?;
        let metadata = self.provider.metadata()?;
        // RFC 9207: a code of another provider never goes to this one.
        if answer
            .issuer
            .as_ref()
            .map_or(metadata.names_itself, |issuer| {
                *issuer != self.provider.issuer
            })
        {
            return Err(SignOnError::Token {
                what: "the answer is of another provider (iss)",
            });
        }
        let code = answer.code.map_err(|code| SignOnError::Refused { code })?;
        let tokens = self.exchange(&metadata, &code, &attempt, redirect_uri)?;
        let mut claims = self.claims(&metadata, &tokens.id_token, &attempt.nonce)?;
        self.add_userinfo(&metadata, &tokens, &mut claims)?;
        self.identity(&claims, attempt.next)
    }

    /// Trades the code for tokens (OpenID Connect Core §3.1.3).
    fn exchange(
        &self,
        metadata: &Metadata,
        code: &str,
        attempt: &Attempt,
        redirect_uri: &str,
    ) -> Result<Tokens, SignOnError> {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", attempt.verifier.as_str()),
        ];
        let mut basic = None;
        match &self.client_secret {
            Some(secret) if metadata.wants_secret_in_form => {
                form.extend([
                    ("client_id", self.client_id.as_str()),
                    ("client_secret", secret),
                ]);
            }
            Some(secret) => basic = Some(basic_authorization(&self.client_id, secret)),
            None => form.push(("client_id", &self.client_id)),
        }
        let (status, answer) =
            self.provider
                .http
                .post(&metadata.token_endpoint, &form, basic.as_deref())?;
        let text = |name: &str| {
            let value = answer.as_ref()?.get(name)?.as_str()?;
            Some(value.to_owned())
        };
        if status != 200 {
            let code =
                text("error").map_or_else(|| format!("status {status}"), |code| plain_code(&code));
            return Err(SignOnError::Refused { code });
        }
        let id_token = text("id_token").ok_or_else(|| SignOnError::Provider {
            what: "its token endpoint gives no id token".to_owned(),
        })?;
        Ok(Tokens {
            id_token,
            access_token: text("access_token"),
        })
    }

    /// The claims of a token that holds. Keys that have changed are asked for once more.
    fn claims(&self, metadata: &Metadata, token: &str, nonce: &str) -> Result<Claims, SignOnError> {
        let head = Head::read(token)?;
        let expected = Expected {
            issuer: &self.provider.issuer,
            client_id: &self.client_id,
            nonce,
        };
        for is_missing_one in [false, true] {
            let keys = self.provider.keys(&metadata.jwks_uri, is_missing_one)?;
            if let Some(claims) = id_token::verify(token, &head, &keys, expected)? {
                return Ok(claims);
            }
        }
        Err(SignOnError::Token {
            what: "the provider has no such key",
        })
    }

    /// Asks for claims that a rule needs and that are not in the token (OpenID Connect Core §5.3). Where that fails, what is signed counts alone, if
    /// it gives a role.
    fn add_userinfo(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        claims: &mut Claims,
    ) -> Result<(), SignOnError> {
        let is_complete = self.rules.iter().all(|rule| rule.is_answered_by(claims));
        let (false, Some(address), Some(token)) = (
            is_complete,
            &metadata.userinfo_endpoint,
            &tokens.access_token,
        ) else {
            return Ok(());
        };
        let more = match self.provider.http.get(address, Some(token)) {
            Ok(Value::Object(more)) => more,
            Ok(_) => return Ok(()),
            Err(error) if role_of(&self.rules, claims).is_some() => {
                tracing::warn!(
                    "the role of somebody who signs on is that of the id token alone: {error}"
                );
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if more.get("sub") != claims.get("sub") {
            return Err(SignOnError::Token {
                what: "the provider's userinfo is about somebody else (sub)",
            });
        }
        role_rule::add(claims, more);
        Ok(())
    }

    fn identity(&self, claims: &Claims, next: String) -> Result<Identity, SignOnError> {
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(shown);
        let subject = text("sub").unwrap_or_default();
        let address = text("email").filter(|_| is_verified(claims));
        let name = address.or_else(|| text("preferred_username"));
        let name = name
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| subject.clone());
        let Some(role) = role_of(&self.rules, claims) else {
            let mut names: Vec<&str> = self.rules.iter().map(RoleRule::claim).collect();
            names.sort_unstable();
            names.dedup();
            let claims = match names.is_empty() {
                true => "no claim, because the collector has no --oidc-role".to_owned(),
                false => format!("the claims {}", names.join(", ")),
            };
            return Err(SignOnError::NoRole { name, claims });
        };
        Ok(Identity {
            role,
            subject,
            name,
            next,
        })
    }
}

/// What the token endpoint gave. `Debug` is not derived: they are secrets.
struct Tokens {
    id_token: String,
    access_token: Option<String>,
}

/// What the provider sent the browser back with.
struct Answer {
    state: String,
    issuer: Option<String>,
    /// The code, or the provider's error.
    code: Result<String, String>,
}

impl Answer {
    fn parse(query: &str) -> Option<Self> {
        let (mut state, mut issuer, mut code, mut error) = (None, None, None, None);
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let place = match name.as_ref() {
                "state" => &mut state,
                "iss" => &mut issuer,
                "code" => &mut code,
                "error" => &mut error,
                _ => continue,
            };
            // RFC 6749 §3.1: a parameter occurs once.
            if place.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        let code = match (code, error) {
            (_, Some(error)) => Err(plain_code(&error)),
            (Some(code), None) => Ok(code),
            (None, None) => return None,
        };
        Some(Self {
            state: state?,
            issuer,
            code,
        })
    }
}

/// An error code as it may be shown (RFC 6749 §4.1.2.1).
fn plain_code(code: &str) -> String {
    let is_plain = |character: &char| character.is_ascii_alphanumeric() || *character == '_';
    code.chars().filter(is_plain).take(64).collect()
}

/// A name as it may be shown and recorded: on one line, and not endless.
fn shown(text: &str) -> String {
    let visible = text.chars().filter(|character| !character.is_control());
    visible.take(MAX_NAME).collect::<String>().trim().to_owned()
}

/// The scopes to ask for (OpenID Connect Core §5.4), and more.
fn scopes_with(more: &[String]) -> String {
    let mut scopes = "openid email profile".to_owned();
    for scope in more {
        scopes.push(' ');
        scopes.push_str(scope);
    }
    scopes
}

/// RFC 6749 §2.3.1: both parts are encoded like a form's before they are encoded in base64.
fn basic_authorization(client_id: &str, secret: &str) -> String {
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encode(client_id), encode(secret));
    let mut text = base64url(pair.as_bytes())
        .replace('-', "+")
        .replace('_', "/");
    // The alphabet and the padding of RFC 4648 §4, as RFC 7617 asks.
    text.push_str(&"=".repeat((4 - text.len() % 4) % 4));
    format!("Basic {text}")
}
