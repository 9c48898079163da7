//! Words that vary: children of one parent that answer alike become one slot.

use crate::path::{is_keyed, is_method, split_extension};
use crate::record::Records;
use crate::service::Service;
use crate::sighting::SlotKind;
use crate::tree::{Method, NONE};
use crate::words::{is_function, is_version, singular};
use serde::{Deserialize, Serialize};
use stilt_model::IdBuilder;

/// Children with the same sort of answer before they are taken for values of one slot…
const ALIKE: usize = 8;
/// …where the answer says little (one field, or a write)…
const ALIKE_POOR: usize = 16;
/// …where it has no fields at all (pages)…
const ALIKE_PAGES: usize = 24;
/// …where they are parts of one thing (`/users/{id}/followers`)…
const ALIKE_OF_ONE: usize = 24;
/// …where they are numbered (`team-1`, `team-2`), or have the same names below them (tenants)…
const ALIKE_NUMBERED: usize = 3;
const ALIKE_BELOW: usize = 5;
/// …where they stand beside a slot that takes words, and are of several words…
const ALIKE_BESIDE: usize = 2;
/// …where they are codes of capitals (`EUR`, `USD`), or answers call things by them…
const ALIKE_CAPITALS: usize = 4;
const ALIKE_ECHOED: usize = 3;
/// …and where their names were seen as names of things in messages.
const ALIKE_DISCLOSED: usize = 2;
/// Of many children those with most below them that the others are compared with.
const MODELS: usize = 4;

/// Steps from the end of a path to the word that may be a value.
const LEVELS: usize = 5;
/// Sorts of answers of one slot from which on it answers in many ways.
pub(crate) const MANY_SHAPES: usize = 4;

/// A sort of answer an endpoint gave for the first time.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct News {
    pub(crate) record: u32,
    pub(crate) method: Method,
    pub(crate) shape: u64,
    /// Leaves of the answer.
    pub(crate) leaves: usize,
}

/// A word above an endpoint that may be a value, and the path between.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub(crate) parent: u32,
    pub(crate) child: u32,
    pub(crate) below: String,
}

impl Service {
    /// Takes up a new sort of answer; `true` where templates changed.
    pub(crate) fn learn(&mut self, records: &mut Records, news: News) -> bool {
        let Some(node) = records.get(news.record).map(|record| record.node) else { return false };
        for step in self.steps(node) {
            let alike = self.tree.note(
                step.parent,
                (feature(&step.below, news), news, &step.below),
                step.child,
            );
            if self.joins_slot(records, (step.parent, step.child), &step.below, news) {
                return self.merge(records, step.parent, &[step.child]);
            }
            let values = self.values(records, step.parent, &alike, news, &step.below);
            if !values.is_empty() {
                return self.merge(records, step.parent, &values);
            }
        }
        false
    }

    /// The words on the way up from a node that may be values.
    pub(crate) fn steps(&self, node: u32) -> Vec<Step> {
        let (mut child, mut below, mut steps) = (node, String::new(), Vec::new());
        for level in 0..LEVELS {
            let Some(node) = self.tree.node(child).filter(|node| node.parent != NONE) else {
                break;
            };
            let slot = node.slot_kind.is_some();
            // What a slot follows is a collection's name more often than a value; far up, always.
            let collection = level >= 2 && below.starts_with("/{}");
            let marked = is_keyed(&node.name) || is_method(&node.name);
            if !slot
                && !collection
                && !marked
                && !is_function(&node.name)
                && !is_version(&node.name)
            {
                steps.push(Step { child, parent: node.parent, below: below.clone() });
            }
            below = format!("/{}{below}", if slot { "{}" } else { &node.name });
            child = node.parent;
        }
        steps
    }

    /// The word is one that messages, or other paths, called a thing of this sort by.
    pub(crate) fn is_known(&self, parent: u32, word: &str) -> bool {
        let list = self.tree.node(parent).map_or("", |parent| &parent.name);
        self.disclosed.contains(word)
            || self.disclosed.lists(list, word)
            || self.was_taken(parent, word)
    }

    /// A path of the same name has the word as a value.
    fn was_taken(&self, parent: u32, word: &str) -> bool {
        let class = self.tree.class(parent).map(singular).unwrap_or_default();
        self.taken.lists(&class, &word.to_ascii_lowercase())
    }

    /// This word is a value of the slot beside it, or of one to be made.
    pub(crate) fn joins_slot(
        &self,
        records: &Records,
        (parent, child): (u32, u32),
        below: &str,
        news: News,
    ) -> bool {
        let Some(node) = self.tree.node(child) else { return false };
        let slot = self.tree.node(parent).map_or(NONE, |parent| parent.slot);
        let open = self.tree.node(slot).is_some_and(|slot| slot.open);
        // At the top of all paths names stand beside values of all sorts: one word alone is no
        // proof.
        if self.tree.class(parent).is_some() && self.was_taken(parent, &node.name) {
            let tally = self.tree.compare(records, child, slot);
            return tally.alike >= tally.differs && (open || slot == NONE);
        }
        if !self.known_below_slot(records, (parent, &node.name), below, news) {
            return false;
        }
        let tally = self.tree.compare(records, child, slot);
        let known = self.is_known(parent, &node.name) || !open;
        if known { tally.may_be_like() } else { tally.is_like() }
    }

    /// The slot beside this child, which takes words, gave the very answer before.
    fn known_below_slot(
        &self,
        records: &Records,
        (parent, name): (u32, &str),
        below: &str,
        news: News,
    ) -> bool {
        let Some(slot) = self.tree.node(parent).map(|node| node.slot) else { return false };
        // A slot of running codes (`inv-17`) takes words that answer alike; one of numbers does
        // not.
        let takes_words = self.tree.node(slot).is_some_and(|slot| match slot.slot_kind {
            _ if slot.open => true,
            // Of tokens some have no digit, by chance.
            Some((SlotKind::Slug, _)) => news.leaves >= 2 || is_odd(name),
            Some((SlotKind::Hash | SlotKind::Uuid, _)) => is_odd(name),
            _ => false,
        });
        // Files and pages say nothing of themselves: there the word has to look like the others.
        if !takes_words || news.leaves == 0 && !is_odd(name) {
            return false;
        }
        let record = self.tree.below(slot, below).and_then(|node| node.record(news.method));
        record.and_then(|record| records.get(record)).is_some_and(|record| record.knows(news.shape))
    }

    /// Those of these children that are values, not names; none where they are not.
    pub(crate) fn values(
        &self,
        records: &Records,
        parent: u32,
        alike: &[u32],
        news: News,
        below: &str,
    ) -> Vec<u32> {
        if !self.vary(records, parent, alike, news, below) {
            return Vec::new();
        }
        let values = self.consistent(records, parent, alike);
        if values.len() < alike.len() && !self.vary(records, parent, &values, news, below) {
            return Vec::new();
        }
        values
    }

    /// Children whose other answers do not speak against their being values of one parameter: one
    /// function of the same name (`/orders/export`, `/users/export`) makes nothing one route.
    fn consistent(&self, records: &Records, parent: u32, children: &[u32]) -> Vec<u32> {
        let mut weights: Vec<(usize, &str, u32)> = children
            .iter()
            .filter_map(|child| {
                Some((self.tree.weight(*child), &*self.tree.node(*child)?.name, *child))
            })
            .collect();
        weights.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let models: Vec<(usize, u32)> =
            weights.iter().take(MODELS).map(|(weight, _, child)| (*weight, *child)).collect();
        let fits = |(weight, name, child): &(usize, &str, u32)| {
            let known = self.is_known(parent, name);
            let others = models.iter().filter(|(_, model)| model != child);
            let like = others.clone().filter(|(other, model)| {
                // What the smaller one has is looked for in the larger one.
                let (small, large) = if weight <= other { (child, model) } else { (model, child) };
                let tally = self.tree.compare(records, *small, *large);
                if known { tally.may_be_like() } else { tally.is_like() }
            });
            like.count() * 2 >= others.count()
        };
        let mut values: Vec<u32> =
            weights.iter().filter(|one| fits(one)).map(|(.., child)| *child).collect();
        values.sort_unstable();
        values
    }

    /// These children vary as values do, not as names.
    fn vary(&self, records: &Records, parent: u32, alike: &[u32], news: News, below: &str) -> bool {
        let own = below.is_empty();
        let names = || alike.iter().filter_map(|child| Some(&*self.tree.node(*child)?.name));
        let disclosed = names().filter(|name| self.is_known(parent, name)).count();
        let named_below = below.split('/').any(|name| !matches!(name, "" | "{}"));
        if news.leaves > 0 {
            let telling = news.leaves >= 2 && news.method == Method::GET;
            // What stands behind a number or a drawn id are its parts, and what is done with it,
            // whatever answers call by such a word (`lastAction: "approve"`).
            if own && self.of_one_thing(parent) && !capitals(names()) && !numbered(names()) {
                return alike.len() >= ALIKE_OF_ONE;
            }
            let enough = match telling {
                true if numbered(names()) => ALIKE_NUMBERED,
                _ if capitals(names()) => ALIKE_CAPITALS,
                // Names of things beside other things (`/articles/a-long-day/comments`).
                _ if self.beside_values(parent) && named_below && names().all(is_wordy) => {
                    ALIKE_BESIDE
                }
                true if named_below || self.of_many(parent) => ALIKE_BELOW,
                // What a custom method is called on, by its name.
                false if below.starts_with("/:") => ALIKE_BELOW,
                true => ALIKE,
                false => ALIKE_POOR,
            };
            return (disclosed >= ALIKE_DISCLOSED && disclosed * 2 >= alike.len())
                || alike.len() >= enough
                || alike.len() >= ALIKE_ECHOED && self.given_back(records, alike, news, below);
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
        if parent != 0 && alike.len() >= ALIKE && names().all(is_document) {
            return true;
        }
        let extension = |name: &str| split_extension(name).1.map(str::to_ascii_lowercase);
        let first = names().next().and_then(extension);
        // Programs are named one by one.
        if first.as_deref().is_some_and(|first| PROGRAMS.contains(&first)) {
            return false;
        }
        let files = first.is_some() && names().all(|name| extension(name) == first);
        let wordy = names().filter(|name| is_wordy(name)).count();
        let below_root = parent != 0;
        let enough =
            if below_root && (files || wordy * 3 >= alike.len() * 2) { ALIKE } else { ALIKE_PAGES };
        alike.len() >= enough && self.rarely_asked(records, alike)
    }

    /// The node is a thing by number or drawn id.
    fn of_one_thing(&self, parent: u32) -> bool {
        let drawn =
            |kind: SlotKind| matches!(kind, SlotKind::Integer | SlotKind::Uuid | SlotKind::Hash);
        self.tree
            .node(parent)
            .is_some_and(|node| !node.open && node.slot_kind.is_some_and(|(kind, _)| drawn(kind)))
    }

    /// A slot that takes words is below the node.
    fn beside_values(&self, parent: u32) -> bool {
        let slot = self.tree.node(parent).and_then(|parent| self.tree.node(parent.slot));
        parent != 0 && slot.is_some_and(|slot| slot.open)
    }

    /// The node is a collection of something that there are many of (`/repos/{id}/branches`).
    fn of_many(&self, parent: u32) -> bool {
        let Some(node) = self.tree.node(parent).filter(|node| node.slot_kind.is_none()) else {
            return false;
        };
        let above = self.tree.node(node.parent).is_some_and(|above| above.slot_kind.is_some());
        above && *node.name.to_ascii_lowercase() != *singular(&node.name)
    }

    /// The answers call things by these very words.
    fn given_back(&self, records: &Records, alike: &[u32], news: News, below: &str) -> bool {
        let level = below.split('/').filter(|name| !name.is_empty()).count();
        let echoes = |child: &u32| {
            let record = self.tree.below(*child, below).and_then(|node| node.record(news.method));
            record
                .and_then(|record| records.get(record))
                .is_some_and(|r| r.echoes >> level & 1 == 1)
        };
        alike.iter().filter(|child| echoes(child)).count() * 3 >= alike.len() * 2
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
}

/// Extensions of programs that answer.
pub(crate) const PROGRAMS: &[&str] = &[
    "php", "php3", "php5", "phtml", "asp", "aspx", "ashx", "asmx", "jsp", "jsf", "jspx", "do",
    "cgi", "action", "cfm", "pl", "dll", "exe",
];

/// Of several words, or with a number: what things are called more often than what one says.
fn is_wordy(name: &str) -> bool {
    name.contains(['-', '_']) || name.bytes().any(|b| b.is_ascii_digit())
}

/// A file that somebody made or sent, by its name: no page or program, nor what belongs to one.
fn is_document(name: &str) -> bool {
    const SITE: &[&str] = &[
        "html", "htm", "xhtml", "php", "asp", "aspx", "jsp", "jsf", "do", "cgi", "action", "cfm",
        "pl", "json", "xml", "js", "mjs", "css", "map", "ico", "woff", "woff2", "ttf", "wasm",
        "svg",
    ];
    let extension = split_extension(name).1.map(str::to_ascii_lowercase);
    extension.is_some_and(|extension| !SITE.contains(&extension.as_str()))
}

/// Letters of both cases or digits between them, as in tokens that chance made look like names.
fn is_odd(name: &str) -> bool {
    let upper = name.bytes().filter(u8::is_ascii_uppercase).count();
    let lower = name.bytes().filter(u8::is_ascii_lowercase).count();
    let inner = name.trim_end_matches(|c: char| c.is_ascii_digit());
    name.len() >= 6 && ((upper >= 3 && lower >= 3) || inner.bytes().any(|b| b.is_ascii_digit()))
}

/// All are short codes of capitals alone.
fn capitals<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    names.all(|name| (2..=5).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_uppercase()))
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

pub(crate) fn feature(below: &str, news: News) -> u64 {
    IdBuilder::new("alike").text(below).text(news.method.name()).number(news.shape).finish()
}
