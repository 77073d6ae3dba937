//! Long random words: keys without a known prefix, digests, UUIDs.

use headcount_wire::uuid;

use crate::found::Found;

/// Replaces random words by `[secret]`.
pub(crate) fn replace(text: &str, found: &mut Found) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let word_and_rest = &rest[start..];
        let end = word_and_rest
            .find(|character| !is_word(character))
            .unwrap_or(word_and_rest.len());
        let word = &word_and_rest[..end];
        output.push_str(&rest[..start]);
        if is_random(word) {
            found.add(Found::SECRET);
            output.push_str("[secret]");
        } else {
            output.push_str(word);
        }
        rest = &word_and_rest[end..];
    }
    output.push_str(rest);
    output
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '+' | '/' | '=')
}

/// A whole word of 32 characters, or a part of 20 without separators, that looks random.
fn is_random(word: &str) -> bool {
    if word.as_bytes().windows(uuid::LENGTH).any(uuid::is_uuid) {
        return true;
    }
    let parts = word.split(|character: char| !character.is_ascii_alphanumeric());
    word.len() >= 32 && looks_random(word)
        || parts
            .into_iter()
            .any(|part| part.len() >= 20 && looks_random(part))
}

/// Random text changes between digits, lower and upper case at every second or third character, and uses many different
/// characters; written names do so only between words (`SearchTheInternet2`, `llama-v3p1-405b`).
fn looks_random(word: &str) -> bool {
    let bytes = word.as_bytes();
    let changes = bytes
        .windows(2)
        .filter(|pair| is_change(pair[0], pair[1]))
        .count();
    let letters = bytes
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    let capitals = bytes
        .iter()
        .filter(|byte| byte.is_ascii_uppercase())
        .count();
    let has_digit = bytes.iter().any(u8::is_ascii_digit);
    let often = has_digit && letters > 0 && changes * 4 >= bytes.len();
    let mixed_letters =
        changes * 6 >= bytes.len() && capitals * 10 >= letters * 3 && capitals * 10 <= letters * 8;
    (often || mixed_letters) && entropy(bytes) >= 3.0
}

/// A digit next to a letter, or upper case after lower case; not lower case after upper case, which begins names.
fn is_change(left: u8, right: u8) -> bool {
    left.is_ascii_digit() && right.is_ascii_alphabetic()
        || left.is_ascii_alphabetic() && right.is_ascii_digit()
        || left.is_ascii_lowercase() && right.is_ascii_uppercase()
}

/// Shannon entropy in bits per byte.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for &byte in bytes {
        counts[usize::from(byte)] += 1;
    }
    let total = bytes.len() as f64;
    counts
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| {
            let share = f64::from(count) / total;
            -share * share.log2()
        })
        .sum()
}
