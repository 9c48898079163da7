//! Pages on which everybody finds themselves, whatever these are called (`/me`, `/user`, `/ich`).
//!
//! What one credential is answered there stays, what another is answered differs, and when the
//! first asks again its own comes back: so the answer follows the asker. A page on which something
//! else changes (the newest member, the day's winner) brings nothing back, and one that several
//! share (an adviser, a team) is nobody's mirror.

use crate::aliases;
use core::hash::BuildHasher;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stilt_inventory::Sighting;
use stilt_model::{Leaf, Outcome, Value, saved::Keyed};

/// Pages that may be such, at most; what comes later is not looked at.
const PAGES_MAX: usize = 4096;
/// Askers compared on one page.
const ASKERS_MAX: usize = 64;
/// Places in an answer that are compared.
const PLACES_MAX: usize = 8;
/// Askers for whom their own must have come back.
const RETURNS_MIN: u32 = 3;
/// Different values there must be.
const VALUES_MIN: usize = 4;
/// Values that may be the same for two askers: one with two credentials. One in so many.
const SHARED_ONE_IN: usize = 5;
/// Askers who may have got another name meanwhile: one in so many.
const CHANGED_ONE_IN: usize = 10;
/// Longer answers are about more than one person.
const LEAVES_MAX: usize = 200;
/// Shortest and longest name that no word tells to be one.
const HANDLE: core::ops::RangeInclusive<usize> = 3..=40;

/// How much what no word tells to be a name looks like one; a mail address changes sooner.
const HANDLE_RANK: u8 = 1;

/// A place in an answer where a name may stand.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Spot {
    path: String,
    /// The lower, the more it looks like a name.
    rank: u8,
    /// What each asker was told, by its place in the list of askers; 0 where nothing.
    told: Vec<u64>,
    /// What was told last to anybody.
    last: u64,
    returns: u32,
    /// How often an asker was told something else than before.
    changes: usize,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Page {
    /// With whether their own came back to them.
    askers: Vec<(u64, bool)>,
    spots: Vec<Spot>,
}

#[derive(Debug, Serialize, Deserialize)]
enum State {
    Open(Box<Page>),
    /// The name stands at this path; its rank.
    Mirror(String, u8),
    No,
}

/// What is known of the pages of all services.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Mirrors {
    /// By service and path, so that what changes a record counts with what reads it.
    pages: BTreeMap<u64, State>,
    hasher: Keyed,
}

/// What an answer on such a page calls its asker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reflection<'a> {
    /// The name.
    pub(crate) name: String,
    /// Path of the leaf it stands in.
    pub(crate) path: &'a str,
    /// The leaf says by its own name that somebody is called so.
    pub(crate) clear: bool,
}

/// Whether an answer may be about its asker: nothing was asked for by name, and it is of one.
fn may_be(sighting: &Sighting, leaves: &[Leaf]) -> bool {
    sighting.outcome == Outcome::Success
        && sighting.login.is_none()
        && sighting.objects.is_empty()
        && (1..=LEAVES_MAX).contains(&leaves.len())
        && !leaves.iter().any(|leaf| leaf.path.starts_with("[]"))
}

impl Mirrors {
    /// Compares an answer with those before it; `asker`: a key of who asks. Gives what the answer
    /// calls the asker, where the page is known to be a mirror.
    pub(crate) fn look<'a>(
        &mut self,
        sighting: &Sighting,
        asker: u64,
        leaves: &'a [Leaf],
    ) -> Option<Reflection<'a>> {
        if !may_be(sighting, leaves) {
            return None;
        }
        let path = sighting.name.split_once(' ').map_or("", |(_, path)| path);
        let page = self.hasher.hash_one((&*sighting.service, path));
        self.reflect(page, asker, leaves).filter(|_| !sighting.changes_state)
    }

    fn reflect<'a>(&mut self, page: u64, asker: u64, leaves: &'a [Leaf]) -> Option<Reflection<'a>> {
        let room = self.pages.len() < PAGES_MAX;
        if !room && !self.pages.contains_key(&page) {
            return None;
        }
        let state = self.pages.entry(page).or_insert_with(|| State::Open(Box::default()));
        if let State::Open(page) = state {
            let hash = |text: &str| self.hasher.hash_one(text).max(1);
            page.note(asker, leaves, &hash);
            if let Some((path, rank)) = page.found() {
                *state = State::Mirror(path, rank);
            } else if page.is_none() {
                *state = State::No;
            }
        }
        let State::Mirror(path, rank) = state else { return None };
        let leaf = leaves.iter().find(|leaf| *leaf.path == **path)?;
        let name = leaf.value.as_key()?;
        Some(Reflection { name, path: &leaf.path, clear: *rank != HANDLE_RANK })
    }
}

impl Page {
    fn note(&mut self, asker: u64, leaves: &[Leaf], hash: &dyn Fn(&str) -> u64) {
        let known = self.askers.iter().position(|(key, _)| *key == asker);
        let at = match known {
            Some(at) => at,
            None if self.askers.len() >= ASKERS_MAX => return,
            None => {
                self.askers.push((asker, false));
                self.askers.len().saturating_sub(1)
            }
        };
        let mut back = false;
        for leaf in leaves {
            let Some(rank) = rank(leaf) else { continue };
            let Some(name) = leaf.value.as_key() else { continue };
            let value = hash(&name);
            let place = self.spots.iter().position(|spot| *spot.path == *leaf.path);
            if place.is_none() && self.spots.len() < PLACES_MAX {
                let path = leaf.path.to_string();
                self.spots.push(Spot { path, rank, ..Spot::default() });
            }
            let place = place.unwrap_or(self.spots.len().saturating_sub(1));
            let Some(spot) = self.spots.get_mut(place).filter(|spot| *spot.path == *leaf.path)
            else {
                continue;
            };
            if spot.told.len() <= at {
                spot.told.resize(at.saturating_add(1), 0);
            }
            let Some(before) = spot.told.get_mut(at) else { continue };
            match *before {
                0 => *before = value,
                own if own != value => {
                    spot.changes = spot.changes.saturating_add(1);
                    *before = value;
                }
                _ if spot.last != value => {
                    back = true;
                    let first = self.askers.get(at).is_some_and(|(_, back)| !back);
                    spot.returns = spot.returns.saturating_add(u32::from(first));
                }
                _ => {}
            }
            spot.last = value;
        }
        if back && let Some((_, noted)) = self.askers.get_mut(at) {
            *noted = true;
        }
    }

    /// Where the name stands, once it is clear.
    fn found(&self) -> Option<(String, u8)> {
        let fits = self.spots.iter().filter(|spot| spot.is_own());
        let best = fits.min_by_key(|spot| spot.rank)?;
        Some((best.path.clone(), best.rank))
    }

    /// Nothing in it follows the asker, or nothing that could was seen with many.
    fn is_none(&self) -> bool {
        let changes = |spot: &Spot| spot.changes > ASKERS_MAX / CHANGED_ONE_IN;
        let broken = !self.spots.is_empty() && self.spots.iter().all(changes);
        broken
            || (self.spots.is_empty() && self.askers.len() >= RETURNS_MIN as usize)
            || (self.askers.len() >= ASKERS_MAX && self.spots.iter().all(|spot| !spot.is_varied()))
    }
}

impl Spot {
    fn is_own(&self) -> bool {
        self.returns >= RETURNS_MIN
            && self.changes.saturating_mul(CHANGED_ONE_IN) <= self.told.len()
            && self.is_varied()
    }

    /// Hardly two askers are told the same.
    fn is_varied(&self) -> bool {
        let mut values: Vec<u64> = self.told.iter().copied().filter(|value| *value != 0).collect();
        let all = values.len();
        values.sort_unstable();
        values.dedup();
        let shared = all.saturating_sub(values.len());
        values.len() >= VALUES_MIN && shared <= all / SHARED_ONE_IN
    }
}

/// How much a leaf looks like somebody's name; `None` where it can't be one.
fn rank(leaf: &Leaf) -> Option<u8> {
    if leaf.path.contains("[]") || leaf.path.matches('.').count() > 2 {
        return None;
    }
    if let Some(mail) = aliases::calls_person(leaf) {
        return Some(if mail { HANDLE_RANK + 1 } else { 0 });
    }
    let Value::Text(text) = &leaf.value else { return None };
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let word = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-@".contains(&b));
    let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic());
    (HANDLE.contains(&text.len()) && word && starts && letters >= 3).then_some(HANDLE_RANK)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::Place;

    fn leaf(path: &str, text: &str) -> Leaf {
        let value = Value::Text(text.into());
        Leaf { place: Place::Json, path: path.into(), record: 0, value, sensitive: None }
    }

    /// Lets askers see a page in turn, and tells what the last of them is called then.
    fn seen(asked: &[(u64, &str)]) -> Option<String> {
        let mut mirrors = Mirrors::default();
        let mut name = None;
        for (asker, text) in asked {
            let answer = [leaf("handle", text), leaf("stufe", "mitglied")];
            name = mirrors.reflect(7, *asker, &answer).map(|found| found.name);
        }
        name
    }

    #[test]
    fn a_page_on_which_ones_own_comes_back_is_a_mirror() {
        let people = [(1, "ann.b"), (2, "bert"), (3, "carl"), (4, "dora")];
        let twice: Vec<(u64, &str)> = people.iter().chain(&people).copied().collect();
        assert_eq!(seen(&twice).as_deref(), Some("dora"));
        assert_eq!(seen(&people), None, "nobody asked again");
    }

    #[test]
    fn what_changes_by_itself_or_is_shared_is_none() {
        let newest = [(1, "ann"), (1, "ann"), (2, "bert"), (2, "bert"), (3, "carl"), (4, "dora")];
        assert_eq!(seen(&newest), None, "nothing comes back");
        let turns = [(1, "ann"), (2, "bert"), (1, "carl"), (2, "dora"), (3, "emil"), (3, "emil")];
        assert_eq!(seen(&turns), None, "another for the same asker");
        let advisers: Vec<(u64, &str)> = (0..40_u64)
            .map(|n| (n % 20, ["ann", "bert", "carl", "dora"][usize::try_from(n % 4).unwrap()]))
            .collect();
        assert_eq!(seen(&advisers), None, "one adviser for several");
        let one: Vec<(u64, &str)> = (0..200).map(|n| (n % 50, "support")).collect();
        assert_eq!(seen(&one), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut mirrors = Mirrors::default();
        for n in 0..10_000 {
            mirrors.reflect(n, n, &[leaf("handle", "ann")]);
        }
        assert_eq!(mirrors.pages.len(), PAGES_MAX);
    }
}
