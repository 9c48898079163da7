//! What the policies decide of each transaction, remembered while nothing they read changes.

use crate::cases::{Case, Function, principal};
use crate::known::{Callers, PATH_UNLEARNED};
use crate::policies::{Named, Policies};
use crate::tally::Tally;
use crate::templates::Templates;
use cedar_policy::{ActionConstraint, Authorizer, Effect, EntityUid, PrincipalConstraint};
use core::hash::{BuildHasher, Hash, Hasher};
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::Arc;
use stilt_inventory::{EndpointKind, Sighting};
use stilt_model::{EndpointId, Transaction};
use stilt_session::objects::Objects;
use stilt_session::{Seen, is_of_flag};

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
    /// No policy permits it as far as is known of who asks, which is too little to say so.
    Undecided,
}

/// A decision and its reasons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What it is.
    pub verdict: Verdict,
    /// Policies that made it.
    pub policies: Vec<String>,
    /// What would have been needed, in words; what was not known, where it is undecided.
    pub needed: Vec<String>,
    /// Another name or another role might be permitted it.
    pub(crate) rests_on: RestsOn,
}

/// On what of who asks a decision rests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RestsOn {
    /// Another name might be permitted it.
    pub(crate) name: bool,
    /// Another role might.
    pub(crate) role: bool,
    /// One that no flag of an account tells (`is_admin`): who has none of the flags may have it.
    pub(crate) unflagged: bool,
}

impl Decision {
    /// The transaction is against the policies.
    #[must_use]
    pub fn is_violation(&self) -> bool {
        matches!(self.verdict, Verdict::NotPermitted | Verdict::Forbidden)
    }
}

/// The policies at work.
pub struct Gate {
    policies: Policies,
    templates: Templates,
    callers: Callers,
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
        let templates = Templates::of(policies.functions());
        Self {
            policies,
            templates,
            callers: Callers::default(),
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

    /// Decides about a transaction; `None` where no policy speaks of its function, and where it
    /// signs in, up or out or renews a session: before that nobody has a role.
    pub fn decide(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        seen: &Seen,
        objects: &Objects,
    ) -> Option<Arc<Decision>> {
        tx.request.as_ref().filter(|_| !is_of_sessions(sighting, seen))?;
        self.callers.see(sighting, seen);
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
        let decision = self.weigh(&function, sighting, seen, decision);
        self.tally.add(tx, sighting, seen, &decision);
        Some(decision)
    }

    /// Takes back that something is not permitted where too little is known to say so.
    fn weigh(
        &self,
        function: &Function,
        sighting: &Sighting,
        seen: &Seen,
        decision: Arc<Decision>,
    ) -> Arc<Decision> {
        if !decision.is_violation() {
            return decision;
        }
        let unlearned = function.unsure.then_some(PATH_UNLEARNED);
        let lacks = unlearned.or_else(|| self.callers.lacks(sighting, seen, decision.rests_on));
        let Some(lacks) = lacks else { return decision };
        Arc::new(Decision {
            verdict: Verdict::Undecided,
            policies: Vec::new(),
            needed: vec![lacks.to_owned()],
            rests_on: decision.rests_on,
        })
    }

    /// The function, where it is governed.
    fn function(&mut self, sighting: &Sighting) -> Option<Arc<Function>> {
        if let Some(known) = self.functions.get(&sighting.endpoint)
            && known.as_ref().is_none_or(|function| function.name == sighting.name)
        {
            return known.clone();
        }
        let function = Function::of(sighting, &self.templates)
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
        // Of who asks only what policies name, so that one decision is that of all who are alike.
        let needs = &self.policies.needs;
        let (kind, name) = principal(case.seen);
        (kind, needs.tells(name).then_some(name)).hash(&mut hasher);
        for role in case.seen.best_roles().iter().filter(|role| needs.tells(role)) {
            role.hash(&mut hasher);
        }
        case.seen.tenant.as_deref().filter(|tenant| needs.tells(tenant)).hash(&mut hasher);
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
                rests_on: RestsOn::default(),
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
            Verdict::Permitted | Verdict::Undecided => Vec::new(),
            Verdict::Forbidden => {
                policies.iter().map(|name| format!("not to fall under `{name}`")).collect()
            }
            Verdict::NotPermitted => self.needed(function, case),
        };
        let rests_on = match verdict {
            Verdict::Permitted | Verdict::Undecided => RestsOn::default(),
            Verdict::Forbidden => {
                let named = response.diagnostics().reason();
                about_callers(named.filter_map(|id| self.policies.named.get(id)))
            }
            Verdict::NotPermitted => about_callers(self.permits(function)),
        };
        Decision { verdict, policies, needed, rests_on }
    }

    /// Policies that permit the function to somebody.
    fn permits<'a>(&'a self, function: &'a Function) -> impl Iterator<Item = &'a Named> {
        self.policies.named.values().filter(|named| {
            let of = |uid: &EntityUid| *uid == function.uid || function.groups.contains(uid);
            named.policy.effect() == Effect::Permit
                && match named.policy.action_constraint() {
                    ActionConstraint::Any => true,
                    ActionConstraint::In(list) => list.iter().any(of),
                    ActionConstraint::Eq(one) => of(&one),
                }
        })
    }

    /// What the policies that permit the function ask for.
    fn needed(&self, function: &Function, case: &Case<'_>) -> Vec<String> {
        let (kind, name) = principal(case.seen);
        let needed = self.permits(function).map(|named| {
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

/// The request is about the session itself: it begins, renews or ends one, or proves who one is.
pub(crate) fn is_of_sessions(sighting: &Sighting, seen: &Seen) -> bool {
    let nobody = seen.principal.is_none();
    sighting.login.is_some()
        || match sighting.kind {
            EndpointKind::Login | EndpointKind::Refresh | EndpointKind::Logout => true,
            // Who is signed in makes an account for somebody else.
            EndpointKind::Signup => nobody,
            EndpointKind::Other => nobody && sighting.step.is_some(),
        }
}

/// Whether one with another name, and one with another role, might be treated otherwise.
fn about_callers<'a>(policies: impl Iterator<Item = &'a Named>) -> RestsOn {
    let mut rests = RestsOn::default();
    for named in policies {
        let scope = named.policy.principal_constraint();
        let reads = named.reads_principal;
        rests.name |= reads || !matches!(scope, PrincipalConstraint::Any);
        rests.role |= reads;
        rests.unflagged |= reads;
        if let PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) = scope {
            rests.role = true;
            rests.unflagged |= !is_of_flag(uid.id().unescaped());
        }
    }
    rests
}
