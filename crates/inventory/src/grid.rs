//! Words below words (`/repos/acme/site/issues`): of many owners and many names each pair is asked
//! for seldom, so that no two owners have the same names below them.
//!
//! Compared is what lies below whatever the names between are called: owners have the same *kinds*
//! of things below them, and each kind under several names. Functions (`/users/export`,
//! `/orders/export`) have one name for each kind.

use crate::record::Records;
use crate::service::Service;
use crate::tree::{Method, NONE};
use crate::words::{is_function, is_self, is_version};
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, HashSet};
use stilt_model::IdBuilder;

/// Words with the same kinds below them before they are values, and names that one of the kinds
/// must have been seen under.
const WORDS: usize = 4;
const WORDS_OF_VALUES: usize = 5;
const NAMES: usize = 3;
/// Nodes below one word that are looked at, and how deep.
const NODES_MAX: usize = 512;
const DEPTH_MAX: usize = 5;
/// Fields of an answer that tell its kind.
const TELLING: u8 = 2;

/// What lies below one word: the kinds of things, each with the names they were seen under.
#[derive(Default)]
struct Below {
    kinds: BTreeMap<u64, HashSet<Box<str>, RandomState>>,
    /// The names are values already.
    slot: bool,
}

impl Below {
    /// Two thirds of the kinds of the one that has fewer are kinds of the other.
    fn is_like(&self, other: &Self) -> bool {
        let both = self.kinds.keys().filter(|kind| other.kinds.contains_key(kind)).count();
        both > 0 && both * 3 >= self.kinds.len().min(other.kinds.len()) * 2
    }
}

impl Service {
    /// Words with the same kinds of things below them are values, as the names of those are.
    pub(crate) fn settle_grid(&mut self, records: &mut Records, parent: u32) -> bool {
        let words: Vec<(u32, Below)> = self
            .tree
            .children(parent)
            .into_iter()
            .filter(|(name, _)| !is_function(name) && !is_version(name) && !is_self(name))
            .filter_map(|(_, child)| Some((child, self.kinds_below(records, child)?)))
            .collect();
        if words.len() < WORDS {
            return false;
        }
        let model = words.iter().rev().max_by_key(|(_, below)| below.kinds.len());
        let Some((_, model)) = model else { return false };
        let like: Vec<&(u32, Below)> =
            words.iter().filter(|(_, below)| below.is_like(model)).collect();
        let mut names: BTreeMap<u64, HashSet<&str, RandomState>> = BTreeMap::new();
        for (kind, own) in like.iter().flat_map(|(_, below)| &below.kinds) {
            names.entry(*kind).or_default().extend(own.iter().map(|name| &**name));
        }
        // Most kinds have several names, or the names are those of functions.
        let of_many = names.values().filter(|names| names.len() >= NAMES).count();
        let values: Vec<u32> = like.iter().map(|(child, _)| *child).collect();
        // Collections have values below them as well.
        let slots = like.iter().filter(|(_, below)| below.slot).count() * 2 > like.len();
        values.len() >= if slots { WORDS_OF_VALUES } else { WORDS }
            && values.len() * 2 > words.len()
            && of_many * 2 > names.len()
            && self.merge(records, parent, &values)
    }

    /// The kinds of things below the names below a word; none where there are no names.
    fn kinds_below(&self, records: &Records, word: u32) -> Option<Below> {
        let mut below = Below::default();
        let mut nodes = NODES_MAX;
        let node = self.tree.node(word)?;
        // What is asked of the word itself is looked at elsewhere, but must not be an action.
        if node.methods.iter().any(|(method, _)| *method != Method::GET) {
            return None;
        }
        for (name, child) in self.tree.children(word) {
            self.add_kinds(records, (child, &name), (String::new(), 0), &mut nodes, &mut below);
        }
        // Names that are known to be values already.
        if self.tree.node(node.slot).is_some_and(|slot| slot.open) {
            below.slot = true;
            for name in ["{1}", "{2}", "{3}"] {
                let start = (String::new(), 0);
                self.add_kinds(records, (node.slot, name), start, &mut nodes, &mut below);
            }
        }
        (!below.kinds.is_empty()).then_some(below)
    }

    fn add_kinds(
        &self,
        records: &Records,
        (at, name): (u32, &str),
        (path, depth): (String, usize),
        nodes: &mut usize,
        below: &mut Below,
    ) {
        let Some(node) = self.tree.node(at).filter(|_| *nodes > 0 && depth <= DEPTH_MAX) else {
            return;
        };
        *nodes -= 1;
        for (method, record) in &node.methods {
            let Some(record) = records.get(*record) else { continue };
            for sort in record.shapes.iter().filter(|sort| sort.leaves >= TELLING) {
                let kind = IdBuilder::new("kind").text(&path).text(method.name());
                let kind = kind.number(sort.shape).finish();
                below.kinds.entry(kind).or_default().insert(name.into());
            }
        }
        if node.slot != NONE {
            let path = format!("{path}/{{}}");
            self.add_kinds(records, (node.slot, name), (path, depth + 1), nodes, below);
        }
        for (step, child) in self.tree.children(at) {
            let path = format!("{path}/{step}");
            self.add_kinds(records, (child, name), (path, depth + 1), nodes, below);
        }
    }
}
