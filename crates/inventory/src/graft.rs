//! Paths that turned out to be one: their nodes and records are joined.

use crate::record::Records;
use crate::service::Service;
use crate::sighting::SlotKind;
use crate::tree::{NONE, sort};
use crate::words::singular;

impl Service {
    /// Makes `children` of `parent` values of its slot.
    pub(crate) fn merge(&mut self, records: &mut Records, parent: u32, children: &[u32]) -> bool {
        let slot = self.tree.slot(parent, SlotKind::Slug, true);
        if let Some(node) = self.tree.node_mut(slot) {
            node.open = true;
            node.take_sorts(sort(None));
        }
        let class = self.tree.class(parent).map(singular).unwrap_or_default();
        for child in children {
            if let Some(word) = self.tree.node(*child).map(|node| node.name.to_ascii_lowercase()) {
                self.taken.take(&class, &word);
                if let Some(node) = self.tree.node_mut(slot) {
                    node.take_functions([&*word].into_iter());
                }
            }
            self.graft(records, *child, slot, 0);
        }
        self.relabel(records, slot, 0);
        self.sweep_unconfirmed(records);
        true
    }

    /// Moves all of `from` under `to`, joining what both have.
    fn graft(&mut self, records: &mut Records, from: u32, to: u32, depth: usize) {
        if from == to || depth > 32 {
            return;
        }
        let Some(node) = self.tree.node(from) else { return };
        let (methods, slot) = (node.methods.clone(), node.slot);
        for (method, record) in methods {
            match self.tree.node(to).and_then(|node| node.record(method)) {
                Some(into) => records.absorb(into, record),
                None => {
                    if let Some(node) = self.tree.node_mut(to) {
                        node.methods.push((method, record));
                    }
                    if let Some(record) = records.get_mut(record) {
                        record.node = to;
                    }
                }
            }
        }
        if slot != NONE {
            match self.tree.node(to).map(|node| node.slot) {
                Some(NONE) => self.adopt(to, slot, None),
                Some(own) => {
                    let other = self.tree.node(slot);
                    let (open, sorts, words) = other
                        .map(|one| (one.open, one.sorts(), one.functions.clone()))
                        .unwrap_or_default();
                    if let Some(node) = self.tree.node_mut(own) {
                        node.open |= open;
                        node.take_sorts(sorts);
                        node.take_functions(words.iter().map(AsRef::as_ref));
                    }
                    self.graft(records, slot, own, depth + 1);
                }
                None => {}
            }
        }
        for (name, child) in self.tree.children(from) {
            match self.tree.node(to).and_then(|node| node.children.get(&name).copied()) {
                Some(own) => self.graft(records, child, own, depth + 1),
                None => self.adopt(to, child, Some(name)),
            }
        }
        self.tree.remove(from);
    }

    fn adopt(&mut self, parent: u32, child: u32, name: Option<Box<str>>) {
        if let Some(node) = self.tree.node_mut(child) {
            node.parent = parent;
        }
        if let Some(node) = self.tree.node_mut(parent) {
            match name {
                Some(name) => {
                    node.children.insert(name, child);
                }
                None => node.slot = child,
            }
        }
    }

    /// Writes the templates below `at` anew.
    pub(crate) fn relabel(&mut self, records: &mut Records, at: u32, depth: usize) {
        if depth > 32 {
            return;
        }
        let Some(node) = self.tree.node(at) else { return };
        let (methods, slot) = (node.methods.clone(), node.slot);
        let mut now = Vec::with_capacity(methods.len());
        for (method, record) in methods {
            let moved = records.relabel(record, self.tree.template(at));
            if moved != record {
                // It joined one that was kept apart, until now, as never confirmed.
                self.forget_unconfirmed(moved);
            }
            if let Some(record) = records.get_mut(moved) {
                record.node = at;
                record.confirmed = true;
            }
            now.push((method, moved));
        }
        if let Some(node) = self.tree.node_mut(at) {
            node.methods = now;
        }
        if slot != NONE {
            self.relabel(records, slot, depth + 1);
        }
        for (_, child) in self.tree.children(at) {
            self.relabel(records, child, depth + 1);
        }
    }
}
