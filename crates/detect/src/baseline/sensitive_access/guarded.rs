//! Functions that few callers use, whatever they are called, and who comes to them.

use super::circle::{Circle, HOUR};
use crate::baseline::busiest::Busiest;
use crate::keep::Keep;
use crate::stats::to_f64;
use crate::tale::counted;
use crate::tell::{self, signal};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stilt_model::{ActorId, EndpointId, Signal, Timestamp};

/// Established callers of a service until a few of them are few, and how many times more they are.
const CALLERS_MIN: u64 = 16;
const SHARE: u64 = 3;
/// Services, functions of one, and callers whose first hours are followed.
const SERVICES_MAX: usize = 1000;
const FUNCTIONS_MAX: usize = 256;
const CALLERS_MAX: usize = 10_000;
/// Accesses within an hour that are counted.
const HOURLY_MAX: usize = 512;

/// At most a third of a service's many callers use the function.
pub(super) fn is_of_few(circle: &Circle, callers: u64) -> bool {
    callers >= CALLERS_MIN && circle.is_of_few(callers, SHARE)
}

/// The functions of each service.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Few(BTreeMap<u64, BTreeSet<EndpointId>>);

impl Few {
    /// A function of the service.
    pub(super) fn add(&mut self, service: u64, function: EndpointId) {
        if self.0.len() < SERVICES_MAX || self.0.contains_key(&service) {
            let known = self.0.entry(service).or_default();
            if known.len() < FUNCTIONS_MAX {
                known.insert(function);
            }
        }
    }

    /// The functions of a service.
    pub(super) fn of(&self, service: u64) -> impl Iterator<Item = EndpointId> {
        self.0.get(&service).into_iter().flatten().copied()
    }

    /// Nine in ten callers of the function use another one that few use, and this caller none: it
    /// is none of their kind.
    pub(super) fn peers(
        &self,
        (service, actor): (u64, ActorId),
        function: EndpointId,
        now: Timestamp,
        callers: u64,
        circles: &Keep<EndpointId, Circle>,
    ) -> Option<Signal> {
        let known = self.0.get(&service)?;
        let others: Vec<&Circle> = known
            .iter()
            .filter(|other| **other != function)
            .filter_map(|other| circles.get(other))
            .filter(|circle| is_of_few(circle, callers))
            .collect();
        if others.iter().any(|circle| circle.holds(actor, now)) {
            return None;
        }
        let circle = circles.get(&function)?;
        let members: Vec<ActorId> = circle.members().filter(|one| *one != actor).collect();
        let peers = members
            .iter()
            .filter(|one| others.iter().any(|circle| circle.members().any(|two| two == **one)))
            .count();
        let alike = peers >= 2 && peers.saturating_mul(10) >= members.len().saturating_mul(9);
        alike.then(|| {
            let all = members.len() as u64;
            let without = to_f64(all.saturating_sub(peers as u64));
            signal(
                "other_functions_of_few",
                "none",
                tell::usual(
                    format!("some, as with {peers} of its {}", counted(all, "caller")),
                    (without + 1.0) / (to_f64(all) + 1.0),
                    counted(all, "other caller"),
                ),
            )
        })
    }
}

/// Accesses of each established caller, within an hour, to functions that are new to it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Bursts {
    callers: Keep<(u64, ActorId), VecDeque<Timestamp>>,
    most: BTreeMap<u64, Busiest>,
}

impl Default for Bursts {
    fn default() -> Self {
        Self { callers: Keep::new(CALLERS_MAX), most: BTreeMap::new() }
    }
}

impl Bursts {
    /// Takes in an access: how many to new functions there were within the hour, and the most of
    /// any other caller of the service ever.
    pub(super) fn see(&mut self, caller: (u64, ActorId), now: Timestamp, new: bool) -> (u64, u64) {
        let others = self.most.get(&caller.0).map_or(0, |most| most.of_others(caller.1));
        if !new {
            return (0, others);
        }
        let recent = self.callers.touch(now, caller, VecDeque::new);
        while recent.front().is_some_and(|at| now.since(*at) > HOUR) {
            recent.pop_front();
        }
        if recent.len() < HOURLY_MAX {
            recent.push_back(now);
        }
        (recent.len() as u64, others)
    }

    /// It was told of: nobody is held against it.
    pub(super) fn forget(&mut self, caller: (u64, ActorId)) {
        if let Some(most) = self.most.get_mut(&caller.0) {
            most.forget(caller.1);
        }
    }

    /// Nothing was told of it: it is how people come to what is new to them.
    pub(super) fn settle(&mut self, caller: (u64, ActorId)) {
        let Some(recent) = self.callers.get(&caller) else { return };
        if self.most.len() < SERVICES_MAX || self.most.contains_key(&caller.0) {
            self.most.entry(caller.0).or_default().see(caller.1, recent.len() as u64);
        }
    }
}
