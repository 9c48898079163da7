//! What the model is shown of a window of text.

use super::acts::{self, Act, CORE, Tally};
use super::lexicon::{ACT, DO, FNV, OVERRIDE, REVEAL, SAY, SEND, Set, WIDE, fnv};
use super::mood::{ordered, word};
use super::passages::Setting;
use super::tokens::Token;
use super::{marks, prior};

/// A feature: the hash of its name, and its value.
pub(super) type Feature = (u32, f32);

/// Weight of what kind of features: acts are trusted most, words least.
const ACT_SCALE: f32 = 1.0;
const CLASS_SCALE: f32 = 0.4;
const PRIOR_SCALE: f32 = 1.0;
const SETTING_SCALE: f32 = 1.0;
/// Opinions from which on there is a feature more.
const STEPS: [f32; 5] = [0.5, 1.5, 2.5, 3.5, 5.0];
const WORD_SCALE: f32 = 0.2;

/// A window and what is known of how it was carried.
pub(super) struct Window<'a> {
    /// Its tokens.
    pub tokens: &'a [Token],
    /// Its text.
    pub text: &'a str,
    /// Acts of the carrier: hidden, disguised, decoded.
    pub carrier: &'a [Act],
    /// Of a passage that asks for something: what it asks, and what stands around it.
    pub setting: Option<&'a Setting>,
}

/// Reads a window: its acts, and the features that the model weighs.
pub(super) fn read(window: &Window<'_>) -> (Tally, Vec<Feature>) {
    let mut tally = Tally::default();
    let mut symbols = Symbols::default();
    for sentence in sentences(window.tokens) {
        acts::sentence(sentence, &mut tally);
        symbols.sentence(sentence);
    }
    marks::marks(window.text, &mut tally);
    if window.setting.is_some_and(Setting::misplaced) {
        tally.add(Act::Misplaced);
    }
    for act in window.carrier {
        tally.add(*act);
    }
    let mut features = Vec::with_capacity(symbols.classes.len().saturating_add(128));
    of_acts(&tally, &mut features);
    if let Some(setting) = window.setting {
        of_setting(setting, &mut features);
    }
    spread(symbols.classes, CLASS_SCALE, &mut features);
    spread(symbols.words, WORD_SCALE, &mut features);
    (tally, features)
}

/// The sentences of some tokens.
pub(super) fn sentences(tokens: &[Token]) -> impl Iterator<Item = &[Token]> {
    // Signs in front of the first word share its mark; the word behind them does not begin anew.
    tokens.chunk_by(|one, next| !next.first || one.first)
}

fn of_acts(tally: &Tally, features: &mut Vec<Feature>) {
    let core = CORE.iter().filter(|act| tally.of(**act) > 0).count();
    for kinds in 1..=core.min(4) {
        features.push((name(3, [u64::try_from(kinds).unwrap_or(0), 0, 0]), ACT_SCALE));
    }
    if core == 0 {
        features.push((name(3, [0, 0, 0]), ACT_SCALE));
    }
    for (act, _) in tally.met() {
        features.push((name(9, [act as u64, 0, 0]), ACT_SCALE * 0.5));
    }
    for (head, opinion) in (0_u64..).zip(prior::opinions(tally)) {
        features.push((name(7, [head, 0, 0]), opinion * PRIOR_SCALE));
        // Steps let the fit say where an opinion begins to count.
        for (step, from) in (0_u64..).zip(STEPS) {
            if opinion >= from {
                features.push((name(7, [head, 1, step]), ACT_SCALE));
            }
        }
    }
}

/// What is asked, where it stands, and each with the other.
fn of_setting(setting: &Setting, features: &mut Vec<Feature>) {
    let kind = u64::from(setting.kind);
    features.push((name(8, [0, 0, 0]), SETTING_SCALE));
    features.push((name(8, [1, kind, 0]), SETTING_SCALE));
    for around in bits(setting.around) {
        features.push((name(8, [2, around, 0]), SETTING_SCALE));
        features.push((name(8, [3, around, kind]), SETTING_SCALE));
        for detail in bits(setting.details) {
            features.push((name(8, [4, around, detail]), SETTING_SCALE * 0.5));
        }
    }
    for detail in bits(setting.details) {
        features.push((name(8, [5, detail, 0]), SETTING_SCALE));
        features.push((name(8, [6, detail, kind]), SETTING_SCALE));
        for other in bits(setting.details).filter(|other| *other > detail) {
            features.push((name(8, [7, detail, other]), SETTING_SCALE * 0.5));
        }
    }
}

fn bits(set: u32) -> impl Iterator<Item = u64> {
    (0_u32..32).filter(move |bit| set >> bit & 1 == 1).map(u64::from)
}

/// The names of all features of acts: few, and worth learning from few examples.
pub(super) fn act_names() -> Vec<u32> {
    let kinds = (0..=4).map(|kinds| name(3, [kinds, 0, 0]));
    let heads = [0, 1].into_iter();
    let opinions = heads.flat_map(|head| {
        let steps = (0_u64..).zip(STEPS).map(move |(step, _)| name(7, [head, 1, step]));
        core::iter::once(name(7, [head, 0, 0])).chain(steps)
    });
    kinds.chain(opinions).collect()
}

/// Puts each distinct name in, weighed so that a long window tells no more than a short one.
fn spread(mut names: Vec<u32>, scale: f32, features: &mut Vec<Feature>) {
    names.sort_unstable();
    names.dedup();
    let count = u16::try_from(names.len().max(6)).unwrap_or(u16::MAX);
    let value = scale * 3.0 / f32::from(count).sqrt();
    features.extend(names.into_iter().map(|name| (name, value)));
}

/// A feature's name, hashed.
fn name(kind: u8, of: [u64; 3]) -> u32 {
    let mut hash = fnv(FNV, kind);
    for part in of {
        hash = (hash ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
    hash ^= hash >> 32;
    u32::try_from(hash & 0xffff_ffff).unwrap_or(0)
}

/// Little words that carry grammar, as symbols of their own.
const LITTLE: [u64; 26] = [
    word("to"),
    word("a"),
    word("the"),
    word("in"),
    word("of"),
    word("for"),
    word("with"),
    word("it"),
    word("be"),
    word("as"),
    word("on"),
    word("an"),
    word("by"),
    word("at"),
    word("am"),
    word("he"),
    word("she"),
    word("they"),
    word("has"),
    word("been"),
    word("there"),
    word("that"),
    word("will"),
    word("can"),
    word("me"),
    word("us"),
];
/// Any other word; a run of them counts as one.
const OTHER: u64 = 100;
/// The end of a sentence.
const STOP: u64 = 101;
/// Classes of verbs, which are told apart by mood.
pub(super) const VERBS: Set = OVERRIDE | REVEAL | SEND | ACT | SAY | DO;

#[derive(Default)]
struct Symbols {
    classes: Vec<u32>,
    words: Vec<u32>,
}

impl Symbols {
    fn sentence(&mut self, sentence: &[Token]) {
        let (mut two, mut one) = (STOP, STOP);
        let mut before = 0;
        for (at, token) in sentence.iter().enumerate() {
            let symbol = symbol(sentence, at);
            if symbol != OTHER || one != OTHER {
                self.gram(two, one, symbol);
                (two, one) = (one, symbol);
            }
            if token.word > 1 {
                self.words.push(name(6, [token.word, 0, 0]));
                self.words.push(name(6, [before, token.word, 0]));
                before = token.word;
            }
        }
        self.gram(two, one, STOP);
    }

    fn gram(&mut self, two: u64, one: u64, symbol: u64) {
        self.classes.push(name(4, [symbol, 0, 0]));
        self.classes.push(name(4, [one, symbol, 0]));
        self.classes.push(name(4, [two, one, symbol]));
        self.classes.push(name(5, [two, symbol, 0]));
    }
}

fn symbol(sentence: &[Token], at: usize) -> u64 {
    let Some(token) = sentence.get(at) else { return STOP };
    if token.class & !WIDE != 0 {
        let class = u64::from(token.class.trailing_zeros());
        let order = token.class & VERBS != 0 && ordered(sentence, at);
        return class.saturating_add(if order { 200 } else { 0 });
    }
    match LITTLE.iter().position(|little| *little == token.word) {
        Some(little) => u64::try_from(little).unwrap_or(0).saturating_add(110),
        None => OTHER,
    }
}
