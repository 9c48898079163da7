//! What a value is made of: its kind, its marks, and which sort of character follows which.

use stilt_inventory::knowledge::class::Class;
use stilt_model::Value;

/// Kinds of values: null, truth value, whole and other number, mark, list end, then the classes of
/// texts in their order.
const TEXTS: u8 = 5;
/// Sorts of characters, and the ends of a text.
pub(crate) const SORTS: usize = 9;
/// Bytes of a text that are looked at.
const BYTES_MAX: usize = 192;
/// Marks are ASCII without letters and digits; two letters stand for what has no sign of its own.
const CONTROL: u8 = b'c';
const FOREIGN: u8 = b'f';

/// The kind of a value as a number.
pub(crate) fn kind(value: &Value, class: Class) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Integer(_) => 2,
        Value::Number(_) => 3,
        Value::Masked { .. } => 4,
        Value::Text(_) => TEXTS.saturating_add(class as u8),
    }
}

/// In an analyst's words.
pub(crate) fn kind_name(kind: u8) -> &'static str {
    match kind {
        0 => "null",
        1 => "true or false",
        2 => "whole number",
        3 => "number",
        4 => "secret",
        _ => stilt_inventory::knowledge::class::CLASSES
            .get(usize::from(kind.saturating_sub(TEXTS)))
            .map_or("text", |class| class.name()),
    }
}

/// Kinds that say a value follows a strict form.
pub(crate) fn is_strict(kind: u8) -> bool {
    let strict =
        [Class::Truth, Class::Integer, Class::Decimal, Class::Uuid, Class::Date, Class::DateTime];
    (1..=3).contains(&kind) || strict.iter().any(|class| kind == TEXTS + *class as u8)
}

/// Several words: somebody writes as they like.
pub(crate) fn is_free(kind: u8) -> bool {
    kind == TEXTS + Class::Text as u8 || kind == TEXTS + Class::Url as u8
}

/// Marks that give a text a meaning to a parser, beyond what names, dates and words need.
pub(crate) fn is_syntax(mark: u8) -> bool {
    matches!(
        mark,
        b'"' | b'\''
            | b'`'
            | b'<'
            | b'>'
            | b'('
            | b')'
            | b'['
            | b']'
            | b'{'
            | b'}'
            | b';'
            | b'&'
            | b'|'
            | b'$'
            | b'*'
            | b'%'
            | b'\\'
            | b'!'
            | b'^'
            | b'~'
            | b'#'
            | b'='
            | CONTROL
    )
}

/// A mark as it is shown.
pub(crate) fn mark_name(mark: u8) -> String {
    match mark {
        CONTROL => "control characters".to_owned(),
        FOREIGN => "letters beyond ASCII".to_owned(),
        b' ' => "blanks".to_owned(),
        mark => char::from(mark).to_string(),
    }
}

fn sort(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        b'0'..=b'9' => 3,
        b' ' => 4,
        b'-' | b'_' | b'.' | b':' | b'/' | b'@' | b',' | b'+' | b'?' => 5,
        0..=31 | 127 => 7,
        128.. => 8,
        _ => 6,
    }
}

/// What the characters of a text amount to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made {
    /// Marks that occur, a bit each.
    marks: u128,
    /// Which sort follows which, a bit each: `from * SORTS + to`.
    pub(crate) steps: u128,
}

impl Made {
    pub(crate) fn of(text: &str) -> Self {
        let mut made = Self::default();
        let mut last = 0;
        for byte in text.bytes().take(BYTES_MAX) {
            let sort = sort(byte);
            let mark = match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => None,
                32..=126 => Some(byte),
                128.. => Some(FOREIGN),
                _ => Some(CONTROL),
            };
            if let Some(mark) = mark {
                made.marks |= 1 << mark;
            }
            made.steps |= 1 << (last * SORTS + sort);
            last = sort;
        }
        made.steps |= 1 << (last * SORTS);
        made
    }

    /// Marks that occur, rising.
    pub(crate) fn marks(&self) -> impl Iterator<Item = u8> + use<> {
        bits(self.marks)
    }

    /// Steps that occur, rising.
    pub(crate) fn steps(&self) -> impl Iterator<Item = u8> + use<> {
        bits(self.steps)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a bit's place is below 128")]
fn bits(mut set: u128) -> impl Iterator<Item = u8> {
    core::iter::from_fn(move || {
        (set != 0).then(|| {
            let at = set.trailing_zeros() as u8;
            set &= set.wrapping_sub(1);
            at
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_by_its_marks_and_steps() {
        let made = Made::of("a'b (1)");
        let marks: Vec<u8> = made.marks().collect();
        assert_eq!(marks, b" '()");
        assert!(made.marks().filter(|mark| is_syntax(*mark)).count() == 3);
        assert_eq!(Made::of("").steps().collect::<Vec<_>>(), [0]);
        assert_eq!(Made::of("é\n~").marks().collect::<Vec<_>>(), [CONTROL, FOREIGN, b'~']);
    }

    #[test]
    fn kinds_have_names() {
        assert_eq!(kind_name(kind(&Value::Integer(1), Class::Empty)), "whole number");
        let date = kind(&Value::Text("2024-01-31".into()), Class::Date);
        assert!(kind_name(date) == "date" && is_strict(date));
        assert!(!is_strict(kind(&Value::Text("x".into()), Class::Word)));
    }
}
