//! Kinds of callers, where no role tells them apart.
//!
//! Who runs an application does other things in it than its users do. A function of few callers who
//! share other functions that the many never use is theirs: where its name says so, or where none
//! of them ever does what the many do and others were refused there. One of the many who is let use
//! it has stepped over.

use super::matrix::{Busy, Call, Cell, Function, Matrix, Role};
use crate::stats::rate_upper;
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;
use stilt_model::{ActorId, EndpointId};

/// Callers of one function at most, for it to be one of few; and how many times more there are of
/// the many.
const FEW_MAX: usize = 32;
const FEW_SHARE: usize = 5;
/// Callers of what the many do, and calls of the few, at least.
const MANY_MIN: u64 = 20;
const CALLS_MIN: u64 = 10;
/// Calls from which on it says something of a caller what it does not use.
const ESTABLISHED: u32 = 20;
/// Calls of the caller itself, and how long ago the first of them was.
const CALLER_MIN: u32 = 10;
const OCCASION: Duration = Duration::from_secs(1800);
/// How likely it may be by chance that none of the few does what the many do.
const CHANCE_MAX: f64 = 1e-3;
/// By its bound, the function is so many times rarer among the many.
const RARER: f64 = 4.0;

/// A function of callers of another kind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Kind {
    /// What most of the caller's kind do.
    pub(super) usual: EndpointId,
    /// Others of the caller's kind, and callers of the function.
    pub(super) many: u64,
    pub(super) few: u64,
    /// Others of the many that were refused there, or at what else the few use.
    pub(super) refused: u64,
}

impl Matrix {
    /// The kind of callers that a function belongs to, where `call` is of another one; `named`: by
    /// its name it is for those who run the application.
    pub(super) fn other_kind(&self, service: &Arc<str>, call: &Call, named: bool) -> Option<Kind> {
        let role = self.roles.get(&(Arc::clone(service), call.role))?;
        let function = self.functions.get(&call.endpoint)?;
        // A newcomer may be of any kind: the caller was here on an earlier occasion.
        let known = role
            .busy
            .get(&call.actor)
            .is_some_and(|busy| busy.calls >= CALLER_MIN && call.at.since(busy.since) >= OCCASION);
        if !known {
            return None;
        }
        let few = self.few_of(function, role, call)?;
        let of_service = || {
            let same = |(_, other): &(&EndpointId, &Function)| other.service == call.service;
            let all = self.functions.iter().filter(|(at, _)| **at != call.endpoint).filter(same);
            all.filter_map(|(at, other)| Some((at, other, other.cells.get(&call.role)?)))
        };
        // What the caller does with so many others.
        let usual = of_service()
            .filter(|(_, other, cell)| {
                cell.allowed.contains(&call.actor)
                    && !cell.is_full()
                    && !function.is_of_other_program(other, call)
                    && (named || few.iter().all(|one| !cell.allowed.contains(one)))
            })
            .map(|(at, _, cell)| (role.established_in(cell, call.actor), *at, cell))
            .max_by_key(|(many, at, _)| (*many, *at));
        let (many, usual, cell) = usual.filter(|(many, ..)| *many >= MANY_MIN)?;
        let all = role.established_but(call.actor);
        let by_chance = chance(all, many, few.len() as u64) > CHANCE_MAX;
        if rate_upper(0, many, 0.05) * RARER > 1.0 || (by_chance && !named) {
            return None;
        }
        let is_few = |one: &&ActorId| few.contains(*one);
        // What the few share beside it, and none of the many uses.
        let theirs = of_service().map(|(_, _, theirs)| theirs).filter(|theirs| {
            let shared = theirs.allowed.iter().filter(is_few).count();
            shared >= 2
                && shared.saturating_mul(10) >= few.len().saturating_mul(9)
                && theirs.allowed.len() <= FEW_MAX
                && theirs.allowed.iter().all(|one| {
                    few.contains(one) || *one == call.actor || !cell.allowed.contains(one)
                })
        });
        let theirs: Vec<&Cell> = theirs.collect();
        // Who does some of it already is one of them.
        if theirs.is_empty() || theirs.iter().any(|cell| cell.allowed.contains(&call.actor)) {
            return None;
        }
        let own = function.cells.get(&call.role);
        let refused = theirs.into_iter().chain(own).map(|cell_of| {
            let refused = cell_of.refused.iter().filter(|one| **one != call.actor);
            refused.filter(|one| cell.allowed.contains(*one) && !few.contains(*one)).count()
        });
        let refused = refused.max().unwrap_or(0) as u64;
        Some(Kind { usual, many, few: few.len() as u64, refused })
    }

    /// Callers of a function of few, known for long enough.
    fn few_of(&self, function: &Function, role: &Role, call: &Call) -> Option<BTreeSet<ActorId>> {
        let cell = function.cells.get(&call.role)?;
        let fits = cell.calls >= CALLS_MIN
            && cell.allowed.len() <= FEW_MAX
            && cell.allowed.len().saturating_mul(FEW_SHARE) <= role.actors.len()
            && !cell.allowed.contains(&call.actor);
        let known = |one: &&ActorId| role.busy.get(*one).is_some_and(is_established);
        let few: BTreeSet<ActorId> =
            cell.allowed.iter().filter(|_| fits).filter(known).copied().collect();
        // Those who came once say nothing of whose it is, unless they are many.
        let enough = few.len() >= 2 && few.len().saturating_mul(2) >= cell.allowed.len();
        enough.then_some(few)
    }
}

impl Role {
    /// Callers known for long enough, but for one.
    fn established_but(&self, but: ActorId) -> u64 {
        let known = self.busy.iter().filter(|(one, busy)| **one != but && is_established(busy));
        known.count() as u64
    }

    /// Those of them who use a function.
    fn established_in(&self, cell: &Cell, but: ActorId) -> u64 {
        let known =
            |one: &&ActorId| **one != but && self.busy.get(*one).is_some_and(is_established);
        cell.allowed.iter().filter(known).count() as u64
    }
}

fn is_established(busy: &Busy) -> bool {
    busy.calls >= ESTABLISHED
}

/// The chance that none of `few`, drawn from `all`, is one of the `many` among them.
fn chance(all: u64, many: u64, few: u64) -> f64 {
    let draw = |at: u64| {
        let rest = all.saturating_sub(many).saturating_sub(at) as f64;
        rest / all.saturating_sub(at).max(1) as f64
    };
    (0..few).map(draw).product()
}

#[cfg(test)]
mod tests {
    use super::chance;

    #[test]
    fn few_of_many_stay_apart_by_chance_seldom() {
        assert!(chance(42, 39, 3) < 1e-4);
        assert!(chance(42, 20, 3) > 0.1);
        assert!(chance(3, 3, 2) < 1e-9);
    }
}
