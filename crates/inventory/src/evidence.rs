//! What answers say of the paths they came from: whether two paths are one route, asked for two
//! things.

use crate::record::{Record, Records};
use crate::tree::{NONE, Tree};
use serde::{Deserialize, Serialize};
use stilt_model::{Leaf, Place, Request, Response, Value};

/// Names of fields that are kept of one endpoint.
const FIELDS_MAX: usize = 16;
/// Leaves of an answer that are looked at.
const LEAVES_MAX: usize = 256;
/// Nodes that one comparison looks at, and how deep it goes.
const NODES_MAX: u32 = 256;
const DEPTH_MAX: u32 = 16;

/// A sort of successful answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sort {
    pub(crate) shape: u64,
    /// Different fields, up to 3.
    pub(crate) leaves: u8,
}

/// The names of fields: the lowest of their hashes, so that two of them tell how much two sets have
/// in common (A. Broder, On the resemblance and containment of documents, 1997).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sketch(Vec<u64>);

impl Sketch {
    /// The fields of an answer.
    pub(crate) fn of(response: &Response) -> Self {
        let mut sketch = Self::default();
        let leaves = response.leaves.iter().take(LEAVES_MAX);
        for leaf in leaves.filter(|leaf| leaf.place != Place::Html) {
            sketch.add(leaf.path.stable());
        }
        sketch
    }

    /// The fields of what is sent with a request.
    pub(crate) fn asked(request: &Request) -> Self {
        let mut sketch = Self::default();
        let sent = |leaf: &&Leaf| matches!(leaf.place, Place::Form | Place::Json | Place::Xml);
        for leaf in request.leaves.iter().take(LEAVES_MAX).filter(sent) {
            sketch.add(leaf.path.stable());
        }
        sketch
    }

    /// Both have fields, and none in common.
    fn is_apart_from(&self, other: &Self) -> bool {
        !self.is_empty() && !other.is_empty() && self.common(other).0 == 0
    }

    fn add(&mut self, hash: u64) {
        if let Err(at) = self.0.binary_search(&hash)
            && at < FIELDS_MAX
        {
            self.0.insert(at, hash);
            self.0.truncate(FIELDS_MAX);
        }
    }

    /// Takes in another one.
    pub(crate) fn join(&mut self, other: &Self) {
        for hash in &other.0 {
            self.add(*hash);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one is the other with or without some fields, or nearly.
    pub(crate) fn is_a_form_of(&self, other: &Self) -> bool {
        let (both, all) = self.common(other);
        both * 4 >= all * 3 || both > 1 && both >= self.0.len().min(other.0.len())
    }

    /// The one is a form of the other, by two fields or more.
    pub(crate) fn shares_two(&self, other: &Self) -> bool {
        self.is_a_form_of(other) && self.common(other).0 >= 2
    }

    /// Fields of both, of so many in all.
    fn common(&self, other: &Self) -> (usize, usize) {
        let mut union = self.clone();
        union.join(other);
        let both = union.0.iter().filter(|hash| self.0.contains(hash) && other.0.contains(hash));
        (both.count(), union.0.len())
    }
}

/// Two endpoints beside each other, by what they answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likeness {
    /// Alike, with two fields or more.
    Telling,
    /// Alike.
    Same,
    /// Alike, in answers without fields.
    Weak,
    Differs,
    /// One has not answered in a way that says something.
    Unknown,
}

/// Compares what two endpoints answered.
pub(crate) fn likeness(one: &Record, other: &Record) -> Likeness {
    if one.shapes.is_empty() || other.shapes.is_empty() {
        return Likeness::Unknown;
    }
    let shared = one.shapes.iter().filter(|sort| other.knows(sort.shape)).map(|sort| sort.leaves);
    // Of a short answer (`{"ok":true}`) what was asked says more.
    let asked_apart = one.asks.is_apart_from(&other.asks);
    match (shared.max(), one.fields.is_empty(), other.fields.is_empty()) {
        (Some(2..), ..) => Likeness::Telling,
        _ if asked_apart => Likeness::Differs,
        (Some(1), ..) => Likeness::Same,
        (Some(0), ..) => Likeness::Weak,
        (None, false, false) if one.fields.is_a_form_of(&other.fields) => Likeness::Same,
        (None, true, true) => Likeness::Unknown,
        (None, ..) => Likeness::Differs,
    }
}

/// How much of what lies below one node lies below another, answered alike.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    /// Endpoints that both have and that answer alike; those of them that say much.
    pub(crate) alike: u32,
    pub(crate) telling: u32,
    pub(crate) differs: u32,
    /// What the other does not have.
    pub(crate) lacking: u32,
    /// Both are collections, of different things.
    things: bool,
}

impl Tally {
    /// Two thirds of it speak for one route, at least.
    pub(crate) fn is_like(self) -> bool {
        self.alike > 0 && !self.things && self.alike >= 2 * (self.differs + self.lacking)
    }

    /// No less speaks for one route than against it.
    pub(crate) fn may_be_like(self) -> bool {
        self.alike > 0 && !self.things && self.alike >= self.differs
    }
}

impl Tree {
    /// Compares what is below `one` with what is below `other`.
    pub(crate) fn compare(&self, records: &Records, one: u32, other: u32) -> Tally {
        let mut tally = Tally::default();
        self.tally(records, (one, other), 0, &mut NODES_MAX.clone(), &mut tally);
        tally
    }

    fn tally(
        &self,
        records: &Records,
        (one, other): (u32, u32),
        depth: u32,
        nodes: &mut u32,
        tally: &mut Tally,
    ) {
        let Some(node) = self.node(one) else { return };
        if *nodes == 0 || depth > DEPTH_MAX {
            return;
        }
        *nodes -= 1;
        let beside = self.node(other);
        for (method, record) in &node.methods {
            let there = beside.and_then(|node| node.record(*method));
            let Some(there) = there.and_then(|there| records.get(there)) else {
                tally.lacking += 1;
                continue;
            };
            match records.get(*record).map(|record| likeness(record, there)) {
                Some(Likeness::Differs) => {
                    tally.differs += 1;
                    tally.things |= depth == 1 && node.slot_kind.is_some();
                }
                Some(Likeness::Unknown) | None => {}
                Some(same) => {
                    tally.alike += 1;
                    tally.telling += u32::from(same == Likeness::Telling);
                }
            }
        }
        let slot = beside.map_or(NONE, |node| node.slot);
        if node.slot != NONE {
            self.tally(records, (node.slot, slot), depth + 1, nodes, tally);
        }
        for (name, child) in self.children(one) {
            let there = beside.and_then(|node| node.children.get(&name)).copied().unwrap_or(slot);
            self.tally(records, (child, there), depth + 1, nodes, tally);
        }
    }

    /// Endpoints below a node, itself among them, as far as a comparison looks.
    pub(crate) fn weight(&self, at: u32) -> usize {
        let (mut stack, mut weight) = (vec![at], 0);
        for _ in 0..NODES_MAX {
            let Some(node) = stack.pop().and_then(|at| self.node(at)) else { break };
            weight += node.methods.len();
            stack.extend((node.slot != NONE).then_some(node.slot));
            stack.extend(node.children.values());
        }
        weight
    }
}

/// Names of fields that say what sort of thing an answer is, where it is, or what happened, and not
/// which thing.
const SORTS: &[&str] = &[
    "type",
    "kind",
    "object",
    "resource",
    "entity",
    "model",
    "collection",
    "table",
    "href",
    "url",
    "self",
    "path",
    "uri",
    "action",
    "operation",
    "method",
    "message",
    "status",
    "state",
    "event",
    "view",
    "page",
    "section",
    "module",
];

/// The answer, which is about one thing, calls it by that very word.
pub(crate) fn gives_back(leaves: &[Leaf], word: &str) -> bool {
    leaves.iter().take(64).any(|leaf| {
        let told = matches!(&leaf.value, Value::Text(text) if text.eq_ignore_ascii_case(word));
        told && !leaf.path.in_array() && !SORTS.contains(&leaf.path.plain())
    })
}
