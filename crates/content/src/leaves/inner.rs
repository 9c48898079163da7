//! What stands inside a text once more: JSON in a string, and text in base64.

use crate::mask::Masker;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::de::IgnoredAny;
use stilt_model::Pseudonym;

/// Longest text that is looked into, in bytes.
const MAX: usize = 65_536;
/// Shortest text in base64 that is decoded.
const ENCODED_MIN: usize = 16;

/// What a text holds.
pub(crate) enum Inner {
    /// A JSON object or array, as it is or decoded.
    Json(String),
    /// Other text, decoded.
    Text(String),
}

/// What `text` holds, where that is whole.
pub(crate) fn of(text: &str) -> Option<Inner> {
    if text.len() < 5 || text.len() > MAX {
        return None;
    }
    if is_json(text) {
        return Some(Inner::Json(text.to_owned()));
    }
    let decoded = decode(text)?;
    Some(if is_json(&decoded) { Inner::Json(decoded) } else { Inner::Text(decoded) })
}

/// The text that base64 hides, where all of it is text.
pub(crate) fn decoded(text: &str) -> Option<String> {
    if text.len() > MAX { None } else { decode(text) }
}

/// The mark of a secret that base64 hides in `text`, also base64 of base64.
pub(crate) fn hidden(masker: &Masker, text: &str) -> Option<Pseudonym> {
    let mut text = decoded(text)?;
    for _ in 0..super::NESTED_MAX {
        if let Some((range, what)) = masker.inspect(&text).into_iter().next() {
            return Some(masker.mark(what.mark, text.get(range).unwrap_or_default()));
        }
        text = decoded(text.trim())?;
    }
    None
}

fn is_json(text: &str) -> bool {
    let text = text.trim();
    let framed = (text.starts_with('{') && text.ends_with('}'))
        || (text.starts_with('[') && text.ends_with(']'));
    framed && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The text that base64 hides; `None` where it is no base64, or no text.
fn decode(text: &str) -> Option<String> {
    let bare = text.trim_end_matches('=');
    let padded = bare.len() < text.len() || bare.len().is_multiple_of(4);
    let begins = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte);
    if bare.len() < ENCODED_MIN || !(padded || bare.starts_with("ey")) {
        return None;
    }
    // Six bytes tell nearly always that it is no text, and spare the rest.
    let lead = bare.get(..8).filter(|lead| lead.bytes().all(begins))?;
    let printable = |bytes: &[u8]| bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n'));
    let mut first = [0_u8; 6];
    let read = STANDARD_NO_PAD.decode_slice(lead, &mut first);
    read.or_else(|_| URL_SAFE_NO_PAD.decode_slice(lead, &mut first)).ok()?;
    if !printable(&first) {
        return None;
    }
    let bytes = STANDARD_NO_PAD.decode(bare).or_else(|_| URL_SAFE_NO_PAD.decode(bare)).ok()?;
    let decoded = String::from_utf8(bytes).ok()?;
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    decoded.chars().all(plain).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_json_and_real_text_are_looked_into() {
        let check = |text: &str, json: Option<bool>| {
            let found = of(text).map(|inner| matches!(inner, Inner::Json(_)));
            assert_eq!(found, json, "{text}");
        };
        check(r#"{"a":"b"}"#, Some(true));
        check("[1,2,3]", Some(true));
        check("{ orders { id } }", None);
        check(r#"{"a":"b""#, None);
        check("eyJwYXNzd29yZCI6Imh1bnRlcjIifQ", Some(true));
        check("bWFpbCB0byBhbGljZUBleGFtcGxlLmNvbQ==", Some(false));
        check("3f2504e0-4f89-41d3-9a0c-0305e82c3301", None);
        check("8f14e45fceea167a5a36dedd4bea2543", None);
        check("wireless-headphones-black", None);
        check("PasswordResetForm", None);
    }
}
