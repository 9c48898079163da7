//! Whether enough is known of who asks to say that a policy does not permit it: who signed in
//! before anybody watched has no name yet, and a role is told when the application tells it.

use crate::gate::RestsOn;
use core::hash::BuildHasher;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::Arc;
use stilt_inventory::Sighting;
use stilt_model::{ActorId, ActorKind};
use stilt_session::{ORDINARY, Seen};

/// Requests by which the role of a user who has one has been told.
const REQUESTS: u32 = 30;
/// Users who made so many and still have none: there, users without a role are usual.
const ROLELESS: u32 = 3;
/// Users, and services, that are remembered.
const CALLERS_MAX: usize = 100_000;
const SERVICES_MAX: usize = 4096;

/// Why a transaction can't be decided.
pub(crate) const NAMELESS: &str = "sessions whose sign-in was not seen";
pub(crate) const ROLE_UNTOLD: &str = "users whose roles were not told yet";
pub(crate) const PATH_UNLEARNED: &str =
    "paths that may be one of a policy's or a function of their own";

/// What was seen of one user.
#[derive(Clone, Copy, Debug, Default)]
struct Caller {
    requests: u32,
    has_role: bool,
}

/// Users by whether their roles are known.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    callers: HashMap<u64, Caller, RandomState>,
    roleless: HashMap<Arc<str>, u32, RandomState>,
    hasher: RandomState,
}

impl Callers {
    /// Notes a transaction of somebody with a name.
    pub(crate) fn see(&mut self, sighting: &Sighting, seen: &Seen) {
        let Some(user) = seen.principal else { return };
        let key = self.key(&sighting.service, user);
        if self.callers.len() >= CALLERS_MAX && !self.callers.contains_key(&key) {
            self.callers.clear();
        }
        let caller = self.callers.entry(key).or_default();
        let was = caller.requests >= REQUESTS && !caller.has_role;
        caller.requests = caller.requests.saturating_add(1);
        caller.has_role |= seen.best_roles().iter().any(|role| role != ORDINARY);
        let is = caller.requests >= REQUESTS && !caller.has_role;
        if was != is {
            if self.roleless.len() >= SERVICES_MAX {
                self.roleless.clear();
            }
            let all = self.roleless.entry(Arc::clone(&sighting.service)).or_default();
            *all = if is { all.saturating_add(1) } else { all.saturating_sub(1) };
        }
    }

    fn key(&self, service: &str, user: ActorId) -> u64 {
        self.hasher.hash_one((service, user))
    }

    /// Why nobody can say that what a decision rests on is lacking: on a name, or a role.
    pub(crate) fn lacks(
        &self,
        sighting: &Sighting,
        seen: &Seen,
        rests: RestsOn,
    ) -> Option<&'static str> {
        match seen.principal {
            // A key has no sign-in: it is its own name.
            None => {
                let session = seen.actor.kind == ActorKind::Session;
                let signed_in = session && !seen.actor.name.starts_with("key:");
                (rests.name && signed_in).then_some(NAMELESS)
            }
            Some(user) if rests.role && is_untold(seen, rests) => {
                let usual =
                    self.roleless.get(&sighting.service).is_some_and(|all| *all >= ROLELESS);
                let caller = self.callers.get(&self.key(&sighting.service, user));
                let established = caller.is_some_and(|caller| caller.requests >= REQUESTS);
                (!usual && !established).then_some(ROLE_UNTOLD)
            }
            Some(_) => None,
        }
    }
}

/// No role was told, or no more than that some flag is not set.
fn is_untold(seen: &Seen, rests: RestsOn) -> bool {
    let roles = seen.best_roles();
    roles.is_empty() || rests.unflagged && roles.iter().all(|role| role == ORDINARY)
}
