//! Fields of a request that grant rights or value, sent where hardly anybody sends them.

use crate::context::Context;
use crate::stats::rate_upper;
use core::hash::BuildHasher;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use stilt_model::{
    ActorId, Dialect, EndpointId, Leaf, Outcome, Place, Question, Value, saved, saved::Keyed,
};
use stilt_session::objects::Ownership;

/// Above what a tool is given, in a call of it.
const ARGUMENTS: &str = "params.arguments.";
/// Leaves of a message that are looked at.
const LEAVES_MAX: usize = 128;
/// Names of leaves of one endpoint.
const NAMES_MAX: usize = 256;
/// Senders told apart per endpoint, and per name.
const SENDERS_MAX: usize = 1024;
const ENDPOINTS_MAX: usize = 20_000;
/// Values shown to callers, remembered so that sending back what was read is no news.
const READ_MAX: usize = 200_000;
/// Objects of one request that are looked at.
const OBJECTS_MAX: usize = 8;
/// So many senders of a name make it a part of the application.
const COMMON_SENDERS: usize = 5;

/// Names that grant rights or value, their separators left out.
const GRANTING: [&str; 87] = [
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
    "availablecredit",
    "accountbalance",
    "walletbalance",
    "emailconfirmed",
    "activated",
    "isowner",
    "ismanager",
    "ispremium",
    "isvip",
    "deluxetoken",
    "unitprice",
    "totalprice",
    "amountpaid",
    "rolle",
    "rollen",
    "berechtigung",
    "berechtigungen",
    "istadmin",
    "guthaben",
    "kontostand",
    "kreditrahmen",
    "verifiziert",
    "freigegeben",
    "bezahlt",
    "preis",
    "rabatt",
    "mandant",
    "besitzer",
    "papel",
    "permissoes",
    "ehadmin",
    "saldo",
    "credito",
    "verificado",
    "aprovado",
    "aprobado",
    "preco",
    "precio",
    "desconto",
    "descuento",
    "rol",
    "permisos",
    "esadmin",
];

/// Names of the state of a thing, and states that the house alone gives.
const STATE: [&str; 6] = ["status", "state", "orderstatus", "paymentstatus", "estado", "zustand"];
const GRANTED: [&str; 16] = [
    "returned",
    "refunded",
    "paid",
    "approved",
    "verified",
    "delivered",
    "shipped",
    "completed",
    "settled",
    "bezahlt",
    "erstattet",
    "genehmigt",
    "pago",
    "pagado",
    "aprovado",
    "aprobado",
];

/// A name that may grant something.
fn may_grant(name: &str) -> bool {
    GRANTING.contains(&name) || STATE.contains(&name)
}

/// Values that grant nothing.
const HARMLESS: [&str; 8] = ["user", "customer", "member", "guest", "none", "basic", "false", "0"];

/// Words at the end, or at the start, of names that speak of somebody's standing: these prove
/// nothing alone.
const STANDING: [&str; 16] = [
    "level",
    "tier",
    "limit",
    "quota",
    "rank",
    "grade",
    "kyc",
    "clearance",
    "credit",
    "approved",
    "verified",
    "trusted",
    "premium",
    "allowance",
    "privilege",
    "plan",
];
/// Receivers of a name in answers, from which on it is a part of what the application tells.
const RECEIVERS_MIN: usize = 5;
/// Services and names whose receivers are remembered.
const SHOWN_MAX: usize = 4096;
/// Requests to an endpoint without it, and their senders, before a name of standing says something;
/// and before any name that only answers bear does.
const STANDING_REQUESTS: u64 = 20;
const STANDING_SENDERS: u64 = 10;
const ANY_REQUESTS: u64 = 1000;

/// A name that speaks of standing.
fn may_stand(name: &str) -> bool {
    STANDING.iter().any(|word| name.ends_with(word) || name.starts_with(word))
}

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
    /// Only answers bear the name otherwise: it says something once an answer shows the value.
    pub(super) only_answered: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Custom {
    requests: u64,
    #[serde(serialize_with = "saved::sorted")]
    senders: HashSet<ActorId, RandomState>,
    names: BTreeMap<String, (u64, BTreeSet<ActorId>)>,
    /// Names of all leaves of bodies.
    sent: BTreeSet<Box<str>>,
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
    /// Who was shown a name, by service and name, in answers about one thing.
    shown: HashMap<u64, BTreeSet<ActorId>, RandomState>,
}

/// The name of the leaf grants rights or value.
fn has_granting_name(leaf: &Leaf) -> bool {
    leaf.path.says(Question::Grants, |path| may_grant(path.plain()) && !is_label(path))
}

/// What stands below labels are words of the sender's own choice about a thing.
fn is_label(path: &str) -> bool {
    const LABELS: [&str; 7] =
        ["labels", "matchlabels", "nodeselector", "selector", "annotations", "tags", "label"];
    let mut above = path.rsplit('.').skip(1).take(4);
    above.any(|key| LABELS.iter().any(|label| key.eq_ignore_ascii_case(label)))
}

/// The value of a leaf as it is compared.
pub(super) fn value_of(leaf: &Leaf) -> Option<String> {
    match &leaf.value {
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Number(number) => Some(number.to_string()),
        value => value.as_key(),
    }
}

/// The leaf is of the field that tells roles at the service, under a name of its own.
fn tells_role(context: &Context<'_>, leaf: &Leaf) -> bool {
    context.seen.rank_field.as_deref() == Some(leaf.path.plain())
}

/// A request is about nothing but what is its sender's: who gives roles to others does its work.
fn is_of_itself(context: &Context<'_>) -> bool {
    let Context { tx, sighting, seen, objects, .. } = context;
    sighting
        .objects
        .iter()
        .take(OBJECTS_MAX)
        .all(|object| objects.judge(tx, sighting, seen, object).owner == Ownership::Own)
}

/// The answer is a decision on what was asked (`status.allowed` of an access review, `decision` of
/// `AuthZEN`): roles and groups in such a request say whom it is about.
fn is_decided(context: &Context<'_>) -> bool {
    const DECISIONS: [&str; 9] = [
        "allow",
        "allowed",
        "denied",
        "decision",
        "authorized",
        "authorised",
        "permitted",
        "haspermission",
        "isallowed",
    ];
    let leaves = context.tx.response.iter().flat_map(|response| &response.leaves);
    leaves.take(LEAVES_MAX).any(|leaf| {
        let decided = match &leaf.value {
            Value::Bool(_) => true,
            Value::Text(text) => {
                ["allow", "deny", "permit"].iter().any(|word| text.eq_ignore_ascii_case(word))
            }
            _ => false,
        };
        decided && !leaf.path.in_array() && DECISIONS.contains(&leaf.path.plain())
    })
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
    let name = leaf.path.plain();
    let given = || {
        let state = leaf.value.as_key().map(|text| text.to_ascii_lowercase());
        state.is_some_and(|text| GRANTED.contains(&text.as_str()))
    };
    if STATE.contains(&name) { given() } else { !harmless }
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
        // What is said to a model, and how agents wrap what they say, sets nothing.
        if context.tx.talk.as_deref().is_some_and(|talk| talk.dialect != Dialect::Mcp) {
            return Vec::new();
        }
        // Nor does a question whether somebody may do something.
        if is_decided(context) {
            return Vec::new();
        }
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
        let enveloped = context.tx.talk.is_some();
        let body = leaves.filter(|leaf| {
            let inside = !enveloped || leaf.path.starts_with(ARGUMENTS);
            inside && matches!(leaf.place, Place::Json | Place::Form | Place::Xml)
        });
        let known = (senders, custom.requests);
        body.filter_map(|leaf| Some((leaf, self.speaks(context, custom, leaf, known)?)))
            .filter_map(|(leaf, only_answered)| {
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
                    only_answered,
                })
            })
            .collect()
    }

    /// Whether a leaf of a request says something by what it is called (`false`), or by being one
    /// that only answers bear otherwise (`true`).
    fn speaks(
        &self,
        context: &Context<'_>,
        custom: &Custom,
        leaf: &Leaf,
        (senders, requests): (u64, u64),
    ) -> Option<bool> {
        if grants(leaf) {
            return Some(false);
        }
        let name = leaf.path.plain();
        // What tells roles at this service says something once an answer shows it of oneself.
        if tells_role(context, leaf)
            && is_of_itself(context)
            && custom.sent.len() < NAMES_MAX
            && !custom.sent.contains(name)
        {
            return Some(true);
        }
        let some = matches!(leaf.value, Value::Bool(_) | Value::Integer(_) | Value::Text(_));
        let standing = may_stand(name)
            && requests >= STANDING_REQUESTS
            && senders >= STANDING_SENDERS
            && !has_granting_name(leaf);
        let any = requests >= ANY_REQUESTS && senders >= STANDING_SENDERS.saturating_mul(5);
        let rare = some
            && (standing || any)
            && custom.sent.len() < NAMES_MAX
            && !custom.sent.contains(name);
        let key = self.hasher.hash_one((&*context.sighting.service, name));
        let shown = rare.then(|| self.shown.get(&key)).flatten();
        shown.filter(|receivers| receivers.len() >= RECEIVERS_MIN).map(|_| true)
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
        let body = |leaf: &&Leaf| matches!(leaf.place, Place::Json | Place::Form | Place::Xml);
        for leaf in request.leaves.iter().take(LEAVES_MAX).filter(body) {
            if custom.sent.len() < NAMES_MAX && !custom.sent.contains(leaf.path.plain()) {
                custom.sent.insert(leaf.path.plain().into());
            }
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
        for leaf in response.leaves.iter().take(LEAVES_MAX) {
            let granting = has_granting_name(leaf) || tells_role(context, leaf);
            if !leaf.path.in_array() {
                self.note_shown(&context.sighting.service, leaf.path.plain(), actor);
            }
            if !granting && (leaf.path.in_array() || !may_stand(leaf.path.plain())) {
                continue;
            }
            let Some(value) = value_of(leaf) else { continue };
            let key = self.hasher.hash_one((actor, leaf.path.plain(), &value));
            if self.read.len() >= READ_MAX / 2 {
                self.read_before = core::mem::take(&mut self.read);
            }
            self.read.insert(key);
        }
    }

    /// Somebody was shown a name.
    fn note_shown(&mut self, service: &str, name: &str, actor: ActorId) {
        let key = self.hasher.hash_one((service, name));
        if let Some(receivers) = self.shown.get_mut(&key) {
            if receivers.len() < RECEIVERS_MIN {
                receivers.insert(actor);
            }
        } else if self.shown.len() < SHOWN_MAX {
            self.shown.insert(key, BTreeSet::from([actor]));
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
            ("nutzer.Rolle", Value::Text("verwalter".into()), true),
            ("metadata.labels.role", Value::Text("worker".into()), false),
            ("status", Value::Text("returned".into()), true),
            ("status", Value::Text("cancelled".into()), false),
            ("name", Value::Text("admin".into()), false),
        ] {
            assert_eq!(grants(&leaf(path, value)), expected, "{path}");
        }
    }
}
