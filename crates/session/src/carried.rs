//! Values that are sessions by how they behave: an answer to a sign-in hands them out, and they
//! come back in a query or body, whatever their names are.

use stilt_model::{Leaf, Value};

/// Values of one answer that are looked at.
const VALUES_MAX: usize = 4;
/// A session is at least so long, and no longer.
const LENGTH_MIN: usize = 20;
const LENGTH_MAX: usize = 256;

/// Endings of names whose values tell which thing is meant, not who asks.
const OTHERS: [&str; 16] = [
    "id", "uuid", "guid", "ref", "slug", "hash", "etag", "state", "nonce", "csrf", "xsrf",
    "version", "url", "uri", "avatar", "image",
];

/// Whether `text` may be a session: drawn by chance, and no number of a thing (UUID, object id).
fn is_drawn(text: &str) -> bool {
    if !(LENGTH_MIN..=LENGTH_MAX).contains(&text.len()) {
        return false;
    }
    let (mut digits, mut upper, mut lower, mut hex) = (0_u32, 0_u32, 0_u32, true);
    for byte in text.bytes() {
        digits = digits.saturating_add(u32::from(byte.is_ascii_digit()));
        upper = upper.saturating_add(u32::from(byte.is_ascii_uppercase()));
        lower = lower.saturating_add(u32::from(byte.is_ascii_lowercase()));
        hex &= byte.is_ascii_hexdigit();
        if !(byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'+' | b'/'))
        {
            return false;
        }
    }
    let uuid = text.len() == 36 && text.bytes().filter(|byte| *byte == b'-').count() == 4;
    let object_id = hex && text.len() == 24;
    let letters = upper.saturating_add(lower);
    let mixed = (digits >= 2 && letters >= 4) || (upper >= 4 && lower >= 4);
    mixed && !uuid && !object_id
}

/// The text of a leaf, where it may be a session.
pub(crate) fn drawn(leaf: &Leaf) -> Option<&str> {
    match &leaf.value {
        Value::Text(text) if is_drawn(text) => Some(text.as_str()),
        _ => None,
    }
}

/// What an answer to a sign-in hands out beside what is known as a token.
pub(crate) fn handed_out(leaves: &[Leaf]) -> impl Iterator<Item = &str> {
    let may_be = |leaf: &&Leaf| {
        let name = leaf.name().to_ascii_lowercase();
        !leaf.path.contains("[]") && !OTHERS.iter().any(|other| name.ends_with(other))
    };
    leaves.iter().filter(may_be).filter_map(drawn).take(VALUES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::Place;

    #[test]
    fn a_session_is_drawn_by_chance_and_names_no_thing() {
        let leaf = |path: &str, text: &str| Leaf {
            place: Place::Json,
            path: path.into(),
            record: 0,
            value: Value::Text(text.into()),
            sensitive: None,
        };
        let out = |path: &str, text: &str| handed_out(&[leaf(path, text)]).count() == 1;
        assert!(out("tk", "h7ScWHnvpZNHtZyih0caANQFBzcm"));
        assert!(out("data.renewal", "9f3a77b1-kk20zx_8Qpw3rT5y7"));
        assert!(!out("user.id", "h7ScWHnvpZNHtZyih0caANQFBzcm"), "which thing");
        assert!(!out("ref", "0d9b7f1e-2a55-4a41-9b0e-0c8f7d1a2b3c"));
        assert!(!out("owner", "0d9b7f1e-2a55-4a41-9b0e-0c8f7d1a2b3c"), "UUID");
        assert!(!out("owner", "507f1f77bcf86cd799439011"), "object id");
        assert!(!out("greeting", "Welcome back to the shop, Ann 21"));
        assert!(!out("items[].tk", "h7ScWHnvpZNHtZyih0caANQFBzcm"));
    }
}
