//! Pages that one template of the application makes: their names are values, however seldom or
//! often each of them is asked for (`/c/lamps`, `/c/chairs`).
//!
//! Pages have no fields, so that all of them look alike to what compares answers. What they are
//! built of tells more (see `Response::skeleton`), as long as it is not the look that any page of
//! the site has: then it says nothing.

use crate::record::Records;
use crate::service::Service;
use crate::tree::{Method, NONE};
use crate::words::{is_function, is_self, is_version, names_language};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Looks of pages that are remembered of one endpoint.
pub(crate) const SKELETONS_MAX: usize = 8;
/// Children of one look before they are values, and where the same names lie below them.
const PAGES: usize = 5;
const PAGES_BELOW: usize = 3;
/// Endpoints that those must have in common: each itself, and one below it.
const BELOW: u32 = 2;
/// Pages of one look below one name that are a group, and one in how many pages of that look may
/// stand alone.
const GROUP: u32 = 3;
const ALONE_IN: u32 = 5;

/// Looks of pages that come in groups, in one service.
pub(crate) struct Looks(HashMap<u64, (u32, u32), RandomState>);

impl Looks {
    /// The pages of this look are values of something, not pages of the site that are named one
    /// by one.
    fn is_of_values(&self, look: u64) -> bool {
        self.0
            .get(&look)
            .is_some_and(|(all, alone)| *all > 0 && alone.saturating_mul(ALONE_IN) <= *all)
    }
}

impl Service {
    /// How the pages of the service look, and how many of each look stand alone.
    pub(crate) fn looks(&self, records: &Records) -> Looks {
        let mut groups: HashMap<(u64, u32), u32, RandomState> = HashMap::default();
        for (node, method, record) in self.tree.records() {
            let (Some(node), Some(record)) = (self.tree.node(node), records.get(record)) else {
                continue;
            };
            let weight = if node.slot_kind.is_some() { GROUP } else { 1 };
            for look in record.skeletons.iter().filter(|_| method == Method::GET) {
                let count = groups.entry((*look, self.top(node.parent))).or_default();
                *count = count.saturating_add(weight);
            }
        }
        let mut looks: HashMap<u64, (u32, u32), RandomState> = HashMap::default();
        for ((look, top), count) in groups {
            let (all, alone) = looks.entry(look).or_default();
            *all = all.saturating_add(count);
            if count < GROUP || top == NONE {
                *alone = alone.saturating_add(count);
            }
        }
        Looks(looks)
    }

    /// The highest name above, the node's own among them, that is not of a language; none for what
    /// stands at the top of the site.
    fn top(&self, node: u32) -> u32 {
        let (mut at, mut top) = (node, NONE);
        while let Some(node) = self.tree.node(at).filter(|node| node.parent != NONE) {
            if node.slot_kind.is_none() && !names_language(&node.name) {
                top = at;
            }
            at = node.parent;
        }
        top
    }

    /// Children of one look are values.
    pub(crate) fn settle_pages(
        &mut self,
        records: &mut Records,
        looks: &Looks,
        parent: u32,
    ) -> bool {
        if looks.0.is_empty() || self.top(parent) == NONE {
            return false;
        }
        let open = self.tree.node(parent).map_or(NONE, |node| node.slot);
        let open = self.tree.node(open).filter(|slot| slot.open);
        let slot: &[u64] = open
            .and_then(|slot| records.get(slot.record(Method::GET)?))
            .map_or(&[], |record| &record.skeletons);
        let mut by_look: HashMap<u64, Vec<u32>, RandomState> = HashMap::default();
        let mut beside = Vec::new();
        for (_, child) in self.tree.children(parent) {
            let Some(own) = self.page(records, child) else { continue };
            if own.iter().any(|look| slot.contains(look) && looks.is_of_values(*look)) {
                beside.push(child);
            }
            for look in own.iter().filter(|look| looks.is_of_values(**look)) {
                by_look.entry(*look).or_default().push(child);
            }
        }
        let most = by_look.into_iter().max_by_key(|(look, children)| (children.len(), *look));
        let mut values = most.map(|(_, children)| self.of_a_kind(children)).unwrap_or_default();
        if values.len() < PAGES && !self.share_below(records, &values) {
            values = beside;
        }
        !values.is_empty() && self.merge(records, parent, &values)
    }

    /// The looks of a page that may be a value: nothing but a page is asked of it.
    fn page<'a>(&self, records: &'a Records, child: u32) -> Option<&'a [u64]> {
        let node = self.tree.node(child)?;
        let name = &*node.name;
        if is_function(name) || is_version(name) || is_self(name) {
            return None;
        }
        let [(Method::GET, record)] = &*node.methods else { return None };
        let looks = &records.get(*record)?.skeletons;
        (!looks.is_empty()).then_some(looks)
    }

    /// Those that have values below them, or those that have none, whichever are more.
    fn of_a_kind(&self, children: Vec<u32>) -> Vec<u32> {
        let has = |child: &u32| self.tree.node(*child).is_some_and(|node| node.slot != NONE);
        let (with, without): (Vec<u32>, Vec<u32>) = children.into_iter().partition(has);
        // Names below may be values that are not known as such yet.
        let named =
            |child: &u32| self.tree.node(*child).is_some_and(|node| !node.children.is_empty());
        match with.len() >= without.len() {
            true => with.into_iter().chain(without.into_iter().filter(named)).collect(),
            false => without,
        }
    }

    /// The same names lie below all of these.
    fn share_below(&self, records: &Records, children: &[u32]) -> bool {
        let weight = |child: &u32| self.tree.weight(*child);
        let Some(model) = children.iter().rev().copied().max_by_key(weight) else { return false };
        let like = |child: &&u32| {
            **child != model && self.tree.compare(records, **child, model).alike >= BELOW
        };
        children.iter().filter(like).count() + 1 >= PAGES_BELOW
    }
}
