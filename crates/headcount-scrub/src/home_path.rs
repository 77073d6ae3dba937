//! Paths into a person's home folder, as they are written on Linux, macOS and Windows, on network and cluster file systems, and
//! where one system shows another one's disk (WSL, Cygwin, Docker Desktop).
//!
//! A path is removed from its beginning to its end: the folders below a home folder are personal too. Names may hold spaces,
//! apostrophes and letters of any script, so a path goes on over a space if another separator follows.

use crate::found::Found;

/// How far back from a home folder its path may begin, in bytes.
const LONGEST_PREFIX: usize = 200;
/// How long the name of a folder with spaces may be, in bytes. Longer text between two separators is not a name.
const LONGEST_NAME: usize = 96;
/// How long a quoted path may be, in bytes.
const LONGEST_QUOTED: usize = 500;
/// First folders of paths whose next folders may have spaces (`/Volumes/Macintosh HD/Users/…`).
const MOUNT_POINTS: [&str; 9] = [
    "Volumes", "System", "mnt", "media", "run", "net", "srv", "cygdrive", "host_mnt",
];

/// Replaces paths by `[path]`.
pub(crate) fn replace(text: &str, found: &mut Found) -> String {
    let mut output = String::with_capacity(text.len());
    let (mut at, mut copied) = (0, 0);
    while let Some(next) = text[at..].find(['/', '\\', '~', '%']) {
        at += next;
        match path_at(text, at, copied) {
            Some((start, end)) => {
                found.add(Found::PATH);
                output.push_str(&text[copied..start]);
                output.push_str("[path]");
                (at, copied) = (end, end);
            }
            None => at += 1,
        }
    }
    output.push_str(&text[copied..]);
    output
}

/// The start and the end of a path whose home folder is named at `at`, after the separator or `~` there. Nothing before `from`
/// belongs to it.
fn path_at(text: &str, at: usize, from: usize) -> Option<(usize, usize)> {
    let rest = &text[at..];
    if rest.starts_with('~') {
        return tilde(text, at);
    }
    let separator = separator(rest)?;
    let behind = &rest[separator..];
    let (keyword, is_root) = keyword(text, at, behind)?;
    let start = start(text, at, from)?;
    let name = at + separator + keyword;
    let path_end = |name| match quoted_end(text, start, name) {
        // Names may hold apostrophes, so one does not end a path that goes on.
        Some(quote) if text[quote..].starts_with('\'') => quote.max(end(text, name)),
        Some(quote) => quote,
        None => end(text, name),
    };
    if is_root {
        return Some((start, path_end(name)));
    }
    let between = crate::home_path::separator(&text[name..])?;
    let name = name + between;
    let is_named = text[name..].starts_with(|first: char| !is_end(first) && !first.is_whitespace());
    is_named.then(|| (start, path_end(name)))
}

/// `~/…` and `~anna/…`.
fn tilde(text: &str, at: usize) -> Option<(usize, usize)> {
    if text[..at].ends_with(|before: char| before.is_ascii_alphanumeric()) {
        return None;
    }
    let name = &text[at + 1..];
    let length = name
        .find(|character: char| !character.is_alphanumeric() && !"_.-".contains(character))
        .unwrap_or(name.len());
    let behind = at + 1 + length;
    let _separator = separator(&text[behind..])?;
    Some((at, end(text, behind)))
}

/// The length of the separators that `text` begins with, also percent-encoded, once or more often.
fn separator(text: &str) -> Option<usize> {
    let mut length = 0;
    while let Some(more) = one_separator(&text[length..]) {
        length += more;
    }
    (length > 0).then_some(length)
}

fn one_separator(text: &str) -> Option<usize> {
    if text.starts_with(['/', '\\']) {
        return Some(1);
    }
    let mut code = text.strip_prefix('%')?;
    while let Some(again) = code.strip_prefix("25") {
        code = again;
    }
    let hex = code.get(..2)?;
    let is_separator = hex.eq_ignore_ascii_case("2f") || hex.eq_ignore_ascii_case("5c");
    is_separator.then(|| text.len() - code.len() + 2)
}

/// The length of the name of a folder that holds home folders, which `behind` begins with, after the separator at `at`; and
/// whether it is a home folder itself.
fn keyword(text: &str, at: usize, behind: &str) -> Option<(usize, bool)> {
    const SETTINGS: &str = "Documents and Settings";
    if starts_with_ignoring_case(behind, SETTINGS) {
        return Some((SETTINGS.len(), false));
    }
    let length = behind
        .find(|character: char| !character.is_ascii_alphanumeric())
        .unwrap_or(behind.len());
    let word = &behind[..length];
    let folded = word.to_ascii_lowercase();
    let is_numbered = |known: &str| {
        let number = folded.strip_prefix(known);
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    // Windows and its disks ignore case, elsewhere `users` may be a part of an API.
    let is_of_windows = text[at..].starts_with('\\') || is_after_a_drive(&text[..at]);
    let holds_homes = matches!(
        word,
        "Users" | "nethome" | "userhome" | "userhomes" | "homedirs"
    ) || (is_numbered("home") || folded == "homes")
        && (is_of_windows || word != "Home")
        || folded == "users" && is_of_windows
        || word == "media" && is_first_or_after_run(&text[..at]);
    if holds_homes && length > 0 {
        return Some((length, false));
    }
    let is_whole = !behind[length..].starts_with(['-', '_', '.']);
    (word == "root" && is_whole && is_first(&text[..at])).then_some((length, true))
}

/// Whether a path that ends here names a disk of Windows: `C:`, `/mnt/c`, `/c`.
fn is_after_a_drive(before: &str) -> bool {
    let before = without_colon(before).unwrap_or(before);
    let mut characters = before.chars().rev();
    let is_letter = characters
        .next()
        .is_some_and(|drive| drive.is_ascii_alphabetic());
    let is_alone = characters
        .next()
        .is_none_or(|character| !character.is_alphanumeric());
    is_letter && is_alone
}

/// Whether a separator after `before` begins a path.
fn is_first(before: &str) -> bool {
    !before.ends_with(|character: char| {
        character.is_alphanumeric() || matches!(character, '_' | '.' | '-' | ']' | ')' | '}')
    })
}

/// `/media/anna` and `/run/media/anna`.
fn is_first_or_after_run(before: &str) -> bool {
    let of_run = before
        .strip_suffix("run")
        .and_then(|path| path.strip_suffix('/'));
    is_first(of_run.unwrap_or(before))
}

/// Where the path begins whose separator at `at` precedes a folder of home folders; `None` if the path is relative or a web
/// address.
fn start(text: &str, at: usize, from: usize) -> Option<usize> {
    let first = at.saturating_sub(LONGEST_PREFIX).max(from);
    let mut start = None;
    let mut has_space = false;
    let mut position = at;
    loop {
        let before = &text[first..position];
        if one_separator(&text[position..]).is_some() {
            if let Some(drive) = drive_before(before) {
                start = Some(position - drive);
                break;
            }
            let is_double = before.ends_with(['/', '\\']);
            let is_mounted = !has_space || is_mount_point(&text[position..]);
            if (is_first(before) || is_double) && is_mounted {
                start = Some(position);
            }
        }
        match before.chars().next_back() {
            Some(character) if !is_end(character) && character != '[' => {
                has_space |= character.is_whitespace();
                position -= character.len_utf8();
            }
            _ => break,
        }
        // A path without spaces begins no later than the word does.
        if has_space && start.is_some() {
            break;
        }
    }
    start.filter(|start| !is_of_the_web(&text[first..*start]))
}

/// The length of `C:` at the end of `before`.
fn drive_before(before: &str) -> Option<usize> {
    let drive = without_colon(before)?;
    is_after_a_drive(before).then(|| before.len() - drive.len() + 1)
}

/// `before` without a colon at its end, which may be percent-encoded.
fn without_colon(before: &str) -> Option<&str> {
    if let Some(drive) = before.strip_suffix(':') {
        return Some(drive);
    }
    let (drive, code) = before.rsplit_once('%')?;
    let code = code.trim_start_matches("25");
    code.eq_ignore_ascii_case("3a").then_some(drive)
}

fn is_mount_point(path: &str) -> bool {
    let length = separator(path).unwrap_or(0);
    if length > 1 {
        // A share: `\\server\…`.
        return path.starts_with('\\');
    }
    let name = path[length..].split(['/', '\\', '%']).next();
    name.is_some_and(|name| MOUNT_POINTS.contains(&name))
}

/// Whether `before` ends with a scheme of web addresses, whose paths are nobody's home.
fn is_of_the_web(before: &str) -> bool {
    let before = before.trim_end_matches('/');
    ["http:", "https:"]
        .iter()
        .any(|scheme| before.len() >= scheme.len() && ends_with_ignoring_case(before, scheme))
}

/// Where a path ends that begins behind a quote: at the next one of its kind that is not an apostrophe within a name.
fn quoted_end(text: &str, start: usize, name: usize) -> Option<usize> {
    let quote = text[..start].chars().next_back();
    let quote = quote.filter(|character| matches!(character, '"' | '\'' | '`'))?;
    let closing = text[name..].match_indices(quote).map(|(at, _)| name + at);
    let mut closing = closing.take_while(|at| at - name <= LONGEST_QUOTED);
    closing.find(|at| !text[at + 1..].starts_with(char::is_alphanumeric))
}

/// Where a path ends whose home folder's name begins at `name`.
fn end(text: &str, name: usize) -> usize {
    let mut end = name;
    // Whole segments, with spaces, as long as a separator follows.
    while let Some(length) = segment(&text[end..]) {
        end += length;
    }
    end + last_segment(&text[end..], end > name)
}

/// The length of a segment and of the separators behind it; `None` if no separator follows.
fn segment(text: &str) -> Option<usize> {
    let mut has_space = false;
    for (index, character) in text.char_indices() {
        if let Some(length) = separator(&text[index..]) {
            return Some(index + length);
        }
        has_space |= character.is_whitespace();
        if is_end(character) || has_space && index > LONGEST_NAME {
            return None;
        }
    }
    None
}

/// The length of the path's last segment: a word; with further words if they lead to a file's ending (`Annual report.pdf`), or,
/// where the segment is a person's name, if they begin like names.
fn last_segment(text: &str, is_below_home: bool) -> usize {
    let word = |text: &str| {
        text.find(|character: char| {
            is_end(character) || character.is_whitespace() || ",;)".contains(character)
        })
        .unwrap_or(text.len())
    };
    let first = word(text);
    let mut end = first;
    let mut at = first;
    let has_ending = |word: &str| {
        let ending = word.trim_end_matches(['.', '\'']).rsplit_once('.');
        ending.is_some_and(|(name, ending)| {
            !name.is_empty()
                && (1..=6).contains(&ending.len())
                && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
    };
    if has_ending(&text[..first]) {
        return first;
    }
    for _ in 0..8 {
        let Some(behind) = text[at..].strip_prefix(' ') else {
            break;
        };
        let length = word(behind);
        let next = &behind[..length];
        let begins_like_a_name =
            next.starts_with(|first: char| first.is_alphabetic() && !first.is_ascii_lowercase());
        at += 1 + length;
        match is_below_home {
            true if has_ending(next) => {
                end = at;
                break;
            }
            true if length > 0 => {}
            false if begins_like_a_name => end = at,
            _ => break,
        }
    }
    end
}

/// A character that no path holds.
fn is_end(character: char) -> bool {
    matches!(character, '"' | '<' | '>' | '|') || character.is_control()
}

fn starts_with_ignoring_case(text: &str, word: &str) -> bool {
    let start = text.get(..word.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(word))
}

fn ends_with_ignoring_case(text: &str, word: &str) -> bool {
    let end = text.get(text.len() - word.len()..);
    end.is_some_and(|end| end.eq_ignore_ascii_case(word))
}
