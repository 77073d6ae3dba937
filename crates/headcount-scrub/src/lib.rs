//! Removes personal data and secrets from free text, and leaves a marker that names the kind.
//!
//! Most texts are names of roles, tools and models, with nothing to remove: one pass over their bytes proves that no detector
//! can match, and they are borrowed unchanged. Other texts go through the detectors in order: secrets before e-mail addresses
//! (a password in a URL looks like one), network addresses before telephone numbers (both are digits and dots).

mod found;
mod home_path;
mod number;
mod random_words;

use std::borrow::Cow;

use regex::{Captures, Regex, Replacer};

pub use found::Found;

/// A text that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scrubbed<'a> {
    /// The remaining text, borrowed if nothing changed.
    pub text: Cow<'a, str>,
    /// The kinds of text that were removed.
    pub found: Found,
}

/// The detectors, compiled once.
#[derive(Debug)]
pub struct Scrubber {
    pem: Regex,
    userinfo: Regex,
    assigned: Regex,
    flag: Regex,
    bearer: Regex,
    known: Regex,
    email: Regex,
    address: Regex,
}

/// A secret's name and its assignment: of YAML, JSON, shells, Ruby and Go. Other letters may precede the name in a name of
/// several words (`DB_PASSWORD`, `dbPassword`, `PGPASSWORD`).
const ASSIGNED: &str = concat!(
    r"(?:(^|[^A-Za-z0-9])(?i:pass(?:words?|wd|phrase|code)[0-9]{0,2}|pwd|secret|token|credentials?",
    r"|(?:api|access|auth|secret|private)[ _-]?key|client[_-]?secret)",
    r"|([A-Za-z0-9])(?:(?i:passwords?|passwd|passphrase)|P(?:wd|WD)|S(?:ecret|ECRET)|T(?:oken|OKEN)",
    r"|(?:Api|Access|Auth|Secret|Private)Key)",
    r"|([A-Za-z0-9])[_-](?i:pass))",
    r#"\\*["'`]?\s*(?::=|=>|[:=])\s*"#,
);
/// A value: quoted, with spaces, perhaps without its end; or a word.
const VALUE: &str = concat!(
    r#"(?P<value>"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|\\+"[^"]*"?|\\+'[^']*'?|`[^`]*`?"#,
    "|“[^”]*”?|„[^“”]*[“”]?|‘[^’]*’?|«[^»]*»?",
    r"|\S+)",
);
/// A secret's name on a command line.
const FLAG: &str = concat!(
    r"(^|[^A-Za-z0-9-])--(?:[A-Za-z0-9]+[-_])*",
    r"(?i:pass(?:word|wd|phrase|code)|pwd|secret|token|(?:api|access|auth|secret|private)[_-]?key)\s+",
);

/// How often a text is scanned again when cutting it made a new match.
const PASSES: usize = 8;

impl Default for Scrubber {
    fn default() -> Self {
        Self::new()
    }
}

impl Scrubber {
    /// Compiles the detectors.
    pub fn new() -> Self {
        let compile = |pattern: &str| {
            Regex::new(pattern).expect("the pattern is a constant that the tests compile")
        };
        Self {
            pem: compile(r"(?s)-----BEGIN [^-]*-----.*?(?:-----END [^-]*-----|$)"),
            // Up to the last `@` of the authority (WHATWG URL Standard, "authority state"); a password with a slash too.
            userinfo: compile(r"://([^\s/?#]*|[^\s@/]*:[^\s@]+)@"),
            assigned: compile(&format!("(?:{ASSIGNED})+{VALUE}")),
            flag: compile(&format!("{FLAG}{VALUE}")),
            bearer: compile(r"(?i)\b(?:bearer|basic)[ :=]+[A-Za-z0-9._~+/=-]{16,}"),
            known: compile(concat!(
                r"(^|[^A-Za-z0-9])(sk[-_][A-Za-z0-9_-]{16,}|[rp]k_(?:live|test)_[A-Za-z0-9]{12,}|gh[pousr]_[A-Za-z0-9]{16,}",
                r"|github_pat_[A-Za-z0-9_]{16,}|A(?:KIA|SIA)[A-Z0-9]{16,}|AIza[A-Za-z0-9_-]{16,}|xox[a-z]-[A-Za-z0-9-]{15,}",
                r"|hf_[A-Za-z0-9]{17,}|glpat-[A-Za-z0-9_-]{14,}|gsk_[A-Za-z0-9]{16,}|npm_[A-Za-z0-9]{16,}",
                r"|(?:tvly|pplx)-[A-Za-z0-9-]{15,}|eyJ[A-Za-z0-9_-]{17,}(?:\.[A-Za-z0-9_-]+)*)",
            )),
            email: compile(r"[\w.%+'-]+@[\w-]+(?:\.[\w-]+)+"),
            address: compile(r"[0-9A-Za-z:.]*(?:[0-9A-Fa-f]:|[0-9]\.|::)[0-9A-Za-z:.]+"),
        }
    }

    /// Scrubs `text` and cuts it at `max_length` characters. Scrubbing the result again changes nothing. Control characters
    /// become spaces.
    pub fn scrub<'a>(&self, text: &'a str, max_length: usize) -> Scrubbed<'a> {
        let mut found = Found::default();
        if cannot_match(text.as_bytes()) {
            let text = Cow::Borrowed(cut(text, max_length));
            return Scrubbed { text, found };
        }
        let mut current: String = text
            .chars()
            .map(|character| {
                if character.is_control() {
                    ' '
                } else {
                    character
                }
            })
            .collect();
        for _ in 0..PASSES {
            let next = cut(&self.detect(&current, &mut found), max_length).to_owned();
            if next == current {
                let text = if current == text {
                    Cow::Borrowed(text)
                } else {
                    Cow::Owned(current)
                };
                return Scrubbed { text, found };
            }
            current = next;
        }
        // A text that still changes was made to attack the scrubber; nothing of it is kept.
        found.add(Found::SECRET);
        let text = Cow::Borrowed(cut("[secret]", max_length));
        Scrubbed { text, found }
    }

    fn detect(&self, text: &str, found: &mut Found) -> String {
        let mut mark = |kind: Found, marker: &'static str| {
            found.add(kind);
            marker
        };
        let text = when(
            text.contains("-----"),
            &self.pem,
            text,
            |_: &Captures<'_>| mark(Found::SECRET, "[secret]"),
        );
        let text = when(
            text.contains("://"),
            &self.userinfo,
            &text,
            |hit: &Captures<'_>| match &hit[1] {
                "[secret]" => hit[0].to_owned(),
                _ => mark(Found::SECRET, "://[secret]@").to_owned(),
            },
        );
        let mut assigned = |hit: &Captures<'_>| {
            // Removed in an earlier pass.
            if hit["value"].starts_with("[secret]") {
                return hit[0].to_owned();
            }
            let before = (1..=3).find_map(|group| hit.get(group));
            let before = before.map_or("", |before| before.as_str());
            format!("{before}{}", mark(Found::SECRET, "[secret]"))
        };
        let text = when(
            text.contains(['=', ':']),
            &self.assigned,
            &text,
            &mut assigned,
        );
        let text = when(text.contains("--"), &self.flag, &text, &mut assigned);
        let text = when(
            text.contains([' ', '=', ':']),
            &self.bearer,
            &text,
            |hit: &Captures<'_>| match is_mixed(&hit[0]) || hit[0].contains(['=', ':']) {
                true => mark(Found::SECRET, "[secret]").to_owned(),
                false => hit[0].to_owned(),
            },
        );
        let text = self
            .known
            .replace_all(&text, |hit: &Captures<'_>| match is_mixed(&hit[2]) {
                true => format!("{}{}", &hit[1], mark(Found::SECRET, "[secret]")),
                false => hit[0].to_owned(),
            });
        let text = when(
            text.contains('@'),
            &self.email,
            &text,
            |_: &Captures<'_>| mark(Found::EMAIL, "[email]"),
        );
        let text = match text.contains(['/', '\\', '~', '%']) {
            true => Cow::Owned(home_path::replace(&text, found)),
            false => text,
        };
        let mut mark = |kind: Found, marker: &'static str| {
            found.add(kind);
            marker
        };
        let text = when(
            text.contains(['.', ':']),
            &self.address,
            &text,
            |hit: &Captures<'_>| match is_address(&hit[0]) {
                true => mark(Found::ADDRESS, "[address]").to_owned(),
                false => hit[0].to_owned(),
            },
        );
        let text = random_words::replace(&text, found);
        number::replace(&text, found)
    }
}

/// Replaces the matches of `pattern`, unless a cheaper check has shown that there are none.
fn when<'t, R: Replacer>(
    can_match: bool,
    pattern: &Regex,
    text: &'t str,
    replacer: R,
) -> Cow<'t, str> {
    match can_match {
        true => pattern.replace_all(text, replacer),
        false => Cow::Borrowed(text),
    }
}

/// Whether a candidate looks random: `sk-learn-pipeline-builder` is a tool and no secret.
fn is_mixed(text: &str) -> bool {
    text.bytes()
        .any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

fn is_address(candidate: &str) -> bool {
    let candidate = candidate.trim_end_matches(['.', ':']);
    let host = match candidate.rsplit_once(':') {
        Some((host, port))
            if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.contains(':') =>
        {
            host
        }
        _ => candidate,
    };
    let digits = candidate.bytes().any(|byte| byte.is_ascii_digit());
    host.parse::<std::net::Ipv4Addr>().is_ok()
        || digits && candidate.len() >= 7 && candidate.parse::<std::net::Ipv6Addr>().is_ok()
}

/// Whether one pass proves that [`Scrubber::scrub`] leaves `text` unchanged. `false` means only that the detectors have to
/// run.
pub fn is_plain(text: &str) -> bool {
    cannot_match(text.as_bytes())
}

/// The first `max_length` characters.
pub fn cut(text: &str, max_length: usize) -> &str {
    if text.len() <= max_length {
        return text;
    }
    match text.char_indices().nth(max_length) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// Proves in one pass that no detector can match: each needs one of these bytes, seven digits, three dots, or twenty
/// characters of a word that has a digit or a capital.
fn cannot_match(bytes: &[u8]) -> bool {
    let (mut digits, mut dots, mut run) = (0, 0, 0);
    let mut run_is_mixed = false;
    let mut previous = 0;
    for &byte in bytes {
        match byte {
            b'@' | b'/' | b'\\' | b'~' | b':' | b'=' | b'%' | 0..0x20 | 0x7f | 0xc2 => {
                return false;
            }
            b'-' if previous == b'-' => return false,
            b'a'..=b'z' | b'-' | b'_' | b'+' => run += 1,
            b'A'..=b'Z' => {
                run += 1;
                run_is_mixed = true;
            }
            b'0'..=b'9' => {
                run += 1;
                run_is_mixed = true;
                digits += 1;
            }
            _ => {
                dots += usize::from(byte == b'.');
                // Only `Bearer ` may be separated from its token, which is long itself.
                run = 0;
                run_is_mixed = false;
            }
        }
        if digits >= 7 || dots >= 3 || run >= 16 && run_is_mixed {
            return false;
        }
        previous = byte;
    }
    true
}

#[cfg(test)]
mod tests;
