//! Cards, phones and national ids: everything that starts from a run of digits.

use super::{Spans, What, card, national};
use crate::bytes::{before, byte, part, run_end, run_end_within, run_start, uuid_around};
use stilt_model::Sensitive;

/// Letters and digits in one piece that are no number of anybody or anything.
const LONG: usize = 20;

/// The digits of one number.
struct Digits {
    kept: [u8; 41],
    count: usize,
}

impl Default for Digits {
    fn default() -> Self {
        Self { kept: [0; 41], count: 0 }
    }
}

impl Digits {
    fn push(&mut self, digit: u8) {
        if let Some(slot) = self.kept.get_mut(self.count) {
            *slot = digit;
            self.count = self.count.saturating_add(1);
        }
    }
}

impl core::ops::Deref for Digits {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.kept.get(..self.count).unwrap_or_default()
    }
}

fn separates(byte: u8) -> bool {
    matches!(byte, b' ' | b'-' | b'.')
}

/// Finds numbers in `text`.
pub(super) fn find(text: &str, spans: &mut Spans) {
    let bytes = text.as_bytes();
    let mut at = 0_usize;
    while let Some(found) = bytes.get(at..).and_then(|r| r.iter().position(u8::is_ascii_digit)) {
        let start = at.saturating_add(found);
        at = one(text, start, spans).max(start.saturating_add(1));
    }
}

/// Looks at the run of digits that starts at `start`; gives where to go on.
fn one(text: &str, start: usize, spans: &mut Spans) -> usize {
    let bytes = text.as_bytes();
    if let Some((from, end)) = phone(text, start) {
        spans.add(from, end, What::of(Sensitive::Phone));
        return end;
    }
    if let Some(end) = uuid_around(bytes, start) {
        return end;
    }
    // A long run of letters and digits is a hash or a token.
    let opens = run_start(bytes, start, LONG, |b| b.is_ascii_alphanumeric());
    let closes = run_end(bytes, start, |b| b.is_ascii_alphanumeric());
    let long = closes.saturating_sub(opens) > LONG;
    if long && bytes.get(opens..closes).unwrap_or_default().iter().any(u8::is_ascii_alphabetic) {
        return closes;
    }
    // A run of digits with single separators between them.
    let mut end = start;
    let mut digits = Digits::default();
    loop {
        let here = byte(bytes, end);
        if here.is_ascii_digit() {
            digits.push(here.saturating_sub(b'0'));
        } else if !(separates(here) && byte(bytes, end.saturating_add(1)).is_ascii_digit()) {
            break;
        }
        end = end.saturating_add(1);
        if digits.len() > 40 {
            return run_end(bytes, end, |b| b.is_ascii_digit());
        }
    }
    let solid = run_end(bytes, start, |b| b.is_ascii_digit());
    if letters_around(text, start, end) {
        word(text, start, spans);
        return solid;
    }
    if digits.len() < 9 {
        word(text, start, spans);
        return solid;
    }
    let whole = part(text, start, end);
    let context = || said(text, start);
    if let Some(what) = kind(whole, &digits, &context) {
        spans.add(start, end, what);
        return end;
    }
    if word(text, start, spans) {
        return end;
    }
    groups(text, start, end, &context, spans);
    end
}

/// What stands before a number, in small letters.
fn said(text: &str, start: usize) -> String {
    part(text, floor(text, start.saturating_sub(40)), start).to_lowercase()
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn letters_around(text: &str, start: usize, end: usize) -> bool {
    let bytes = text.as_bytes();
    let touching = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    // A percent-encoded byte before a number is no letter.
    let encoded = byte(bytes, start.wrapping_sub(3)) == b'%' && start >= 3;
    (touching(before(bytes, start)) && !encoded) || touching(byte(bytes, end))
}

/// What a number is by its form.
fn kind(whole: &str, digits: &[u8], context: &impl Fn() -> String) -> Option<What> {
    if (12..=19).contains(&digits.len()) {
        let separators = whole.len().saturating_sub(digits.len());
        let mut kinds = whole.bytes().filter(|b| !b.is_ascii_digit());
        let first = kinds.next();
        let even = first != Some(b'.') && kinds.all(|b| Some(b) == first);
        let grouped = separators >= 2 && even;
        if (separators == 0 || even) && card::is_card(digits, grouped) {
            return Some(card::told(digits));
        }
    }
    (9..=18).contains(&digits.len()).then(|| national::find(whole, context)).flatten()
}

/// Numbers that stand beside others, parted by spaces: each is looked at alone, and cards inside
/// a longer run of groups are found as well.
fn groups(text: &str, start: usize, end: usize, context: &impl Fn() -> String, spans: &mut Spans) {
    let bytes = text.as_bytes();
    let mut edges = vec![(start, run_end(bytes, start, |b| b.is_ascii_digit()))];
    while let Some((_, stop)) = edges.last().copied().filter(|(_, stop)| *stop < end) {
        let from = stop.saturating_add(1);
        edges.push((from, run_end(bytes, from, |b| b.is_ascii_digit())));
        if edges.len() > 20 {
            break;
        }
    }
    if edges.len() < 2 {
        return;
    }
    for (first, (from, _)) in edges.iter().enumerate() {
        for (_, stop) in edges.iter().skip(first).take(6) {
            let whole = part(text, *from, *stop);
            let digits: Vec<u8> =
                whole.bytes().filter(u8::is_ascii_digit).map(|b| b.saturating_sub(b'0')).collect();
            if digits.len() < 9 || (*from == start && *stop == end) {
                continue;
            }
            // Decimal fractions and versions are no ids.
            if before(bytes, *from) == b'.' || byte(bytes, *stop) == b'.' {
                continue;
            }
            if let Some(what) = kind(whole, &digits, context) {
                spans.add(*from, *stop, what);
            }
        }
    }
}

/// A word of letters and digits around `start` that is a national id; true where it was one.
fn word(text: &str, start: usize, spans: &mut Spans) -> bool {
    let bytes = text.as_bytes();
    let inside = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
    let from = run_start(bytes, start, 20, inside);
    let stop = run_end_within(bytes, start, 20, inside);
    let mut candidates = [(from, stop), (0, 0)];
    // `AB 12 34 56 C` is written with spaces.
    if byte(bytes, start.wrapping_sub(1)) == b' ' && start >= 3 {
        let from = start.saturating_sub(3);
        if let Some(last) = candidates.last_mut() {
            *last = (from, from.saturating_add(13));
        }
    }
    for (from, stop) in candidates {
        let word = part(text, from, stop).trim_end_matches(['.', '-']);
        let stop = from.saturating_add(word.len());
        if !(9..=18).contains(&word.len())
            || before(bytes, from).is_ascii_alphanumeric()
            || byte(bytes, stop).is_ascii_alphanumeric()
        {
            continue;
        }
        if let Some(what) = national::find(word, &|| said(text, from)) {
            spans.add(from, stop, what);
            return true;
        }
    }
    false
}

/// A number in E.164 form: `+`, country code, 8 to 15 digits with the usual separators.
fn phone(text: &str, start: usize) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let from = if before(bytes, start) == b'+' {
        start.saturating_sub(1)
    } else if start >= 3
        && bytes.get(start.saturating_sub(3)..start).is_some_and(|b| b.eq_ignore_ascii_case(b"%2b"))
    {
        start.saturating_sub(3)
    } else if before(bytes, start) == b'B' && byte(bytes, start.wrapping_sub(2)) == b'%' {
        return None;
    } else if byte(bytes, start) == b'2'
        && matches!(byte(bytes, start.saturating_add(1)), b'B' | b'b')
        && before(bytes, start) == b'%'
        && byte(bytes, start.saturating_add(2)).is_ascii_digit()
    {
        return phone(text, start.saturating_add(2));
    } else {
        return None;
    };
    let left = before(bytes, from);
    if left.is_ascii_alphanumeric() || byte(bytes, start) == b'0' {
        return None;
    }
    let (mut end, mut count, mut last) = (start, 0_usize, start);
    while count <= 15 {
        let here = byte(bytes, end);
        let next = byte(bytes, end.saturating_add(1));
        if here.is_ascii_digit() {
            count = count.saturating_add(1);
            last = end.saturating_add(1);
        } else if !(matches!(here, b' ' | b'-' | b'.' | b'(' | b')' | b'/')
            && (next.is_ascii_digit() || matches!(next, b'(' | b' ' | b')')))
        {
            break;
        }
        end = end.saturating_add(1);
    }
    let free = !byte(bytes, last).is_ascii_alphanumeric();
    ((8..=15).contains(&count) && free).then_some((from, last))
}
