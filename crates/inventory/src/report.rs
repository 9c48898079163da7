//! What is known of an endpoint, as JSON.

use crate::function::functions;
use crate::inventory::Known;
use crate::knowledge::class::{CLASSES, Class};
use crate::knowledge::field::Field;
use crate::knowledge::{Headers, Kind, Knowledge, Schema, SensitiveSeen};
use crate::openapi::outline;
use serde_json::{Value, json};
use stilt_model::{CredentialKind, SecretKind, SensitiveClass};

/// One endpoint with everything that is known of it.
#[must_use]
pub fn endpoint(known: Known<'_>) -> Value {
    let (endpoint, knowledge) = (known.endpoint, known.knowledge);
    let (path, function) = endpoint.address();
    let millis = |q: f64| knowledge.latency.quantile(q).map(|secs| (secs * 1e5).round() / 100.0);
    let business: Vec<Value> = functions(known)
        .into_iter()
        .map(|(function, why)| json!({ "function": function.name(), "why": why }))
        .collect();
    let mut answers: Vec<_> = knowledge.answers.iter().collect();
    answers.sort_by_key(|answer| answer.status);
    let responses: Vec<Value> = answers
        .into_iter()
        .map(|answer| {
            let schema = (!answer.schema.is_empty()).then(|| outline::body(&answer.schema, false));
            json!({
                "status": answer.status,
                "count": answer.count,
                "media": answer.media,
                "bytes_max": answer.bytes_max,
                "records_max": answer.records_max,
                "headers": headers(&answer.headers),
                "schema": schema,
            })
        })
        .collect();
    let body = (!knowledge.body.is_empty()).then(
        || json!({ "media": knowledge.media, "schema": outline::body(&knowledge.body, false) }),
    );
    json!({
        "event": { "kind": "state", "dataset": "stilt.endpoint" },
        "service": &*endpoint.service,
        "endpoint": &*endpoint.name,
        "method": endpoint.method,
        "path": path,
        "operation": function,
        "first_seen": knowledge.first,
        "last_seen": knowledge.last,
        "requests": knowledge.requests,
        "successes": knowledge.successes,
        "latency_ms": { "p50": millis(0.5), "p95": millis(0.95), "p99": millis(0.99) },
        "actors": knowledge.actors.count(),
        "roles": knowledge.actors.roles.iter().map(|role| json!({
            "name": role.name, "passed": role.passed, "refused": role.refused,
        })).collect::<Vec<_>>(),
        "authentication": authentication(known),
        "business": business,
        "sensitive": {
            "request": sensitive(known.knowledge, Direction::Request),
            "response": sensitive(known.knowledge, Direction::Response),
        },
        "parameters": parameters(known),
        "headers": headers(&knowledge.headers),
        "request": body,
        "responses": responses,
    })
}

fn authentication(known: Known<'_>) -> Value {
    let auth = &known.knowledge.auth;
    let carriers: Vec<Value> = auth
        .telling()
        .into_iter()
        .map(|carrier| {
            json!({ "kind": carrier_name(carrier.kind), "name": carrier.name, "jwt": carrier.jwt })
        })
        .collect();
    json!({
        "seen": auth.level().name(),
        "with": auth.with.saturating_add(auth.opened()),
        "without": auth.without.saturating_sub(auth.opened()),
        "challenged": auth.challenged,
        "by": carriers,
    })
}

/// How a credential was carried, in a word.
#[must_use]
pub const fn carrier_name(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Bearer => "bearer",
        CredentialKind::Basic => "basic",
        CredentialKind::Cookie => "cookie",
        CredentialKind::ApiKey => "api key",
        CredentialKind::Other => "other",
    }
}

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the application.
    Request,
    /// From it.
    Response,
}

/// Kinds of sensitive data that go one way, each with the fields that held it in messages that were
/// looked at in detail.
#[must_use]
pub fn sensitive_fields(knowledge: &Knowledge, way: Direction) -> Vec<(Kind, Vec<&str>)> {
    let (seen, schemas): (&SensitiveSeen, Vec<&Schema>) = match way {
        Direction::Request => (&knowledge.taken, vec![&knowledge.query, &knowledge.body]),
        Direction::Response => {
            (&knowledge.given, knowledge.answers.iter().map(|answer| &answer.schema).collect())
        }
    };
    let fields = |kind: Kind| {
        let all = schemas.iter().flat_map(|schema| &schema.fields);
        let mut names: Vec<&str> = all
            .filter(|(path, field)| field.holds(kind.kind) && !seen.is_by_chance(path, kind.kind))
            .map(|(path, _)| &**path)
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    seen.iter().map(|kind| (kind, fields(kind))).collect()
}

fn sensitive(knowledge: &Knowledge, way: Direction) -> Vec<Value> {
    let one = |(kind, fields): (Kind, Vec<&str>)| {
        json!({
            "kind": kind.kind,
            "class": match kind.kind.class() {
                SensitiveClass::Personal => "personal",
                SensitiveClass::Financial => "financial",
                SensitiveClass::Credential => "credential",
            },
            "messages": kind.messages,
            "values": kind.values,
            "fields": fields,
        })
    };
    sensitive_fields(knowledge, way).into_iter().map(one).collect()
}

fn headers(headers: &Headers) -> Vec<Value> {
    let usual = headers.usual().into_iter();
    usual
        .map(|header| {
            json!({
                "name": header.name,
                "always": headers.always(header),
                "seen_in": header.messages,
            })
        })
        .collect()
}

/// Where a parameter stands, its name, what is known of it, and whether every request had it.
#[must_use]
pub fn parameters_of<'a>(
    known: Known<'a>,
) -> Vec<(&'static str, &'a str, Option<&'a Field>, bool)> {
    let knowledge = known.knowledge;
    let slots = known
        .endpoint
        .slots
        .iter()
        .enumerate()
        .map(|(at, slot)| ("path", slot.name.as_str(), knowledge.slots.get(at), true));
    let of = |place, schema: &'a Schema| {
        schema
            .fields
            .iter()
            .map(move |(name, field)| (place, &**name, Some(field), schema.always(field)))
    };
    slots.chain(of("query", &knowledge.query)).chain(of("body", &knowledge.body)).collect()
}

fn parameters(known: Known<'_>) -> Vec<Value> {
    let one = |(place, name, field, always): (&str, &str, Option<&Field>, bool)| {
        let field = field.filter(|field| field.values > 0);
        let masked: Vec<&str> =
            field.into_iter().flat_map(Field::secrets).map(SecretKind::name).collect();
        let classes: Vec<&str> = field.map(classes).unwrap_or_default();
        json!({
            "in": place,
            "name": name,
            "always": always,
            "seen_in": field.map(|field| field.messages),
            "types": classes,
            "masked": masked,
            "range": field.and_then(|field| field.range),
            "lengths": field.and_then(|field| field.lengths),
            "values": field.and_then(Field::enumeration),
        })
    };
    parameters_of(known).into_iter().map(one).collect()
}

/// Types and forms of a field's values.
#[must_use]
pub fn classes(field: &Field) -> Vec<&'static str> {
    let mut found: Vec<&'static str> = CLASSES
        .iter()
        .filter(|class| field.texts_of(**class) > 0 && **class != Class::Mark)
        .map(|class| class.name())
        .collect();
    for (count, name) in [
        (field.bools, "boolean"),
        (field.integers, "integer"),
        (field.numbers, "number"),
        (field.nulls, "null"),
    ] {
        if count > 0 && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}
