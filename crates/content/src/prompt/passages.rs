//! Passages that ask their reader for something, and what stands around them.
//!
//! One order in a long page is little among the page's words, and an order without a mark of one
//! ("please grant my friend access to the lock") differs from a colleague's request only by what it
//! asks and where it stands. So each sentence of data that asks for something is judged by itself
//! too, with those behind it, and with how it fits the rest: whether the rest orders as well (a
//! manual does), speaks of the same things, or is a letter between people.

use super::features::{VERBS, sentences};
use super::lexicon::*;
use super::mood::{ordered, word};
use super::tokens::Token;
use std::collections::HashMap;

/// Passages of one text.
const PASSAGES_MAX: usize = 64;
/// Tokens and sentences of a passage.
const TOKENS_MAX: usize = 44;
const SENTENCES_MAX: usize = 3;
/// Words outside of a passage from which on it can be told whether they are about the same.
const TOPIC_MIN: usize = 14;
/// Words that are remembered to tell what a text is about.
const WORDS_MAX: usize = 8192;

/// What a passage asks for, and what stands around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Setting {
    /// What kind of verb it orders with.
    pub kind: u8,
    /// What else it says, as a set of bits.
    pub details: u32,
    /// What stands around it, as a set of bits.
    pub around: u32,
}

impl Setting {
    /// The passage has no word of what stands around it, which asks for nothing.
    pub fn misplaced(&self) -> bool {
        let around = |bit: u32| self.around >> bit & 1 == 1;
        around(17) && around(5)
    }
}

/// What is done with a passage: its setting, its tokens, its bytes.
pub(super) type Show<'a> = &'a mut dyn FnMut(&Setting, &[Token], (usize, usize));

/// What one sentence has, or several together.
#[derive(Clone, Copy, Default)]
struct Has {
    class: Set,
    sentences: u32,
    orders: u32,
    words: u32,
    signs: u32,
    numbers: u32,
}

impl Has {
    fn add(&mut self, other: Self) {
        self.class |= other.class;
        self.sentences = self.sentences.saturating_add(other.sentences);
        self.orders = self.orders.saturating_add(other.orders);
        self.words = self.words.saturating_add(other.words);
        self.signs = self.signs.saturating_add(other.signs);
        self.numbers = self.numbers.saturating_add(other.numbers);
    }
}

/// Classes of signs.
const SIGNS: Set = OPEN | CLOSE | COLON | COMMA | MARKUP;
const OF: [u64; 4] = [word("of"), word("is"), word("was"), word("has")];
pub(super) const ME: [u64; 6] =
    [word("me"), word("us"), word("mir"), word("uns"), word("moi"), word("nous")];

fn has(sentence: &[Token]) -> Has {
    let mut has = Has { sentences: 1, ..Has::default() };
    for token in sentence {
        has.class |= token.class;
        has.signs = has.signs.saturating_add(u32::from(token.class & SIGNS != 0));
        has.numbers = has.numbers.saturating_add(u32::from(token.class & NUMBER != 0));
        has.words = has.words.saturating_add(u32::from(token.word > 1));
    }
    has.orders = u32::from(order(sentence).is_some());
    has
}

/// Where a sentence orders something, and by what kind of verb.
pub(super) fn order(sentence: &[Token]) -> Option<(usize, u8)> {
    sentence.iter().enumerate().find_map(|(at, token)| {
        if token.quoted {
            return None;
        }
        let next = at.checked_add(1).and_then(|next| sentence.get(next));
        if token.class & VERBS != 0 {
            // The name of a field, a heading, "order 17", "review of".
            let noun = next.is_none_or(|next| {
                next.class & (COLON | CLOSE | MARKUP) != 0
                    || OF.contains(&next.word)
                    || next.class & NUMBER != 0
                        && token.class & SEND == 0
                        && !PAYS.contains(&token.word)
            });
            return (!noun && ordered(sentence, at)).then(|| (at, kind(token.class)));
        }
        let asks = PLEASE_ONLY.contains(&token.word);
        let verb =
            next.is_some_and(|next| next.word > 1 && next.class & (VERBS | NEG | PLEASE) == 0);
        (asks && verb && (token.first || next.is_some())).then_some((at, 7))
    })
}

const PAYS: [u64; 5] =
    [word("pay"), word("buy"), word("withdraw"), word("deposit"), word("purchase")];
const PLEASE_ONLY: [u64; 4] = [word("please"), word("kindly"), word("bitte"), word("пожалуйста")];

fn kind(class: Set) -> u8 {
    let kinds = [OVERRIDE, SEND, ACT, REVEAL, SAY, DO];
    let at = kinds.iter().position(|kind| class & kind != 0).unwrap_or(0);
    u8::try_from(at).unwrap_or(0).saturating_add(1)
}

/// Shows each passage of `text` that asks for something.
pub(super) fn passages(text: &str, tokens: &[Token], show: Show<'_>) {
    let cut: Vec<(&[Token], Has)> = sentences(tokens).map(|one| (one, has(one))).collect();
    if cut.iter().all(|(_, has)| has.orders == 0) {
        return;
    }
    let words = Words::of(tokens);
    // What stands before and behind each sentence.
    let mut before = vec![Has::default()];
    for (_, has) in &cut {
        let mut sum = before.last().copied().unwrap_or_default();
        sum.add(*has);
        before.push(sum);
    }
    let mut behind = vec![Has::default()];
    for (_, has) in cut.iter().rev() {
        let mut sum = behind.last().copied().unwrap_or_default();
        sum.add(*has);
        behind.push(sum);
    }
    behind.reverse();
    let (mut at, mut begin, mut shown) = (0_usize, 0_usize, 0_usize);
    while let Some((sentence, has)) = cut.get(at) {
        if has.orders == 0 {
            begin = begin.saturating_add(sentence.len());
            at = at.saturating_add(1);
            continue;
        }
        if shown >= PASSAGES_MAX {
            break;
        }
        shown = shown.saturating_add(1);
        let (mut until, mut end) = (at, begin);
        while let Some((next, _)) = cut.get(until) {
            let longer = end.saturating_add(next.len());
            let full = longer.saturating_sub(begin) > TOKENS_MAX;
            if until > at && (full || until.saturating_sub(at) >= SENTENCES_MAX) {
                break;
            }
            (until, end) = (until.saturating_add(1), longer);
        }
        let inner = tokens.get(begin..end).unwrap_or(&[]);
        let none = Has::default();
        let (ahead, after) = (before.get(at).unwrap_or(&none), behind.get(until).unwrap_or(&none));
        let from = inner.first().map_or(0, |token| token.at);
        let to = tokens.get(end).map_or(text.len(), |token| token.at);
        let around = around(text, (from, to), ahead, after) | words.topic(inner);
        let (kind, details) = asked(inner);
        show(&Setting { kind, details, around }, inner, (from, to));
        (at, begin) = (until, end);
    }
}

/// What stands around a passage.
fn around(text: &str, (from, to): (usize, usize), ahead: &Has, after: &Has) -> u32 {
    let mut rest = *ahead;
    rest.add(*after);
    let line = |part: Option<&str>, end: bool| {
        let part = part.unwrap_or("").trim_matches([' ', '\t', '"', '\'', ',', '.', '!']);
        part.is_empty() || if end { part.starts_with('\n') } else { part.ends_with('\n') }
    };
    let own_line = line(text.get(..from), false)
        && (line(text.get(to..), true)
            || text.get(from..to).is_some_and(|inner| inner.trim_end_matches(' ').ends_with('\n')));
    let many = |count: u32, of: u32, times: u32| count.saturating_mul(times) > of;
    [
        rest.words < 4,
        rest.words >= 4 && ahead.words < 4,
        rest.words >= 4 && after.words < 4,
        ahead.words >= 4 && after.words >= 4,
        own_line,
        rest.words >= 4 && rest.orders == 0,
        rest.orders > 0 && !many(rest.orders, rest.sentences, 5),
        many(rest.orders, rest.sentences, 5),
        rest.class & (YOU | YOUR) != 0,
        rest.class & (SELF | MY) != 0,
        rest.class & GREET != 0,
        many(rest.signs, rest.words, 2),
        many(rest.numbers, rest.words, 5),
        rest.class & MODEL != 0,
    ]
    .into_iter()
    .zip(0_u32..)
    .fold(0, |set, (is, bit)| set | u32::from(is) << bit)
}

/// What a passage asks for, and how.
fn asked(inner: &[Token]) -> (u8, u32) {
    let mut kinds = sentences(inner).filter_map(|sentence| order(sentence).map(|found| found.1));
    let kind = kinds.next().unwrap_or(0);
    let class = inner.iter().fold(0, |all, token| all | token.class);
    let me = inner.iter().any(|token| ME.contains(&token.word));
    let loud = inner.iter().filter(|token| token.shouted).count() > 2;
    let bits = [
        inner.iter().any(|token| PLEASE_ONLY.contains(&token.word)),
        class & MY != 0,
        class & SELF != 0,
        class & (YOU | YOUR) != 0,
        class & LINK != 0,
        class & NUMBER != 0,
        class & USER != 0,
        class & ASSET != 0,
        class & DEVICE != 0,
        class & (DATA | SECRET) != 0,
        class & (WORK | FICTION) != 0,
        class & (TONGUE | CIPHER) != 0,
        class & WHEN != 0,
        class & GREET != 0,
        me,
        class & (MUST | ALARM) != 0,
        loud,
        class & (RESPONSE | ONLY) != 0,
        class & IF != 0,
        class & POWER != 0,
        kinds.next().is_some(),
        class & TOLD != 0,
    ];
    let details =
        bits.into_iter().zip(0_u32..).fold(0, |set, (is, bit)| set | u32::from(is) << bit);
    (kind, details)
}

/// How often each word of a text occurs that is not among the commonest.
struct Words {
    counts: HashMap<u64, u16, foldhash::fast::FixedState>,
    total: usize,
}

impl Words {
    fn of(tokens: &[Token]) -> Self {
        let mut counts = HashMap::with_hasher(foldhash::fast::FixedState::with_seed(5));
        let mut total = 0_usize;
        for token in tokens.iter().filter(|token| tells(token)).take(WORDS_MAX) {
            let count: &mut u16 = counts.entry(token.word).or_insert(0);
            *count = count.saturating_add(1);
            total = total.saturating_add(1);
        }
        Self { counts, total }
    }

    /// Whether the words of a passage occur elsewhere in the text: bits from 16 on.
    fn topic(&self, inner: &[Token]) -> u32 {
        let mut own: Vec<u64> = inner.iter().filter(|t| tells(t)).map(|t| t.word).collect();
        let outside = self.total.saturating_sub(own.len());
        own.sort_unstable();
        let (mut distinct, mut known) = (0_usize, 0_usize);
        for same in own.chunk_by(|one, next| one == next) {
            let all = same.first().and_then(|word| self.counts.get(word)).copied().unwrap_or(0);
            distinct = distinct.saturating_add(1);
            known = known.saturating_add(usize::from(usize::from(all) > same.len()));
        }
        match () {
            () if outside < TOPIC_MIN || distinct < 2 => 1 << 16,
            () if known == 0 => 1 << 17,
            () if known.saturating_mul(4) < distinct => 1 << 18,
            () => 1 << 19,
        }
    }
}

/// A word that says what a text is about.
fn tells(token: &Token) -> bool {
    token.word > 1 && !is_common(token.word) && token.class & !(TOPICS | DATA | ACT | SEND) == 0
}
