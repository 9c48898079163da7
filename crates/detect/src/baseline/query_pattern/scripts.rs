//! Several callers who try one syntax after the other at a parameter that has none: however many
//! they are, no release sends what is refused, nor in ever new ways from callers that nobody knows.

use crate::keep::Keep;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_baseline::{Deviation, Group};
use stilt_model::{ActorId, Timestamp};

/// Parameters watched, callers remembered of each, and of each of them sets of marks.
const WATCHED_MAX: usize = 4000;
const CALLERS_MAX: usize = 32;
const SETS_MAX: usize = 8;
/// Different sets of new marks that are more than a new form of values.
const SETS_MIN: usize = 3;
/// What lies further apart is another story.
const SPAN: Duration = Duration::from_secs(3600);
/// Callers whose ordinary requests are counted, and how many of them make a history.
const HISTORIES_MAX: usize = 20_000;
const HISTORY_MIN: u8 = 10;

/// What one caller sent there.
#[derive(Debug, Serialize, Deserialize)]
struct Deeds {
    actor: ActorId,
    is_new: bool,
    asked: u32,
    refused: u32,
    sets: BTreeSet<u128>,
}

impl Deeds {
    /// No release explains it: it is refused, or nobody knows it and its values break a form, or
    /// come in ever new ways.
    fn is_suspicious(&self, breaks_form: bool) -> bool {
        let strange = self.is_new && (breaks_form || self.sets.len() >= SETS_MIN);
        strange || self.refused.saturating_mul(2) > self.asked
    }
}

/// One parameter.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Script {
    last: Timestamp,
    breaks_form: bool,
    callers: Vec<Deeds>,
}

impl Script {
    /// In how many ways suspicious callers tried it; 0 where a new form of values explains them.
    fn tries(&self) -> u64 {
        let suspicious = self.callers.iter().filter(|one| one.is_suspicious(self.breaks_form));
        let sets: BTreeSet<u128> = suspicious.flat_map(|one| &one.sets).copied().collect();
        if sets.len() >= SETS_MIN { sets.len() as u64 } else { 0 }
    }
}

/// All parameters in which somebody tried a syntax, and who is known.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Scripts {
    watched: Keep<(u64, u64), Script>,
    histories: Keep<(u64, ActorId), u8>,
}

impl Default for Scripts {
    fn default() -> Self {
        Self { watched: Keep::new(WATCHED_MAX), histories: Keep::new(HISTORIES_MAX) }
    }
}

/// One request that deviates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    pub(super) now: Timestamp,
    pub(super) service: u64,
    pub(super) endpoint: u64,
    pub(super) actor: ActorId,
    /// The application did not do what was asked for, or fell over.
    pub(super) refused: bool,
}

impl Scripts {
    /// An ordinary request: it makes its caller known.
    pub(super) fn know(&mut self, now: Timestamp, service: u64, actor: ActorId) {
        let count = self.histories.touch(now, (service, actor), || 0);
        *count = count.saturating_add(1).min(HISTORY_MIN);
    }

    /// Whether the caller has a history.
    pub(super) fn knows(&self, service: u64, actor: ActorId) -> bool {
        self.histories.get(&(service, actor)).is_some_and(|count| *count >= HISTORY_MIN)
    }

    /// How many ways of the script that the request belongs to were tried, by all who share it; 0
    /// where it belongs to none.
    pub(super) fn join(&mut self, attempt: Attempt, odd: &[&Deviation]) -> u64 {
        odd.iter().map(|one| self.note(attempt, one)).max().unwrap_or(0)
    }

    fn note(&mut self, attempt: Attempt, one: &Deviation) -> u64 {
        if one.syntax == 0 {
            return 0;
        }
        let Attempt { now, service, endpoint, actor, refused } = attempt;
        let is_new = !self.knows(service, actor);
        let script = self.watched.touch(now, (endpoint, one.param), Script::default);
        if now.since(script.last) > SPAN {
            *script = Script::default();
        }
        script.last = now;
        script.breaks_form |= matches!(one.group, Group::Syntax | Group::Form);
        let found = script.callers.iter().position(|known| known.actor == actor);
        let at = found.unwrap_or_else(|| {
            if script.callers.len() >= CALLERS_MAX {
                script.callers.remove(0);
            }
            let sets = BTreeSet::new();
            script.callers.push(Deeds { actor, is_new, asked: 0, refused: 0, sets });
            script.callers.len().saturating_sub(1)
        });
        let breaks_form = script.breaks_form;
        let Some(deeds) = script.callers.get_mut(at) else { return 0 };
        deeds.asked = deeds.asked.saturating_add(1);
        deeds.refused = deeds.refused.saturating_add(u32::from(refused));
        if deeds.sets.len() < SETS_MAX {
            deeds.sets.insert(one.syntax);
        }
        if deeds.is_suspicious(breaks_form) { script.tries() } else { 0 }
    }

    /// Whether what was tried at that parameter of an endpoint is a script by now.
    pub(super) fn is_hostile(&self, place: (u64, u64)) -> bool {
        self.watched.get(&place).is_some_and(|script| script.tries() > 0)
    }
}
