//! What one caller was refused within the hour, and what that proves.

use crate::tale::Tale;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stilt_model::Timestamp;

/// Refusals of one caller are gathered for so long.
const WINDOW: Duration = Duration::from_secs(3600);
/// Refusals of one caller kept.
const REFUSED_MAX: usize = 256;
/// So often within the hour one thing is asked for again by what runs by itself.
const AGAIN: usize = 5;
/// Refused things after which what is let happen is no chance.
const PROBES: usize = 2;

/// One thing that a caller was refused.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Refusal {
    at: Timestamp,
    thing: u64,
    worth: Worth,
}

/// What a refusal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Worth {
    /// Nobody is known to use it: it counts beside what proves something twice over.
    Unused,
    /// Its name keeps it for those who run the application: it counts beside what proves something.
    Named,
    /// Others use it.
    Used,
}

/// What one caller was refused.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Caller {
    refused: VecDeque<Refusal>,
    /// Last time that the credential was good for something.
    pub(super) good: Option<Timestamp>,
    pub(super) tale: Tale,
}

impl Caller {
    /// Files a refusal, unless the credential is good for nothing: then it has expired.
    pub(super) fn refuse(&mut self, now: Timestamp, thing: u64, worth: Worth) -> bool {
        if self.good.is_none_or(|good| now.since(good) > WINDOW) {
            return false;
        }
        while self.refused.len() >= REFUSED_MAX
            || self.refused.front().is_some_and(|one| now.since(one.at) > WINDOW)
        {
            self.refused.pop_front();
        }
        self.refused.push_back(Refusal { at: now, thing, worth });
        true
    }

    /// Things that it was refused, but for those that it asks for again and again (a program that
    /// was set up wrong); none where too few of them prove something.
    pub(super) fn tried(&self) -> u64 {
        let mut things = BTreeMap::<u64, (usize, Worth)>::new();
        for refusal in &self.refused {
            let (count, worth) = things.entry(refusal.thing).or_insert((0, refusal.worth));
            *count = count.saturating_add(1);
            *worth = refusal.worth.max(*worth);
        }
        let counts = |least: Worth| {
            let some = things.values().filter(|(count, worth)| *count < AGAIN && *worth >= least);
            some.count() as u64
        };
        match counts(Worth::Used) {
            0 => 0,
            1 => counts(Worth::Named),
            _ => counts(Worth::Unused),
        }
    }

    /// It was refused two different things of others' roles within the hour: it looks for what it
    /// may not do.
    pub(super) fn probes(&self, now: Timestamp) -> bool {
        let used = |refusal: &&Refusal| refusal.worth == Worth::Used;
        let lately = self.refused.iter().filter(used).filter(|one| now.since(one.at) <= WINDOW);
        lately.map(|one| one.thing).collect::<BTreeSet<_>>().len() >= PROBES
    }
}
