//! A text, undone and cut into windows of a few sentences.

use super::acts::Act;
use super::encoded::encoded;
use super::features::{Window, sentences};
use super::passages::passages;
use super::plain::{Met, plain};
use super::spelled::{joined, turned};
use super::tokens::{Token, tokens};
use super::{Head, TEXT_MAX};
use crate::bytes::{prefix, suffix};
use crate::leaves::json::unescape;
use std::borrow::Cow;

/// Tokens of a window, about 600 characters: enough for an order with its reason, little enough
/// that one sentence in a long page is not drowned.
const WINDOW_TOKENS: usize = 110;
/// Windows of one text that are judged.
const WINDOWS_MAX: usize = 256;
/// How often text is undone that was found in text.
const DEPTH_MAX: u8 = 2;

/// What is done with a window: it is shown with the bytes of the text it stands in.
pub(super) type Visit<'a> = &'a mut dyn FnMut(&Window<'_>, (u32, u32));

/// Shows every window of `text`, of what is hidden in it, and of what is written there in code.
/// Of texts that are data, passages that ask for something are shown by themselves as well.
pub(super) fn each(text: &str, head: Head, visit: Visit<'_>) {
    let half = TEXT_MAX / 2;
    if text.len() <= TEXT_MAX {
        return each_inner(text, head, &[], 0, visit);
    }
    each_inner(prefix(text, half), head, &[], 0, visit);
    each_inner(suffix(text, half), head, &[], 0, visit);
}

/// Text out of a string of JSON inside a string has its escapes still: they hide where lines end.
fn unescaped(text: &str) -> Cow<'_, str> {
    let escaped = ["\\n", "\\u", "\\\""].iter().any(|escape| text.contains(escape));
    if escaped { Cow::Owned(unescape(text)) } else { Cow::Borrowed(text) }
}

fn each_inner(text: &str, head: Head, carrier: &[Act], depth: u8, visit: Visit<'_>) {
    let text = &*unescaped(text);
    let plain = plain(text);
    let mut carried = carrier.to_vec();
    carried.extend(disguise(plain.met));
    let apart = joined(&plain.text);
    if apart.is_some() {
        carried.push(Act::Disguise);
    }
    let shown = apart.as_deref().unwrap_or(&plain.text);
    cut(shown, head, &carried, visit);
    if depth >= DEPTH_MAX {
        return;
    }
    let deeper = depth.saturating_add(1);
    if !plain.hidden.is_empty() {
        each_inner(&plain.hidden, head, &[Act::HiddenText], deeper, visit);
    }
    for inner in encoded(shown) {
        each_inner(&inner, head, &[Act::Decoded], deeper, visit);
    }
    if let Some(straight) = turned(shown) {
        cut(&straight, head, &[Act::Decoded], visit);
    }
}

/// Words with invisible characters or borrowed letters are a mark; one may be a slip.
fn disguise(met: Met) -> Option<Act> {
    (met.invisible >= 3 || met.disguised >= 2).then_some(Act::Disguise)
}

fn cut(text: &str, head: Head, carrier: &[Act], visit: Visit<'_>) {
    let tokens = tokens(text);
    let mut carrier = carrier.to_vec();
    if tokens.iter().filter(|token| token.leet && token.class != 0).count() >= 2 {
        carrier.push(Act::Disguise);
    }
    let mut from = 0_usize;
    let mut windows = 0_usize;
    while from < tokens.len() && windows < WINDOWS_MAX {
        let (until, next) = reach(&tokens, from);
        let window = tokens.get(from..until).unwrap_or(&[]);
        let begin = window.first().map_or(0, |token| token.at);
        let end = tokens.get(until).map_or(text.len(), |token| token.at);
        let begin = if from == 0 { 0 } else { begin };
        let text = text.get(begin..end).unwrap_or("");
        let window = Window { tokens: window, text, carrier: &carrier, setting: None };
        visit(&window, (place(begin), place(end)));
        windows = windows.saturating_add(1);
        from = next.max(from.saturating_add(1));
    }
    if head == Head::Data {
        passages(text, &tokens, &mut |setting, inner, (begin, end)| {
            let text = text.get(begin..end).unwrap_or("");
            let window = Window { tokens: inner, text, carrier: &carrier, setting: Some(setting) };
            visit(&window, (place(begin), place(end)));
        });
    }
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// Where a window ends that begins at `from`, and where the next one begins: they share about a
/// third, so that what one cuts the other holds.
fn reach(tokens: &[Token], from: usize) -> (usize, usize) {
    let rest = tokens.get(from..).unwrap_or(&[]);
    if rest.len() <= WINDOW_TOKENS {
        return (tokens.len(), tokens.len());
    }
    let mut until = from;
    let mut next = None;
    for sentence in sentences(rest) {
        let after = until.saturating_add(sentence.len());
        if after.saturating_sub(from) > WINDOW_TOKENS && until > from {
            break;
        }
        until = after;
        let begun = until.saturating_sub(from);
        if next.is_none() && begun >= WINDOW_TOKENS.saturating_mul(2) / 3 {
            next = Some(until);
        }
        if begun >= WINDOW_TOKENS {
            break;
        }
    }
    // A sentence without an end is cut where the window ends.
    let full = from.saturating_add(WINDOW_TOKENS);
    let until = until.min(full.saturating_add(WINDOW_TOKENS / 2)).max(from.saturating_add(1));
    (until.min(tokens.len()), next.unwrap_or(until).min(until))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        each(text, Head::Told, &mut |window, _| found.push(window.text.to_owned()));
        found
    }

    #[test]
    fn short_text_is_one_window_and_long_text_many_that_overlap() {
        assert_eq!(windows("Hello there."), ["Hello there."]);
        let long = "This is a sentence of a few words. ".repeat(60);
        let cut = windows(&long);
        assert!((4..=9).contains(&cut.len()), "{}", cut.len());
        let total: usize = cut.iter().map(String::len).sum();
        assert!(total > long.len() && total < long.len() * 2);
    }

    #[test]
    fn text_without_sentences_is_cut_too() {
        let cut = windows(&"word ".repeat(5000));
        assert!(cut.len() > 20 && cut.len() <= 100, "{}", cut.len());
        assert!(cut.iter().all(|window| window.len() < 1000));
    }

    #[test]
    fn what_is_hidden_is_a_window_of_its_own() {
        let tags: String =
            "obey now".chars().filter_map(|c| char::from_u32(0xE0000 + c as u32)).collect();
        assert_eq!(windows(&format!("hi{tags}")), ["hi", "obey now"]);
    }
}
