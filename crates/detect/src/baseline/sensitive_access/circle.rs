//! Who uses a sensitive function, when, and how often.

use crate::context::Context;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stilt_model::{ActorId, Timestamp};

/// Callers remembered of one function; one with more is open to all.
const CALLERS_MAX: usize = 256;
const ROLES_MAX: usize = 32;
/// Turns among which newcomers are counted.
const LATEST: usize = 30;
/// What is new stays new for so long.
pub(super) const HOUR: Duration = Duration::from_secs(3600);
/// Accesses of one caller within the hour that are counted.
const HOURLY_MAX: usize = 512;
/// Accesses, and days, until hours are known.
const HOURS_MIN: u64 = 60;
const DAYS_MIN: i64 = 3;

/// What one caller did within the last hour, and the most it ever did.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Caller {
    #[serde(default)]
    first: Timestamp,
    recent: VecDeque<Timestamp>,
    most: u64,
}

/// The circle of callers of one function.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Circle {
    callers: BTreeMap<ActorId, Caller>,
    /// More callers than are remembered.
    open: bool,
    roles: BTreeSet<String>,
    /// Callers that have no role.
    roleless: bool,
    turns: u64,
    last: Option<ActorId>,
    /// Whether the latest turns were first accesses.
    latest: VecDeque<bool>,
    hours: [u32; 24],
    first: Option<Timestamp>,
}

impl Circle {
    /// Takes an access in.
    pub(super) fn see(&mut self, context: &Context<'_>, actor: ActorId) {
        let now = context.at();
        self.first.get_or_insert(now);
        let new = !self.callers.contains_key(&actor);
        if self.last != Some(actor) {
            self.last = Some(actor);
            self.turns = self.turns.saturating_add(1);
            if self.latest.len() >= LATEST {
                self.latest.pop_front();
            }
            self.latest.push_back(new);
        }
        let hour = usize::try_from(now.secs().rem_euclid(86_400) / 3600).unwrap_or(0);
        if let Some(count) = self.hours.get_mut(hour) {
            *count = count.saturating_add(1);
        }
        let roles = context.seen.best_roles();
        self.roleless |= roles.is_empty();
        for role in roles.iter() {
            if self.roles.len() < ROLES_MAX {
                self.roles.insert(role.clone());
            }
        }
        if new && self.callers.len() >= CALLERS_MAX {
            self.open = true;
            return;
        }
        let caller =
            self.callers.entry(actor).or_insert_with(|| Caller { first: now, ..Caller::default() });
        while caller.recent.front().is_some_and(|at| now.since(*at) > HOUR) {
            caller.recent.pop_front();
        }
        if caller.recent.len() < HOURLY_MAX {
            caller.recent.push_back(now);
        }
        caller.most = caller.most.max(caller.recent.len() as u64);
    }

    pub(super) fn turns(&self) -> u64 {
        self.turns
    }

    /// The caller joins now, or did within the hour.
    pub(super) fn is_joined_by(&self, actor: ActorId, now: Timestamp) -> bool {
        let known = self.callers.get(&actor);
        !self.open && known.is_none_or(|caller| now.since(caller.first) <= HOUR)
    }

    /// Callers beside one.
    pub(super) fn others(&self, actor: ActorId) -> usize {
        self.callers.len().saturating_sub(usize::from(self.callers.contains_key(&actor)))
    }

    /// First accesses among the latest turns.
    pub(super) fn newcomers(&self) -> u64 {
        self.latest.iter().filter(|new| **new).count() as u64
    }

    /// Hardly anybody has joined lately: at most one in thirty of the latest turns.
    pub(super) fn is_closed(&self) -> bool {
        !self.open && self.newcomers().saturating_mul(30) <= self.latest.len() as u64
    }

    /// The roles of the circle, where all in it have one and none of `roles` is among them.
    pub(super) fn foreign_role(&self, roles: &[String]) -> Option<String> {
        let known = !self.roleless && !self.roles.is_empty() && !roles.is_empty();
        let foreign = known && !roles.iter().any(|role| self.roles.contains(role));
        foreign.then(|| {
            let some: Vec<&str> = self.roles.iter().take(5).map(String::as_str).collect();
            format!("one of {}", some.join(", "))
        })
    }

    /// Nobody comes within an hour of this time of day.
    pub(super) fn is_odd_hour(&self, now: Timestamp) -> bool {
        odd_hour(&self.hours, self.first, now, HOURS_MIN)
    }

    /// Accesses of one within the last hour, with the present one, and the most of any other ever.
    pub(super) fn rate(&self, actor: ActorId, now: Timestamp) -> (u64, u64) {
        let own = self.callers.get(&actor).map_or(0, |caller| {
            caller.recent.iter().filter(|at| now.since(**at) <= HOUR).count() as u64
        });
        let others = self.callers.iter().filter(|(known, _)| **known != actor);
        (own.saturating_add(1), others.map(|(_, caller)| caller.most).max().unwrap_or(0))
    }
}

/// Whether `now` is more than an hour of the day away from all that was seen, in at least `min`
/// accesses over three days.
pub(super) fn odd_hour(
    hours: &[u32; 24],
    first: Option<Timestamp>,
    now: Timestamp,
    min: u64,
) -> bool {
    let Some(first) = first else { return false };
    let all: u64 = hours.iter().map(|count| u64::from(*count)).sum();
    if all < min || now.secs().saturating_sub(first.secs()) < DAYS_MIN * 86_400 {
        return false;
    }
    let hour = usize::try_from(now.secs().rem_euclid(86_400) / 3600).unwrap_or(0);
    [hour + 23, hour, hour + 1].iter().all(|at| hours.get(at % 24).is_none_or(|count| *count == 0))
}
