//! Roles that tell callers of a service apart, and who alone of its own uses a function.

use crate::stats::to_f64;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::{ActorId, EndpointId, Timestamp};

/// Roles of a service; the count under no name is of callers with any.
const ROLES_MAX: usize = 64;
const ANY: &str = "";
/// Callers with roles until it is known which of these nearly all have.
const ANY_MIN: u64 = 10;
/// What is less likely is no chance.
const CHANCE: f64 = 0.05;
/// Services, and callers of each who are watched.
const SERVICES_MAX: usize = 1000;
const LONERS_MAX: usize = 16;
/// Accesses over so long, while so many others of the kind were at the service, and not there.
const VISITS_MIN: u32 = 5;
const STAYS: Duration = Duration::from_secs(1800);
const OTHERS_MIN: usize = 5;
const DAY: Duration = Duration::from_secs(86_400);

/// Callers of one service by role.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Roles(BTreeMap<String, u64>);

impl Roles {
    /// Counts one caller.
    pub(super) fn add(&mut self, roles: &[String]) {
        if roles.is_empty() {
            return;
        }
        let any = ANY.to_owned();
        for role in roles.iter().chain([&any]) {
            if self.0.len() < ROLES_MAX || self.0.contains_key(role) {
                let count = self.0.entry(role.clone()).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    fn is_common(&self, role: &str) -> bool {
        let of = |name| self.0.get(name).copied().unwrap_or(0);
        let any = of(ANY);
        any >= ANY_MIN && of(role).saturating_mul(10) >= any.saturating_mul(9)
    }

    /// Roles by which a caller is told from others; the one without a name where it has those
    /// alone that nearly all have.
    pub(super) fn kinds<'a>(&self, roles: &'a [String]) -> BTreeSet<&'a str> {
        let mut kinds: BTreeSet<&str> =
            roles.iter().map(String::as_str).filter(|role| !self.is_common(role)).collect();
        if kinds.is_empty() && !roles.is_empty() {
            kinds.insert(ANY);
        }
        kinds
    }

    /// The kinds among whom a caller is at home: what nearly all have opens what they use to it.
    pub(super) fn homes<'a>(&self, roles: &'a [String]) -> BTreeSet<&'a str> {
        let mut homes = self.kinds(roles);
        if roles.iter().any(|role| self.is_common(role)) {
            homes.insert(ANY);
        }
        homes
    }

    /// Among so many callers drawn from all, one of these kinds is hardly missing by chance.
    pub(super) fn would_be_among(&self, kinds: &BTreeSet<&str>, callers: usize) -> bool {
        let of = |name: &str| self.0.get(name).copied().unwrap_or(0);
        let any = of(ANY);
        let telling = self.0.keys().filter(|role| *role != ANY && !self.is_common(role));
        let plain = telling.fold(any, |left, role| left.saturating_sub(of(role)));
        let none = |kind: &&str| {
            let count = if *kind == ANY { plain } else { of(kind) };
            (1.0 - to_f64(count) / to_f64(any.max(1))).max(0.0).ln() * to_f64(callers as u64)
        };
        kinds.iter().map(none).sum::<f64>() < CHANCE.ln()
    }

    /// Roles of three callers and more that tell them from others.
    pub(super) fn known(&self) -> impl Iterator<Item = &str> {
        let several = self.0.iter().filter(|(_, count)| **count >= 3);
        several.map(|(role, _)| role.as_str()).filter(|role| !self.is_common(role))
    }
}

/// One caller at a function where nobody of its kind is.
#[derive(Debug, Serialize, Deserialize)]
struct Loner {
    endpoint: EndpointId,
    actor: ActorId,
    since: Timestamp,
    kinds: BTreeSet<String>,
    visits: u32,
    others: BTreeSet<ActorId>,
}

/// Such callers by service.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Loners(BTreeMap<u64, Vec<Loner>>);

impl Loners {
    /// Whether anybody of the service is watched.
    pub(super) fn watch(&self, service: u64) -> bool {
        self.0.contains_key(&service)
    }

    /// Somebody of these kinds is at the service.
    pub(super) fn pass(&mut self, service: u64, actor: ActorId, kinds: &BTreeSet<&str>) {
        for loner in self.0.get_mut(&service).into_iter().flatten() {
            let alike = loner.kinds.iter().any(|kind| kinds.contains(kind.as_str()));
            if alike && loner.actor != actor && loner.others.len() < OTHERS_MIN {
                loner.others.insert(actor);
            }
        }
    }

    /// One comes to a function where nobody of its kind is: whether it did again and again, while
    /// others of its kind were about and did not.
    pub(super) fn visit(
        &mut self,
        service: u64,
        (endpoint, actor): (EndpointId, ActorId),
        kinds: &BTreeSet<&str>,
        now: Timestamp,
    ) -> Option<(u32, u64)> {
        if self.0.len() >= SERVICES_MAX && !self.0.contains_key(&service) {
            return None;
        }
        let loners = self.0.entry(service).or_default();
        loners.retain(|loner| now.since(loner.since) <= DAY);
        let found = loners.iter().position(|one| (one.endpoint, one.actor) == (endpoint, actor));
        let at = found.unwrap_or_else(|| {
            if loners.len() >= LONERS_MAX {
                loners.remove(0);
            }
            let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
            let others = BTreeSet::new();
            loners.push(Loner { endpoint, actor, since: now, kinds, visits: 0, others });
            loners.len().saturating_sub(1)
        });
        let loner = loners.get_mut(at)?;
        loner.visits = loner.visits.saturating_add(1);
        let stays = loner.visits >= VISITS_MIN && now.since(loner.since) >= STAYS;
        (stays && loner.others.len() >= OTHERS_MIN)
            .then_some((loner.visits, loner.others.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(roles: &[&str]) -> Vec<String> {
        roles.iter().map(|role| (*role).to_owned()).collect()
    }

    #[test]
    fn what_all_are_tells_nobody_apart() {
        let mut roles = Roles::default();
        for n in 0..20 {
            roles.add(&named(if n < 4 { &["user", "owner"] } else { &["user", "member"] }));
        }
        assert_eq!(roles.kinds(&named(&["user", "owner"])), BTreeSet::from(["owner"]));
        assert_eq!(roles.kinds(&named(&["user"])), BTreeSet::from([ANY]));
        assert_eq!(roles.homes(&named(&["user", "owner"])), BTreeSet::from([ANY, "owner"]));
        let owner = BTreeSet::from(["owner"]);
        assert!(roles.would_be_among(&owner, 17) && !roles.would_be_among(&owner, 8));
        assert_eq!(roles.kinds(&[]), BTreeSet::new());
        assert_eq!(roles.known().collect::<Vec<_>>(), ["member", "owner"]);
    }

    #[test]
    fn one_is_alone_where_others_of_its_kind_do_not_come() {
        let mut loners = Loners::default();
        let kinds = BTreeSet::from(["member"]);
        let key = (EndpointId(3), ActorId(7));
        let visit = |loners: &mut Loners, n: i64| {
            loners.visit(1, key, &kinds, Timestamp::from_secs(n * 400))
        };
        assert!((0..6).all(|n| visit(&mut loners, n).is_none()));
        for other in 10..15 {
            loners.pass(1, ActorId(other), &BTreeSet::from(["owner"]));
        }
        assert_eq!(visit(&mut loners, 6), None);
        for other in 10..15 {
            loners.pass(1, ActorId(other), &kinds);
        }
        assert_eq!(visit(&mut loners, 7), Some((8, 5)));
    }
}
