//! Whether several come to functions of another kind at once.
//!
//! What three callers begin to do within a quarter of an hour is a right that was given to many, or
//! a release. So what one was let do waits that long for others.

use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stilt_model::{ActorId, Finding, Timestamp};

/// A finding waits so long.
const WAIT: Duration = Duration::from_secs(900);
/// So many who come make it a new usage.
const SEVERAL: usize = 3;
/// Findings that wait, services, and comers of one, at most.
const WAITING_MAX: usize = 1000;
const SERVICES_MAX: usize = 1000;
const COMERS_MAX: usize = 64;

/// A finding that is told unless others come.
#[derive(Debug, Serialize, Deserialize)]
struct Waiting {
    until: Timestamp,
    service: u64,
    finding: Finding,
}

/// Who came where lately, and what waits.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Shift {
    waiting: VecDeque<Waiting>,
    comers: BTreeMap<u64, VecDeque<(Timestamp, ActorId)>>,
}

impl Shift {
    /// Somebody came to a function of another kind at a service.
    pub(super) fn comes(&mut self, now: Timestamp, service: u64, actor: ActorId) {
        if self.comers.len() >= SERVICES_MAX && !self.comers.contains_key(&service) {
            self.comers.clear();
        }
        let comers = self.comers.entry(service).or_default();
        comers.retain(|(at, who)| now.since(*at) <= WAIT && *who != actor);
        if comers.len() >= COMERS_MAX {
            comers.pop_front();
        }
        comers.push_back((now, actor));
    }

    /// Several have come lately.
    pub(super) fn is_on(&self, now: Timestamp, service: u64) -> bool {
        let lately = self.comers.get(&service).into_iter().flatten();
        let lately = lately.filter(|(at, _)| now.since(*at) <= WAIT);
        lately.map(|(_, who)| who).collect::<BTreeSet<_>>().len() >= SEVERAL
    }

    /// Keeps a finding until it is known whether others come.
    pub(super) fn wait(&mut self, now: Timestamp, service: u64, finding: Finding) {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(Waiting { until: now.plus(WAIT), service, finding });
    }

    /// What has waited long enough, or `all`, is told; what others came to as well is dropped.
    pub(super) fn tick(&mut self, now: Timestamp, all: bool, out: &mut Vec<Finding>) {
        if self.waiting.is_empty() {
            return;
        }
        let waiting = core::mem::take(&mut self.waiting);
        for waiting in waiting {
            if self.is_on(now, waiting.service) {
                continue;
            }
            if all || waiting.until <= now {
                out.push(waiting.finding);
            } else {
                self.waiting.push_back(waiting);
            }
        }
    }
}
