//! Where the values of a call come from: what users and makers said, or only a text that nobody
//! vouches for.
//!
//! Words are kept as keyed hashes. A value that a tool gives as a field of its own (an id that was
//! looked up, a contact's address) is data that the agent was built to use. One that stands in the
//! middle of prose, and nowhere else, is somebody's wish.

use super::words::{deeds_in, is_unspaced, tokens};
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher};
use stilt_model::{Leaf, SmolStr, TrustRole, Turn, Value};

/// Words remembered of one conversation, of each sort.
const WORDS_MAX: usize = 8192;
/// Bytes looked at of one turn.
const TURN_MAX: usize = 32 << 10;
/// Tools remembered as sources.
const SOURCES_MAX: usize = 64;
/// Words around a value that make prose of it.
const PROSE_WORDS: usize = 5;
/// Strings of one text of JSON that are looked at.
const LEAVES_MAX: usize = 4_096;
/// Shortest value that is looked for.
const VALUE_MIN: usize = 4;
/// Words of a value: an address, a name.
const VALUE_WORDS: usize = 12;
/// Groups of a number.
const GROUPS_MAX: usize = 10;
/// Words of a text that may be a copy.
const COPY_WORDS: usize = 8;
/// Words of a longer text that must come from one place, and the share of them.
const TEXT_WORDS: usize = 6;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// From a user, the maker, the model itself, or from data.
    Fine,
    /// From prose in what this tool gave, and nowhere else.
    Prose(SmolStr),
}

/// The words of one conversation.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Origins {
    trusted: BTreeSet<u64>,
    /// Values that were fields of their own.
    fields: BTreeSet<u64>,
    /// Words of prose, and the tool that gave them.
    prose: BTreeMap<u64, u8>,
    sources: Vec<SmolStr>,
    /// What the model said since a user last spoke: trusted once the user has answered it.
    said: BTreeSet<u64>,
    /// What users speak of doing, and what makers do.
    meant: [u16; 2],
}

/// Numbers written in groups, as they are without blanks: `GB11 LOYD 3096 3412 3456 78`.
fn grouped(text: &str) -> Vec<String> {
    let is_group = |word: &str| {
        let plain = word.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
        plain && (1..=6).contains(&word.len())
    };
    let (mut out, mut now, mut groups) = (Vec::new(), String::new(), 0_usize);
    for word in text.split_whitespace().chain([""]) {
        let bare = word.trim_matches(|c: char| c.is_ascii_punctuation());
        if is_group(bare) && groups < GROUPS_MAX {
            now.push_str(bare);
            groups = groups.saturating_add(1);
        }
        if !is_group(bare) || bare.len() < word.trim_start_matches(['(', '"', '\'']).len() {
            let digits = now.bytes().filter(u8::is_ascii_digit).count();
            if groups >= 3 && digits >= 2 * VALUE_MIN && out.len() < SOURCES_MAX {
                out.push(core::mem::take(&mut now));
            }
            now.clear();
            groups = 0;
        }
    }
    out
}

/// Hashes of the words of a text, two by two.
fn pairs(text: &str, seed: u64) -> impl Iterator<Item = u64> {
    let words = tokens(text).map(move |word| hash(seed, word));
    let mut before = None;
    words.filter_map(move |word| {
        let pair = before.map(|last: u64| last.rotate_left(21) ^ word);
        before = Some(word);
        pair
    })
}

fn hash(seed: u64, word: &str) -> u64 {
    let mut hasher = FixedState::with_seed(seed).build_hasher();
    for char in word.chars().flat_map(char::to_lowercase) {
        hasher.write_u32(char as u32);
    }
    hasher.finish()
}

/// Pieces of what a tool gave: the strings and numbers of JSON, else paragraphs of text; each with
/// whether it is prose.
fn pieces(text: &str) -> Vec<(String, bool)> {
    let begin = text.trim_start();
    let leaves = if begin.starts_with(['{', '[']) { leaves(begin) } else { vec![text.to_owned()] };
    let mut out = Vec::new();
    for leaf in leaves {
        for paragraph in leaf.split("\n\n").filter(|part| part.trim().len() >= VALUE_MIN) {
            if is_prose(paragraph) {
                out.push((paragraph.to_owned(), true));
            } else {
                let lines = paragraph.lines().filter(|line| line.trim().len() >= VALUE_MIN);
                out.extend(lines.map(|line| (line.to_owned(), false)));
            }
        }
    }
    out
}

/// The passages of prose in what a tool gave.
pub(crate) fn passages(text: &str) -> Vec<String> {
    let all = pieces(beginning(text, TURN_MAX));
    all.into_iter().filter_map(|(passage, prose)| prose.then_some(passage)).collect()
}

/// A passage names that tool: a name that is no word of a language, or one that is called.
pub(crate) fn prose_names(passage: &str, name: &str) -> bool {
    let telling = name.contains(['_', '-', '.'])
        || name.chars().skip(1).any(char::is_uppercase) && name.chars().any(char::is_lowercase);
    passage.match_indices(name).any(|(at, _)| {
        let inside = |char: char| char.is_alphanumeric() || char == '_';
        let before = passage.get(..at).and_then(|text| text.chars().next_back());
        let after = passage.get(at.saturating_add(name.len())..);
        let after = after.and_then(|text| text.chars().next());
        let whole = !before.is_some_and(inside) && !after.is_some_and(inside);
        whole && (telling || after == Some('(')) && name.len() >= 3
    })
}

/// The strings of a text of JSON with their escapes undone, and what stands between them.
fn leaves(text: &str) -> Vec<String> {
    let (mut out, mut now, mut inside) = (Vec::new(), String::new(), false);
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '"' => {
                out.push(core::mem::take(&mut now));
                inside = !inside;
            }
            '\\' if inside => match chars.next() {
                Some('n' | 'r') => now.push('\n'),
                Some('t') => now.push('\t'),
                Some(other) => now.push(other),
                None => break,
            },
            '{' | '}' | '[' | ']' | ',' | ':' if !inside => out.push(core::mem::take(&mut now)),
            other => now.push(other),
        }
        if out.len() >= LEAVES_MAX {
            break;
        }
    }
    out.push(now);
    out
}

/// Words of a line, rows of a table aside.
fn words_of(line: &str) -> usize {
    if line.matches(['|', '\t']).count() >= 2 {
        return 0;
    }
    let is_word = |word: &&str| {
        let letters = word.chars().filter(|char| char.is_alphabetic()).count();
        letters >= 2 && letters * 10 >= word.chars().count() * 7
    };
    // Two letters make a word, about, where no blanks stand between them.
    let unspaced = line.chars().filter(|char| is_unspaced(*char)).count();
    line.split_whitespace().filter(is_word).count().saturating_add(unspaced / 2)
}

/// A paragraph is prose, not a value or a list of them.
fn is_prose(paragraph: &str) -> bool {
    let counts: Vec<usize> = paragraph.lines().map(words_of).collect();
    let all: usize = counts.iter().sum();
    counts.iter().any(|count| *count >= PROSE_WORDS) || (all >= 8 && all >= 3 * counts.len())
}

impl Origins {
    /// What users speak of doing, and what makers do.
    pub(super) fn meant(&self) -> [u16; 2] {
        self.meant
    }

    /// Takes what the model says, after what it does was judged.
    pub(super) fn said(&mut self, turn: &Turn, seed: u64) {
        for word in tokens(&turn.text.shown) {
            if self.said.len() >= WORDS_MAX / 4 {
                return;
            }
            self.said.insert(hash(seed, word));
        }
    }

    /// The text of an argument is copied from what a tool gave.
    pub(super) fn is_copy(&self, leaf: &Leaf, seed: u64) -> bool {
        let Value::Text(text) = &leaf.value else { return false };
        let words: Vec<u64> = tokens(text).take(256).map(|word| hash(seed, word)).collect();
        let given = words.iter().filter(|word| self.prose.contains_key(word));
        let own = words.iter().filter(|word| self.trusted.contains(word));
        words.len() >= COPY_WORDS
            && given.count() * 10 >= words.len() * 8
            && own.count() * 2 < words.len()
    }

    /// Takes the words of a new turn; of what a tool gave, with the tool's name.
    pub(super) fn learn(&mut self, turn: &Turn, tool: &str, seed: u64) {
        let text = beginning(&turn.text.shown, TURN_MAX);
        match turn.role {
            TrustRole::System => {
                self.meant[1] |= deeds_in(text);
                self.trust(text, seed);
            }
            TrustRole::User => {
                self.meant[0] |= deeds_in(text);
                self.trust(text, seed);
                let said = core::mem::take(&mut self.said);
                let room = WORDS_MAX.saturating_sub(self.trusted.len());
                self.trusted.extend(said.into_iter().take(room));
            }
            TrustRole::Assistant => self.trust(text, seed),
            TrustRole::ToolResult => self.take(tool, text, seed),
            TrustRole::ToolDefinition => {}
        }
    }

    fn trust(&mut self, text: &str, seed: u64) {
        let room = (2 * WORDS_MAX).saturating_sub(self.trusted.len());
        self.trusted.extend(pairs(text, seed).take(room));
        self.trusted.extend(grouped(text).iter().map(|number| hash(seed, number)));
        for word in tokens(text) {
            if self.trusted.len() >= 3 * WORDS_MAX {
                return;
            }
            self.trusted.insert(hash(seed, word));
            for part in word.split(|char: char| !char.is_alphanumeric()) {
                if part.len() >= 3 && part.len() < word.len() {
                    self.trusted.insert(hash(seed, part));
                }
            }
        }
    }

    fn take(&mut self, tool: &str, text: &str, seed: u64) {
        let known = self.sources.iter().position(|source| source == tool);
        let source = known.unwrap_or_else(|| {
            if self.sources.len() < SOURCES_MAX {
                self.sources.push(tool.into());
            }
            self.sources.len().saturating_sub(1)
        });
        let source = u8::try_from(source).unwrap_or(0);
        for (segment, prose) in pieces(text) {
            let segment = segment.as_str();
            if prose {
                let numbers = grouped(segment).into_iter().map(|number| hash(seed, &number));
                let words = tokens(segment).map(|word| hash(seed, word));
                for word in words.chain(pairs(segment, seed)).chain(numbers) {
                    if self.prose.len() < 2 * WORDS_MAX {
                        self.prose.entry(word).or_insert(source);
                    }
                }
            } else if self.fields.len() < WORDS_MAX {
                self.fields.insert(hash(seed, segment.trim()));
                self.fields.extend(tokens(segment).take(16).map(|word| hash(seed, word)));
                self.fields.extend(pairs(segment, seed).take(16));
                self.fields.extend(grouped(segment).iter().map(|number| hash(seed, number)));
            }
        }
    }

    /// Where the value of an argument comes from.
    pub(super) fn of(&self, leaf: &Leaf, seed: u64) -> Origin {
        let shown;
        let own = match &leaf.value {
            Value::Text(text) => text.as_str(),
            Value::Masked { mark, .. } => {
                shown = mark.to_string();
                &shown
            }
            Value::Integer(number) if number.unsigned_abs() >= 1000 => {
                shown = number.to_string();
                &shown
            }
            _ => return Origin::Fine,
        };
        // A number is one value, however it is grouped.
        let number = grouped(own);
        let text =
            number.first().filter(|number| number.len().saturating_add(GROUPS_MAX) >= own.len());
        let text = text.map_or(own, String::as_str);
        let words: Vec<&str> = tokens(text).take(512).collect();
        let [word] = words.as_slice() else { return self.of_text(text, &words, seed) };
        if word.len() < VALUE_MIN || is_common(word) {
            return Origin::Fine;
        }
        let own = hash(seed, word);
        if self.trusted.contains(&own)
            || self.fields.contains(&own)
            || self.parts_trusted(word, seed)
        {
            return Origin::Fine;
        }
        self.prose.get(&own).map_or(Origin::Fine, |source| self.prose_of(*source))
    }

    /// A text that is nearly all from one prose, and not from a user: an address as it is written
    /// there, word by word; of any other only its telling words count.
    fn of_text(&self, text: &str, words: &[&str], seed: u64) -> Origin {
        if let Some(source) = self.whole(text, words, seed) {
            return self.prose_of(source);
        }
        let telling = words.iter().filter(|word| {
            word.starts_with('<')
                || word.contains(['@', '/'])
                || word.bytes().any(|b| b.is_ascii_digit())
        });
        for word in telling.filter(|word| word.len() >= 2 * VALUE_MIN) {
            let own = hash(seed, word);
            let fine = self.trusted.contains(&own) || self.fields.contains(&own);
            if let Some(source) = self.prose.get(&own).filter(|_| !fine && words.len() < TEXT_WORDS)
            {
                return self.prose_of(*source);
            }
        }
        Origin::Fine
    }

    /// The prose that holds a value of several words in just this order, where nothing else does.
    /// It has a number in it: a phrase without one is anybody's.
    fn whole(&self, text: &str, words: &[&str], seed: u64) -> Option<u8> {
        let number = text.bytes().any(|byte| byte.is_ascii_digit());
        let few = (2..=VALUE_WORDS).contains(&words.len());
        let signs = text.matches(['.', '!', '?', '\n']).count();
        if !few || signs > 1 || text.len() < 2 * VALUE_MIN || !number {
            return None;
        }
        if self.fields.contains(&hash(seed, text.trim())) {
            return None;
        }
        let pairs: Vec<u64> = pairs(text, seed).collect();
        let (mut given, mut own) = (0_usize, 0_usize);
        let mut source = None;
        for pair in &pairs {
            let from = self.prose.get(pair);
            given = given.saturating_add(usize::from(from.is_some()));
            let fine = self.trusted.contains(pair) || self.fields.contains(pair);
            own = own.saturating_add(usize::from(fine));
            source = source.or(from.copied());
        }
        let most = given.saturating_add(usize::from(pairs.len() > 4)) >= pairs.len();
        source.filter(|_| most && own * 3 < pairs.len())
    }

    fn prose_of(&self, source: u8) -> Origin {
        Origin::Prose(self.sources.get(usize::from(source)).cloned().unwrap_or_default())
    }

    /// Every part of the value was said by somebody who is trusted: `https://shop.test/x` of
    /// "look at shop.test, x".
    fn parts_trusted(&self, word: &str, seed: u64) -> bool {
        let mut parts = word.split(|char: char| !char.is_alphanumeric()).filter(|part| {
            part.len() >= 3 && !matches!(*part, "http" | "https" | "www" | "com" | "org" | "net")
        });
        let mut any = false;
        let all = parts.all(|part| {
            any = true;
            self.trusted.contains(&hash(seed, part))
        });
        any && all
    }
}

/// A plain word, which says nothing of where it comes from: a value has a digit or a sign in it.
fn is_common(word: &str) -> bool {
    word.chars().all(char::is_alphabetic)
}

/// At most `max` bytes, whole characters.
fn beginning(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}
