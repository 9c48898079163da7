//! Who asks an endpoint, and what comes of it by role.

use super::Who;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::IdBuilder;

/// Smallest hashes kept: up to so many actors the number is exact, beyond it about 9 % off.
const SMALLEST: usize = 128;
/// Roles told apart, and the longest name of one.
const ROLES_MAX: usize = 16;
const ROLE_BYTES_MAX: usize = 48;

/// What one role asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its name, as claims tell it.
    pub name: Box<str>,
    /// Requests that were let through.
    pub passed: u64,
    /// Requests that were refused for lack of right (403).
    pub refused: u64,
}

/// The number of different actors (a sketch of the k smallest hashes), and their roles.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Actors {
    smallest: BTreeSet<u64>,
    /// Roles, sorted by name.
    pub roles: Vec<Role>,
}

impl Actors {
    pub(crate) fn see(&mut self, who: Who<'_>, status: Option<u16>) {
        self.add(IdBuilder::new("known actor").number(who.actor.0).finish());
        for role in who.roles.iter().filter(|role| role.len() <= ROLE_BYTES_MAX) {
            let (passed, refused) = match status {
                Some(200..=399) => (1, 0),
                Some(403) => (0, 1),
                _ => (0, 0),
            };
            self.role(role, passed, refused);
        }
    }

    fn add(&mut self, hash: u64) {
        let full = self.smallest.len() >= SMALLEST;
        if full && self.smallest.last().is_some_and(|last| hash >= *last) {
            return;
        }
        if self.smallest.insert(hash) && full {
            self.smallest.pop_last();
        }
    }

    fn role(&mut self, name: &str, passed: u64, refused: u64) {
        let at = match self.roles.binary_search_by(|role| (*role.name).cmp(name)) {
            Ok(at) => at,
            Err(at) if self.roles.len() < ROLES_MAX => {
                self.roles.insert(at, Role { name: name.into(), passed: 0, refused: 0 });
                at
            }
            Err(_) => return,
        };
        if let Some(role) = self.roles.get_mut(at) {
            role.passed = role.passed.saturating_add(passed);
            role.refused = role.refused.saturating_add(refused);
        }
    }

    /// How many there are, about.
    #[must_use]
    pub fn count(&self) -> u64 {
        let known = self.smallest.len();
        match self.smallest.last() {
            Some(last) if known >= SMALLEST => {
                // The k-th smallest of n even numbers lies at about k/n of the whole.
                let share = u128::from(*last).max(1);
                let all = (u128::from(u64::MAX) * (known as u128 - 1)) / share;
                u64::try_from(all).unwrap_or(u64::MAX)
            }
            _ => known as u64,
        }
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        for hash in &other.smallest {
            self.add(*hash);
        }
        for role in &other.roles {
            self.role(&role.name, role.passed, role.refused);
        }
    }

    /// A number for one actor, to count by hand.
    #[cfg(test)]
    fn see_number(&mut self, number: u64) {
        self.see(
            Who { actor: stilt_model::ActorId(number), authenticated: false, roles: &[] },
            None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::ActorId;

    #[test]
    fn few_actors_are_counted_and_many_are_estimated() {
        let mut actors = Actors::default();
        for _ in 0..3 {
            for number in 0..100 {
                actors.see_number(number * 7);
            }
        }
        assert_eq!(actors.count(), 100);
        let mut others = Actors::default();
        for number in 0..20_000 {
            others.see_number(number);
        }
        actors.absorb(&others);
        let count = actors.count();
        assert!((15_000..25_000).contains(&count), "{count}");
    }

    #[test]
    fn roles_are_counted_by_what_came_of_them_and_bounded() {
        let mut actors = Actors::default();
        let roles = ["admin".to_owned()];
        let who = Who { actor: ActorId(1), authenticated: true, roles: &roles };
        actors.see(who, Some(200));
        actors.see(who, Some(403));
        assert_eq!((actors.roles[0].passed, actors.roles[0].refused), (1, 1));
        for n in 0..100 {
            let roles = [format!("role{n}")];
            actors.see(Who { actor: ActorId(1), authenticated: true, roles: &roles }, Some(200));
        }
        assert_eq!(actors.roles.len(), ROLES_MAX);
    }
}
