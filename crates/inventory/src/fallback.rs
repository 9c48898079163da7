//! Catch-all answers: the one page, or the one place, that every path leads to which is not there.
//!
//! A single-page application answers any path with its page, and some servers lead all that they do
//! not know to one address. Such an answer shows of no path that it exists.

use crate::path::Path;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use stilt_model::{IdBuilder, Request, Response};

/// First segments under which one answer must have come before it is called the catch-all.
const FIRSTS: usize = 8;
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
    answers: HashMap<u64, BTreeSet<u64>, RandomState>,
}

impl Fallback {
    /// What the answer to a GET shows of the path.
    pub(crate) fn see(&mut self, path: &Path, request: &Request, response: &Response) -> Shows {
        let Some(page) = sorts(request, response).filter(|_| path.len() > 0) else {
            return Shows::Own(MIXED_PAGE);
        };
        let [whole, bare] = page;
        if whole == MIXED {
            return Shows::Any(MIXED, false);
        }
        let as_it_stands = self.see_sort(path, whole);
        let without = if whole == bare { None } else { self.see_sort(path, bare) };
        let found = as_it_stands.into_iter().chain(without).max_by_key(|(_, new)| *new);
        found.map_or(Shows::Own(page), |(sort, new)| Shows::Any(sort, new))
    }

    /// The sort where any path gets it, and whether that has just become plain.
    fn see_sort(&mut self, path: &Path, sort: u64) -> Option<(u64, bool)> {
        if self.answers.len() >= ANSWERS_MAX && !self.answers.contains_key(&sort) {
            return None;
        }
        let firsts = self.answers.entry(sort).or_default();
        let before = firsts.len();
        if before < FIRSTS {
            firsts.insert(IdBuilder::new("first").text(path.lower(0)).finish());
        }
        (firsts.len() >= FIRSTS).then_some((sort, before < FIRSTS))
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
