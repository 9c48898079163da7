//! A least-privilege policy from what was seen: roles, functions, and ranges of values.

use crate::usage::{Usage, Use};
use core::fmt::Write;
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::ActorId;

/// Callers of a role that must be known before a rare use of one of them is made a rule of its own.
const ROLE_ACTORS_MIN: usize = 10;
/// Users of a function who are named one by one.
const SINGLE_MAX: usize = 2;
/// Roles that use what is about themselves, from which on whoever is signed in may.
const OWN_ROLES_MIN: usize = 3;
/// Uses, and users, from which on a range of amounts or own objects only are concluded.
const RANGE_USES_MIN: u64 = 20;
const RANGE_ACTORS_MIN: usize = 5;
/// Business groups, which are named instead of their members where all of them are used.
const BUSINESS: [&str; 3] = ["admin", "financial", "export"];

/// Who a rule is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Everybody,
    Role(String),
    User(String),
    /// Whoever has a name.
    AllUsers,
    AnyUser,
    /// One credential whose owner is not known.
    Key(String),
    /// Any such.
    AnyKey,
    Client,
}

impl Who {
    fn scope(&self) -> String {
        match self {
            Self::Everybody => "principal".to_owned(),
            Self::Role(role) => format!("principal in Role::{}", quoted(role)),
            Self::User(name) => format!("principal == User::{}", quoted(name)),
            Self::AnyUser | Self::AllUsers => "principal is User".to_owned(),
            Self::Key(name) => format!("principal == Client::{}", quoted(name)),
            Self::AnyKey | Self::Client => "principal is Client".to_owned(),
        }
    }

    fn label(&self) -> String {
        match self {
            Self::Everybody => "everybody".to_owned(),
            Self::Role(role) => format!("role {role}"),
            Self::User(name) => format!("user {name}"),
            Self::AllUsers => "whoever is signed in".to_owned(),
            Self::AnyUser => "users without a role".to_owned(),
            Self::Key(name) => format!("the credential {name}, whose owner is not known"),
            Self::AnyKey => "credentials whose owners are not known".to_owned(),
            Self::Client => "callers without a name".to_owned(),
        }
    }
}

/// What a rule demands beside who and what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Demand {
    amount_max: Option<i64>,
    own: bool,
}

/// What a role did with a function.
#[derive(Clone, Debug, Default)]
struct Support {
    actors: BTreeSet<ActorId>,
    calls: u64,
    amount_max: Option<i64>,
    amounts: u64,
    foreign: u64,
    own: u64,
}

impl Support {
    fn add(&mut self, actor: ActorId, usage: &Use) {
        self.actors.insert(actor);
        self.calls = self.calls.saturating_add(usage.allowed);
        self.amount_max = self.amount_max.max(usage.amount_max);
        self.amounts = self.amounts.saturating_add(usage.amounts);
        self.foreign = self.foreign.saturating_add(usage.foreign);
        self.own = self.own.saturating_add(usage.own);
    }

    fn join(&mut self, other: Self) {
        self.actors.extend(other.actors);
        self.calls = self.calls.saturating_add(other.calls);
        self.amount_max = self.amount_max.max(other.amount_max);
        self.amounts = self.amounts.saturating_add(other.amounts);
        self.foreign = self.foreign.saturating_add(other.foreign);
        self.own = self.own.saturating_add(other.own);
    }

    fn demand(&self) -> Demand {
        let many = self.actors.len() >= RANGE_ACTORS_MIN;
        let amount = self.amount_max.filter(|_| many && self.amounts >= RANGE_USES_MIN);
        Demand {
            amount_max: amount.map(headroom),
            own: many && self.own >= RANGE_USES_MIN && self.foreign == 0,
        }
    }
}

/// Twice as much as was seen, in two digits.
fn headroom(amount: i64) -> i64 {
    let twice = amount.max(1).saturating_mul(2);
    let mut unit = 1_i64;
    while twice / unit >= 100 {
        unit = unit.saturating_mul(10);
    }
    twice.saturating_add(unit - 1) / unit * unit
}

/// A string of Cedar.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}

/// Writes a policy that permits what was seen of those who are not suspect, and nothing else;
/// `names_users`: single users may be named in it.
#[must_use]
pub fn suggest(usage: &Usage, names_users: bool) -> String {
    let grants = grants(usage, names_users);
    let mut out = String::from(
        "// Suggested from traffic: each rule permits what was seen and let happen, nothing else.\n\
         // Read it, name the rules, and try it with `stilt policy test` before it is used.\n",
    );
    let mut number = 0_usize;
    for (who, functions) in &grants {
        let mut by_demand: BTreeMap<Demand, BTreeMap<&str, &Support>> = BTreeMap::new();
        for (name, support) in functions {
            by_demand.entry(support.demand()).or_default().insert(name, support);
        }
        for (demand, functions) in by_demand {
            number = number.saturating_add(1);
            rule(&mut out, usage, (who, demand), &functions, number);
        }
    }
    out
}

/// Who did what, each function given to as few as explain its use.
fn grants(usage: &Usage, names_users: bool) -> BTreeMap<Who, BTreeMap<String, Support>> {
    let mut members: BTreeMap<&str, BTreeSet<ActorId>> = BTreeMap::new();
    let mut roleless = BTreeSet::new();
    for (actor, person) in &usage.people {
        for role in person.roles.iter() {
            members.entry(role).or_default().insert(*actor);
        }
        if person.roles.is_empty() && person.kind == "User" {
            roleless.insert(*actor);
        }
    }
    let size = |role: &String| members.get(role.as_str()).map_or(0, BTreeSet::len);
    // Roles that explain a use by themselves.
    let mut single: BTreeSet<(&str, &str)> = BTreeSet::new();
    // Functions that callers with a name use.
    let mut named: BTreeSet<&str> = BTreeSet::new();
    for (name, actor, roles, _) in usage.taught() {
        if let [role] = roles {
            single.insert((name, role));
        }
        if usage.people.get(&actor).is_some_and(|person| person.kind == "User") {
            named.insert(name);
        }
    }
    let mut grants: BTreeMap<Who, BTreeMap<String, Support>> = BTreeMap::new();
    for (name, actor, roles, used) in usage.taught() {
        let Some(person) = usage.people.get(&actor) else { continue };
        // Whoever had signed in before anybody watched is one of those.
        let session = person.kind != "User" && person.vouched && !person.name.starts_with("key:");
        if session && named.contains(name) {
            continue;
        }
        let explained = roles.iter().find(|role| single.contains(&(name, role.as_str())));
        let rarest = || roles.iter().min_by_key(|role| (size(role), role.as_str()));
        let who = match explained.or_else(rarest) {
            Some(role) => Who::Role(role.clone()),
            None if person.kind == "User" => Who::AnyUser,
            None if person.vouched => Who::AnyKey,
            None => Who::Client,
        };
        let support = grants.entry(who).or_default().entry(name.to_owned()).or_default();
        support.add(actor, used);
    }
    if names_users && roleless.len() >= ROLE_ACTORS_MIN {
        name_singles(usage, &mut grants, &Who::AnyUser, Who::User);
    }
    if names_users {
        name_singles(usage, &mut grants, &Who::AnyKey, Who::Key);
    }
    join_everybody(&mut grants);
    let own = |name: &str, roles: usize| {
        roles >= OWN_ROLES_MIN && usage.functions.get(name).is_some_and(|function| function.own)
    };
    join_own(&mut grants, own);
    grants
}

/// What is about whoever asks and several roles use is for all who are signed in.
fn join_own(
    grants: &mut BTreeMap<Who, BTreeMap<String, Support>>,
    is_own: impl Fn(&str, usize) -> bool,
) {
    let mut roles: BTreeMap<String, usize> = BTreeMap::new();
    for (who, functions) in grants.iter() {
        for name in functions.keys().filter(|_| matches!(who, Who::Role(_))) {
            *roles.entry(name.clone()).or_default() += 1;
        }
    }
    let mut all: BTreeMap<String, Support> = BTreeMap::new();
    for (name, count) in roles {
        if is_own(&name, count) {
            let functions = grants.iter_mut().filter(|(who, _)| **who != Who::Everybody);
            for other in functions.filter_map(|(_, functions)| functions.remove(&name)) {
                all.entry(name.clone()).or_default().join(other);
            }
        }
    }
    if !all.is_empty() {
        grants.insert(Who::AllUsers, all);
    }
    grants.retain(|_, functions| !functions.is_empty());
}

/// What one or two of `all` do, many who have no role or a few keys, is a right of these.
fn name_singles(
    usage: &Usage,
    grants: &mut BTreeMap<Who, BTreeMap<String, Support>>,
    all: &Who,
    single: impl Fn(String) -> Who,
) {
    let Some(functions) = grants.get_mut(all) else { return };
    // Tokens and cookies are others tomorrow.
    let lasts =
        |actor: &ActorId| usage.people.get(actor).is_some_and(|one| one.name.starts_with("key:"));
    let rare: Vec<String> = functions
        .iter()
        .filter(|(_, support)| support.actors.len() <= SINGLE_MAX)
        .filter(|(_, support)| *all != Who::AnyKey || support.actors.iter().all(lasts))
        .map(|(name, _)| name.clone())
        .collect();
    for name in rare {
        let Some(support) = grants.get_mut(all).and_then(|of| of.remove(&name)) else {
            continue;
        };
        for actor in support.actors {
            let (Some(person), Some(used)) = (usage.people.get(&actor), usage.of(&name, actor))
            else {
                continue;
            };
            let who = single(person.name.clone());
            let support = grants.entry(who).or_default().entry(name.clone()).or_default();
            support.add(actor, &used);
        }
    }
}

/// What callers without a name may do, everybody may.
fn join_everybody(grants: &mut BTreeMap<Who, BTreeMap<String, Support>>) {
    let Some(open) = grants.remove(&Who::Client) else { return };
    let mut everybody: BTreeMap<String, Support> = BTreeMap::new();
    for (name, support) in open {
        let mut all = support;
        for other in grants.values_mut().filter_map(|functions| functions.remove(&name)) {
            all.join(other);
        }
        everybody.insert(name, all);
    }
    grants.insert(Who::Everybody, everybody);
    grants.retain(|_, functions| !functions.is_empty());
}

fn rule(
    out: &mut String,
    usage: &Usage,
    (who, demand): (&Who, Demand),
    functions: &BTreeMap<&str, &Support>,
    number: usize,
) {
    let actors: BTreeSet<ActorId> =
        functions.values().flat_map(|support| &support.actors).copied().collect();
    let calls: u64 = functions.values().map(|support| support.calls).sum();
    let mut left: BTreeSet<&str> = functions.keys().copied().collect();
    let mut groups = Vec::new();
    for group in BUSINESS {
        let members: BTreeSet<&str> = usage
            .functions
            .iter()
            .filter(|(_, function)| function.groups.contains(group))
            .map(|(name, _)| name.as_str())
            .collect();
        if members.len() >= 2 && members.iter().all(|name| functions.contains_key(name)) {
            left.retain(|name| !members.contains(name));
            groups.push(format!("Action::\"{group}\""));
        }
    }
    groups.extend(left.iter().map(|name| format!("Action::{}", quoted(name))));
    let _ = writeln!(
        out,
        "\n// {}: {} callers, {calls} requests to {} functions",
        // A name from the wire must not end the comment.
        who.label().escape_debug(),
        actors.len(),
        functions.len()
    );
    let _ = writeln!(out, "@id(\"suggested-{number}\")\npermit (\n  {},", who.scope());
    let _ = writeln!(out, "  action in [\n    {}\n  ],\n  resource\n)", groups.join(",\n    "));
    let mut conditions = Vec::new();
    if *who == Who::AnyKey {
        conditions.push("context.authenticated".to_owned());
    }
    if demand.own {
        conditions.push("!resource.foreign".to_owned());
    }
    if let Some(most) = demand.amount_max {
        // In this form the validator sees that the attribute is there.
        let within = format!("context.amount <= {most}");
        conditions.push(format!("(if context has amount then {within} else true)"));
    }
    if !conditions.is_empty() {
        let _ = writeln!(out, "when {{ {} }}", conditions.join(" && "));
    }
    if out.ends_with('\n') {
        out.pop();
    }
    out.push_str(";\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_leave_room_in_two_digits() {
        for (seen, expected) in [(1, 2), (40, 80), (1234, 2500), (99_999, 200_000), (-3, 2)] {
            assert_eq!(headroom(seen), expected, "{seen}");
        }
    }
}
