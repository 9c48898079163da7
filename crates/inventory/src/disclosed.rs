//! Words that messages gave as names of things: a path segment that was one of them is a value.

use core::hash::BuildHasher;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use stilt_model::{Leaf, PathMemo, Value, saved};

/// Words in one generation; there are two, and the older one is dropped.
const WORDS_MAX: usize = 16_384;
/// Leaves of one message that are looked at.
const LEAVES_MAX: usize = 128;
/// Longest word.
const TEXT_MAX: usize = 64;

/// Names of things that were seen, the most recent ones.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Disclosed {
    hasher: saved::Keyed,
    #[serde(skip)]
    telling: PathMemo<bool>,
    #[serde(serialize_with = "saved::sorted")]
    now: HashSet<u64, RandomState>,
    #[serde(serialize_with = "saved::sorted")]
    before: HashSet<u64, RandomState>,
}

impl Disclosed {
    /// Remembers what `leaves` call things by.
    pub(crate) fn learn(&mut self, leaves: &[Leaf]) {
        for leaf in leaves.iter().take(LEAVES_MAX) {
            let hash = match &leaf.value {
                Value::Text(text)
                    if (2..=TEXT_MAX).contains(&text.len())
                        && !text.contains([' ', '/'])
                        && self.telling.of(&leaf.path, |path| names_a_thing(path.name())) =>
                {
                    self.hasher.hash_one(text.as_str())
                }
                Value::Text(text) if leaf.path.ends_with("[]") && text.len() <= TEXT_MAX => {
                    self.of_list(leaf.name().trim_end_matches("[]"), text)
                }
                _ => continue,
            };
            self.keep(hash);
        }
    }

    fn keep(&mut self, hash: u64) {
        if !self.before.contains(&hash) && self.now.insert(hash) && self.now.len() >= WORDS_MAX {
            self.before = core::mem::take(&mut self.now);
        }
    }

    /// The word stood for a thing of a class in a path.
    pub(crate) fn take(&mut self, class: &str, word: &str) {
        self.keep(self.of_list(class, word));
    }

    /// A list of that name held the plain word: `{"classes":["7a","8b"]}`.
    pub(crate) fn lists(&self, name: &str, word: &str) -> bool {
        let hash = self.of_list(name, word);
        self.now.contains(&hash) || self.before.contains(&hash)
    }

    fn of_list(&self, name: &str, word: &str) -> u64 {
        self.hasher.hash_one((name, word))
    }

    pub(crate) fn contains(&self, word: &str) -> bool {
        let hash = self.hasher.hash_one(word);
        self.now.contains(&hash) || self.before.contains(&hash)
    }
}

/// The leaf's name says that its value is what the thing is called by.
fn names_a_thing(name: &str) -> bool {
    const ENDS: &[&str] = &[
        "id",
        "name",
        "slug",
        "title",
        "key",
        "code",
        "sku",
        "handle",
        "login",
        "user",
        "number",
        "ref",
        "uid",
        "nick",
        "owner",
        "author",
        "symbol",
        "ticker",
        "isbn",
        "label",
        "tag",
        "tenant",
        "workspace",
        "org",
        "organization",
        "organisation",
        "project",
        "team",
        "company",
        "realm",
    ];
    let bytes = name.as_bytes();
    ENDS.iter().any(|end| {
        bytes
            .len()
            .checked_sub(end.len())
            .and_then(|at| bytes.get(at..))
            .is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
    })
}
