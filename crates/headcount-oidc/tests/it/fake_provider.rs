//! A provider that lies on demand, over HTTP on this machine.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use headcount_oidc::{Began, Identity, SignOn, SignOnError, SignOnOptions};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

pub(crate) const CLIENT: &str = "headcount";
pub(crate) const REDIRECT: &str = "https://telemetry.example/login/oidc/callback";

/// A key of the provider, with its id.
pub(crate) struct Key {
    pub(crate) id: &'static str,
    pair: EcdsaKeyPair,
}

impl Key {
    pub(crate) fn new(id: &'static str) -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        Self { id, pair }
    }

    pub(crate) fn public(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id,
               "x": base64url(&point[1..33]), "y": base64url(&point[33..])})
    }

    pub(crate) fn point(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// A token with these claims, signed.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let head = json!({"alg": "ES256", "typ": "JWT", "kid": self.id});
        let message = format!("{}.{}", encoded(&head), encoded(claims));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), message.as_bytes())
            .unwrap();
        format!("{message}.{}", base64url(signature.as_ref()))
    }
}

pub(crate) fn encoded(value: &Value) -> String {
    base64url(value.to_string().as_bytes())
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    let digits = bits.chunks(6).map(|chunk| {
        let value = chunk.iter().fold(0, |value, bit| value << 1 | bit) << (6 - chunk.len());
        char::from(ALPHABET[usize::from(value)])
    });
    digits.collect()
}

/// What the provider says next.
#[derive(Default)]
pub(crate) struct Said {
    /// Its keys.
    pub(crate) keys: Vec<Value>,
    /// The answer of the token endpoint, and its status.
    pub(crate) tokens: (u16, Value),
    pub(crate) userinfo: Value,
    /// Whether its userinfo fails.
    pub(crate) is_userinfo_down: bool,
    /// What its description says beside the usual.
    pub(crate) description: Value,
    /// The last form that the token endpoint got, and its `Authorization`.
    pub(crate) form: String,
    pub(crate) authorization: String,
    /// How often its keys were asked for.
    pub(crate) keys_asked: u32,
    /// Whether it answers at all.
    pub(crate) is_down: bool,
}

/// The provider.
pub(crate) struct FakeProvider {
    pub(crate) issuer: String,
    pub(crate) said: Arc<Mutex<Said>>,
}

impl FakeProvider {
    pub(crate) fn start(key: &Key) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let said = Arc::new(Mutex::new(Said {
            keys: vec![key.public()],
            tokens: (400, json!({"error": "invalid_grant"})),
            ..Said::default()
        }));
        let (base, state) = (issuer.clone(), Arc::clone(&said));
        // It ends with the test's process.
        let _thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut reader = BufReader::new(stream);
                let Some((line, authorization, body)) = request(&mut reader) else {
                    continue;
                };
                let answer = answer(
                    &base,
                    &mut state.lock().unwrap(),
                    &line,
                    authorization,
                    body,
                );
                let Some((status, value)) = answer else {
                    continue;
                };
                let body = value.to_string();
                let head = format!(
                    "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _gone = reader.get_mut().write_all((head + &body).as_bytes());
            }
        });
        Self { issuer, said }
    }

    pub(crate) fn sign_on(&self, rules: &[&str]) -> SignOn {
        SignOn::new(SignOnOptions {
            issuer: self.issuer.clone(),
            client_id: CLIENT.to_owned(),
            client_secret: Some("s3cret: &%".to_owned()),
            scopes: vec!["groups".to_owned()],
            rules: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
            tls: None,
        })
        .unwrap()
    }

    /// Claims of Anna for this sign-in, which hold.
    pub(crate) fn claims(&self, began: &Began) -> Value {
        json!({"iss": self.issuer, "aud": CLIENT, "sub": "anna-1", "exp": now() + 300, "iat": now(),
               "nonce": parameter(&began.location, "nonce"), "groups": ["readers"]})
    }

    pub(crate) fn gives(&self, id_token: &str) {
        let tokens = json!({"id_token": id_token, "access_token": "at", "token_type": "Bearer"});
        self.said.lock().unwrap().tokens = (200, tokens);
    }

    /// Signs on as the browser that began, with a token that the provider gives.
    pub(crate) fn finish(
        &self,
        sign_on: &SignOn,
        began: &Began,
        id_token: &str,
    ) -> Result<Identity, SignOnError> {
        self.gives(id_token);
        let state = parameter(&began.location, "state");
        sign_on.finish(
            REDIRECT,
            &format!("code=c0de&state={state}"),
            Some(&began.cookie),
        )
    }
}

type Request = (String, String, String);

fn request(reader: &mut BufReader<std::net::TcpStream>) -> Option<Request> {
    let mut line = String::new();
    let _bytes = reader.read_line(&mut line).ok()?;
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let mut header = String::new();
        let _bytes = reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((line, authorization, String::from_utf8(body).ok()?))
}

fn answer(
    base: &str,
    said: &mut Said,
    line: &str,
    authorization: String,
    body: String,
) -> Option<(u16, Value)> {
    if said.is_down {
        return None;
    }
    Some(match line.split(' ').nth(1)? {
        "/.well-known/openid-configuration" => {
            let mut description = json!({
                "issuer": base,
                "authorization_endpoint": format!("{base}/auth?tenant=1"),
                "token_endpoint": format!("{base}/token"),
                "userinfo_endpoint": format!("{base}/me"),
                "jwks_uri": format!("{base}/keys"),
            });
            if let Value::Object(more) = &said.description {
                description.as_object_mut()?.extend(more.clone());
            }
            (200, description)
        }
        "/keys" => {
            said.keys_asked += 1;
            (200, json!({"keys": said.keys}))
        }
        "/token" => {
            (said.form, said.authorization) = (body, authorization);
            said.tokens.clone()
        }
        "/me" if said.is_userinfo_down => (500, json!({"error": "server_error"})),
        "/me" => (200, said.userinfo.clone()),
        _ => (404, Value::Null),
    })
}

pub(crate) fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// A parameter of an address.
pub(crate) fn parameter(address: &str, name: &str) -> String {
    let address: url::Url = address.parse().unwrap();
    let mut pairs = address.query_pairs();
    let (_, value) = pairs.find(|(known, _)| known == name).unwrap();
    value.into_owned()
}
