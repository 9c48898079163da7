//! Which roles use, and are refused, which functions: learned per service.

use super::absence::{OCCASION, Uses};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use stilt_model::{ActorId, EndpointId, Timestamp, saved};

/// Callers of one role at one function that are told apart.
const ACTORS_MAX: usize = 1024;
/// Callers of one role.
const ROLE_ACTORS_MAX: usize = 100_000;
/// Callers of one function that were told of.
const BREACHES_MAX: usize = 64;
/// Programs that call one function.
const PROGRAMS_MAX: usize = 16;
/// Roles of one service, and of one function.
const ROLES_MAX: usize = 64;

/// A role as it is compared: the set of its names.
pub(super) type RoleKey = u64;

/// What one role does with one function.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Cell {
    #[serde(serialize_with = "saved::sorted")]
    pub(super) allowed: HashSet<ActorId, RandomState>,
    #[serde(serialize_with = "saved::sorted")]
    pub(super) refused: HashSet<ActorId, RandomState>,
    pub(super) calls: u64,
    /// Uses that were let happen.
    #[serde(default)]
    pub(super) uses: Uses,
}

impl Cell {
    /// Callers let in, but for one.
    pub(super) fn allowed_but(&self, actor: ActorId) -> u64 {
        (self.allowed.len() as u64).saturating_sub(u64::from(self.allowed.contains(&actor)))
    }

    /// It may have more callers than are told apart.
    pub(super) fn is_full(&self) -> bool {
        self.allowed.len() >= ACTORS_MAX
    }

    /// Callers refused and never let in, but for one.
    pub(super) fn refused_but(&self, actor: ActorId) -> u64 {
        self.refused.iter().filter(|one| **one != actor && !self.allowed.contains(*one)).count()
            as u64
    }
}

/// One function.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Function {
    pub(super) cells: BTreeMap<RoleKey, Cell>,
    /// Callers that were told of, by role.
    breaches: BTreeSet<(RoleKey, ActorId)>,
    /// The service that it belongs to.
    #[serde(default)]
    pub(super) service: u64,
    /// Programs by which it was called with success.
    #[serde(default)]
    programs: BTreeSet<ActorId>,
}

impl Function {
    /// Somebody was let use it.
    pub(super) fn is_used(&self) -> bool {
        self.cells.values().any(|cell| !cell.allowed.is_empty())
    }

    /// The call comes by a program that calls it, and not the other function: who takes up another
    /// program does other things by it.
    pub(super) fn is_of_other_program(&self, other: &Self, call: &Call) -> bool {
        self.programs.contains(&call.program) && !other.programs.contains(&call.program)
    }

    /// Others of the caller's role that were told of.
    pub(super) fn breaches_but(&self, call: &Call) -> u64 {
        let others =
            |(role, actor): &&(RoleKey, ActorId)| *role == call.role && *actor != call.actor;
        self.breaches.iter().filter(others).count() as u64
    }
}

/// How many calls a caller has made, and since when.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Busy {
    pub(super) calls: u32,
    pub(super) since: Timestamp,
    /// When the occasion began that it was seen on last.
    #[serde(default)]
    last: Timestamp,
}

/// One role of a service.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Role {
    pub(super) names: Arc<Vec<String>>,
    #[serde(serialize_with = "saved::sorted")]
    pub(super) actors: HashSet<ActorId, RandomState>,
    pub(super) calls: u64,
    /// Occasions on which its callers were there, each for itself.
    #[serde(default)]
    pub(super) occasions: u64,
    /// Calls of each.
    #[serde(default)]
    pub(super) busy: HashMap<ActorId, Busy, RandomState>,
    /// Callers that each method was let happen for, per path.
    methods: BTreeMap<(u64, bool), BTreeSet<ActorId>>,
}

impl Role {
    /// Callers of the role that a path was let happen for: by reading, or by changing it.
    pub(super) fn at_path(&self, path: u64, changes: bool, but: ActorId) -> u64 {
        let set = self.methods.get(&(path, changes));
        set.map_or(0, |set| set.iter().filter(|actor| **actor != but).count() as u64)
    }
}

/// Paths of one role that are remembered.
const PATHS_MAX: usize = 4096;
/// Callers of a path that are told apart.
const PATH_ACTORS_MAX: usize = 32;

/// Roles and functions of all services.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Matrix {
    pub(super) functions: HashMap<EndpointId, Function, RandomState>,
    pub(super) roles: HashMap<(Arc<str>, RoleKey), Role, RandomState>,
}

/// One call, as the matrix files it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) at: Timestamp,
    pub(super) endpoint: EndpointId,
    pub(super) service: u64,
    pub(super) path: u64,
    pub(super) changes: bool,
    pub(super) role: RoleKey,
    pub(super) actor: ActorId,
    /// The program that sent it: clients that look alike.
    pub(super) program: ActorId,
    pub(super) allowed: bool,
}

impl Matrix {
    /// The names of a role.
    pub(super) fn names(&self, key: RoleKey) -> Option<&Arc<Vec<String>>> {
        self.roles.iter().find(|((_, role), _)| *role == key).map(|(_, role)| &role.names)
    }

    /// At least a quarter of all whose role is known at the service have the role.
    pub(super) fn is_common(&self, service: &str, name: &str) -> bool {
        let known =
            self.roles.iter().filter(|((of, _), role)| &**of == service && !role.names.is_empty());
        let (mut all, mut with) = (0_usize, 0_usize);
        for (_, role) in known {
            all = all.saturating_add(role.actors.len());
            if role.names.iter().any(|own| own == name) {
                with = with.saturating_add(role.actors.len());
            }
        }
        with > 0 && with.saturating_mul(4) >= all
    }

    /// Notes who was told of for a use.
    pub(super) fn breached(&mut self, call: &Call) {
        let Some(function) = self.functions.get_mut(&call.endpoint) else { return };
        if function.breaches.len() < BREACHES_MAX {
            function.breaches.insert((call.role, call.actor));
        }
    }

    pub(super) fn note(
        &mut self,
        service: &Arc<str>,
        names: &Arc<Vec<String>>,
        call: &Call,
        functions_max: usize,
    ) {
        let key = (Arc::clone(service), call.role);
        if self.roles.len() >= ROLES_MAX * 16 && !self.roles.contains_key(&key) {
            return;
        }
        let role = self.roles.entry(key).or_default();
        if role.actors.is_empty() {
            role.names = Arc::clone(names);
        }
        if role.actors.len() < ROLE_ACTORS_MAX {
            role.actors.insert(call.actor);
        }
        role.calls = role.calls.saturating_add(1);
        if role.busy.len() < ROLE_ACTORS_MAX || role.busy.contains_key(&call.actor) {
            let first = Busy { calls: 0, since: call.at, last: call.at };
            let busy = role.busy.entry(call.actor).or_insert(first);
            if busy.calls == 0 || call.at.since(busy.last) >= OCCASION {
                busy.last = call.at;
                role.occasions = role.occasions.saturating_add(1);
            }
            busy.calls = busy.calls.saturating_add(1);
        }
        if call.allowed {
            let at = (call.path, call.changes);
            if role.methods.len() < PATHS_MAX || role.methods.contains_key(&at) {
                let actors = role.methods.entry(at).or_default();
                if actors.len() < PATH_ACTORS_MAX {
                    actors.insert(call.actor);
                }
            }
        }
        let room = self.functions.len() < functions_max;
        if !room && !self.functions.contains_key(&call.endpoint) {
            return;
        }
        let function = self.functions.entry(call.endpoint).or_default();
        function.service = call.service;
        if call.allowed && function.programs.len() < PROGRAMS_MAX {
            function.programs.insert(call.program);
        }
        if function.cells.len() >= ROLES_MAX && !function.cells.contains_key(&call.role) {
            return;
        }
        let cell = function.cells.entry(call.role).or_default();
        cell.calls = cell.calls.saturating_add(1);
        if call.allowed {
            cell.uses.note(call.at, call.actor);
        }
        let set = if call.allowed { &mut cell.allowed } else { &mut cell.refused };
        if set.len() < ACTORS_MAX {
            set.insert(call.actor);
        }
    }
}
