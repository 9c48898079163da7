//! The records, field by field in a fixed order, as one line of JSON each.
//!
//! Names follow the Elastic Common Schema where it has one. Absent means unknown: no field is
//! ever null. Text that a client controls is cut at [`TEXT_CHARS_MAX`] characters, a target in a
//! transaction record at [`TARGET_CHARS_MAX`].

mod alert;
mod gen_ai;
mod parts;
mod session;
mod transaction;
mod visibility;
mod wire;

pub use alert::{alert, posture};
pub use session::session;
pub use transaction::{TransactionContext, transaction};
pub use visibility::visibility;

use serde::Serialize;
use std::borrow::Cow;

/// Version of the field names under `stilt`.
pub const SCHEMA_VERSION: u32 = 1;
/// Version of the Elastic Common Schema the records follow.
pub const ECS_VERSION: &str = "9.4.0";
/// Longest text that a client controls, in characters.
pub const TEXT_CHARS_MAX: usize = 2048;
/// Longest target in a transaction record, in characters: RFC 9110 §4.1 asks for 8,000 octets at
/// the least, and who compares records with the wire needs all of them.
pub const TARGET_CHARS_MAX: usize = 8192;

/// One line of JSON. The records hold nothing that could fail to serialise.
fn line(record: &impl Serialize) -> String {
    serde_json::to_string(record).unwrap_or_default()
}

/// Cuts text at the cap; the last character tells that there was more.
fn cap(text: &str) -> Cow<'_, str> {
    cap_at(text, TEXT_CHARS_MAX)
}

fn cap_at(text: &str, max: usize) -> Cow<'_, str> {
    match text.char_indices().nth(max) {
        None => Cow::Borrowed(text),
        Some(_) => {
            let mut cut: String = text.chars().take(max.saturating_sub(1)).collect();
            cut.push('…');
            Cow::Owned(cut)
        }
    }
}

/// As [`cap`], for text that had to be changed before.
fn cap_cow(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => cap(text),
        Cow::Owned(text) => Cow::Owned(cap(&text).into_owned()),
    }
}

/// Rounds to so many thousandths or tenths (`steps` per unit); what is no number becomes zero.
fn rounded(value: f64, steps: f64) -> f64 {
    if value.is_finite() { (value * steps).round() / steps } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_at_a_character_and_says_so() {
        assert_eq!(cap("short"), "short");
        let exact = "é".repeat(TEXT_CHARS_MAX);
        assert_eq!(cap(&exact), exact);
        let cut = cap(&"é".repeat(TEXT_CHARS_MAX + 1)).into_owned();
        assert_eq!(cut.chars().count(), TEXT_CHARS_MAX);
        assert!(cut.ends_with("é…"));
    }

    #[test]
    fn what_is_no_number_never_reaches_a_record() {
        assert_eq!(rounded(f64::NAN, 10.0), 0.0);
        assert_eq!(rounded(f64::INFINITY, 10.0), 0.0);
        assert_eq!(rounded(97.02, 10.0), 97.0);
    }
}
