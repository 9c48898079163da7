//! Who used which function how: what policies are suggested from, and what they are checked by.

use crate::cases::{Scalar, amount, leaves, principal};
use crate::functions;
use std::collections::{BTreeMap, BTreeSet};
use stilt_inventory::Sighting;
use stilt_model::{ActorId, ActorKind, Finding, Outcome, Transaction};
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
    pub(crate) groups: BTreeSet<&'static str>,
    pub(crate) services: BTreeSet<String>,
}

/// What one actor did with one function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Use {
    pub(crate) allowed: u64,
    pub(crate) amount_max: Option<i64>,
    pub(crate) amounts: u64,
    pub(crate) foreign: u64,
    pub(crate) own: u64,
}

/// An actor as policies name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) kind: &'static str,
    /// It shows a credential: a key whose owner is not known, where it has no name.
    pub(crate) vouched: bool,
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
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
    pub(crate) uses: BTreeMap<(String, ActorId), Use>,
    pub(crate) leaves: BTreeMap<String, Sort>,
    suspects: BTreeSet<ActorId>,
}

impl Usage {
    /// Takes in a transaction.
    pub fn add(&mut self, tx: &Transaction, sighting: &Sighting, seen: &Seen, objects: &Objects) {
        if tx.request.is_none() {
            return;
        }
        let name = sighting.name.to_string();
        if self.functions.len() < FUNCTIONS_MAX || self.functions.contains_key(&name) {
            let function = self.functions.entry(name.clone()).or_default();
            function.groups.extend(functions::groups(&sighting.name, sighting.changes_state));
            function.services.insert(sighting.service.to_string());
        }
        self.note_leaves(tx);
        if sighting.login.is_some() {
            return;
        }
        let actor = seen.principal.unwrap_or(seen.actor.id);
        let key = (name, actor);
        if self.uses.len() >= USES_MAX && !self.uses.contains_key(&key) {
            return;
        }
        let (kind, called) = principal(seen);
        let person = self.people.entry(actor).or_default();
        if person.name.is_empty() || person.roles != **seen.best_roles() {
            let roles = if seen.best_roles().is_empty() {
                core::mem::take(&mut person.roles)
            } else {
                seen.best_roles().to_vec()
            };
            let vouched = seen.actor.kind != ActorKind::Client;
            *person = Person { kind, vouched, name: called.to_owned(), roles };
        }
        if sighting.outcome != Outcome::Success {
            return;
        }
        let usage = self.uses.entry(key).or_default();
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

    /// Uses by those who are not suspect.
    pub(crate) fn taught(&self) -> impl Iterator<Item = (&str, ActorId, &Use)> {
        self.uses
            .iter()
            .filter(|((_, actor), usage)| !self.suspects.contains(actor) && usage.allowed > 0)
            .map(|((name, actor), usage)| (name.as_str(), *actor, usage))
    }
}
