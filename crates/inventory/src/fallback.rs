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
/// Shorter pages than this say too little to be told apart by their length.
const PAGE_MIN: u64 = 128;
/// Answers that are watched.
const ANSWERS_MAX: usize = 256;

/// No answer yet, and answers of several sorts.
pub(crate) const NO_PAGE: u64 = 0;
pub(crate) const MIXED: u64 = 1;

/// What an answer shows of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shows {
    /// It may be the path's own; the number names its sort, or is [`MIXED`].
    Own(u64),
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
        if path.len() == 0 {
            return Shows::Own(MIXED);
        }
        let Some(sort) = sort(request, response) else { return Shows::Own(MIXED) };
        if sort == MIXED {
            return Shows::Any(MIXED, false);
        }
        if self.answers.len() >= ANSWERS_MAX && !self.answers.contains_key(&sort) {
            return Shows::Own(sort);
        }
        let firsts = self.answers.entry(sort).or_default();
        let before = firsts.len();
        if before < FIRSTS {
            firsts.insert(IdBuilder::new("first").text(path.lower(0)).finish());
        }
        if firsts.len() < FIRSTS {
            return Shows::Own(sort);
        }
        Shows::Any(sort, before < FIRSTS)
    }
}

/// The sort of an answer that could be a catch-all; [`MIXED`] for one that leads to the same path
/// written otherwise, which shows nothing by itself.
fn sort(request: &Request, response: &Response) -> Option<u64> {
    let id = match response.status {
        200 if response.content_type.as_deref() == Some("text/html")
            && response.body_bytes >= PAGE_MIN =>
        {
            IdBuilder::new("page").number(response.body_bytes).number(response.leaves.len() as u64)
        }
        301 | 302 | 303 | 307 | 308 => {
            let location = response.location.as_deref()?;
            let bare = |path: &str| path.trim_end_matches('/').to_owned();
            if bare(crate::outcome::path_of(location)) == bare(&request.path) {
                return Some(MIXED);
            }
            IdBuilder::new("elsewhere").text(location)
        }
        _ => return None,
    };
    Some(id.finish().max(2))
}
