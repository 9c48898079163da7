//! Who uses a function, when, and how often.

use super::kinds::Roles;
use crate::context::Context;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stilt_model::{ActorId, Timestamp};

/// Callers remembered of one function; one with more is open to all.
const CALLERS_MAX: usize = 256;
const ROLES_MAX: usize = 4;
/// Turns among which newcomers are counted.
const LATEST: usize = 60;
/// Turns by callers with a role, one after the other, until those are all roles there are.
const ROLES_MIN: usize = 10;
/// Callers of whom one may be where it does not belong.
const MANY: usize = 10;
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
    /// The turn with which it came as an established caller.
    #[serde(default)]
    joined: Option<u64>,
    /// What it was when it came last.
    #[serde(default)]
    roles: Vec<String>,
}

/// The circle of callers of one function.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Circle {
    callers: BTreeMap<ActorId, Caller>,
    /// More callers than are remembered.
    open: bool,
    turns: u64,
    last: Option<ActorId>,
    /// Whether the latest turns were first accesses of established callers.
    latest: VecDeque<bool>,
    /// Latest turns since one whose caller had no role.
    #[serde(default)]
    with_role: usize,
    hours: [u32; 24],
    first: Option<Timestamp>,
}

impl Circle {
    /// Takes an access in; `established` is a caller who used the service before.
    pub(super) fn see(&mut self, context: &Context<'_>, actor: ActorId, established: bool) {
        let now = context.at();
        self.first.get_or_insert(now);
        let new = !self.callers.contains_key(&actor);
        if self.last != Some(actor) {
            self.last = Some(actor);
            self.turns = self.turns.saturating_add(1);
            if self.latest.len() >= LATEST {
                self.latest.pop_front();
            }
            self.latest.push_back(new && established);
            let has_role = !context.seen.best_roles().is_empty();
            self.with_role = if has_role { self.with_role.saturating_add(1) } else { 0 };
        }
        let hour = usize::try_from(now.secs().rem_euclid(86_400) / 3600).unwrap_or(0);
        if let Some(count) = self.hours.get_mut(hour) {
            *count = count.saturating_add(1);
        }
        if new && self.callers.len() >= CALLERS_MAX {
            self.open = true;
            return;
        }
        let roles = context.seen.best_roles();
        let caller =
            self.callers.entry(actor).or_insert_with(|| Caller { first: now, ..Caller::default() });
        if new && established {
            caller.joined = Some(self.turns);
        }
        if !roles.is_empty() && caller.roles != **roles {
            caller.roles = roles.iter().take(ROLES_MAX).cloned().collect();
        }
        while caller.recent.front().is_some_and(|at| now.since(*at) > HOUR) {
            caller.recent.pop_front();
        }
        if caller.recent.len() < HOURLY_MAX {
            caller.recent.push_back(now);
        }
        caller.most = caller.most.max(caller.recent.len() as u64);
    }

    /// It was told of: it is no part of the circle, and never was.
    pub(super) fn forget(&mut self, actor: ActorId) {
        if self.callers.remove(&actor).is_some()
            && let Some(joined) = self.latest.iter_mut().rev().find(|new| **new)
        {
            *joined = false;
        }
    }

    pub(super) fn turns(&self) -> u64 {
        self.turns
    }

    /// The caller was there before.
    pub(super) fn knows(&self, actor: ActorId) -> bool {
        self.open || self.callers.contains_key(&actor)
    }

    /// The caller has used the function for longer than an hour.
    pub(super) fn holds(&self, actor: ActorId, now: Timestamp) -> bool {
        self.callers.get(&actor).is_some_and(|caller| now.since(caller.first) > HOUR)
    }

    /// Who uses the function; empty where more do than are remembered.
    pub(super) fn members(&self) -> impl Iterator<Item = ActorId> {
        self.callers.keys().copied().filter(|_| !self.open)
    }

    /// At most one in `share` of so many callers uses the function.
    pub(super) fn is_of_few(&self, callers: u64, share: u64) -> bool {
        !self.open && (self.callers.len() as u64).saturating_mul(share) <= callers
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

    /// First accesses of other established callers among the latest turns.
    pub(super) fn newcomers(&self, actor: ActorId) -> u64 {
        let all = self.latest.iter().filter(|new| **new).count() as u64;
        let joined = self.callers.get(&actor).and_then(|caller| caller.joined);
        let own = joined.is_some_and(|turn| turn.saturating_add(LATEST as u64) > self.turns);
        all.saturating_sub(u64::from(own))
    }

    /// The latest turns that are known.
    pub(super) fn lately(&self) -> u64 {
        self.latest.len() as u64
    }

    /// Hardly anybody has joined lately: at most one in thirty of the latest turns.
    pub(super) fn is_closed(&self, actor: ActorId) -> bool {
        !self.open && self.newcomers(actor).saturating_mul(30) <= self.latest.len() as u64
    }

    /// The caller is of one of the circle's kinds, and not all callers of the service are.
    pub(super) fn has_role(&self, actor: ActorId, roles: &[String], all: &Roles) -> bool {
        let others = all.known().any(|kind| self.with(kind, actor, all) == 0);
        // One alone may have been where it does not belong.
        let least = (self.callers.len() / 5).max(2);
        others && all.homes(roles).iter().any(|kind| self.with(kind, actor, all) >= least)
    }

    /// Other callers of the kind.
    fn with(&self, kind: &str, actor: ActorId, all: &Roles) -> usize {
        let others = self.callers.iter().filter(|(known, _)| **known != actor);
        others.filter(|(_, caller)| all.kinds(&caller.roles).contains(kind)).count()
    }

    /// The roles of the circle, where all others in it have one, and none (of ten and more: at most
    /// one) is of the caller's kind.
    pub(super) fn foreign_role(
        &self,
        actor: ActorId,
        roles: &[String],
        all: &Roles,
    ) -> Option<String> {
        let kinds = all.homes(roles);
        let most = usize::from(self.others(actor) >= MANY);
        let foreign = self.with_role >= ROLES_MIN
            && !kinds.is_empty()
            && kinds.iter().all(|kind| self.with(kind, actor, all) <= most)
            && all.would_be_among(&all.kinds(roles), self.others(actor));
        foreign.then(|| {
            let others = self.callers.iter().filter(|(known, _)| **known != actor);
            let names: BTreeSet<&str> =
                others.flat_map(|(_, caller)| all.kinds(&caller.roles)).collect();
            let names = names.into_iter().filter(|kind| !kind.is_empty() && !kinds.contains(kind));
            let some: Vec<&str> = names.take(5).collect();
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
