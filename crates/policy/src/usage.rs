//! Who used which function how: what policies are suggested from, and what they are checked by.

use crate::cases::{Scalar, amount, leaves, principal};
use crate::functions;
use crate::gate::is_of_sessions;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stilt_inventory::{Inventory, Sighting, is_own};
use stilt_model::{ActorId, ActorKind, EndpointId, Finding, Outcome, Transaction};
use stilt_session::Seen;
use stilt_session::objects::Objects;

/// Functions kept.
const FUNCTIONS_MAX: usize = 20_000;
/// Uses kept, of one actor and function each.
const USES_MAX: usize = 500_000;
/// Names of leaves kept.
const LEAVES_MAX: usize = 4096;
/// Leaves of one request that are noted.
const EACH_MAX: usize = 32;

/// One function of an application.
#[derive(Clone, Debug, Default)]
pub(crate) struct Function {
    name: String,
    pub(crate) groups: BTreeSet<&'static str>,
    pub(crate) services: BTreeSet<String>,
    /// It is about whoever asks (`/me`).
    pub(crate) own: bool,
}

impl Function {
    fn join(&mut self, other: &Self) {
        self.groups.extend(&other.groups);
        self.services.extend(other.services.iter().cloned());
    }
}

/// What one actor did with one function, in the same roles.
#[derive(Clone, Debug, Default)]
pub(crate) struct Use {
    pub(crate) allowed: u64,
    pub(crate) amount_max: Option<i64>,
    pub(crate) amounts: u64,
    pub(crate) foreign: u64,
    pub(crate) own: u64,
}

impl Use {
    fn join(&mut self, other: &Self) {
        self.allowed = self.allowed.saturating_add(other.allowed);
        self.amount_max = self.amount_max.max(other.amount_max);
        self.amounts = self.amounts.saturating_add(other.amounts);
        self.foreign = self.foreign.saturating_add(other.foreign);
        self.own = self.own.saturating_add(other.own);
    }
}

/// An actor as policies name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) kind: &'static str,
    /// It shows a credential: a key whose owner is not known, where it has no name.
    pub(crate) vouched: bool,
    pub(crate) name: String,
    /// Roles that it was last known to have.
    pub(crate) roles: Arc<Vec<String>>,
}

/// The sort of values that leaves of one name have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sort {
    Long,
    Bool,
    Text,
    /// Of several sorts: no condition can be checked on it.
    Mixed,
}

/// The use of applications, as far as it was seen.
#[derive(Clone, Debug, Default)]
pub struct Usage {
    pub(crate) functions: BTreeMap<String, Function>,
    pub(crate) people: BTreeMap<ActorId, Person>,
    /// By function and actor, and the roles that it had then: none where they were not told yet.
    pub(crate) uses: BTreeMap<(String, ActorId, Arc<Vec<String>>), Use>,
    pub(crate) leaves: BTreeMap<String, Sort>,
    suspects: BTreeSet<ActorId>,
    /// The same by endpoint, until all names are known.
    seen: BTreeMap<EndpointId, Function>,
    used: BTreeMap<(EndpointId, ActorId, Arc<Vec<String>>), Use>,
}

impl Usage {
    /// Takes in a transaction.
    pub fn add(&mut self, tx: &Transaction, sighting: &Sighting, seen: &Seen, objects: &Objects) {
        if tx.request.is_none() {
            return;
        }
        let known = self.seen.contains_key(&sighting.endpoint);
        if self.seen.len() < FUNCTIONS_MAX || known {
            let function = self.seen.entry(sighting.endpoint).or_default();
            function.name = sighting.name.to_string();
            function.groups.extend(functions::groups(&sighting.name, sighting.changes_state));
            function.services.insert(sighting.service.to_string());
        }
        self.note_leaves(tx);
        if is_of_sessions(sighting, seen) {
            return;
        }
        let actor = seen.principal.unwrap_or(seen.actor.id);
        let key = (sighting.endpoint, actor, Arc::clone(seen.best_roles()));
        if self.used.len() >= USES_MAX && !self.used.contains_key(&key) {
            return;
        }
        let (kind, called) = principal(seen);
        let person = self.people.entry(actor).or_default();
        if person.name.is_empty() || person.roles != *seen.best_roles() {
            let roles = if seen.best_roles().is_empty() {
                core::mem::take(&mut person.roles)
            } else {
                Arc::clone(seen.best_roles())
            };
            let vouched = seen.actor.kind != ActorKind::Client;
            *person = Person { kind, vouched, name: called.to_owned(), roles };
        }
        if sighting.outcome != Outcome::Success {
            return;
        }
        let usage = self.used.entry(key).or_default();
        usage.allowed = usage.allowed.saturating_add(1);
        if let Some(amount) = amount(tx) {
            usage.amounts = usage.amounts.saturating_add(1);
            usage.amount_max = usage.amount_max.max(Some(amount));
        }
        let mut asked = sighting.objects.iter().filter(|object| object.in_path).take(4).peekable();
        if asked.peek().is_some() {
            let foreign =
                asked.any(|object| objects.judge(tx, sighting, seen, object).is_foreign());
            let count = if foreign { &mut usage.foreign } else { &mut usage.own };
            *count = count.saturating_add(1);
        }
    }

    /// Takes the names that functions have by now: words turned out to be values, and what was used
    /// under several names was one.
    pub fn settle(&mut self, inventory: &Inventory) {
        let name = |id: &EndpointId, seen: Option<&Function>| {
            let now = inventory.endpoint(*id).map(|endpoint| endpoint.name.to_string());
            now.or_else(|| seen.map(|function| function.name.clone())).unwrap_or_default()
        };
        (self.functions, self.uses) = (BTreeMap::new(), BTreeMap::new());
        for (id, function) in &self.seen {
            let known = self.functions.entry(name(id, Some(function))).or_default();
            known.join(function);
            known.own |= inventory.known_endpoint(*id).is_some_and(is_own);
        }
        for ((id, actor, roles), used) in &self.used {
            let key = (name(id, self.seen.get(id)), *actor, Arc::clone(roles));
            self.uses.entry(key).or_default().join(used);
        }
    }

    fn note_leaves(&mut self, tx: &Transaction) {
        for (name, value) in leaves(tx, |_| true).into_iter().take(EACH_MAX) {
            let sort = match value {
                Scalar::Long(_) => Sort::Long,
                Scalar::Bool(_) => Sort::Bool,
                Scalar::Text(_) => Sort::Text,
            };
            let room = self.leaves.len() < LEAVES_MAX;
            match self.leaves.get_mut(&name) {
                Some(known) if *known != sort => *known = Sort::Mixed,
                Some(_) => {}
                None if room => {
                    self.leaves.insert(name, sort);
                }
                None => {}
            }
        }
    }

    /// Who is behind a finding does not teach.
    pub fn suspect(&mut self, finding: &Finding, seen: Option<&Seen>) {
        if finding.posture {
            return;
        }
        self.suspects.insert(finding.actor.id);
        if let Some(seen) = seen {
            self.suspects.extend(seen.principal);
        }
    }

    /// Uses by those who are not suspect, each with the roles of then, or those told later.
    pub(crate) fn taught(&self) -> impl Iterator<Item = (&str, ActorId, &[String], &Use)> {
        self.uses
            .iter()
            .filter(|((_, actor, _), usage)| !self.suspects.contains(actor) && usage.allowed > 0)
            .map(|((name, actor, roles), usage)| {
                let later = self.people.get(actor).map_or(&[][..], |person| &person.roles);
                let roles = if roles.is_empty() { later } else { roles.as_slice() };
                (name.as_str(), *actor, roles, usage)
            })
    }

    /// Everything that one actor did with a function.
    pub(crate) fn of(&self, name: &str, actor: ActorId) -> Option<Use> {
        let all = self.uses.iter().filter(|((own, by, _), _)| own == name && *by == actor);
        all.map(|(_, used)| used.clone()).reduce(|mut one, other| {
            one.join(&other);
            one
        })
    }
}
