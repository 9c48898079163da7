//! Words that vary: children of one parent that answer alike become one slot.

use crate::path::split_extension;
use crate::record::Records;
use crate::service::Service;
use crate::sighting::SlotKind;
use crate::tree::{Method, NONE, sort};
use crate::words::{is_function, is_version};
use serde::{Deserialize, Serialize};
use stilt_model::IdBuilder;

/// Children with the same sort of answer before they are taken for values of one slot…
const ALIKE: usize = 8;
/// …where the answer says little (one field, or a write)…
const ALIKE_POOR: usize = 16;
/// …where it has no fields at all (pages)…
const ALIKE_PAGES: usize = 24;
/// …where they are numbered (`team-1`, `team-2`), or have the same names below them (tenants)…
const ALIKE_NUMBERED: usize = 3;
const ALIKE_BELOW: usize = 5;
/// …and where their names were seen as names of things in messages.
const ALIKE_DISCLOSED: usize = 2;

/// Steps from the end of a path to the word that may be a value.
const LEVELS: usize = 5;
/// Sorts of answers of one slot from which on it answers in many ways.
pub(crate) const MANY_SHAPES: usize = 4;
/// Rounds of settling: each may make slots that show more words to be values.
const ROUNDS: usize = 8;

/// A sort of answer an endpoint gave for the first time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct News {
    pub(crate) record: u32,
    pub(crate) method: Method,
    pub(crate) shape: u64,
    /// Leaves of the answer.
    pub(crate) leaves: usize,
}

impl Service {
    /// Takes up a new sort of answer; `true` where templates changed.
    pub(crate) fn learn(&mut self, records: &mut Records, news: News) -> bool {
        let Some(node) = records.get(news.record).map(|record| record.node) else { return false };
        let mut child = node;
        let mut below = String::new();
        for level in 0..LEVELS {
            let Some((parent, name, slot)) = self
                .tree
                .node(child)
                .map(|node| (node.parent, node.name.clone(), node.slot_kind.is_some()))
            else {
                return false;
            };
            if parent == NONE {
                return false;
            }
            // What a slot follows is a collection's name more often than a value; far up, always.
            let collection = level >= 2 && below.starts_with("/{}");
            if !slot && !collection && !is_function(&name) && !is_version(&name) {
                let feature = feature(&below, news);
                let alike = self.tree.note(parent, (feature, news, &below), child);
                if self.known_below_slot(records, (parent, &name), &below, news) {
                    return self.merge(records, parent, &[child]);
                }
                if self.vary(records, parent, &alike, news, &below) {
                    return self.merge(records, parent, &alike);
                }
            }
            below = format!("/{}{below}", if slot { "{}" } else { &name });
            child = parent;
        }
        false
    }

    /// The slot beside this child, which takes words, gave the very answer before.
    fn known_below_slot(
        &self,
        records: &Records,
        (parent, name): (u32, &str),
        below: &str,
        news: News,
    ) -> bool {
        let Some(mut at) = self.tree.node(parent).map(|node| node.slot) else { return false };
        // A slot of running codes (`inv-17`) takes words that answer alike; one of numbers does
        // not.
        let takes_words = self.tree.node(at).is_some_and(|slot| match slot.slot_kind {
            _ if slot.open => true,
            // Of tokens some have no digit, by chance.
            Some((SlotKind::Slug, _)) => news.leaves >= 2 || mixed_case(name),
            Some((SlotKind::Hash, _)) => mixed_case(name),
            _ => false,
        });
        if news.leaves == 0 || !takes_words {
            return false;
        }
        for name in below.split('/').filter(|name| !name.is_empty()) {
            let Some(node) = self.tree.node(at) else { return false };
            at = match name {
                "{}" => node.slot,
                name => {
                    node.children.get(name.to_ascii_lowercase().as_str()).copied().unwrap_or(NONE)
                }
            };
        }
        self.tree
            .node(at)
            .and_then(|node| node.record(news.method))
            .and_then(|record| records.get(record))
            .is_some_and(|record| record.shapes.contains(&news.shape))
    }

    /// These children are values, not names.
    fn vary(&self, records: &Records, parent: u32, alike: &[u32], news: News, below: &str) -> bool {
        let own = below.is_empty();
        let names = || alike.iter().filter_map(|child| Some(&*self.tree.node(*child)?.name));
        let list = self.tree.node(parent).map_or("", |parent| &parent.name);
        let told = |name: &&str| self.disclosed.contains(name) || self.disclosed.lists(list, name);
        let disclosed = names().filter(told).count();
        let named_below = below.split('/').any(|name| !matches!(name, "" | "{}"));
        if news.leaves > 0 {
            let telling = news.leaves >= 2 && news.method == Method::GET;
            let enough = match telling {
                true if numbered(names()) => ALIKE_NUMBERED,
                true if named_below => ALIKE_BELOW,
                true => ALIKE,
                false => ALIKE_POOR,
            };
            return (disclosed >= ALIKE_DISCLOSED && disclosed * 2 >= alike.len())
                || alike.len() >= enough;
        }
        // No fields: pages, files and empty answers all look the same.
        if news.method != Method::GET || !own {
            // Nobody asks for them themselves, and one function is the same below all of them.
            let silent =
                |child: &u32| self.tree.node(*child).is_some_and(|child| child.methods.is_empty());
            let wordy = names().filter(|name| is_wordy(name) || name.contains('.')).count();
            let things = named_below
                && wordy * 3 >= alike.len() * 2
                && alike.len() >= ALIKE
                && alike.iter().all(silent);
            return things || (disclosed >= ALIKE_DISCLOSED && disclosed * 2 >= alike.len());
        }
        let extension = |name: &str| split_extension(name).1.map(str::to_ascii_lowercase);
        let first = names().next().and_then(extension);
        let files = first.is_some() && names().all(|name| extension(name) == first);
        let wordy = names().filter(|name| is_wordy(name)).count();
        let below_root = parent != 0;
        let enough =
            if below_root && (files || wordy * 3 >= alike.len() * 2) { ALIKE } else { ALIKE_PAGES };
        alike.len() >= enough && self.rarely_asked(records, alike)
    }

    /// Values are many and each asked for seldom; pages are few and asked for again and again.
    fn rarely_asked(&self, records: &Records, children: &[u32]) -> bool {
        let mut counts: Vec<u64> = children
            .iter()
            .filter_map(|child| {
                let node = self.tree.node(*child)?;
                let requests = node.methods.iter().filter_map(|(_, record)| records.get(*record));
                Some(requests.map(|record| record.endpoint.requests).sum())
            })
            .collect();
        counts.sort_unstable();
        let median = counts.get(counts.len() / 2).copied().unwrap_or(0);
        median <= 8
    }

    /// Makes `children` of `parent` values of its slot.
    fn merge(&mut self, records: &mut Records, parent: u32, children: &[u32]) -> bool {
        let slot = self.tree.slot(parent, SlotKind::Slug, true);
        if let Some(node) = self.tree.node_mut(slot) {
            node.open = true;
            node.take_sorts(sort(None));
        }
        for child in children {
            self.graft(records, *child, slot, 0);
        }
        self.relabel(records, slot, 0);
        self.sweep_unconfirmed(records);
        true
    }

    /// Looks at all that was noted once more, until nothing changes.
    pub(crate) fn settle(&mut self, records: &mut Records) {
        for _ in 0..ROUNDS {
            let mut changed = false;
            for parent in 0..self.tree.size() {
                changed |= self.settle_alike(records, parent) | self.settle_beside(records, parent);
            }
            if !changed {
                break;
            }
        }
    }

    /// Children that answered alike, which by now are known to be values.
    fn settle_alike(&mut self, records: &mut Records, parent: u32) -> bool {
        let Some(node) = self.tree.node(parent) else { return false };
        let mut noted: Vec<(u64, News, Box<str>)> =
            node.alike.iter().map(|(key, one)| (*key, one.news, one.below.clone())).collect();
        noted.sort_unstable_by_key(|(feature, ..)| *feature);
        let mut changed = false;
        for (feature, news, below) in noted {
            let mut alike = self.tree.still(parent, feature);
            if !self.vary(records, parent, &alike, news, &below) {
                // Words that came before the slot that takes them.
                let joins = |child: &u32| {
                    let name = self.tree.node(*child).map_or("", |child| &child.name);
                    self.known_below_slot(records, (parent, name), &below, news)
                };
                alike.retain(joins);
            }
            if !alike.is_empty() {
                changed |= self.merge(records, parent, &alike);
            }
        }
        changed
    }

    /// Words beside a slot that takes words: values too, where all that was asked of them was asked
    /// of others as well and was answered alike.
    fn settle_beside(&mut self, records: &mut Records, parent: u32) -> bool {
        let Some(slot) = self.tree.node(parent).map(|node| node.slot) else { return false };
        if !self.tree.node(slot).is_some_and(|slot| slot.open) {
            return false;
        }
        let children = self.tree.children(parent).into_iter();
        let values: Vec<u32> = children
            .filter(|(name, _)| !is_function(name) && !is_version(name))
            .filter(|(_, child)| self.same_below(records, *child, slot, 0))
            .map(|(_, child)| child)
            .collect();
        !values.is_empty() && self.merge(records, parent, &values)
    }

    /// Everything below `one` is below `other` as well, and answers as that does.
    fn same_below(&self, records: &Records, one: u32, other: u32, depth: usize) -> bool {
        let (Some(one), Some(other)) = (self.tree.node(one), self.tree.node(other)) else {
            return false;
        };
        let record = |at: &u32| records.get(*at);
        let known = |(method, own): &(Method, u32)| {
            let Some(there) = other.record(*method).as_ref().and_then(record) else { return false };
            let many = there.shapes.len() > MANY_SHAPES;
            record(own).is_some_and(|own| {
                many || own.shapes.iter().all(|shape| there.shapes.contains(shape))
            })
        };
        depth < 16
            && one.methods.iter().all(known)
            && (one.slot == NONE || self.same_below(records, one.slot, other.slot, depth + 1))
            && one.children.iter().all(|(name, child)| {
                let there = other.children.get(name).copied().unwrap_or(other.slot);
                self.same_below(records, *child, there, depth + 1)
            })
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
                    let (open, sorts) = other.map_or((false, 0), |one| (one.open, one.sorts()));
                    if let Some(node) = self.tree.node_mut(own) {
                        node.open |= open;
                        node.take_sorts(sorts);
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

/// Of several words, or with a number: what things are called more often than what one says.
fn is_wordy(name: &str) -> bool {
    name.contains(['-', '_']) || name.bytes().any(|b| b.is_ascii_digit())
}

/// Letters of both cases, as in a token.
fn mixed_case(name: &str) -> bool {
    let upper = name.bytes().filter(u8::is_ascii_uppercase).count();
    let lower = name.bytes().filter(u8::is_ascii_lowercase).count();
    name.len() >= 10 && upper >= 3 && lower >= 3
}

/// The names are one but for their numbers.
fn numbered<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    let stem = |name: &str| -> String {
        name.chars().map(|char| if char.is_ascii_digit() { '0' } else { char }).collect()
    };
    let stem = |name: &str| stem(name).replace("00", "0").replace("00", "0");
    let first = names.next().map(stem).filter(|stem| stem.contains('0'));
    first.is_some_and(|first| names.all(|name| stem(name) == first))
}

fn feature(below: &str, news: News) -> u64 {
    IdBuilder::new("alike").text(below).text(news.method.name()).number(news.shape).finish()
}
