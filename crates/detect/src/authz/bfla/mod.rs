//! Broken function level authorization (OWASP API5:2023, CWE-285).
//!
//! Which role uses which function is learned from traffic. Two things tell: somebody of a role
//! that never uses a function is let use one that belongs to roles above it; and somebody is
//! refused at several such functions within an hour, with a credential that works elsewhere.

mod absence;
#[cfg(test)]
mod cluster_tests;
mod kinds;
#[cfg(test)]
mod kinds_tests;
mod matrix;
mod refusals;
mod selfmade;
mod shift;
#[cfg(test)]
mod tests;

use super::assigned::Assignments;
use super::rights;
use crate::context::{Context, Observation};
use crate::keep::Keep;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec, Tuning};
use crate::stats::rate_upper;
use crate::tale::{Tale, counted};
use crate::tell::signal;
use core::hash::BuildHasher;
use kinds::Kind;
use matrix::{Call, Cell, Function, Matrix, Role};
use refusals::{Caller, Worth};
use selfmade::Selfmade;
use serde::{Deserialize, Serialize};
use shift::Shift;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stilt_inventory::EndpointKind;
use stilt_model::{ActorId, EndpointId, Finding, Outcome, Rule, Severity, saved::Keyed};
use stilt_session::Seen;
use stilt_session::objects::Ownership;

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "authz.bfla",
        title: "A function was used, or tried, that the caller's role has no right to",
        owasp: &["API5:2023"],
        attack: &["T1548", "T1068"],
        references: &["CWE-285"],
    },
    severity: Severity::High,
    looks_for: "A caller of a role whose members never use a function is let use one that roles \
                above it use, or changes somebody else's thing where its peers only read; or a \
                caller is refused at three functions or things that its peers never use, within \
                an hour.",
    needs: "Callers known by name, their roles (claims, or answers such as role and is_admin) for \
            what was let happen, and at least five callers of the same role.",
    look_alikes: "Somebody who was given a role by somebody else; pages that ask for something \
                  that is refused to everybody; a credential that has expired and is refused \
                  everywhere; a new function that its first users find.",
    tuning: &[
        Tuning { key: "peers_min", meaning: "other callers of the role" },
        Tuning { key: "calls_min", meaning: "calls of the role" },
        Tuning { key: "refused_min", meaning: "functions or things refused within an hour" },
        Tuning { key: "functions_max", meaning: "functions remembered" },
    ],
    build: |settings| Ok(Box::new(Bfla::new(settings)?)),
};

/// Refusals and stories of callers kept; past it the oldest are forgotten.
const CALLERS_MAX: usize = 20_000;
/// Names that were given a role.
const PROMOTED_MAX: usize = 20_000;
/// Callers of a role, and calls, from which on a role of few stands above it.
const MANY: usize = 20;
const MANY_CALLS: u64 = 200;
/// By its bound, a function is so many times rarer among peers than in a role above them.
const RARER: f64 = 4.0;
/// So many others of the role that were let use a function, and it is open to the role.
const OPEN_TO: u64 = 3;
/// Objects of one request that are looked at.
const OBJECTS_MAX: usize = 8;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    peers_min: u64,
    calls_min: u64,
    refused_min: u64,
    functions_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { peers_min: 5, calls_min: 50, refused_min: 3, functions_max: 20_000 }
    }
}

/// Why something was not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Lacks {
    Peers,
    Roles,
}

#[derive(Serialize, Deserialize)]
struct Bfla {
    #[serde(skip)]
    limits: Limits,
    hasher: Keyed,
    matrix: Matrix,
    callers: BTreeMap<ActorId, Caller>,
    tales: BTreeMap<(ActorId, EndpointId), Tale>,
    promoted: Keep<String, ()>,
    assignments: Assignments,
    selfmade: Selfmade,
    #[serde(default)]
    shift: Shift,
    lacking: BTreeMap<Lacks, BTreeSet<(EndpointId, ActorId)>>,
}

/// Why a use is a breach.
struct Breach {
    peers: u64,
    bound: f64,
    users: Vec<String>,
    refused: u64,
    escalated: bool,
    /// The caller had given itself its role.
    selfmade: bool,
    /// Where no role tells: the kind of callers whose function it is.
    kind: Option<Kind>,
}

impl Bfla {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            hasher: Keyed::default(),
            matrix: Matrix::default(),
            callers: BTreeMap::new(),
            tales: BTreeMap::new(),
            promoted: Keep::new(PROMOTED_MAX),
            assignments: Assignments::default(),
            selfmade: Selfmade::default(),
            shift: Shift::default(),
            lacking: BTreeMap::new(),
        })
    }

    fn see(&mut self, context: &Context<'_>, out: &mut Vec<Finding>) {
        let sighting = context.sighting;
        if sighting.outcome == Outcome::Success {
            self.note_promotion(context);
            self.note_selfmade(context);
        }
        // Everybody signs in, goes on and signs out, each in its time, and sees the first page.
        let used = sighting.login.is_none()
            && !sighting.name.ends_with(" /")
            && sighting.step.is_none()
            && sighting.kind == EndpointKind::Other;
        let Some(actor) = context.seen.principal.filter(|_| used) else { return };
        let path = sighting.name.split_once(' ').map_or(&*sighting.name, |(_, path)| path);
        let allowed = sighting.outcome == Outcome::Success;
        // An error under a status of success may say so in any language.
        let in_body = context.tx.status().is_some_and(|status| (200..300).contains(&status));
        // SOAP answers whatever it refuses with 500.
        let fault = sighting.refused && context.tx.status() == Some(500);
        let denied = sighting.outcome == Outcome::Failure
            && (sighting.refused || in_body)
            && (fault || matches!(context.tx.status(), Some(401 | 403 | 404 | 200..=399)));
        if !allowed && !denied {
            return;
        }
        let call = Call {
            at: context.at(),
            endpoint: sighting.endpoint,
            service: self.hasher.hash_one(&sighting.service),
            path: self.hasher.hash_one((&sighting.service, path)),
            changes: sighting.changes_state,
            role: self.hasher.hash_one(&**context.seen.best_roles()),
            actor,
            program: context.seen.cluster,
            allowed,
        };
        if allowed {
            if let Some(breach) = self.judge(context, &call) {
                self.matrix.breached(&call);
                return self.tell(context, &breach, call.service, out);
            }
            self.caller(actor).good = Some(context.at());
        } else {
            self.refused(context, &call, out);
        }
        let roles = context.seen.best_roles();
        self.matrix.note(&sighting.service, roles, &call, self.limits.functions_max);
    }

    fn caller(&mut self, actor: ActorId) -> &mut Caller {
        if self.callers.len() >= CALLERS_MAX && !self.callers.contains_key(&actor) {
            self.callers.clear();
        }
        self.callers.entry(actor).or_default()
    }

    /// Somebody gives a role to somebody else: who is named may use what it could not before.
    fn note_promotion(&mut self, context: &Context<'_>) {
        let Some(request) = &context.tx.request else { return };
        if !context.sighting.changes_state {
            return;
        }
        let leaves = || request.leaves.iter().take(64);
        let speaks = leaves().any(|leaf| speaks_of_roles(leaf.name()))
            || request.path.split('/').any(speaks_of_roles);
        // Who has no more rights than most has none to give.
        let common = |role: &String| self.matrix.is_common(&context.sighting.service, role);
        let giver = context.seen.best_roles();
        if !speaks || (!giver.is_empty() && giver.iter().all(common)) {
            return;
        }
        // To be given what everybody has is no promotion.
        let mut given = leaves().filter(|leaf| speaks_of_roles(leaf.name())).peekable();
        let is_common = |role: String| common(&role);
        if given.peek().is_some() && given.all(|leaf| leaf.value.as_key().is_some_and(is_common)) {
            return;
        }
        let named = leaves().filter_map(|leaf| leaf.value.as_key());
        let asked = context.sighting.objects.iter().map(|object| object.id.clone());
        for name in named.chain(asked).filter(|name| name.len() <= 96) {
            // Nobody promotes itself.
            if context.seen.aliases.binary_search(&name).is_err() {
                self.promoted.touch(context.at(), name, || ());
            }
        }
    }

    /// Somebody gives a role to itself, or to an account that it makes.
    fn note_selfmade(&mut self, context: &Context<'_>) {
        let fields = self.assignments.observe(context, self.limits.peers_min, 10);
        let rank = context.seen.rank_field.as_deref();
        let tells = |name: &str| speaks_of_roles(name) || rank == Some(name);
        let roles: Vec<_> = fields.iter().filter(|field| tells(&field.name)).collect();
        if !roles.is_empty() && !rights::has_privilege(context.seen) {
            let roles = roles.into_iter().map(|field| (&*field.name, &*field.value));
            self.selfmade.note(context, roles);
        }
    }

    /// Judges a use that was let happen.
    fn judge(&mut self, context: &Context<'_>, call: &Call) -> Option<Breach> {
        let sighting = context.sighting;
        let role = self.matrix.roles.get(&(Arc::clone(&sighting.service), call.role))?;
        let function = self.matrix.functions.get(&call.endpoint);
        let own = function.and_then(|function| function.cells.get(&call.role));
        let used = own.map_or(0, |cell| cell.allowed_but(call.actor));
        let peers =
            (role.actors.len() as u64).saturating_sub(u64::from(role.actors.contains(&call.actor)));
        let selfmade = self.selfmade.is(call.actor, context.seen);
        if used > 0 && !selfmade {
            return self.of_other_kind(context, call, peers);
        }
        let refused = own.map_or(0, |cell| cell.refused_but(call.actor));
        let mut users: Vec<String> = function.map_or(Vec::new(), |function| {
            self.users((function, context.seen), call, role, selfmade)
        });
        if users.is_empty() && self.is_running(context, function, role, peers) {
            users.push("those who run the application, as its name says".to_owned());
        }
        // With rights of its own making it is the first to change what others only read.
        if users.is_empty() && selfmade && self.only_read(&sighting.service, call) {
            users.push("nobody: others only read there".to_owned());
        }
        let others_thing = sighting.objects.iter().filter(|object| object.in_path).any(|object| {
            let verdict = context.objects.judge(context.tx, sighting, context.seen, object);
            let others = verdict.owner == Ownership::Other || verdict.person.is_some();
            others && verdict.owner != Ownership::Own && !verdict.granted
        });
        let reads = role.at_path(call.path, false, call.actor);
        let changes = role.at_path(call.path, true, call.actor);
        let escalated = call.changes
            && others_thing
            && changes == 0
            && reads >= self.limits.peers_min
            && !context.sighting.objects.is_empty();
        if users.is_empty() && !(escalated && refused > 0) {
            return None;
        }
        // What those below use too is no function of the role that it gave itself.
        let ordinary =
            selfmade && function.is_some_and(|f| self.is_ordinary(f, context.seen, call.actor));
        if selfmade && !users.is_empty() && !ordinary {
            return Some(Breach {
                peers,
                bound: 1.0,
                users,
                refused,
                escalated,
                selfmade,
                kind: None,
            });
        }
        if used > 0 || is_of_its_own(context) {
            return None;
        }
        let promoted = context.seen.aliases.iter().any(|alias| self.promoted.get(alias).is_some());
        let above = rights::has_privilege(context.seen);
        if promoted || above {
            return None;
        }
        let known = !context.seen.best_roles().is_empty();
        if !known || peers < self.limits.peers_min || role.calls < self.limits.calls_min {
            let lacks = if known { Lacks::Peers } else { Lacks::Roles };
            let lacking = self.lacking.entry(lacks).or_default();
            if lacking.len() < 1000 {
                lacking.insert((call.endpoint, call.actor));
            }
            return None;
        }
        let bound = rate_upper(0, peers, 0.05);
        // That peers did not use what even those above seldom use says nothing.
        let probes =
            self.callers.get(&call.actor).is_some_and(|caller| caller.probes(context.at()));
        let named = rights::is_for_running(&sighting.name);
        let seldom = function.is_some_and(|function| {
            let above = |other: &Role| is_above_role(other, role, context.seen);
            let hinted = named || escalated;
            function.is_used() && !self.matrix.is_absent(function, call, role, above, hinted)
        });
        // One who was refused may have been so for another reason.
        if refused < 2 && !probes && seldom {
            return None;
        }
        let proved = refused > 0 || escalated || probes || named;
        let share = function.map_or(0.0, |function| self.share_above(function, call));
        if !proved && bound * RARER > share {
            return None;
        }
        // What several of a role were let do, each for itself, is open to that role.
        let others = function.map_or(0, |function| function.breaches_but(call));
        if !proved && others >= OPEN_TO {
            return None;
        }
        Some(Breach { peers, bound, users, refused, escalated, selfmade, kind: None })
    }

    /// A function of callers of the same role, or of none that is known, whose kind is another
    /// one: where some of the caller's kind were refused, or its name keeps it for those who run
    /// the application.
    fn of_other_kind(&self, context: &Context<'_>, call: &Call, peers: u64) -> Option<Breach> {
        let sighting = context.sighting;
        let named = rights::is_for_running(&sighting.name);
        let kind = self.matrix.other_kind(&sighting.service, call, named)?;
        // What several were let do, each for itself, is open to them.
        let function = self.matrix.functions.get(&call.endpoint);
        let open = function.is_some_and(|function| function.breaches_but(call) >= OPEN_TO);
        let told = (kind.refused > 0 || named) && !open;
        let promoted = context.seen.aliases.iter().any(|alias| self.promoted.get(alias).is_some());
        if !told || promoted || rights::has_privilege(context.seen) || is_of_its_own(context) {
            return None;
        }
        let users = vec![format!("{} of another kind", counted(kind.few, "caller"))];
        let (refused, bound) = (kind.refused, rate_upper(0, kind.many, 0.05));
        let (escalated, selfmade) = (false, false);
        Some(Breach { peers, bound, users, refused, escalated, selfmade, kind: Some(kind) })
    }

    /// Callers of whatever role read at the path of a change, and nobody else was let change it.
    fn only_read(&self, service: &str, call: &Call) -> bool {
        let of_service = self.matrix.roles.iter().filter(|((of, _), _)| &**of == service);
        let (mut reads, mut changes) = (0_u64, 0_u64);
        for (_, role) in of_service {
            reads = reads.saturating_add(role.at_path(call.path, false, call.actor));
            changes = changes.saturating_add(role.at_path(call.path, true, call.actor));
        }
        call.changes && changes == 0 && reads >= self.limits.peers_min
    }

    /// Somebody whose role does not stand above users was let use it, the caller aside.
    fn is_ordinary(&self, function: &Function, seen: &Seen, but: ActorId) -> bool {
        function.cells.iter().any(|(key, cell)| {
            let names = self.matrix.names(*key);
            let below =
                names.is_some_and(|names| !names.is_empty() && !rights::any_above(seen, names));
            below && cell.allowed_but(but) > 0
        })
    }

    /// The largest share of a role above the caller's that uses a function.
    fn share_above(&self, function: &Function, call: &Call) -> f64 {
        let shares =
            function.cells.iter().filter(|(key, _)| **key != call.role).map(|(key, cell)| {
                let role = self.matrix.roles.iter().find(|((_, role), _)| role == key);
                let actors = role.map_or(0, |(_, role)| role.actors.len()).max(1);
                cell.allowed_but(call.actor) as f64 / actors as f64
            });
        shares.fold(0.0, f64::max)
    }

    /// A function that its name keeps for those who run the application, and that nobody of any
    /// role was let use so far, opens for one of a role with many peers.
    fn is_running(
        &self,
        context: &Context<'_>,
        function: Option<&Function>,
        role: &Role,
        peers: u64,
    ) -> bool {
        peers >= self.limits.peers_min.saturating_mul(2)
            && !role.names.is_empty()
            && !function.is_some_and(Function::is_used)
            && rights::is_for_running(&context.sighting.name)
    }

    /// Roles above the caller's that use a function: by their names, or because they are the few
    /// beside the many.
    fn users(
        &self,
        (function, seen): (&Function, &Seen),
        call: &Call,
        own: &Role,
        selfmade: bool,
    ) -> Vec<String> {
        let above = |(key, cell): (&u64, &Cell)| {
            let others = (selfmade || *key != call.role) && cell.allowed_but(call.actor) > 0;
            let role = self.matrix.roles.iter().find(|((_, role), _)| role == key);
            let role = role.map(|(_, role)| role)?;
            (others && is_above_role(role, own, seen)).then(|| rights::shown(&role.names))
        };
        let mut users: Vec<String> = function.cells.iter().filter_map(above).collect();
        users.sort();
        users.dedup();
        users
    }

    /// Files a refusal, and tells the caller that was refused at several things of others' roles.
    fn refused(&mut self, context: &Context<'_>, call: &Call, out: &mut Vec<Finding>) {
        let now = context.at();
        let Some((reason, worth)) = self.is_above(context, call) else { return };
        // Where no role is known, all are peers, and things of one function say nothing more.
        let known = !context.seen.best_roles().is_empty();
        let things = known.then_some(&context.sighting.objects);
        let thing = self.hasher.hash_one((call.endpoint, things));
        let refused_min = self.limits.refused_min;
        let caller = self.caller(call.actor);
        if !caller.refuse(now, thing, worth) {
            return;
        }
        caller.tale.add(context, format!("refused: {reason}"), false);
        let things = caller.tried();
        if things >= refused_min && caller.tale.due(now, Outcome::Failure) {
            let tale = caller.tale.clone();
            out.push(attempt(context, &tale, things, &reason));
        }
    }

    /// Why a refused function is one above the caller, where it is.
    fn is_above(&self, context: &Context<'_>, call: &Call) -> Option<(String, Worth)> {
        let role = self.matrix.roles.get(&(Arc::clone(&context.sighting.service), call.role));
        let function = self.matrix.functions.get(&call.endpoint);
        let own = function.and_then(|function| function.cells.get(&call.role));
        let actors = role.map_or(0, |role| role.actors.len() as u64);
        // Whose session has ended is refused what it may do.
        if own.is_some_and(|cell| cell.allowed.contains(&call.actor)) {
            return None;
        }
        let allowed = own.map_or(0, |cell| cell.allowed_but(call.actor));
        let refused = own.map_or(0, |cell| cell.refused_but(call.actor));
        // Of one whose role is not known, what is missing is no refusal.
        let missing = context.tx.status() == Some(404);
        if missing && context.seen.best_roles().is_empty() {
            return None;
        }
        // What fails for want of something else fails for peers as well.
        if !context.sighting.refused && allowed > 0 {
            return None;
        }
        // What peers may do is no step up; what is refused to many is how the application is.
        if allowed.saturating_mul(10) > actors || refused > 1.max(actors / 20) {
            return None;
        }
        let used = function.is_some_and(|function| {
            function.cells.values().any(|cell| cell.allowed_but(call.actor) > 0)
        });
        let role = role?;
        let reads = role.at_path(call.path, false, call.actor);
        let changes = role.at_path(call.path, true, call.actor);
        if used {
            return Some(("others use it, its peers do not".to_owned(), Worth::Used));
        }
        if rights::is_for_running(&context.sighting.name) && context.sighting.refused {
            let reason = "its name keeps it for those who run the application".to_owned();
            return Some((reason, Worth::Named));
        }
        let explicit = matches!(context.tx.status(), Some(401 | 403));
        let escalates = call.changes && changes == 0 && reads >= 2 && explicit;
        if escalates {
            return Some((format!("{} only read there", counted(reads, "peer")), Worth::Used));
        }
        let refused = context.sighting.refused && !missing;
        refused.then(|| ("nobody is known to use it".to_owned(), Worth::Unused))
    }

    fn tell(
        &mut self,
        context: &Context<'_>,
        breach: &Breach,
        service: u64,
        out: &mut Vec<Finding>,
    ) {
        let now = context.at();
        let key = (context.seen.actor.id, context.sighting.endpoint);
        if self.tales.len() >= CALLERS_MAX && !self.tales.contains_key(&key) {
            self.tales.clear();
        }
        let tale = self.tales.entry(key).or_default();
        let role = rights::shown(context.seen.best_roles());
        tale.add(context, format!("let happen for {role}"), false);
        let finding = tale.due(now, Outcome::Success).then(|| use_of(context, breach, tale, &role));
        if breach.kind.is_none() {
            return out.extend(finding);
        }
        self.shift.comes(now, service, context.seen.actor.id);
        if let Some(finding) = finding {
            self.shift.wait(now, service, finding);
        }
    }
}

/// Who reads what is its own, or was shown to it, does what it may, whoever else does the like; not
/// so at a place for those who run the application.
fn is_of_its_own(context: &Context<'_>) -> bool {
    let sighting = context.sighting;
    let own = |object| {
        let verdict = context.objects.judge(context.tx, sighting, context.seen, object);
        verdict.owner == Ownership::Own || verdict.shown || verdict.granted
    };
    !sighting.changes_state
        && !sighting.objects.is_empty()
        && !rights::is_for_running(&sighting.name)
        && sighting.objects.iter().take(OBJECTS_MAX).all(own)
}

/// A role stands above the caller's: by its names, or because it is the few beside the many.
fn is_above_role(role: &Role, own: &Role, seen: &Seen) -> bool {
    let few = own.actors.len() >= MANY
        && own.calls >= MANY_CALLS
        && !own.names.is_empty()
        && !role.names.is_empty()
        && role.actors.len().saturating_mul(5) <= own.actors.len();
    few || rights::any_above(seen, &role.names)
}

/// A word that speaks of roles.
fn speaks_of_roles(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["role", "admin", "scope", "group", "permission", "privilege", "staff", "rolle", "papel"]
        .iter()
        .any(|word| name.contains(word))
}

fn use_of(context: &Context<'_>, breach: &Breach, tale: &Tale, role: &str) -> Finding {
    let severity = if breach.users.is_empty() { SPEC.severity } else { Severity::Critical };
    let mut finding = context.finding(SPEC.rule.id, severity, (*context.seen.actor).clone());
    tale.fill(&mut finding);
    finding.outcome = Outcome::Success;
    finding.confidence = if breach.refused > 0 { 0.95 } else { 0.85 };
    let users = if breach.users.is_empty() {
        "nobody of its role".to_owned()
    } else {
        breach.users.join(", ")
    };
    finding.message = format!(
        "{} was let happen for {role}, though none of {} of that role ever did it; it is used by \
         {users}",
        context.sighting.name,
        counted(breach.peers, "peer"),
    );
    if breach.selfmade {
        finding.message = format!(
            "{} was let happen for a caller that had given itself its role; it is used by {users}",
            context.sighting.name
        );
    }
    if let Some(kind) = &breach.kind {
        let usual = context.inventory.known_endpoint(kind.usual);
        let usual = usual.map_or("what most do", |known| &*known.endpoint.name);
        finding.message = format!(
            "{} was let happen for one of {} that use {usual}, none of whom ever did it; it is \
             used by {} who do other things as well that those never do",
            context.sighting.name,
            counted(kind.many, "caller"),
            counted(kind.few, "caller"),
        );
    }
    finding.why = vec![
        signal("role", role.to_owned(), &users),
        signal(
            "peers_that_used_it",
            format!("0 of {}", breach.kind.map_or(breach.peers, |kind| kind.many)),
            format!("at most {:.0} % by bound", 100.0 * breach.bound),
        ),
        signal("peers_refused", breach.refused.to_string(), "any"),
    ];
    if breach.escalated {
        finding.why.push(signal("method", "changes what peers only read".to_owned(), "reads"));
    }
    finding.remediation =
        format!("check the caller's role on {}; undo what was done", context.sighting.name);
    finding
}

fn attempt(context: &Context<'_>, tale: &Tale, things: u64, reason: &str) -> Finding {
    let mut finding = context.finding(SPEC.rule.id, Severity::Low, (*context.seen.actor).clone());
    tale.fill(&mut finding);
    finding.outcome = Outcome::Failure;
    finding.confidence = 0.8;
    finding.message = format!(
        "refused at {things} functions or things above its rights within an hour, with a credential \
         that works elsewhere"
    );
    finding.why = vec![
        signal("refused_in_1_h", things.to_string(), "fewer than 3"),
        signal("use_by_peers", reason.to_owned(), "a function of its role"),
    ];
    finding.remediation =
        "ask what the caller was after; nothing was let happen of what the evidence shows"
            .to_owned();
    finding
}

impl Detector for Bfla {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let context = match observation {
            Observation::Transaction(context) => *context,
            Observation::Tick(now) => return self.shift.tick(*now, false, findings),
            Observation::End(now) => return self.shift.tick(*now, true, findings),
            Observation::Running(_) | Observation::Tls(_) => return,
        };
        for merged in &context.sighting.merged {
            self.matrix.functions.remove(merged);
        }
        self.see(context, findings);
    }

    fn not_evaluated(&self) -> Vec<NotEvaluated> {
        let reason = |lacks: &Lacks| match lacks {
            Lacks::Peers => "uses of privileged functions by roles with too few peers, needs 5",
            Lacks::Roles => "uses of privileged functions by callers whose role is not known",
        };
        self.lacking
            .iter()
            .map(|(lacks, who)| NotEvaluated {
                rule: SPEC.rule.id,
                count: who.len() as u64,
                reason: reason(lacks).to_owned(),
            })
            .collect()
    }
}
