//! What the policies decide of each transaction, remembered while nothing they read changes.

use crate::cases::{Case, Function, principal};
use crate::policies::{Named, Policies};
use crate::tally::Tally;
use cedar_policy::{ActionConstraint, Authorizer, Effect, EntityUid, PrincipalConstraint};
use core::hash::{BuildHasher, Hash, Hasher};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::Arc;
use stilt_inventory::Sighting;
use stilt_model::{EndpointId, Transaction};
use stilt_session::Seen;
use stilt_session::objects::Objects;

/// Decisions remembered; past it all are worked out anew.
const DECISIONS_MAX: usize = 100_000;
const FUNCTIONS_MAX: usize = 50_000;
/// Policies named in one decision.
const NAMED_MAX: usize = 4;

/// What policies say of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// A policy permits it and none forbids it.
    Permitted,
    /// No policy permits it.
    NotPermitted,
    /// A policy forbids it.
    Forbidden,
}

/// A decision and its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What it is.
    pub verdict: Verdict,
    /// Policies that made it.
    pub policies: Vec<String>,
    /// What would have been needed, in words.
    pub needed: Vec<String>,
}

impl Decision {
    /// The transaction is against the policies.
    #[must_use]
    pub fn is_violation(&self) -> bool {
        self.verdict != Verdict::Permitted
    }
}

/// The policies at work.
pub struct Gate {
    policies: Policies,
    authorizer: Authorizer,
    functions: HashMap<EndpointId, Option<Arc<Function>>, RandomState>,
    decisions: HashMap<u64, Arc<Decision>, RandomState>,
    hasher: RandomState,
    tally: Tally,
}

impl Gate {
    /// Policies that nothing was decided by yet.
    #[must_use]
    pub fn new(policies: Policies) -> Self {
        Self {
            policies,
            authorizer: Authorizer::new(),
            functions: HashMap::default(),
            decisions: HashMap::default(),
            hasher: RandomState::default(),
            tally: Tally::default(),
        }
    }

    /// What was decided so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Decides about a transaction; `None` where no policy speaks of its function, and at sign-in:
    /// before it nobody has a role.
    pub fn decide(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        seen: &Seen,
        objects: &Objects,
    ) -> Option<Arc<Decision>> {
        tx.request.as_ref().filter(|_| sighting.login.is_none())?;
        for merged in &sighting.merged {
            self.functions.remove(merged);
        }
        let Some(function) = self.function(sighting) else {
            self.tally.ungoverned(sighting);
            return None;
        };
        let case = Case::of(&self.policies.needs, tx, sighting, seen, objects);
        let key = self.key(sighting, &case);
        let decision = match self.decisions.get(&key) {
            Some(decision) => Arc::clone(decision),
            None => {
                let decision = Arc::new(self.work_out(&function, &case));
                if self.decisions.len() >= DECISIONS_MAX {
                    self.decisions.clear();
                }
                self.decisions.insert(key, Arc::clone(&decision));
                self.tally.evaluated = self.tally.evaluated.saturating_add(1);
                decision
            }
        };
        self.tally.add(tx, sighting, seen, &decision);
        Some(decision)
    }

    /// The function, where it is governed.
    fn function(&mut self, sighting: &Sighting) -> Option<Arc<Function>> {
        if let Some(known) = self.functions.get(&sighting.endpoint)
            && known.as_ref().is_none_or(|function| function.name == sighting.name)
        {
            return known.clone();
        }
        let function = Function::of(sighting)
            .filter(|function| function.is_governed(&self.policies.needs))
            .map(Arc::new);
        if self.functions.len() >= FUNCTIONS_MAX {
            self.functions.clear();
        }
        self.functions.insert(sighting.endpoint, function.clone());
        function
    }

    /// Everything that a decision may rest on.
    fn key(&self, sighting: &Sighting, case: &Case<'_>) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        principal(case.seen).hash(&mut hasher);
        case.seen.best_roles().hash(&mut hasher);
        case.seen.tenant.hash(&mut hasher);
        sighting.endpoint.hash(&mut hasher);
        sighting.name.hash(&mut hasher);
        case.context.hash(&mut hasher);
        case.leaves.hash(&mut hasher);
        case.object.hash(&mut hasher);
        case.foreign.hash(&mut hasher);
        hasher.finish()
    }

    fn work_out(&mut self, function: &Function, case: &Case<'_>) -> Decision {
        let Some((request, entities)) = case.request(function) else {
            self.tally.failed("a name that Cedar does not take");
            return Decision {
                verdict: Verdict::NotPermitted,
                policies: Vec::new(),
                needed: vec!["names that Cedar takes".to_owned()],
            };
        };
        let response = self.authorizer.is_authorized(&request, &self.policies.set, &entities);
        for error in response.diagnostics().errors() {
            self.tally.failed(&error.to_string());
        }
        let mut policies: Vec<String> = response
            .diagnostics()
            .reason()
            .filter_map(|id| self.policies.named.get(id))
            .map(|named| named.name.clone())
            .collect();
        policies.sort();
        policies.truncate(NAMED_MAX);
        let verdict = match (response.decision(), policies.is_empty()) {
            (cedar_policy::Decision::Allow, _) => Verdict::Permitted,
            (cedar_policy::Decision::Deny, true) => Verdict::NotPermitted,
            (cedar_policy::Decision::Deny, false) => Verdict::Forbidden,
        };
        let needed = match verdict {
            Verdict::Permitted => Vec::new(),
            Verdict::Forbidden => {
                policies.iter().map(|name| format!("not to fall under `{name}`")).collect()
            }
            Verdict::NotPermitted => self.needed(function, case),
        };
        Decision { verdict, policies, needed }
    }

    /// What the policies that permit the function ask for.
    fn needed(&self, function: &Function, case: &Case<'_>) -> Vec<String> {
        let covers = |named: &&Named| {
            let of = |uid: &EntityUid| *uid == function.uid || function.groups.contains(uid);
            named.policy.effect() == Effect::Permit
                && match named.policy.action_constraint() {
                    ActionConstraint::Any => true,
                    ActionConstraint::In(list) => list.iter().any(of),
                    ActionConstraint::Eq(one) => of(&one),
                }
        };
        let (kind, name) = principal(case.seen);
        let needed = self.policies.named.values().filter(covers).map(|named| {
            let who = match named.policy.principal_constraint() {
                PrincipalConstraint::Any => None,
                PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => {
                    let has =
                        case.seen.best_roles().iter().any(|role| uid.id().unescaped() == role)
                            || case.seen.tenant.as_deref() == Some(uid.id().unescaped());
                    (!has).then(|| uid.to_string())
                }
                PrincipalConstraint::Eq(uid) => {
                    (uid.id().unescaped() != name).then(|| uid.to_string())
                }
                PrincipalConstraint::Is(kinds) => {
                    (kinds.to_string() != kind).then(|| format!("a {kinds}"))
                }
            };
            match who {
                Some(who) => format!("{who} (`{}`)", named.name),
                None if named.policy.has_non_scope_constraint() => {
                    format!("the condition of `{}`", named.name)
                }
                None => format!("the resource of `{}`", named.name),
            }
        });
        let mut needed: Vec<String> = needed.take(NAMED_MAX).collect();
        if needed.is_empty() {
            needed.push("a policy that permits it; none does".to_owned());
        }
        needed
    }
}
