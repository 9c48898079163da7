//! Marks of values that may turn out to be secrets, although no name says so.
//!
//! Whether one is, only what follows can tell: what an answer hands out and comes back in place of
//! a credential is one, whatever the field is called. Only the marks of few are made, here, where
//! the key is.

use crate::bytes::{is_random, is_uuid};
use crate::mask::{Masker, credential_kind};
use stilt_model::{Drawn, Leaf, Pseudonym, SecretKind, Value};

/// Leaves of a message that are looked at.
const LEAVES_MAX: usize = 48;
/// Marks made of one message.
const MARKS_MAX: usize = 4;
/// Shortest value that looks drawn.
const DRAWN_MIN: usize = 16;
/// Leaves of an answer that hands something out; what lists things is longer.
const ANSWER_MAX: usize = 32;
/// Leaves of a form in which somebody types who he is.
const FORM_MAX: usize = 10;
/// Shortest and longest text that is typed.
const TYPED: core::ops::RangeInclusive<usize> = 3..=128;

/// Leaves of a request that look drawn by chance.
pub(crate) fn by_chance(masker: &Masker, leaves: &[Leaf]) -> Vec<Drawn> {
    let drawn = |text: &str| is_random(text, DRAWN_MIN) || is_uuid(text);
    let mut found =
        marks(leaves, drawn, |text| masker.would_be(credential_kind(text), text), MARKS_MAX);
    // Those that are hidden because of their names carry their marks.
    let hidden = leaves.iter().take(LEAVES_MAX).enumerate().filter_map(|(at, leaf)| {
        let leaf_at = u32::try_from(at).ok()?;
        match leaf.value {
            Value::Masked { mark, .. } if mark.kind == SecretKind::Token => {
                Some(Drawn { leaf: leaf_at, mark })
            }
            _ => None,
        }
    });
    found.extend(hidden.take(MARKS_MAX));
    found
}

/// The same of an answer that may hand one out.
pub(crate) fn handed_out(masker: &Masker, leaves: &[Leaf]) -> Vec<Drawn> {
    if leaves.len() > ANSWER_MAX { Vec::new() } else { by_chance(masker, leaves) }
}

/// Texts of a short form, where nothing in it has the name of a secret.
pub(crate) fn typed(masker: &Masker, method: &[u8], leaves: &[Leaf]) -> Vec<Drawn> {
    let secret = |leaf: &Leaf| match leaf.value {
        Value::Masked { mark, .. } => {
            matches!(mark.kind, SecretKind::Password | SecretKind::Code | SecretKind::Secret)
        }
        _ => false,
    };
    if method != b"POST" || !(2..=FORM_MAX).contains(&leaves.len()) || leaves.iter().any(secret) {
        return Vec::new();
    }
    let typed = |text: &str| TYPED.contains(&text.len()) && !text.contains('\n');
    marks(leaves, typed, |text| masker.would_be(SecretKind::Password, text), FORM_MAX)
}

fn marks(
    leaves: &[Leaf],
    fits: impl Fn(&str) -> bool,
    mark: impl Fn(&str) -> Pseudonym,
    max: usize,
) -> Vec<Drawn> {
    let shown = leaves.iter().take(LEAVES_MAX).enumerate();
    shown
        .filter(|(_, leaf)| !leaf.path.in_array())
        .filter_map(|(at, leaf)| match &leaf.value {
            Value::Text(text) if fits(text) => {
                Some(Drawn { leaf: u32::try_from(at).ok()?, mark: mark(text) })
            }
            _ => None,
        })
        .take(max)
        .collect()
}
