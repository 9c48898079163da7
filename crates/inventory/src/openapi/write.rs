//! What was seen of one service, as an OpenAPI 3.1 document.

use super::outline;
use crate::function::functions;
use crate::inventory::Known;
use crate::knowledge::{Answer, Carrier, Knowledge, Level};
use crate::sighting::Slot;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::CredentialKind;

/// Methods that a path item of OpenAPI 3.1 has a place for.
const METHODS: &[&str] = &["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"];

/// What goes into a document.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Values that were seen may be shown, where they are short and no personal data.
    pub examples: bool,
}

/// All functions at one address by one method.
struct Address<'a> {
    slots: &'a [Slot],
    knowledge: Knowledge,
    functions: BTreeSet<&'a str>,
    business: BTreeSet<&'static str>,
}

/// Writes what is known of `service`.
#[must_use]
pub fn write(service: &str, known: &[Known<'_>], options: Options) -> Value {
    let mut addresses: BTreeMap<(&str, &str), Address<'_>> = BTreeMap::new();
    let own = known.iter().filter(|known| &*known.endpoint.service == service);
    let (mut first, mut last, mut requests) = (None, None, 0_u64);
    for one in own {
        let (path, function) = one.endpoint.address();
        let address = addresses.entry((path, &one.endpoint.method)).or_insert_with(|| Address {
            slots: &one.endpoint.slots,
            knowledge: Knowledge::default(),
            functions: BTreeSet::new(),
            business: BTreeSet::new(),
        });
        address.knowledge.absorb(one.knowledge.clone());
        address.functions.extend(function);
        address.business.extend(functions(*one).iter().map(|(function, _)| function.name()));
        let knowledge = one.knowledge;
        first = Some(first.map_or(knowledge.first, |first| knowledge.first.min(first)));
        last = Some(last.map_or(knowledge.last, |last| knowledge.last.max(last)));
        requests = requests.saturating_add(knowledge.requests);
    }
    let mut schemes = Schemes::default();
    let mut paths: Map<String, Value> = Map::new();
    for ((path, method), address) in &addresses {
        if !METHODS.contains(method) {
            continue;
        }
        let item = paths.entry((*path).to_owned()).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            let operation = operation(path, method, address, &mut schemes, options);
            item.insert(method.to_ascii_lowercase(), operation);
        }
    }
    let span = match (first, last) {
        (Some(first), Some(last)) => format!("{requests} requests from {first} to {last}"),
        _ => "no requests".to_owned(),
    };
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": service,
            "version": "observed",
            "description": format!("As seen on the wire by Stilt: {span}."),
        },
        "servers": [server(service)],
        "paths": paths,
    });
    if let (Some(document), false) = (document.as_object_mut(), schemes.0.is_empty()) {
        let schemes: Map<String, Value> = schemes.0.into_iter().collect();
        document.insert("components".to_owned(), json!({ "securitySchemes": schemes }));
    }
    document
}

/// Where the service is: a host, or a name given in the configuration.
fn server(service: &str) -> Value {
    let host = service.contains(['.', ':']) || service == "localhost";
    let url = if host { format!("http://{service}") } else { "/".to_owned() };
    json!({ "url": url, "x-stilt-service": service })
}

fn operation(
    path: &str,
    method: &str,
    address: &Address<'_>,
    schemes: &mut Schemes,
    options: Options,
) -> Value {
    let knowledge = &address.knowledge;
    let mut operation = Map::new();
    let words: Vec<&str> = path.split(['/', '{', '}']).filter(|part| !part.is_empty()).collect();
    operation.insert(
        "operationId".to_owned(),
        json!(format!("{} {}", method.to_ascii_lowercase(), path)),
    );
    if let Some(tag) = words.iter().find(|word| !crate::words::is_version(word) && **word != "api")
    {
        operation.insert("tags".to_owned(), json!([tag]));
    }
    let parameters = parameters(address, options);
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), Value::Array(parameters));
    }
    if !knowledge.body.is_empty() && !matches!(method, "GET" | "HEAD" | "TRACE") {
        let schema = outline::body(&knowledge.body, options.examples);
        let content = content(&knowledge.media, &schema);
        operation.insert("requestBody".to_owned(), json!({ "content": content }));
    }
    operation.insert("responses".to_owned(), responses(&knowledge.answers, options));
    let security = security(knowledge, schemes);
    if !security.is_empty() {
        operation.insert("security".to_owned(), Value::Array(security));
    }
    let roles: Vec<&str> = knowledge.actors.roles.iter().map(|role| &*role.name).collect();
    operation.insert(
        "x-stilt".to_owned(),
        json!({
            "requests": knowledge.requests,
            "actors": knowledge.actors.count(),
            "roles": roles,
            "functions": address.functions,
            "business": address.business,
            "sensitive": {
                "request": knowledge.taken.iter().map(|one| one.kind).collect::<Vec<_>>(),
                "response": knowledge.given.iter().map(|one| one.kind).collect::<Vec<_>>(),
            },
            "first_seen": knowledge.first.to_string(),
            "last_seen": knowledge.last.to_string(),
        }),
    );
    Value::Object(operation)
}

fn parameters(address: &Address<'_>, options: Options) -> Vec<Value> {
    let knowledge = &address.knowledge;
    let mut parameters: Vec<Value> = Vec::new();
    for (at, slot) in address.slots.iter().enumerate() {
        let seen = knowledge.slots.get(at).filter(|field| field.values > 0);
        let schema = match seen {
            Some(field) => outline::parameter(field, options.examples),
            None => json!({ "type": "string" }),
        };
        parameters
            .push(json!({ "name": slot.name, "in": "path", "required": true, "schema": schema }));
    }
    for (name, field) in &knowledge.query.fields {
        let required = knowledge.query.always(field) && field.messages >= 5;
        let name = match knowledge.bracketed.contains(name) {
            true => bracketed(name),
            false => name.to_string(),
        };
        parameters.push(json!({
            "name": name,
            "in": "query",
            "required": required,
            "schema": outline::parameter(field, options.examples),
        }));
    }
    for header in knowledge.headers.usual() {
        let required = knowledge.headers.always(header) && header.messages >= 5;
        parameters.push(json!({
            "name": header.name,
            "in": "header",
            "required": required,
            "schema": { "type": "string" },
        }));
    }
    parameters
}

fn content(media: &[Box<str>], schema: &Value) -> Value {
    let all: Map<String, Value> = media
        .iter()
        .filter(|media| media.contains('/'))
        .map(|media| (media.to_string(), json!({ "schema": schema })))
        .collect();
    if all.is_empty() { json!({ "*/*": { "schema": schema } }) } else { Value::Object(all) }
}

fn responses(answers: &[Answer], options: Options) -> Value {
    let mut responses: BTreeMap<String, Value> = BTreeMap::new();
    for answer in answers.iter().filter(|answer| (100..=599).contains(&answer.status)) {
        let mut response = json!({ "description": reason(answer.status) });
        if answer.bytes_max > 0 && !answer.media.is_empty() {
            let schema = outline::body(&answer.schema, options.examples);
            response["content"] = content(&answer.media, &schema);
        }
        let headers: Map<String, Value> = answer
            .headers
            .usual()
            .into_iter()
            .map(|header| (header.name.to_string(), json!({ "schema": { "type": "string" } })))
            .collect();
        if !headers.is_empty() {
            response["headers"] = Value::Object(headers);
        }
        responses.insert(answer.status.to_string(), response);
    }
    if responses.is_empty() {
        responses.insert("default".to_owned(), json!({ "description": "No answer was seen" }));
    }
    json!(responses)
}

/// Ways of signing in, by the names of their schemes.
#[derive(Default)]
struct Schemes(BTreeMap<String, Value>);

fn security(knowledge: &Knowledge, schemes: &mut Schemes) -> Vec<Value> {
    let level = knowledge.auth.level();
    if level <= Level::None {
        return Vec::new();
    }
    let mut ways: Vec<Value> = knowledge
        .auth
        .telling()
        .into_iter()
        .map(|carrier| {
            let (name, scheme) = scheme(carrier, knowledge);
            schemes.0.insert(name.clone(), scheme);
            json!({ name: [] })
        })
        .collect();
    if level == Level::Some && !ways.is_empty() {
        ways.push(json!({}));
    }
    ways
}

fn scheme(carrier: &Carrier, knowledge: &Knowledge) -> (String, Value) {
    let key = |place: &str| {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let name: String = carrier.name.chars().map(plain).collect();
        (format!("{place}-{name}"), json!({ "type": "apiKey", "in": place, "name": carrier.name }))
    };
    match carrier.kind {
        CredentialKind::Bearer if carrier.jwt => (
            "bearer-jwt".to_owned(),
            json!({ "type": "http", "scheme": "bearer", "bearerFormat": "JWT" }),
        ),
        CredentialKind::Bearer if *carrier.name == *"bearer" => {
            ("bearer".to_owned(), json!({ "type": "http", "scheme": "bearer" }))
        }
        CredentialKind::Basic => ("basic".to_owned(), json!({ "type": "http", "scheme": "basic" })),
        CredentialKind::Cookie => key("cookie"),
        CredentialKind::ApiKey if knowledge.query.fields.contains_key(&*carrier.name) => {
            key("query")
        }
        CredentialKind::ApiKey => key("header"),
        CredentialKind::Bearer | CredentialKind::Other => (
            "authorization".to_owned(),
            json!({ "type": "apiKey", "in": "header",
              "name": "Authorization", "description": format!("scheme {}", carrier.name) }),
        ),
    }
}

/// The reason phrase of RFC 9110 §15, or the class of the status.
fn reason(status: u16) -> &'static str {
    const PHRASES: &[(u16, &str)] = &[
        (200, "OK"),
        (201, "Created"),
        (202, "Accepted"),
        (204, "No Content"),
        (206, "Partial Content"),
        (301, "Moved Permanently"),
        (302, "Found"),
        (303, "See Other"),
        (304, "Not Modified"),
        (307, "Temporary Redirect"),
        (308, "Permanent Redirect"),
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (405, "Method Not Allowed"),
        (409, "Conflict"),
        (410, "Gone"),
        (415, "Unsupported Media Type"),
        (422, "Unprocessable Content"),
        (429, "Too Many Requests"),
        (500, "Internal Server Error"),
        (502, "Bad Gateway"),
        (503, "Service Unavailable"),
        (504, "Gateway Timeout"),
    ];
    let known = PHRASES.iter().find(|(known, _)| *known == status).map(|(_, phrase)| *phrase);
    known.unwrap_or(match status / 100 {
        1 => "Informational",
        2 => "Success",
        3 => "Redirection",
        4 => "Client error",
        _ => "Server error",
    })
}

/// A leaf's name as it stands in a query: `filter.state` is `filter[state]`.
fn bracketed(name: &str) -> String {
    let mut parts = name.split('.');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let key = part.trim_end_matches("[]");
        out.push_str(&format!("[{key}]{}", part.get(key.len()..).unwrap_or_default()));
    }
    out
}
