//! How a place that takes an object is used: by those whose objects they are, or by anybody.

use super::strangers::Strangers;
use crate::group::Group;
use crate::stats::rate_upper;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use stilt_model::{ActorId, saved};

/// Callers of one place and group that are told apart.
const ACTORS_MAX: usize = 10_000;
/// Objects of one caller that count, so that one busy caller does not stand for all.
const EACH_MAX: usize = 64;
/// Ways that lead on from one place.
const WAYS_MAX: usize = 8;
/// Groups of one place.
const GROUPS_MAX: usize = 32;

/// A link that somebody passed on leads to one object; who opens so many has more than a link.
pub(super) const SEVERAL: u64 = 2;

/// What one caller opened at a place.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Caller {
    #[serde(serialize_with = "saved::sorted")]
    own: HashSet<u64, RandomState>,
    #[serde(serialize_with = "saved::sorted")]
    others: HashSet<u64, RandomState>,
    /// Some of its own name it, or were made by it.
    #[serde(default)]
    surely: bool,
}

/// Callers of one role at one place.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Crowd {
    roles: Arc<Vec<String>>,
    callers: HashMap<ActorId, Caller, RandomState>,
    /// Callers that opened something of their own, and how much.
    owners: u64,
    own: u64,
    /// Foreign objects opened by these.
    foreign: u64,
    /// Callers that opened what names them, or what they made.
    #[serde(default)]
    makers: u64,
}

/// What the others of a crowd do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Usage {
    /// Callers that opened their own.
    pub(super) owners: u64,
    /// Own objects that these opened.
    pub(super) own: u64,
    /// Foreign objects that they opened.
    pub(super) foreign: u64,
    /// Upper bound on the share of foreign objects.
    pub(super) bound: f64,
    /// Callers that opened what names them, or what they made.
    pub(super) makers: u64,
}

/// What a caller did at a place before.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Standing {
    /// It opened something of its own.
    pub(super) owns: bool,
    /// Foreign objects that it opened.
    pub(super) foreign: u64,
}

impl Crowd {
    fn note(&mut self, actor: ActorId, object: u64, own: bool) {
        if self.callers.len() >= ACTORS_MAX && !self.callers.contains_key(&actor) {
            return;
        }
        let caller = self.callers.entry(actor).or_default();
        let owned = !caller.own.is_empty();
        let set = if own { &mut caller.own } else { &mut caller.others };
        if set.len() >= EACH_MAX || !set.insert(object) {
            return;
        }
        let foreign = caller.others.len() as u64;
        match (own, owned) {
            (true, true) => self.own += 1,
            (true, false) => {
                (self.owners, self.own) = (self.owners + 1, self.own + 1);
                // What it opened before counts as an owner's now.
                self.foreign += foreign;
            }
            (false, true) => self.foreign += 1,
            (false, false) => {}
        }
    }

    /// A caller opened what names it, or what it made.
    fn makes(&mut self, actor: ActorId) {
        if let Some(caller) = self.callers.get_mut(&actor)
            && !caller.surely
        {
            caller.surely = true;
            self.makers = self.makers.saturating_add(1);
        }
    }

    fn usage(&self, but: ActorId) -> Usage {
        let own = self.callers.get(&but);
        let (had, others) = own.map_or((0, 0), |c| (c.own.len() as u64, c.others.len() as u64));
        let foreign = if had > 0 { others } else { 0 };
        let mut usage = Usage {
            owners: self.owners.saturating_sub(u64::from(had > 0)),
            own: self.own.saturating_sub(had),
            foreign: self.foreign.saturating_sub(foreign),
            bound: 1.0,
            makers: self.makers.saturating_sub(u64::from(own.is_some_and(|own| own.surely))),
        };
        usage.bound = rate_upper(usage.foreign, usage.own.saturating_add(usage.foreign), 0.05);
        usage
    }

    /// What the caller did here before.
    fn standing(&self, actor: ActorId) -> Standing {
        self.callers.get(&actor).map_or(Standing::default(), |caller| Standing {
            owns: !caller.own.is_empty(),
            foreign: caller.others.len() as u64,
        })
    }
}

/// One slot of one endpoint.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Place {
    crowds: BTreeMap<Group, Crowd>,
    /// Where those are led who change what is theirs.
    #[serde(default)]
    ways: BTreeSet<u64>,
    #[serde(default)]
    pub(super) strangers: Strangers,
}

impl Place {
    /// Notes that a caller opened an object, its own (and `surely` so) or another's.
    pub(super) fn note(
        &mut self,
        (group, roles): (Group, &Arc<Vec<String>>),
        actor: ActorId,
        object: u64,
        (own, surely): (bool, bool),
    ) {
        if self.crowds.len() >= GROUPS_MAX && !self.crowds.contains_key(&group) {
            return;
        }
        let crowd = self.crowds.entry(group).or_default();
        if crowd.callers.is_empty() {
            crowd.roles = Arc::clone(roles);
        }
        crowd.note(actor, object, own);
        if own && surely {
            crowd.makes(actor);
        }
    }

    /// One who changed what is its own was led there.
    pub(super) fn leads(&mut self, way: u64) {
        if self.ways.len() < WAYS_MAX {
            self.ways.insert(way);
        }
    }

    /// Those who change their own are led there.
    pub(super) fn led(&self, way: u64) -> bool {
        self.ways.contains(&way)
    }

    /// Nobody used it.
    pub(super) fn is_empty(&self) -> bool {
        self.crowds.is_empty()
    }

    /// How those use the place that the caller is to be compared with: its own role, or one that
    /// has all the rights it has. And what the caller did here before.
    pub(super) fn usage(
        &self,
        (group, roles): (Group, &Arc<Vec<String>>),
        actor: ActorId,
        owners_min: u64,
    ) -> Option<(Usage, Standing)> {
        let own = self.crowds.get(&group);
        let standing = own.map(|crowd| crowd.standing(actor)).unwrap_or_default();
        let enough = |usage: &Usage| usage.owners >= owners_min;
        if let Some(usage) = own.map(|crowd| crowd.usage(actor)).filter(enough) {
            return Some((usage, standing));
        }
        let wider = self.crowds.values().filter(|crowd| {
            !roles.is_empty() && roles.iter().all(|role| crowd.roles.contains(role))
        });
        let usage = wider.map(|crowd| crowd.usage(actor)).filter(enough);
        usage.max_by_key(|usage| usage.own).map(|usage| (usage, standing))
    }
}
