//! Fields of a request that grant rights or value, sent where hardly anybody sends them.

use crate::context::Context;
use crate::stats::rate_upper;
use core::hash::BuildHasher;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use stilt_model::{
    ActorId, EndpointId, Leaf, Outcome, Place, Question, Value, saved, saved::Keyed,
};

/// Leaves of a message that are looked at.
const LEAVES_MAX: usize = 128;
/// Names of leaves of one endpoint.
const NAMES_MAX: usize = 256;
/// Senders told apart per endpoint, and per name.
const SENDERS_MAX: usize = 1024;
const ENDPOINTS_MAX: usize = 20_000;
/// Values shown to callers, remembered so that sending back what was read is no news.
const READ_MAX: usize = 200_000;
/// So many senders of a name make it a part of the application.
const COMMON_SENDERS: usize = 5;

/// Names that grant rights or value, their separators left out.
const GRANTING: [&str; 44] = [
    "role",
    "roles",
    "roleid",
    "userrole",
    "usertype",
    "accounttype",
    "isadmin",
    "admin",
    "administrator",
    "isstaff",
    "staff",
    "issuperuser",
    "superuser",
    "ismoderator",
    "isroot",
    "scope",
    "scopes",
    "permission",
    "permissions",
    "privileges",
    "groups",
    "authorities",
    "ownerid",
    "owner",
    "userid",
    "tenantid",
    "tenant",
    "orgid",
    "organizationid",
    "balance",
    "credit",
    "credits",
    "creditlimit",
    "verified",
    "isverified",
    "emailverified",
    "kycverified",
    "approved",
    "isapproved",
    "paid",
    "ispaid",
    "price",
    "discount",
    "accesslevel",
];

/// Values that grant nothing.
const HARMLESS: [&str; 8] = ["user", "customer", "member", "guest", "none", "basic", "false", "0"];

/// One field that was sent against custom, and taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Assigned {
    /// Its path.
    pub(super) path: String,
    /// Its name.
    pub(super) name: String,
    /// Its value, as a leaf would show it again.
    pub(super) value: String,
    /// Requests of others to the endpoint, none of which had it, and their senders.
    pub(super) requests: u64,
    pub(super) senders: u64,
    /// Upper bound on the share of requests with it.
    pub(super) bound: f64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Custom {
    requests: u64,
    #[serde(serialize_with = "saved::sorted")]
    senders: HashSet<ActorId, RandomState>,
    names: BTreeMap<String, (u64, BTreeSet<ActorId>)>,
}

/// What is usually sent where, and what was read.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Assignments {
    hasher: Keyed,
    endpoints: HashMap<EndpointId, Custom, RandomState>,
    #[serde(serialize_with = "saved::sorted")]
    read: HashSet<u64, RandomState>,
    #[serde(serialize_with = "saved::sorted")]
    read_before: HashSet<u64, RandomState>,
}

/// The name of the leaf grants rights or value.
fn has_granting_name(leaf: &Leaf) -> bool {
    leaf.path.says(Question::Grants, |path| GRANTING.contains(&path.plain()))
}

/// The value of a leaf as it is compared.
pub(super) fn value_of(leaf: &Leaf) -> Option<String> {
    match &leaf.value {
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => Some(number.to_string()),
        value => value.as_key(),
    }
}

fn grants(leaf: &Leaf) -> bool {
    if !has_granting_name(leaf) {
        return false;
    }
    let harmless = match &leaf.value {
        Value::Null | Value::Bool(false) => true,
        value => value.as_key().is_some_and(|text| {
            HARMLESS.iter().any(|harmless| text.eq_ignore_ascii_case(harmless))
        }),
    };
    !harmless
}

impl Assignments {
    /// Takes in a transaction; gives the fields in it that nobody else sends there. `senders_min`
    /// and `requests_min` say how much of custom must be known.
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        senders_min: u64,
        requests_min: u64,
    ) -> Vec<Assigned> {
        let actor = context.seen.principal.unwrap_or(context.seen.client);
        let mut found = Vec::new();
        if context.sighting.changes_state && context.sighting.outcome == Outcome::Success {
            found = self.judge(context, actor, senders_min, requests_min);
            self.learn(context, actor);
        }
        self.learn_answer(context, actor);
        found
    }

    fn judge(
        &self,
        context: &Context<'_>,
        actor: ActorId,
        senders_min: u64,
        requests_min: u64,
    ) -> Vec<Assigned> {
        let Some(request) = &context.tx.request else { return Vec::new() };
        let Some(custom) = self.endpoints.get(&context.sighting.endpoint) else {
            return Vec::new();
        };
        let senders = custom.senders.iter().filter(|sender| **sender != actor).count() as u64;
        if senders < senders_min || custom.requests < requests_min {
            return Vec::new();
        }
        let leaves = request.leaves.iter().take(LEAVES_MAX);
        let body = leaves.filter(|leaf| matches!(leaf.place, Place::Json | Place::Form));
        body.filter(|leaf| grants(leaf))
            .filter_map(|leaf| {
                let name = leaf.path.plain();
                let sent = custom.names.get(name);
                let others = sent.map_or(0, |(_, by)| by.iter().filter(|s| **s != actor).count());
                let value = value_of(leaf)?;
                if others > 0 || sent.is_some_and(|(_, by)| by.len() >= COMMON_SENDERS) {
                    return None;
                }
                if self.was_read(actor, name, &value) {
                    return None;
                }
                // Who names itself as the owner says nothing new.
                if context.seen.aliases.binary_search(&value).is_ok() {
                    return None;
                }
                let own = sent.map_or(0, |(count, _)| *count);
                let requests = custom.requests.saturating_sub(own);
                Some(Assigned {
                    path: leaf.path.to_string(),
                    name: name.to_owned(),
                    value,
                    requests,
                    senders,
                    bound: rate_upper(0, requests, 0.05),
                })
            })
            .collect()
    }

    fn learn(&mut self, context: &Context<'_>, actor: ActorId) {
        let Some(request) = &context.tx.request else { return };
        let endpoint = context.sighting.endpoint;
        for merged in &context.sighting.merged {
            self.endpoints.remove(merged);
        }
        if self.endpoints.len() >= ENDPOINTS_MAX && !self.endpoints.contains_key(&endpoint) {
            return;
        }
        let custom = self.endpoints.entry(endpoint).or_default();
        custom.requests = custom.requests.saturating_add(1);
        if custom.senders.len() < SENDERS_MAX {
            custom.senders.insert(actor);
        }
        for leaf in request.leaves.iter().take(LEAVES_MAX).filter(|leaf| has_granting_name(leaf)) {
            let name = leaf.path.plain();
            if custom.names.len() >= NAMES_MAX && !custom.names.contains_key(name) {
                continue;
            }
            let (count, by) = custom.names.entry(name.to_owned()).or_default();
            *count = count.saturating_add(1);
            if by.len() < COMMON_SENDERS {
                by.insert(actor);
            }
        }
    }

    fn learn_answer(&mut self, context: &Context<'_>, actor: ActorId) {
        let Some(response) = &context.tx.response else { return };
        for leaf in response.leaves.iter().take(LEAVES_MAX).filter(|leaf| has_granting_name(leaf)) {
            let Some(value) = value_of(leaf) else { continue };
            let key = self.hasher.hash_one((actor, leaf.path.plain(), &value));
            if self.read.len() >= READ_MAX / 2 {
                self.read_before = core::mem::take(&mut self.read);
            }
            self.read.insert(key);
        }
    }

    fn was_read(&self, actor: ActorId, name: &str, value: &str) -> bool {
        let key = self.hasher.hash_one((actor, name, value));
        self.read.contains(&key) || self.read_before.contains(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaf(path: &str, value: Value) -> Leaf {
        Leaf { place: Place::Json, path: path.into(), record: 0, value, sensitive: None }
    }

    #[test]
    fn what_grants_rights_or_value() {
        for (path, value, expected) in [
            ("user.is_admin", Value::Bool(true), true),
            ("user.is_admin", Value::Bool(false), false),
            ("role", Value::Text("admin".into()), true),
            ("role", Value::Text("customer".into()), false),
            ("creditLimit", Value::Integer(5000), true),
            ("name", Value::Text("admin".into()), false),
        ] {
            assert_eq!(grants(&leaf(path, value)), expected, "{path}");
        }
    }
}
