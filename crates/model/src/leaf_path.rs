//! Paths of leaves: few, long, and in every message; so each is made once and shared.

use crate::saved::Keyed;
use core::fmt;
use core::hash::{BuildHasher, Hash, Hasher};
use core::ops::Deref;
use foldhash::quality::RandomState;
use serde::{Serialize, Serializer};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The path of a leaf: keys joined by `.`, array steps as `[]` (`items[].owner.id`).
///
/// Cloning is cheap. What is asked of every leaf is worked out once, when the path is made.
#[derive(Clone)]
pub struct LeafPath(Arc<Parts>);

/// FNV-1a over 64 bits.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

struct Parts {
    text: Box<str>,
    key: u64,
    stable: u64,
    in_array: bool,
    name: (usize, usize),
    plain: Box<str>,
    /// Two bits a [`Question`]: whether it was answered, and the answer.
    answers: AtomicU64,
}

/// What is asked of a path again and again, and depends on its text alone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Question {
    /// Its last key commonly says whose a record is.
    TellsOwner,
    /// Its last key speaks of letting somebody in.
    LetsIn,
    /// Any of its keys does.
    LetsInSomewhere,
    /// Its last key grants rights or value.
    Grants,
}

impl LeafPath {
    /// Makes a path of its text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        // One seed for the whole installation: equal paths have equal keys on every worker and
        // after a restart, and who chooses the keys of a body cannot aim at collisions.
        let key = Keyed::default().hash_one(text);
        let start = text.rfind('.').map_or(0, |at| at.saturating_add(1));
        let last = text.get(start..).unwrap_or_default().trim_end_matches("[]");
        let plain: String = last
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        Self(Arc::new(Parts {
            text: text.into(),
            key,
            stable: text
                .bytes()
                .fold(FNV_START, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)),
            in_array: text.contains("[]"),
            name: (start, start.saturating_add(last.len())),
            plain: plain.into(),
            answers: AtomicU64::new(0),
        }))
    }

    /// The answer to a question: as remembered, else as `read` finds it, which must depend on the
    /// text alone.
    pub fn says(&self, question: Question, read: impl FnOnce(&Self) -> bool) -> bool {
        let slot = (question as u8).saturating_mul(2);
        let answers = self.0.answers.load(Ordering::Relaxed) >> slot;
        if answers & 1 != 0 {
            return answers & 2 != 0;
        }
        let yes = read(self);
        let answer = 1 | (u64::from(yes) << 1);
        self.0.answers.fetch_or(answer << slot, Ordering::Relaxed);
        yes
    }

    /// The letters and digits of the last key, in lower case (`owner_ID` → `ownerid`).
    #[must_use]
    pub fn plain(&self) -> &str {
        &self.0.plain
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// A hash of the text, the same for equal paths under one installation key; it must not reach
    /// any output.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.0.key
    }

    /// FNV-1a of the text: the same in every run, and no secret from who chooses the text.
    #[must_use]
    pub fn stable(&self) -> u64 {
        self.0.stable
    }

    /// Whether a step of it goes into an array.
    #[must_use]
    pub fn in_array(&self) -> bool {
        self.0.in_array
    }

    /// The last key (`items[].owner.id` → `id`).
    #[must_use]
    pub fn name(&self) -> &str {
        let (start, end) = self.0.name;
        self.0.text.get(start..end).unwrap_or_default()
    }
}

impl Deref for LeafPath {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl From<&str> for LeafPath {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl PartialEq for LeafPath {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.as_str() == other.as_str()
    }
}

impl Eq for LeafPath {}

impl PartialEq<str> for LeafPath {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for LeafPath {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl Hash for LeafPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for LeafPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for LeafPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for LeafPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What paths say, worked out once each; bounded: a full table is emptied.
#[derive(Clone, Debug)]
pub struct PathMemo<T>(HashMap<u64, T, RandomState>);

/// Paths that a [`PathMemo`] holds at most.
const MEMO_MAX: usize = 32_768;

impl<T> Default for PathMemo<T> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<T: Copy> PathMemo<T> {
    /// What `path` says: as remembered, else as `read` tells, which must depend on the path alone.
    pub fn of(&mut self, path: &LeafPath, read: impl FnOnce(&LeafPath) -> T) -> T {
        if let Some(known) = self.0.get(&path.key()) {
            return *known;
        }
        if self.0.len() >= MEMO_MAX {
            self.0.clear();
        }
        let said = read(path);
        self.0.insert(path.key(), said);
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memo_reads_each_path_once_and_never_grows_without_end() {
        let mut memo = PathMemo::default();
        let path = LeafPath::new("a.b");
        assert_eq!(memo.of(&path, |path| path.len()), 3);
        assert_eq!(memo.of(&path, |_| 9), 3);
        for number in 0..MEMO_MAX + 10 {
            memo.of(&LeafPath::new(&number.to_string()), |path| path.len());
        }
        assert!(memo.0.len() <= MEMO_MAX);
    }

    #[test]
    fn a_path_knows_its_last_key_and_its_arrays() {
        let check = |text: &str, name: &str, in_array: bool| {
            let path = LeafPath::new(text);
            assert_eq!((path.name(), path.in_array()), (name, in_array), "{text}");
            assert_eq!(path.key(), LeafPath::new(text).key());
        };
        check("id", "id", false);
        check("items[].owner.id", "id", true);
        check("tags[]", "tags", true);
        check("a.b[][]", "b", true);
        check("", "", false);
        check("a.", "", false);
    }
}
