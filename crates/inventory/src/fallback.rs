//! Catch-all answers: the one page, or the one place, that every path leads to which is not there.
//!
//! A single-page application answers any path with its page, and some servers lead all that they do
//! not know to one address. Such an answer shows of no path that it exists.

use crate::path::Path;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use stilt_model::{IdBuilder, Request, Response};

/// First segments under which one answer must have come before it is called the catch-all, and
/// last ones: `/acme/sign-in` and `/globex/sign-in` are one page of many tenants.
const FIRSTS: usize = 8;
const LASTS: usize = 4;
/// The same for an application below one segment (`/app/orders/17`, `/app/settings`): paths above,
/// values left out, and last segments.
const PARENTS: usize = 4;
const LASTS_BELOW: usize = 6;
/// Last segments with one page before it is doubted to be that of a path.
const LASTS_DOUBTED: usize = 3;
/// Shorter pages than this say too little: many places say `OK`.
const PAGE_MIN: u64 = 48;
/// Answers that are watched.
const ANSWERS_MAX: usize = 256;

/// An answer's sort, as it stands and without the path that it repeats.
pub(crate) type Page = [u64; 2];
/// No answer yet, and answers of several sorts.
pub(crate) const NO_PAGE: u64 = 0;
pub(crate) const MIXED: u64 = 1;
pub(crate) const MIXED_PAGE: Page = [MIXED; 2];

/// What an answer shows of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// It may be the path's own.
    Own(Page),
    /// It is what any path gets; `true`: that has just become plain.
    Any(u64, bool),
}

/// The answers of one service that many paths get.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Fallback {
    #[serde(default)]
    places: HashMap<u64, Places, RandomState>,
}

/// Where one answer came.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Places {
    firsts: BTreeSet<u64>,
    parents: BTreeSet<u64>,
    lasts: BTreeSet<u64>,
    /// The page of `/` is the same: an application that its own program makes every page of.
    #[serde(default)]
    root: bool,
}

impl Places {
    fn add(&mut self, path: &Path) {
        // What looks like a value is one and the same.
        let name = |at: usize| if path.kind(at).is_some() { "{}" } else { path.lower(at) };
        let last = path.len().saturating_sub(1);
        self.firsts.insert(IdBuilder::new("first").text(path.lower(0)).finish());
        self.lasts.insert(IdBuilder::new("last").text(name(last)).finish());
        let above = (0..last).fold(IdBuilder::new("above"), |above, at| above.text(name(at)));
        self.parents.insert(above.finish());
    }

    /// No path's own: any path gets it.
    fn are_all(&self) -> bool {
        self.lasts.len() >= LASTS && self.firsts.len() >= FIRSTS
            || self.lasts.len() >= LASTS_BELOW && self.parents.len() >= PARENTS
    }
}

impl Fallback {
    /// What the answer to a GET shows of the path.
    pub(crate) fn see(&mut self, path: &Path, request: &Request, response: &Response) -> Shows {
        let Some(page) = sorts(request, response) else { return Shows::Own(MIXED_PAGE) };
        if path.len() == 0 {
            let known = page.iter().filter(|sort| **sort != MIXED);
            known.for_each(|sort| self.see_root(*sort));
            return Shows::Own(MIXED_PAGE);
        }
        let [whole, bare] = page;
        if whole == MIXED {
            return Shows::Any(MIXED, false);
        }
        let as_it_stands = self.see_sort(path, whole);
        let without = if whole == bare { None } else { self.see_sort(path, bare) };
        let found = as_it_stands.into_iter().chain(without).max_by_key(|(_, new)| *new);
        found.map_or(Shows::Own(page), |(sort, new)| Shows::Any(sort, new))
    }

    fn see_root(&mut self, sort: u64) {
        if self.places.len() < ANSWERS_MAX || self.places.contains_key(&sort) {
            self.places.entry(sort).or_default().root = true;
        }
    }

    /// The sort where any path gets it, and whether that has just become plain.
    fn see_sort(&mut self, path: &Path, sort: u64) -> Option<(u64, bool)> {
        if self.places.len() >= ANSWERS_MAX && !self.places.contains_key(&sort) {
            return None;
        }
        let places = self.places.entry(sort).or_default();
        let before = places.are_all();
        if !before {
            places.add(path);
        }
        places.are_all().then_some((sort, !before))
    }

    /// Paths that end otherwise get the same page, so that it may be that of any.
    pub(crate) fn doubts(&self, page: Page) -> bool {
        let many = |places: &Places| {
            places.lasts.len() >= LASTS_DOUBTED || places.root && !places.lasts.is_empty()
        };
        page.iter().any(|sort| self.places.get(sort).is_some_and(many))
    }
}

/// The sort of an answer that could be a catch-all; [`MIXED`] for one that leads to the same path
/// written otherwise, which shows nothing by itself.
fn sorts(request: &Request, response: &Response) -> Option<Page> {
    let named = |id: IdBuilder| id.finish().max(2);
    match response.status {
        200 if response.page != [0; 2] && response.body_bytes >= PAGE_MIN => {
            Some(response.page.map(|says| named(IdBuilder::new("page").number(says))))
        }
        301 | 302 | 303 | 307 | 308 => {
            let bare = |path: &str| path.trim_end_matches('/').to_owned();
            let path = crate::outcome::path_of(response.location.as_deref()?);
            if bare(path) == bare(&request.path) {
                return Some(MIXED_PAGE);
            }
            // Where one is to go on afterwards (`?next=`) is the path that was asked for.
            Some([named(IdBuilder::new("elsewhere").text(path)); 2])
        }
        _ => None,
    }
}
