//! The paths of leaves, made once each: bodies of one endpoint repeat the same keys for ever.

use crate::mask::Masker;
use crate::mask::names::{self, NameClass};
use core::hash::{BuildHasher, BuildHasherDefault, Hasher};
use foldhash::fast::RandomState;
use std::borrow::Cow;
use std::collections::HashMap;
use stilt_model::LeafPath;

/// Paths kept from message to message; past it all are forgotten before the next message.
const KEPT_MAX: usize = 16_384;
/// Bytes of one key that a path shows.
const KEY_MAX: usize = 128;

/// A path, until the next [`Paths::begin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PathId(u32);

/// The path of nothing: the body itself.
pub(crate) const ROOT: PathId = PathId(0);
/// Above the fields of forms and queries, which name their whole path.
const FIELDS: PathId = PathId(1);

/// One path, and what its name says of the values under it.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) path: LeafPath,
    /// What the last key, or one above that it inherits from, says of the value.
    pub(crate) class: Option<NameClass>,
    /// The last key says that the value is the id of a thing.
    pub(crate) is_id: bool,
    /// It names a number of tokens, as `max_tokens` does.
    pub(crate) counts_tokens: bool,
    parent: PathId,
    key: Box<[u8]>,
}

impl Node {
    fn new(parent: PathId, key: &[u8], path: &str, class: Option<NameClass>) -> Self {
        Self {
            path: LeafPath::new(path),
            class,
            is_id: is_id(path),
            counts_tokens: path.ends_with("okens"),
            parent,
            key: key.into(),
        }
    }
}

/// Hashes that are hashes already.
#[derive(Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {}
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// All paths met, as a tree of keys.
pub(crate) struct Paths {
    nodes: Vec<Node>,
    children: HashMap<u64, PathId, BuildHasherDefault<AsIs>>,
    hasher: RandomState,
    path_max: usize,
}

impl Paths {
    /// Knows none yet; paths are cut at `path_max` bytes.
    pub(crate) fn new(path_max: usize) -> Self {
        let mut paths = Self {
            nodes: Vec::new(),
            children: HashMap::default(),
            hasher: RandomState::default(),
            path_max,
        };
        paths.begin();
        paths
    }

    /// Before each message: ids given out earlier are void.
    pub(crate) fn begin(&mut self) {
        if self.nodes.len() > KEPT_MAX || self.nodes.is_empty() {
            self.nodes = vec![Node::new(ROOT, b"", "", None), Node::new(FIELDS, b"", "", None)];
            self.children = HashMap::default();
        }
    }

    /// What is known of a path.
    pub(crate) fn node(&self, id: PathId) -> Option<&Node> {
        self.nodes.get(id.0 as usize)
    }

    /// The path of the elements of an array.
    pub(crate) fn element(&mut self, parent: PathId) -> PathId {
        // No key of an object is hashed to this: those start with their length.
        let hash = self.hasher.hash_one((parent.0, usize::MAX));
        self.known(hash, parent, b"[]").unwrap_or_else(|| {
            let (above, class) = self.above(parent);
            let path = self.join(&above, "[]", false);
            self.add(hash, Node::new(parent, b"[]", &path, class))
        })
    }

    /// The path of a value under `key` in an object; `key` without its escapes.
    pub(crate) fn child(&mut self, parent: PathId, key: &[u8], masker: &mut Masker) -> PathId {
        let hash = self.hash(parent, key);
        self.known(hash, parent, key).unwrap_or_else(|| {
            let text = crate::bytes::lossy(key);
            let own = masker.class(&text);
            let (above, class) = self.above(parent);
            let inherited = class.filter(|_| own.is_none() && names::inherits(&text));
            let path = self.join(&above, &shown(masker, &text), true);
            self.add(hash, Node::new(parent, key, &path, own.or(inherited)))
        })
    }

    /// The path of a field of a form or query; `a[b][]` becomes `a.b[]`.
    pub(crate) fn field(&mut self, name: &str, masker: &mut Masker) -> PathId {
        let hash = self.hash(FIELDS, name.as_bytes());
        self.known(hash, FIELDS, name.as_bytes()).unwrap_or_else(|| {
            let path = unbracket(name);
            let class = masker.class(path.rsplit('.').next().unwrap_or_default());
            // Operators smuggled into a form (`password[$ne]`) still hold what their parent names.
            let class = class.or_else(|| {
                let (parent, last) = path.rsplit_once('.')?;
                let class = masker.class(parent.rsplit('.').next()?);
                class.filter(|_| names::inherits(last))
            });
            let path = self.join("", &shown(masker, &path), true);
            self.add(hash, Node::new(FIELDS, name.as_bytes(), &path, class))
        })
    }

    fn hash(&self, parent: PathId, key: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u32(parent.0);
        hasher.write(key);
        hasher.finish()
    }

    fn known(&self, hash: u64, parent: PathId, key: &[u8]) -> Option<PathId> {
        let id = *self.children.get(&hash)?;
        let node = self.node(id)?;
        (node.parent == parent && *node.key == *key).then_some(id)
    }

    fn add(&mut self, hash: u64, node: Node) -> PathId {
        let id = PathId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.nodes.push(node);
        self.children.insert(hash, id);
        id
    }

    fn above(&self, parent: PathId) -> (LeafPath, Option<NameClass>) {
        self.node(parent)
            .map_or_else(|| (LeafPath::new(""), None), |node| (node.path.clone(), node.class))
    }

    fn join(&self, above: &str, key: &str, dotted: bool) -> String {
        let dot = if dotted && !above.is_empty() { "." } else { "" };
        let mut path = format!("{above}{dot}{key}");
        path.truncate(crate::bytes::prefix(&path, self.path_max).len());
        path
    }
}

/// A key as paths show it: secrets in it are masked.
fn shown<'k>(masker: &Masker, key: &'k str) -> Cow<'k, str> {
    if key.len() < 5 { Cow::Borrowed(key) } else { masker.text_max(key, KEY_MAX) }
}

fn unbracket(name: &str) -> Cow<'_, str> {
    if !name.contains('[') {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len());
    for part in name.split('[') {
        match part.strip_suffix(']') {
            Some("") => out.push_str("[]"),
            Some(index) if index.bytes().all(|b| b.is_ascii_digit()) => out.push_str("[]"),
            Some(key) => {
                out.push('.');
                out.push_str(key);
            }
            None => out.push_str(part),
        }
    }
    Cow::Owned(out)
}

/// The last key of `path` says that its value is the id of a thing.
fn is_id(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or_default().trim_end_matches("[]");
    let lower = name.get(name.len().saturating_sub(3)..).unwrap_or(name);
    name.eq_ignore_ascii_case("id")
        || lower.eq_ignore_ascii_case("_id")
        || lower.eq_ignore_ascii_case("-id")
        || name.ends_with("Id")
        || name.ends_with("ID")
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::Key;

    #[test]
    fn equal_keys_under_one_parent_are_one_path() {
        let mut masker = Masker::new(Key::new([1; 32]));
        let mut paths = Paths::new(256);
        let items = paths.child(ROOT, b"items", &mut masker);
        let item = paths.element(items);
        let id = paths.child(item, b"id", &mut masker);
        assert_eq!(id, paths.child(item, b"id", &mut masker));
        assert_ne!(id, paths.child(ROOT, b"id", &mut masker));
        // A key that is written like an array step is no array step.
        assert_ne!(item, paths.child(items, b"[]", &mut masker));
        assert_eq!(paths.node(id).map(|node| node.path.as_str()), Some("items[].id"));
    }

    #[test]
    fn what_a_name_says_reaches_the_keys_that_inherit_it() {
        let mut masker = Masker::new(Key::new([1; 32]));
        let mut paths = Paths::new(256);
        let password = paths.child(ROOT, b"password", &mut masker);
        let value = paths.child(password, b"value", &mut masker);
        let other = paths.child(password, b"length", &mut masker);
        let class = |id| paths.node(id).and_then(|node| node.class);
        assert_eq!(class(value), Some(NameClass::Password));
        assert_eq!(class(other), None);
        let field = paths.field("user[password][$ne]", &mut masker);
        let node = paths.node(field).cloned();
        assert_eq!(node.as_ref().and_then(|node| node.class), Some(NameClass::Password));
        assert_eq!(node.map(|node| node.path.to_string()).as_deref(), Some("user.password.$ne"));
    }

    #[test]
    fn keys_without_end_are_forgotten_at_the_next_message() {
        let mut masker = Masker::new(Key::new([1; 32]));
        let mut paths = Paths::new(256);
        for number in 0..20_000_u32 {
            paths.child(ROOT, number.to_string().as_bytes(), &mut masker);
        }
        paths.begin();
        assert!(paths.nodes.len() <= 2 && paths.children.is_empty());
    }
}
