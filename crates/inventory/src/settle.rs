//! Everything that was learned of paths, looked at once more: what came later may show that words
//! are values. What is decided here follows from the tree as it stands, not from the order in which
//! it grew.

use crate::learn::{News, feature};
use crate::record::Records;
use crate::service::Service;
use crate::tree::NONE;
use crate::words::{is_function, is_self, is_version, names_language};

/// Rounds of settling: each may make slots that show more words to be values.
const ROUNDS: usize = 8;
/// Scopes (environments, tenants, locales) that have the same below them before they are values of
/// one parameter, and endpoints that they must have in common; of fewer scopes more is asked.
const SCOPES: usize = 4;
const SCOPES_FEW: usize = 3;
const COMMON: u32 = 2;
const COMMON_FEW: u32 = 3;
const COMMON_FILES: u32 = 6;
/// Telling answers in common that make a value of the word of a function that is asked for itself.
const TELLING_OWN: u32 = 3;
/// Languages with a page in common that are values of one parameter, and pages that two have.
const LANGUAGES: usize = 3;
const PAGES_OF_TWO: u32 = 2;

impl Service {
    /// Looks at all that was noted once more, until nothing changes.
    pub(crate) fn settle(&mut self, records: &mut Records) {
        for _ in 0..ROUNDS {
            self.note_anew(records);
            let mut changed = false;
            let looks = self.looks(records);
            for parent in self.tree.deepest_first() {
                changed |= self.settle_languages(records, parent)
                    | self.settle_alike(records, parent)
                    | self.settle_scopes(records, parent)
                    | self.settle_grid(records, parent)
                    | self.settle_pages(records, &looks, parent)
                    | self.settle_beside(records, parent);
            }
            if !changed {
                break;
            }
        }
    }

    /// Notes all sorts of answers anew: paths that were joined meanwhile took their notes along.
    fn note_anew(&mut self, records: &Records) {
        self.tree.forget_notes();
        let mut all: Vec<_> = self.tree.records();
        all.sort_unstable_by_key(|(_, method, record)| {
            (records.get(*record).map(|record| record.endpoint.id), *method)
        });
        for (node, method, record) in all {
            let Some(known) = records.get(record).filter(|known| !known.grpc) else { continue };
            let steps = self.steps(node);
            for sort in &known.shapes {
                let (shape, leaves) = (sort.shape, usize::from(sort.leaves));
                let news = News { record, method, shape, leaves };
                for step in &steps {
                    let noted = (feature(&step.below, news), news, &*step.below);
                    self.tree.note(step.parent, noted, step.child);
                }
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
            let alike = self.tree.still(parent, feature);
            let mut values = self.values(records, parent, &alike, news, &below);
            if values.is_empty() {
                // Words that came before the slot that takes them.
                values = alike;
                values.retain(|child| self.joins_slot(records, (parent, *child), &below, news));
            }
            if !values.is_empty() {
                changed |= self.merge(records, parent, &values);
            }
        }
        changed
    }

    /// Codes of languages with the same pages below them: these say little of themselves, and not
    /// every page is read in every language.
    fn settle_languages(&mut self, records: &mut Records, parent: u32) -> bool {
        let slot = self.tree.node(parent).map_or(NONE, |node| node.slot);
        let open = self.tree.node(slot).is_some_and(|slot| slot.open);
        let languages: Vec<u32> = self
            .tree
            .children(parent)
            .into_iter()
            .filter(|(name, _)| names_language(name))
            .map(|(_, child)| child)
            .collect();
        let weight = |child: &u32| self.tree.weight(*child);
        let heaviest = || languages.iter().rev().copied().max_by_key(weight);
        let Some(model) = (if open { Some(slot) } else { heaviest() }) else { return false };
        let like = |child: &u32, alike: u32| {
            let tally = self.tree.compare(records, *child, model);
            *child == model || tally.alike >= alike && tally.alike > 2 * tally.differs
        };
        let of = |alike: u32| -> Vec<u32> {
            languages.iter().copied().filter(|child| like(child, alike)).collect()
        };
        let mut values = of(1);
        if !open && values.len() < LANGUAGES {
            values = of(PAGES_OF_TWO);
        }
        let enough = values.len() >= if open { 1 } else { 2 };
        enough && self.merge(records, parent, &values)
    }

    /// Words that nobody asks for themselves, with the same below all of them.
    fn settle_scopes(&mut self, records: &mut Records, parent: u32) -> bool {
        let scopes: Vec<u32> = self
            .tree
            .children(parent)
            .into_iter()
            .filter(|(name, child)| {
                let silent = |child: &u32| {
                    self.tree.node(*child).is_some_and(|n| n.methods.is_empty() && n.slot == NONE)
                };
                !is_function(name) && !is_version(name) && silent(child)
            })
            .map(|(_, child)| child)
            .collect();
        if scopes.len() < SCOPES_FEW {
            return false;
        }
        // The one with most below it is what the others are compared with; the first of equals.
        let weight = |child: &u32| self.tree.weight(*child);
        let Some(model) = scopes.iter().rev().copied().max_by_key(weight) else { return false };
        let mut few = true;
        let like = |child: &u32| {
            let tally = self.tree.compare(records, *child, model);
            let same = *child == model
                || tally.differs == 0
                    // Files say nothing of themselves, but many have the same names.
                    && (tally.telling > 0 || tally.alike >= COMMON_FILES)
                    && tally.alike >= COMMON
                    && tally.alike >= 2 * tally.lacking;
            few &= *child == model || tally.alike >= COMMON_FEW;
            same
        };
        let values: Vec<u32> = scopes.iter().copied().filter(like).collect();
        let enough = values.len() >= if few { SCOPES_FEW } else { SCOPES };
        enough && values.len() * 2 > scopes.len() && self.merge(records, parent, &values)
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
            .filter(|(name, child)| {
                let tally = self.tree.compare(records, *child, slot);
                let own = self.tree.node(*child).is_none_or(|node| {
                    let records = node.methods.iter().filter_map(|(_, at)| records.get(*at));
                    // What answers call by that very word is a thing of that name.
                    !node.methods.is_empty() && !records.clone().any(|one| one.echoes & 1 == 1)
                });
                // The word of a function is one, unless it holds just what a value holds; that of a
                // version, unless nothing is below it.
                let below = self
                    .tree
                    .node(*child)
                    .is_some_and(|n| n.slot != NONE || !n.children.is_empty());
                let little = tally.alike < 2 || tally.telling == 0;
                let version = is_version(name) && little && (below || tally.telling == 0);
                let own = own && tally.telling < TELLING_OWN;
                let name_of = version || is_self(name) || is_function(name) && (own || little);
                !name_of && tally.alike > 0 && tally.differs == 0 && tally.lacking == 0
            })
            .map(|(_, child)| child)
            .collect();
        !values.is_empty() && self.merge(records, parent, &values)
    }
}
