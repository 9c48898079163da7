//! The tree of paths of one service: plain names and slots, learned as they are asked for.

use crate::learn::News;
use crate::path::{Path, bare, is_method, split_extension};
use crate::sighting::SlotKind;
use crate::template::{Part, Template};
use crate::words::{is_function, is_version, singular};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Steps a search takes at most: it goes back where a name and a slot both fit.
const STEPS_MAX: u32 = 64;
/// Sorts of answers remembered below one node, and children remembered for each.
const FEATURES_MAX: usize = 512;
const CHILDREN_MAX: usize = 64;

/// Words of functions that one slot takes.
const FUNCTIONS_MAX: usize = 64;

/// No node, no record.
pub(crate) const NONE: u32 = u32::MAX;

const KINDS: [SlotKind; 5] =
    [SlotKind::Integer, SlotKind::Uuid, SlotKind::Hash, SlotKind::Date, SlotKind::Slug];

/// The bit of a sort of value: by its looks, or a word that was learned to be one.
pub(crate) const fn sort(kind: Option<SlotKind>) -> u8 {
    match kind {
        None => 1,
        Some(kind) => 2 << (kind as u8),
    }
}

/// Methods that are told apart; all others are one.
const METHODS: &[&str] = &[
    "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "QUERY",
    "PROPFIND", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH",
];

/// A method as a small number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Method(u8);

impl Method {
    pub(crate) const GET: Self = Self(0);
    pub(crate) const POST: Self = Self(1);

    pub(crate) fn of(method: &str) -> Self {
        let at = METHODS.iter().position(|known| *known == method).unwrap_or(METHODS.len());
        Self(u8::try_from(at).unwrap_or(u8::MAX))
    }

    pub(crate) fn name(self) -> &'static str {
        METHODS.get(usize::from(self.0)).copied().unwrap_or("OTHER")
    }

    pub(crate) fn changes_state(self) -> bool {
        matches!(self.0, 1..=4 | 11..=15)
    }
}

/// Children that gave the same sort of answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Alike {
    pub(crate) children: Vec<u32>,
    /// The answer the first of them gave, and at which path below.
    pub(crate) news: News,
    pub(crate) below: Box<str>,
}

/// One step of a path.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Node {
    pub(crate) parent: u32,
    /// The name as first seen; empty in slots.
    pub(crate) name: Box<str>,
    /// It is a slot of that type; `bool`: named as one that was learned.
    pub(crate) slot_kind: Option<(SlotKind, bool)>,
    /// Sorts of values that the slot took, a bit each (see [`sort`]).
    #[serde(default)]
    kinds: u8,
    /// It takes any text, not only what looks like a value.
    pub(crate) open: bool,
    /// Words that name a function elsewhere, and are values here (`/envs/preview`).
    pub(crate) functions: Vec<Box<str>>,
    pub(crate) children: HashMap<Box<str>, u32, RandomState>,
    /// The slot below it.
    pub(crate) slot: u32,
    pub(crate) methods: Vec<(Method, u32)>,
    pub(crate) alike: HashMap<u64, Alike, RandomState>,
}

impl Node {
    fn new(parent: u32, name: &str, slot_kind: Option<(SlotKind, bool)>) -> Self {
        Self {
            parent,
            name: name.into(),
            slot_kind,
            kinds: slot_kind.map_or(0, |(kind, learned)| sort((!learned).then_some(kind))),
            open: false,
            functions: Vec::new(),
            children: HashMap::default(),
            slot: NONE,
            methods: Vec::new(),
            alike: HashMap::default(),
        }
    }

    /// Takes in sorts of values; `true` where the slot is another one by that. What takes values of
    /// several sorts is an id, whichever came first.
    pub(crate) fn take_sorts(&mut self, sorts: u8) -> bool {
        let Some((kind, learned)) = self.slot_kind else { return false };
        if self.kinds == 0 {
            self.kinds = sort((!learned).then_some(kind));
        }
        self.kinds |= sorts;
        let one = |kind: &SlotKind| self.kinds == sort(Some(*kind));
        let now = match KINDS.iter().find(|kind| one(kind)) {
            Some(kind) => (*kind, false),
            None if self.kinds == sort(None) => (SlotKind::Slug, true),
            None => (SlotKind::Slug, false),
        };
        self.slot_kind.replace(now) != Some(now)
    }

    /// The sorts of values that it took.
    pub(crate) fn sorts(&self) -> u8 {
        self.kinds
    }

    /// The slot takes this word, which does not look like a value.
    pub(crate) fn takes(&self, path: &Path, at: usize) -> bool {
        self.open
            && (!is_function(path.segment(at))
                || self.functions.iter().any(|word| **word == *path.lower(at)))
    }

    /// Takes words that name a function elsewhere.
    pub(crate) fn take_functions<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        for word in words.filter(|word| is_function(word)) {
            if !self.functions.iter().any(|known| **known == *word)
                && self.functions.len() < FUNCTIONS_MAX
            {
                self.functions.push(word.into());
            }
        }
    }

    pub(crate) fn record(&self, method: Method) -> Option<u32> {
        self.methods.iter().find(|(known, _)| *known == method).map(|(_, record)| *record)
    }
}

/// The tree. Node 0 is `/`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    free: Vec<u32>,
}

impl Default for Tree {
    fn default() -> Self {
        Self { nodes: vec![Node::new(NONE, "", None)], free: Vec::new() }
    }
}

/// What is looked for.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    pub(crate) path: &'a Path,
    pub(crate) method: Method,
    /// A slot for numbers takes anything: the answer was a refusal.
    pub(crate) soft: bool,
}

impl Tree {
    pub(crate) fn node(&self, at: u32) -> Option<&Node> {
        self.nodes.get(at as usize)
    }

    pub(crate) fn node_mut(&mut self, at: u32) -> Option<&mut Node> {
        self.nodes.get_mut(at as usize)
    }

    /// Notes which sorts of values a path put into the slots above `node`, which is its end; the
    /// highest slot that is another one by that.
    pub(crate) fn note_sorts(&mut self, node: u32, path: &Path) -> Option<u32> {
        let (mut at, mut segment, mut changed) = (node, path.len(), None);
        while let (Some(node), Some(above)) =
            (self.nodes.get_mut(at as usize), segment.checked_sub(1))
        {
            if node.slot_kind.is_some() && node.take_sorts(sort(path.kind(above))) {
                changed = Some(at);
            }
            (at, segment) = (node.parent, above);
        }
        changed
    }

    /// The record that answers `query`; `slots` gets the segments that stand in slots.
    pub(crate) fn find(&self, query: Query<'_>, slots: &mut Vec<usize>) -> Option<u32> {
        slots.clear();
        self.search(query, 0, 0, &mut STEPS_MAX.clone(), slots)
    }

    fn search(
        &self,
        query: Query<'_>,
        at: usize,
        node: u32,
        steps: &mut u32,
        slots: &mut Vec<usize>,
    ) -> Option<u32> {
        *steps = steps.checked_sub(1)?;
        let node = self.node(node)?;
        if at >= query.path.len() {
            return node.record(query.method);
        }
        let child = (!node.children.is_empty()).then(|| node.children.get(query.path.lower(at)));
        let child = child.flatten();
        if let Some(child) = child
            && let Some(found) = self.search(query, at + 1, *child, steps, slots)
        {
            return Some(found);
        }
        let slot = self.node(node.slot)?;
        // A word that is a name here stays one, also for what was not asked of it before.
        let fits = query.soft
            || query.path.kind(at).is_some()
            || (child.is_none() && slot.takes(query.path, at));
        if !fits {
            return None;
        }
        slots.push(at);
        let found = self.search(query, at + 1, node.slot, steps, slots);
        if found.is_none() {
            slots.pop();
        }
        found
    }

    /// How `path` would be filed: names and slots. `apart`: the last segment is a name of its own,
    /// though a slot would take it. `known`: the word is a value of a class.
    pub(crate) fn plan<'a>(
        &'a self,
        path: &'a Path,
        method: Method,
        apart: bool,
        known: &dyn Fn(&str, &str) -> bool,
    ) -> Vec<Part<'a>> {
        let mut class = String::new();
        let mut parts = Vec::with_capacity(path.len());
        let mut node = self.node(0);
        for at in 0..path.len() {
            let last = at + 1 == path.len();
            let kind = path.kind(at);
            if let Some(child) = node.and_then(|node| node.children.get(path.lower(at))) {
                node = self.node(*child);
                let name: &str = node.map_or("", |node| &node.name);
                if !is_version(name) && !is_method(name) {
                    class = singular(split_extension(bare(name)).0);
                }
                parts.push(Part::Name(name));
                continue;
            }
            let slot = node.and_then(|node| self.node(node.slot));
            let open = slot.is_some_and(|slot| {
                let below = || self.goes_on(slot, path, at + 1, &mut STEPS_MAX.clone());
                // A word that is new here, and leads where no value did, is a name as yet.
                slot.open && kind.is_none() && (known(&class, path.lower(at)) || below())
            })
                && !is_function(path.segment(at))
                && !(last && apart)
                // What is posted to a word beside things is most often a function of its own.
                && !(last
                    && method == Method::POST
                    && slot.is_some_and(|slot| slot.record(method).is_none()));
            if kind.is_some() || open {
                let own = kind.map(|kind| (kind, false));
                let (kind, learned) =
                    slot.and_then(|slot| slot.slot_kind).or(own).unwrap_or((SlotKind::Slug, true));
                parts.push(Part::Slot { kind, learned });
                node = slot;
            } else {
                parts.push(Part::Name(path.segment(at)));
                node = None;
            }
        }
        parts
    }

    /// Something that answers lies below `node` on the way that `path` takes from `at` on.
    fn goes_on(&self, node: &Node, path: &Path, at: usize, steps: &mut u32) -> bool {
        let Some(left) = steps.checked_sub(1) else { return false };
        *steps = left;
        if at >= path.len() {
            return !node.methods.is_empty();
        }
        let child = node.children.get(path.lower(at)).and_then(|child| self.node(*child));
        if child.is_some_and(|child| self.goes_on(child, path, at + 1, steps)) {
            return true;
        }
        let fits = |slot: &&Node| slot.takes(path, at) || path.kind(at).is_some();
        let slot = self.node(node.slot).filter(fits);
        slot.is_some_and(|slot| self.goes_on(slot, path, at + 1, steps))
    }

    /// What values below a node are values of: the last plain name, itself or above it.
    pub(crate) fn class(&self, at: u32) -> Option<&str> {
        let mut at = at;
        while let Some(node) = self.node(at).filter(|node| node.parent != NONE) {
            if node.slot_kind.is_none() && !is_version(&node.name) && !is_method(&node.name) {
                return Some(split_extension(bare(&node.name)).0);
            }
            at = node.parent;
        }
        None
    }

    /// The node at the end of a path below another; `{}` is a slot.
    pub(crate) fn below(&self, at: u32, path: &str) -> Option<&Node> {
        let mut node = self.node(at)?;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            node = self.node(match name {
                "{}" => node.slot,
                name => *node.children.get(name.to_ascii_lowercase().as_str())?,
            })?;
        }
        Some(node)
    }

    /// All nodes in use, the deepest first; those of one depth by their paths.
    pub(crate) fn deepest_first(&self) -> Vec<u32> {
        let mut all: Vec<(usize, String, u32)> = Vec::with_capacity(self.nodes.len());
        for at in 0..self.size() {
            if self.node(at).is_some_and(|node| node.parent != NONE || at == 0) {
                let text = self.template(at).text;
                all.push((text.matches('/').count(), text, at));
            }
        }
        all.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| (&a.1, a.2).cmp(&(&b.1, b.2))));
        all.into_iter().map(|(.., at)| at).collect()
    }

    /// Forgets which children answered alike.
    pub(crate) fn forget_notes(&mut self) {
        for node in &mut self.nodes {
            node.alike.clear();
        }
    }

    /// Makes the nodes of a plan; the last one is given back.
    pub(crate) fn insert(&mut self, parts: &[Part<'_>]) -> u32 {
        let mut at = 0;
        for part in parts {
            at = match part {
                Part::Name(name) => self.child(at, name),
                Part::Slot { kind, learned } => self.slot(at, *kind, *learned),
            };
        }
        at
    }

    fn child(&mut self, parent: u32, name: &str) -> u32 {
        let key = name.to_ascii_lowercase();
        if let Some(child) = self.node(parent).and_then(|node| node.children.get(key.as_str())) {
            return *child;
        }
        let child = self.add(Node::new(parent, name, None));
        if let Some(node) = self.node_mut(parent) {
            node.children.insert(key.into(), child);
        }
        child
    }

    /// The slot below `parent`, made where there is none.
    pub(crate) fn slot(&mut self, parent: u32, kind: SlotKind, learned: bool) -> u32 {
        match self.node(parent) {
            Some(node) if node.slot != NONE => return node.slot,
            _ => {}
        }
        let slot = self.add(Node::new(parent, "", Some((kind, learned))));
        if let Some(node) = self.node_mut(parent) {
            node.slot = slot;
        }
        slot
    }

    fn add(&mut self, node: Node) -> u32 {
        if let Some(at) = self.free.pop()
            && let Some(place) = self.node_mut(at)
        {
            *place = node;
            return at;
        }
        self.nodes.push(node);
        u32::try_from(self.nodes.len() - 1).unwrap_or(NONE)
    }

    /// Takes a node off its parent and forgets it; its parts were moved before.
    pub(crate) fn remove(&mut self, at: u32) {
        let Some(node) = self.node_mut(at) else { return };
        let parent = node.parent;
        let key = node.name.to_ascii_lowercase();
        *node = Node::new(NONE, "", None);
        if let Some(parent) = self.node_mut(parent)
            && parent.children.get(key.as_str()) == Some(&at)
        {
            parent.children.remove(key.as_str());
        }
        self.free.push(at);
    }

    /// Children by plain name, sorted.
    pub(crate) fn children(&self, at: u32) -> Vec<(Box<str>, u32)> {
        let mut children: Vec<_> = self
            .node(at)
            .map(|node| node.children.iter().map(|(name, child)| (name.clone(), *child)).collect())
            .unwrap_or_default();
        children.sort_unstable();
        children
    }

    /// The template that ends at `at`.
    pub(crate) fn template(&self, at: u32) -> Template {
        let mut parts = Vec::new();
        let mut at = at;
        while let Some(node) = self.node(at) {
            if node.parent == NONE {
                break;
            }
            parts.push(match node.slot_kind {
                Some((kind, learned)) => Part::Slot { kind, learned },
                None => Part::Name(&node.name),
            });
            at = node.parent;
        }
        parts.reverse();
        Template::new(&parts)
    }

    /// Notes that `child` of `parent` gave an answer of that sort; gives back all that did.
    pub(crate) fn note(
        &mut self,
        parent: u32,
        (feature, news, below): (u64, News, &str),
        child: u32,
    ) -> Vec<u32> {
        let Some(node) = self.node_mut(parent) else { return Vec::new() };
        if node.alike.len() >= FEATURES_MAX && !node.alike.contains_key(&feature) {
            return Vec::new();
        }
        let alike = node.alike.entry(feature).or_insert_with(|| Alike {
            children: Vec::new(),
            news,
            below: below.into(),
        });
        if !alike.children.contains(&child) && alike.children.len() < CHILDREN_MAX {
            alike.children.push(child);
        }
        self.still(parent, feature)
    }

    /// Children noted as alike that are names below that parent yet.
    pub(crate) fn still(&self, parent: u32, feature: u64) -> Vec<u32> {
        let alike = self.node(parent).and_then(|node| node.alike.get(&feature));
        let named = |child: &u32| {
            self.node(*child).is_some_and(|node| node.parent == parent && node.slot_kind.is_none())
        };
        alike.iter().flat_map(|alike| &alike.children).copied().filter(named).collect()
    }

    /// All records: node, method, record.
    pub(crate) fn records(&self) -> Vec<(u32, Method, u32)> {
        let all = self.nodes.iter().enumerate().flat_map(|(at, node)| {
            let at = u32::try_from(at).unwrap_or(NONE);
            node.methods.iter().map(move |(method, record)| (at, *method, *record))
        });
        all.collect()
    }

    /// Takes a method off a node.
    pub(crate) fn forget(&mut self, at: u32, method: Method) {
        if let Some(node) = self.node_mut(at) {
            node.methods.retain(|(known, _)| *known != method);
        }
    }

    /// How many nodes there are, free ones among them.
    pub(crate) fn size(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(NONE)
    }
}
