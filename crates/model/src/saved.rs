//! What is remembered, as bytes that a later version can read: MessagePack with named fields.
//!
//! Maps are written in the order of their keys, whatever order they are held in, so that the same
//! memory gives the same bytes. Fields are found by name: one that is new takes its default
//! (`#[serde(default)]`), one that is gone is passed over.

use core::hash::BuildHasher;
use core::sync::atomic::{AtomicU64, Ordering};
use foldhash::quality::{FixedState, FoldHasher, RandomState};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock};

/// A word that the program itself holds: the id of a rule, a name from a table.
pub type Word = &'static str;

/// Different words that are read from saved memories, and the length of one in bytes: they are kept
/// for good.
const WORDS_MAX: usize = 8192;
const WORD_MAX: usize = 256;
/// Values within values.
const DEPTH_MAX: usize = 256;

/// What is saved does not fit what it is read into, or can't be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(String);

impl core::fmt::Display for Unfit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for Unfit {}

/// Writes a memory.
///
/// # Errors
/// A value that can't be written, which is a mistake in its type.
pub fn write(value: &impl Serialize) -> Result<Vec<u8>, Unfit> {
    let mut bytes = Vec::new();
    let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map();
    value.serialize(&mut serializer).map_err(|error| Unfit(error.to_string()))?;
    let mut sorted = Vec::with_capacity(bytes.len());
    let rest = sort(&bytes, &mut sorted, 0).filter(|rest| rest.is_empty());
    rest.map(|_| sorted).ok_or_else(|| Unfit("nested too deeply".to_owned()))
}

/// Reads a memory.
///
/// # Errors
/// Bytes that are no such memory.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unfit> {
    rmp_serde::from_slice(bytes).map_err(|error| Unfit(error.to_string()))
}

/// A thing with a memory that outlives the program. Nothing is written by hand: what can be
/// serialised can be remembered. Settings are left out (`#[serde(skip)]`) and given anew.
pub trait Remember {
    /// What it remembers.
    ///
    /// # Errors
    /// A value that can't be written.
    fn save(&self) -> Result<Vec<u8>, Unfit>;

    /// Takes what was remembered in place of all that it has.
    ///
    /// # Errors
    /// Bytes that are no such memory; then nothing is changed.
    fn load(&mut self, bytes: &[u8]) -> Result<(), Unfit>;
}

impl<T: Serialize + DeserializeOwned> Remember for T {
    fn save(&self) -> Result<Vec<u8>, Unfit> {
        write(self)
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), Unfit> {
        *self = read(bytes)?;
        Ok(())
    }
}

/// A set, in the order of its members.
///
/// # Errors
/// What the serializer can't write.
pub fn sorted<'a, C, T, S>(set: &'a C, serializer: S) -> Result<S::Ok, S::Error>
where
    &'a C: IntoIterator<Item = &'a T>,
    T: Ord + Serialize + 'a,
    S: Serializer,
{
    let mut members: Vec<&T> = set.into_iter().collect();
    members.sort_unstable();
    serializer.collect_seq(members)
}

/// Reads a [`Word`].
///
/// # Errors
/// Text that is too long for one, or one too many.
pub fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Word, D::Error> {
    let text = String::deserialize(deserializer)?;
    known(&text).ok_or_else(|| D::Error::custom("more words than there can be"))
}

/// Reads words into a list or set.
///
/// # Errors
/// As [`word`].
pub fn words<'de, D, C>(deserializer: D) -> Result<C, D::Error>
where
    D: Deserializer<'de>,
    C: FromIterator<Word>,
{
    let texts = Vec::<String>::deserialize(deserializer)?;
    let words = texts.iter().map(|text| known(text)).collect::<Option<C>>();
    words.ok_or_else(|| D::Error::custom("more words than there can be"))
}

/// Reads a map by words.
///
/// # Errors
/// As [`word`].
pub fn by_word<'de, D, T, C>(deserializer: D) -> Result<C, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
    C: FromIterator<(Word, T)>,
{
    let map = std::collections::BTreeMap::<String, T>::deserialize(deserializer)?;
    let words = map.into_iter().map(|(text, value)| known(&text).map(|word| (word, value)));
    words.collect::<Option<C>>().ok_or_else(|| D::Error::custom("more words than there can be"))
}

/// The word that is spelled so; `None` where it is none, or where there are too many.
fn known(text: &str) -> Option<Word> {
    static WORDS: Mutex<BTreeSet<Word>> = Mutex::new(BTreeSet::new());
    let mut words = WORDS.lock().ok()?;
    if let Some(word) = words.get(text) {
        return Some(word);
    }
    if words.len() >= WORDS_MAX || text.len() > WORD_MAX {
        return None;
    }
    let word: Word = Box::leak(text.into());
    words.insert(word);
    Some(word)
}

/// Reads shared text: the same text is held once, however often it is met in a row of values.
///
/// # Errors
/// What is no text.
pub fn shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
    thread_local! {
        static TEXTS: core::cell::RefCell<Vec<Option<Arc<str>>>> =
            core::cell::RefCell::new(vec![None; 4096]);
    }
    let text = String::deserialize(deserializer)?;
    let hash = FixedState::with_seed(5).hash_one(&text);
    TEXTS.with_borrow_mut(|texts| {
        let slot = usize::try_from(hash % 4096).unwrap_or(0);
        match texts.get_mut(slot) {
            Some(Some(known)) if **known == *text => Ok(Arc::clone(known)),
            Some(slot) => Ok(Arc::clone(slot.insert(Arc::from(text)))),
            None => Ok(Arc::from(text)),
        }
    })
}

/// Makes keys of things that come from the wire: who sends them must not know how, and a key that
/// is remembered must be found again after a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Keyed(u64);

static SEED: AtomicU64 = AtomicU64::new(0);

impl Keyed {
    /// From now on new ones are made from `seed`, which is derived from the installation key.
    /// Before, they are of this process alone.
    pub fn begin(seed: u64) {
        SEED.store(seed, Ordering::Relaxed);
    }
}

impl Default for Keyed {
    fn default() -> Self {
        static RANDOM: OnceLock<u64> = OnceLock::new();
        match SEED.load(Ordering::Relaxed) {
            0 => Self(*RANDOM.get_or_init(|| RandomState::default().hash_one(1_u8))),
            seed => Self(seed),
        }
    }
}

impl BuildHasher for Keyed {
    type Hasher = FoldHasher<'static>;

    fn build_hasher(&self) -> Self::Hasher {
        FixedState::with_seed(self.0).build_hasher()
    }
}

/// Copies one MessagePack value with the entries of its maps sorted by their keys; gives what is
/// behind it, or `None` where there is no whole value.
fn sort<'a>(bytes: &'a [u8], out: &mut Vec<u8>, depth: usize) -> Option<&'a [u8]> {
    let (&marker, rest) = bytes.split_first()?;
    if depth > DEPTH_MAX {
        return None;
    }
    let (head, inside) = match marker {
        0x80..=0x8f => (0, Inside::Map(usize::from(marker & 0x0f))),
        0x90..=0x9f => (0, Inside::Array(usize::from(marker & 0x0f))),
        0xa0..=0xbf => (0, Inside::Bytes(usize::from(marker & 0x1f))),
        0xc4 | 0xd9 => (1, Inside::Bytes(number(rest, 1)?)),
        0xc5 | 0xda => (2, Inside::Bytes(number(rest, 2)?)),
        0xc6 | 0xdb => (4, Inside::Bytes(number(rest, 4)?)),
        0xcc | 0xd0 => (0, Inside::Bytes(1)),
        0xcd | 0xd1 => (0, Inside::Bytes(2)),
        0xca | 0xce | 0xd2 => (0, Inside::Bytes(4)),
        0xcb | 0xcf | 0xd3 => (0, Inside::Bytes(8)),
        0xdc => (2, Inside::Array(number(rest, 2)?)),
        0xdd => (4, Inside::Array(number(rest, 4)?)),
        0xde => (2, Inside::Map(number(rest, 2)?)),
        0xdf => (4, Inside::Map(number(rest, 4)?)),
        0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => (0, Inside::Bytes(0)),
        _ => return None,
    };
    out.push(marker);
    out.extend_from_slice(rest.get(..head)?);
    let mut rest = rest.get(head..)?;
    match inside {
        Inside::Bytes(length) => {
            out.extend_from_slice(rest.get(..length)?);
            rest.get(length..)
        }
        Inside::Array(length) => {
            for _ in 0..length {
                rest = sort(rest, out, depth.saturating_add(1))?;
            }
            Some(rest)
        }
        Inside::Map(length) => {
            // Each entry is sorted inside where it comes to lie, then the entries among themselves.
            let start = out.len();
            let mut entries = Vec::with_capacity(length.min(rest.len()));
            for _ in 0..length {
                let key = out.len();
                rest = sort(rest, out, depth.saturating_add(1))?;
                let value = out.len();
                rest = sort(rest, out, depth.saturating_add(1))?;
                entries.push((key, value, out.len()));
            }
            let all = out.split_off(start);
            let part =
                |from: usize, to: usize| all.get(from.checked_sub(start)?..to.checked_sub(start)?);
            entries.sort_by(|one, other| part(one.0, one.1).cmp(&part(other.0, other.1)));
            for (key, _, end) in entries {
                out.extend_from_slice(part(key, end)?);
            }
            Some(rest)
        }
    }
}

/// What follows the marker of a MessagePack value.
enum Inside {
    Bytes(usize),
    Array(usize),
    /// Entries, each a key and a value.
    Map(usize),
}

fn number(bytes: &[u8], length: usize) -> Option<usize> {
    let bytes = bytes.get(..length)?;
    Some(bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

/// Numbers that records show as hexadecimal text, and memories hold as numbers.
pub(crate) mod hexadecimal {
    use super::{Deserialize, Deserializer, Serializer};
    use core::fmt::Display;

    pub(crate) fn serialize<S: Serializer>(
        shown: &impl Display,
        number: u64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(shown)
        } else {
            serializer.serialize_u64(number)
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            u64::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
        } else {
            u64::deserialize(deserializer)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, HashMap, HashSet};

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Memory {
        map: HashMap<(u64, String), Vec<Option<i64>>>,
        #[serde(serialize_with = "sorted")]
        set: HashSet<u64>,
        nested: BTreeMap<String, HashMap<u16, f64>>,
        #[serde(default)]
        later: Option<String>,
    }

    fn memory() -> Memory {
        let map =
            (0..300).map(|n| ((n * 7919 % 301, n.to_string()), vec![Some(-5), None])).collect();
        let inner = (0..70).map(|n| (n * 97 % 71, f64::from(n) / 3.0)).collect();
        Memory {
            map,
            set: (0..67_000).map(|n| n * 31 % 70_001).collect(),
            nested: [("x".repeat(300), inner)].into(),
            later: None,
        }
    }

    #[test]
    fn the_same_memory_gives_the_same_bytes_and_comes_back() {
        let bytes = write(&memory()).unwrap();
        for _ in 0..4 {
            // Each table of the standard library hashes in its own way.
            assert_eq!(write(&memory()).unwrap(), bytes);
        }
        assert_eq!(read::<Memory>(&bytes).unwrap(), memory());
    }

    #[test]
    fn fields_come_and_go() {
        #[derive(Serialize)]
        struct Old {
            set: Vec<u64>,
            map: HashMap<u8, u8>,
            nested: HashMap<u8, u8>,
            gone: Vec<String>,
        }
        let old = Old {
            set: vec![4],
            map: HashMap::new(),
            nested: HashMap::new(),
            gone: vec!["x".to_owned()],
        };
        let new: Memory = read(&write(&old).unwrap()).unwrap();
        assert_eq!(new, Memory { set: [4].into(), ..Memory::default() });
    }

    #[test]
    fn what_is_no_memory_is_refused_and_never_panics() {
        let bytes = write(&memory()).unwrap();
        for cut in (0..bytes.len()).step_by(29_989) {
            assert!(read::<Memory>(&bytes[..cut]).is_err());
        }
        for at in (0..bytes.len()).step_by(9973) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x55;
            let _ = read::<Memory>(&bytes);
            let _ = sort(&bytes, &mut Vec::new(), 0);
        }
        assert!(read::<Memory>(&[0x91; 100_000]).is_err());
        assert!(sort(&[0x91; 100_000], &mut Vec::new(), 0).is_none());
    }

    #[test]
    fn words_are_held_once() {
        let bytes = write(&["one", "two", "one"]).unwrap();
        let mut reader = rmp_serde::Deserializer::new(bytes.as_slice());
        let read: Vec<Word> = words(&mut reader).unwrap();
        assert_eq!(read, ["one", "two", "one"]);
        assert!(core::ptr::eq(read[0], read[2]));
    }

    #[test]
    fn keys_are_the_same_after_a_restart() {
        let before = Keyed::default();
        let after: Keyed = read(&write(&before).unwrap()).unwrap();
        assert_eq!(before.hash_one("session"), after.hash_one("session"));
        Keyed::begin(9);
        assert_eq!(Keyed::default().hash_one(1), Keyed::default().hash_one(1));
        assert_ne!(Keyed::default().hash_one(1), before.hash_one(1));
    }
}
