//! Requests inside a request: `{"requests":[{"method":"GET","url":"/v1/orders/7"},…]}`, and arrays
//! of GraphQL operations or JSON-RPC calls (2.0 §6). Each asks for things of its own, and is
//! answered apart.

use crate::act::changes_state;
use crate::objects::{self, Asked};
use crate::operation;
use crate::path::Path;
use crate::record::Records;
use crate::service::Service;
use crate::sighting::{EndpointKind, Inside, Sighting};
use crate::tree::{Method, Query};
use std::collections::BTreeMap;
use std::sync::Arc;
use stilt_model::{
    Leaf, Outcome, Place, Pseudonym, Request, Response, SensitiveCounts, Transaction, Value,
};

/// Requests inside one that are read.
const PARTS_MAX: usize = 64;
/// Leaves among which the first address is looked for.
const LEAVES_LOOKED: usize = 16;
/// Names of the address of a request, their separators left out.
const ADDRESS: [&str; 7] = ["path", "url", "uri", "relativeurl", "href", "endpoint", "target"];
const METHOD: [&str; 4] = ["method", "verb", "httpmethod", "type"];
const METHODS: [&str; 6] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];
const STATUS: [&str; 4] = ["status", "code", "statuscode", "httpstatus"];
/// What the body of a request is called.
const BODY: [&str; 5] = ["body.", "data.", "payload.", "json.", "params."];

/// One request inside another.
struct Part {
    request: Request,
    /// What was answered to it, where it is a call in an array.
    response: Option<Response>,
    outcome: Outcome,
    refused: bool,
}

/// What a transaction asks for inside; empty where it is one request.
pub(crate) fn inside(
    service: &mut Service,
    records: &mut Records,
    (base, functions_max): (u32, usize),
    tx: &Transaction,
) -> Vec<Inside> {
    let mut found = Vec::new();
    let mut path = Path::default();
    let mut slots = Vec::new();
    for (at, part) in parts(tx) {
        let request = &part.request;
        let method = Method::of(&request.method);
        let operation = service.operation_of(request, part.response.as_ref());
        let operation = operation.filter(|_| request.path.is_empty());
        let record = match &operation {
            Some(operation) => {
                slots.clear();
                let unknown = operation::is_unknown(part.response.as_ref());
                Some(records.function(base, operation, functions_max, unknown))
            }
            None => {
                path.parse(&request.path);
                service.tree.find(Query { path: &path, method, soft: false }, &mut slots)
            }
        };
        let Some(record) = record.and_then(|record| records.get_mut(record)) else { continue };
        if operation.is_some() {
            record.endpoint.requests = record.endpoint.requests.saturating_add(1);
        }
        let asked = Asked { path: &path, slots: &slots, request, operation: operation.as_ref() };
        let sighting = Sighting {
            endpoint: record.endpoint.id,
            name: Arc::clone(&record.endpoint.name),
            service: Arc::clone(&record.endpoint.service),
            realm: Arc::clone(&record.endpoint.service),
            kind: EndpointKind::Other,
            changes_state: changes_state(None, request, method, operation.as_ref()),
            objects: objects::read(&mut service.names, record, asked, false),
            outcome: part.outcome,
            refused: part.refused,
            resource: Arc::clone(&record.resource),
            keys: service.names.keys(),
            step: None,
            login: None,
            merged: Vec::new(),
            was: Vec::new(),
            documented: None,
            inside: Vec::new(),
        };
        found.push(Inside { record: at, sighting });
    }
    found
}

/// The calls of a transaction that is an array of them, each as if it had come alone, by their
/// place in it; empty where it is none.
pub(crate) fn calls(tx: &Transaction) -> Vec<(u32, Transaction)> {
    let array = tx.request.as_ref().is_some_and(is_array_of_calls);
    if !array {
        return Vec::new();
    }
    let alone = |(at, part): (u32, Part)| {
        let (mut request, mut response) = (tx.request.clone()?, tx.response.clone());
        request.leaves = part.request.leaves;
        request.sensitive = counted(&request.leaves);
        if let Some(whole) = &mut response {
            whole.leaves = part.response.map(|own| own.leaves).unwrap_or_default();
            whole.sensitive = counted(&whole.leaves);
            let held = |mark: Pseudonym| {
                whole.leaves.iter().any(|leaf: &Leaf| {
                    matches!(&leaf.value, Value::Masked { mark: own, .. } if *own == mark)
                })
            };
            whole.issued = whole.issued.iter().filter(|one| held(one.mark)).cloned().collect();
        }
        Some((at, Transaction { request: Some(request), response, ..tx.clone() }))
    };
    parts(tx).into_iter().filter_map(alone).collect()
}

/// The sensitive data that leaves hold.
pub(crate) fn counted(leaves: &[Leaf]) -> SensitiveCounts {
    let mut counts = SensitiveCounts::default();
    for kind in leaves.iter().filter_map(|leaf| leaf.sensitive) {
        counts.add(kind);
    }
    counts
}

fn is_array_of_calls(request: &Request) -> bool {
    let mut first = request.leaves.iter().take(LEAVES_LOOKED);
    let names = ["[].query", "[].operationName", "[].jsonrpc"];
    request.method != "GET" && first.any(|leaf| names.contains(&leaf.path.as_str()))
}

/// The requests inside a transaction, by their place in its list.
fn parts(tx: &Transaction) -> Vec<(u32, Part)> {
    let Some(request) = tx.request.as_ref().filter(|request| request.method != "GET") else {
        return Vec::new();
    };
    let mut first = request.leaves.iter().take(LEAVES_LOOKED);
    if let Some(list) = first.find_map(list_of_addresses) {
        return addressed(request, tx.response.as_ref(), list);
    }
    if is_array_of_calls(request) {
        return operations(request, tx.response.as_ref());
    }
    Vec::new()
}

/// The list that a leaf stands in, with its mark, where the leaf is an address.
fn list_of_addresses(leaf: &Leaf) -> Option<&str> {
    let (list, name) = leaf.path.split_once("[].")?;
    let address = ADDRESS.contains(&leaf.path.plain()) && !name.contains("[]");
    let fits = matches!(&leaf.value, Value::Text(text) if is_address(text));
    (address && fits && leaf.place == Place::Json).then(|| leaf.path.get(..list.len() + 3))?
}

fn is_address(text: &str) -> bool {
    text.starts_with('/') && !text.starts_with("//") || text.starts_with("http")
}

/// The leaves of each record of a list, and what they are called below it.
fn records_of<'a>(leaves: &'a [Leaf], list: &'a str) -> BTreeMap<u32, Vec<(&'a str, &'a Leaf)>> {
    let mut records: BTreeMap<u32, Vec<(&str, &Leaf)>> = BTreeMap::new();
    for leaf in leaves {
        let Some(name) = leaf.path.strip_prefix(list) else { continue };
        if records.len() >= PARTS_MAX && !records.contains_key(&leaf.record) {
            break;
        }
        records.entry(leaf.record).or_default().push((name, leaf));
    }
    records
}

/// Requests with addresses. Where no record names a method, the list must say what it is.
fn addressed(request: &Request, response: Option<&Response>, list: &str) -> Vec<(u32, Part)> {
    let answers = response.map(statuses).unwrap_or_default();
    let named = list.trim_end_matches("[].").rsplit('.').next().unwrap_or_default();
    let says = ["requests", "operations", "ops", "batch", "calls"].contains(&named);
    let mut parts = Vec::new();
    for (at, leaves) in records_of(&request.leaves, list) {
        let text = |names: &[&str], fits: fn(&str) -> bool| {
            leaves.iter().find_map(|(_, leaf)| match &leaf.value {
                Value::Text(text) if names.contains(&leaf.path.plain()) && fits(text) => {
                    Some(text.as_str())
                }
                _ => None,
            })
        };
        let method = text(&METHOD, |text| METHODS.iter().any(|m| m.eq_ignore_ascii_case(text)));
        let Some(address) = text(&ADDRESS, is_address) else { continue };
        if method.is_none() && !says {
            continue;
        }
        let id = leaves.iter().find(|(name, _)| *name == "id").and_then(|(_, l)| l.value.as_key());
        let status = match &id {
            Some(id) if answers.values().any(|(_, other)| other.is_some()) => answers
                .values()
                .find(|(_, other)| other.as_ref() == Some(id))
                .map(|(status, _)| *status),
            _ => answers.get(&at).map(|(status, _)| *status),
        };
        let (path, query) = split(address);
        let below = leaves.iter().filter_map(|(name, leaf)| {
            let name = BODY.iter().find_map(|body| name.strip_prefix(body))?;
            Some(Leaf { path: name.into(), ..(*leaf).clone() })
        });
        let leaves = query_leaves(query).chain(below).collect();
        let method = method.unwrap_or("GET").to_ascii_uppercase();
        let request = Request { method, path: path.to_owned(), leaves, ..bare(request) };
        let (outcome, refused) = judged(status);
        parts.push((at, Part { request, response: None, outcome, refused }));
    }
    parts
}

/// GraphQL operations or JSON-RPC calls in an array. Answers come in the same order, or with the
/// ids of their calls.
fn operations(request: &Request, response: Option<&Response>) -> Vec<(u32, Part)> {
    let answers = response.map_or(&[][..], |response| &response.leaves);
    let alone = |leaves: Vec<(&str, &Leaf)>| -> Vec<Leaf> {
        let leaves = leaves.into_iter();
        leaves.map(|(name, leaf)| Leaf { path: name.into(), record: 0, ..leaf.clone() }).collect()
    };
    let id = |leaves: &[(&str, &Leaf)]| {
        leaves.iter().find(|(name, _)| *name == "id").and_then(|(_, leaf)| leaf.value.as_key())
    };
    let answered: BTreeMap<u32, Vec<(&str, &Leaf)>> = records_of(answers, "[].");
    let numbered = answered.values().any(|leaves| id(leaves).is_some());
    let mut parts = Vec::new();
    for (at, leaves) in records_of(&request.leaves, "[].") {
        let answer = match id(&leaves).filter(|_| numbered) {
            Some(own) => answered.values().find(|leaves| id(leaves).as_ref() == Some(&own)),
            None => answered.get(&at),
        };
        let has = |part: &str| {
            answer.is_some_and(|leaves| leaves.iter().any(|(name, _)| name.starts_with(part)))
        };
        let (outcome, refused) = match (has("error"), has("data") || has("result")) {
            (true, _) => (Outcome::Failure, true),
            (false, true) => (Outcome::Success, false),
            _ => (Outcome::Unknown, false),
        };
        let answer = answer.cloned().map(&alone);
        let response = answer.map(|leaves| Response { leaves, ..Response::default() });
        let request = Request { leaves: alone(leaves), ..bare(request) };
        parts.push((at, Part { request, response, outcome, refused }));
    }
    parts
}

/// The status of each record of an answer, and the id of the request that it answers.
fn statuses(response: &Response) -> BTreeMap<u32, (u16, Option<String>)> {
    let mut found = BTreeMap::new();
    for leaf in &response.leaves {
        let Some((_, name)) = leaf.path.split_once("[].") else { continue };
        let own = !name.contains("[]") && name.matches('.').count() <= 1;
        let status = match leaf.value {
            Value::Integer(status @ 100..=599) => u16::try_from(status).ok(),
            _ => None,
        };
        if let (Some(status), true) = (status, own && STATUS.contains(&leaf.path.plain())) {
            found.entry(leaf.record).or_insert((status, None));
        }
        if found.len() >= PARTS_MAX {
            break;
        }
    }
    for leaf in response.leaves.iter().filter(|leaf| leaf.path.ends_with("[].id")) {
        if let Some((_, id)) = found.get_mut(&leaf.record)
            && id.is_none()
        {
            *id = leaf.value.as_key();
        }
    }
    found
}

fn judged(status: Option<u16>) -> (Outcome, bool) {
    match status {
        Some(200..=299) => (Outcome::Success, false),
        Some(status @ 400..=499) => (Outcome::Failure, matches!(status, 401 | 403 | 404 | 410)),
        _ => (Outcome::Unknown, false),
    }
}

/// Path and query of an address.
fn split(address: &str) -> (&str, &str) {
    let local = match address.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => address,
    };
    let local = local.split('#').next().unwrap_or_default();
    local.split_once('?').unwrap_or((local, ""))
}

fn query_leaves(query: &str) -> impl Iterator<Item = Leaf> + '_ {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('=')).take(16);
    pairs.map(|(name, value)| Leaf {
        place: Place::Query,
        path: name.into(),
        record: 0,
        value: value.parse().map_or_else(|_| Value::Text(value.into()), Value::Integer),
        sensitive: None,
    })
}

/// A request of the same sender with nothing in it.
fn bare(request: &Request) -> Request {
    Request { method: request.method.clone(), ..Request::default() }
}

#[cfg(test)]
mod tests {
    use crate::test_support::{World, get, post};
    use crate::{Config, Inventory, Sighting, Who};
    use stilt_model::Outcome;

    fn learned() -> (World, Inventory) {
        let (mut world, mut inventory) = (World::new(), Inventory::new(&Config::default()));
        for n in 100..112 {
            let body = format!(r#"{{"id":{n},"state":"open"}}"#);
            let tx = world.tx(get(&format!("/v1/drafts/{n}")).answer(&body));
            inventory.observe(&tx);
        }
        (world, inventory)
    }

    fn seen(body: &str, answer: &str) -> Sighting {
        let (mut world, mut inventory) = learned();
        let tx = world.tx(post("/v1/batch").json(body).answer(answer));
        inventory.observe(&tx)
    }

    fn told(sighting: &Sighting) -> Vec<(String, String, Outcome)> {
        let all = sighting.inside.iter().map(|part| {
            let ids = part.sighting.objects.iter().map(|o| format!("{} {}", o.class, o.id));
            let ids: Vec<String> = ids.collect();
            (part.sighting.name.to_string(), ids.join(","), part.sighting.outcome)
        });
        all.collect()
    }

    #[test]
    fn requests_with_addresses_are_told_apart_with_their_own_outcome() {
        let sighting = seen(
            r#"{"requests":[{"id":"a","method":"GET","path":"/v1/drafts/104"},
                {"id":"b","method":"GET","path":"/v1/drafts/105"}]}"#,
            r#"{"responses":[{"id":"b","status":404,"body":{"error":"no"}},
                {"id":"a","status":200,"body":{"id":104,"state":"open"}}]}"#,
        );
        let name = "GET /v1/drafts/{id}".to_owned();
        let all = [
            (name.clone(), "draft 104".to_owned(), Outcome::Success),
            (name, "draft 105".to_owned(), Outcome::Failure),
        ];
        assert_eq!(told(&sighting), all);
        assert!(!sighting.inside[0].sighting.changes_state);
    }

    #[test]
    fn an_array_of_operations_is_as_many_requests() {
        let one = |id: u32| {
            let query = "query Order($id: ID!) { order(id: $id) { id } }";
            format!(r#"{{"operationName":"Order","query":"{query}","variables":{{"id":{id}}}}}"#)
        };
        let sighting = seen(
            &format!("[{},{}]", one(7), one(8)),
            r#"[{"data":{"order":{"id":7}}},{"errors":[{"message":"Not found"}]}]"#,
        );
        let told = told(&sighting);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().all(|(name, ..)| name == "POST /v1/batch#order"), "{told:?}");
        assert_eq!((told[0].1.as_str(), told[1].1.as_str()), ("order 7", "order 8"));
        assert_eq!((told[0].2, told[1].2), (Outcome::Success, Outcome::Failure));
    }

    #[test]
    fn calls_in_an_array_are_endpoints_and_the_array_is_none() {
        let body = r#"[{"jsonrpc":"2.0","method":"order.read","params":{"id":7},"id":"a"},
            {"jsonrpc":"2.0","method":"no.such","id":"b"}]"#;
        let answer = r#"[{"jsonrpc":"2.0","error":{"code":-32601,"message":"none"},"id":"b"},
            {"jsonrpc":"2.0","result":{"id":7,"total":5},"id":"a"}]"#;
        let (mut world, mut inventory) = (World::new(), Inventory::new(&Config::default()));
        let tx = world.tx(post("/rpc").json(body).answer(answer));
        let sighting = inventory.observe(&tx);
        let outcomes: Vec<Outcome> = told(&sighting).into_iter().map(|(.., one)| one).collect();
        assert_eq!(outcomes, [Outcome::Success, Outcome::Failure]);
        let who = Who { actor: stilt_model::ActorId(1), authenticated: true, roles: &[] };
        inventory.learn(&tx, &sighting, who, false);
        let known: Vec<_> = inventory.known();
        let names: Vec<&str> = known.iter().map(|one| &*one.endpoint.name).collect();
        assert_eq!(names, ["POST /rpc#order.read"]);
        let knowledge = known[0].knowledge;
        assert_eq!(knowledge.requests, 1);
        assert!(knowledge.body.fields.contains_key("params.id"));
        let answer = knowledge.answers_of(2).next().unwrap();
        assert!(answer.schema.fields.contains_key("result.total"));
    }

    #[test]
    fn what_one_call_of_an_array_gives_is_not_the_others() {
        let body = r#"[{"jsonrpc":"2.0","method":"user.mail","id":1},
            {"jsonrpc":"2.0","method":"book.list","id":2}]"#;
        let answer = r#"[{"jsonrpc":"2.0","result":[{"title":"x"}],"id":2},
            {"jsonrpc":"2.0","result":{"email":"ann@example.com"},"id":1}]"#;
        let (mut world, mut inventory) = (World::new(), Inventory::new(&Config::default()));
        let tx = world.tx(post("/rpc").json(body).answer(answer));
        let sighting = inventory.observe(&tx);
        let who = Who { actor: stilt_model::ActorId(1), authenticated: true, roles: &[] };
        inventory.learn(&tx, &sighting, who, false);
        let known = inventory.known();
        let given = |name: &str| {
            let one = known.iter().find(|one| &*one.endpoint.name == name).unwrap();
            one.knowledge.given.iter().count()
        };
        assert_eq!((given("POST /rpc#user.mail"), given("POST /rpc#book.list")), (1, 0));
    }

    #[test]
    fn lists_that_only_speak_of_addresses_are_no_batches() {
        for body in [
            r#"{"links":[{"url":"/v1/drafts/104","title":"mine"}]}"#,
            r#"{"hooks":[{"url":"https://example.test/in","events":["paid"]}]}"#,
            r#"{"requests":[{"title":"new chairs","cost":7}]}"#,
        ] {
            assert!(told(&seen(body, r#"{"ok":true}"#)).is_empty(), "{body}");
        }
    }
}
