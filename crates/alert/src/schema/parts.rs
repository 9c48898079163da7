//! Schemas of fields that several records share.

use serde_json::{Map, Value, json};

/// A record: its own fields on top of those every record has.
pub(super) fn record(title: &str, required: &[&str], fields: Value) -> Value {
    let mut all = vec!["@timestamp", "ecs", "event", "stilt"];
    all.extend_from_slice(required);
    let mut properties = Map::new();
    properties.insert("@timestamp".to_owned(), time());
    properties.insert("ecs".to_owned(), open(&["version"], json!({"version": text()})));
    if let Value::Object(fields) = fields {
        properties.extend(fields);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        "type": "object",
        "required": all,
        "properties": properties,
    })
}

/// An object that may hold more than it names.
pub(super) fn open(required: &[&str], properties: Value) -> Value {
    json!({"type": "object", "required": required, "properties": properties})
}

/// An object that holds what it names and nothing else.
pub(super) fn closed(required: &[&str], properties: Value) -> Value {
    json!({
        "type": "object",
        "required": required,
        "properties": properties,
        "additionalProperties": false,
    })
}

pub(super) fn list(items: &Value) -> Value {
    json!({"type": "array", "items": items})
}

/// A list of different items.
pub(super) fn set(items: &Value) -> Value {
    json!({"type": "array", "items": items, "uniqueItems": true})
}

pub(super) fn any_of(values: &[&str]) -> Value {
    json!({"enum": values})
}

/// Text that a client may have a hand in.
pub(super) fn text() -> Value {
    json!({"type": "string", "maxLength": crate::record::TEXT_CHARS_MAX})
}

pub(super) fn word() -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": crate::record::TEXT_CHARS_MAX})
}

pub(super) fn count() -> Value {
    json!({"type": "integer", "minimum": 0})
}

pub(super) fn share() -> Value {
    json!({"type": "number", "minimum": 0, "maximum": 1})
}

pub(super) fn flag() -> Value {
    json!({"type": "boolean"})
}

/// 16 hexadecimal digits.
pub(super) fn id() -> Value {
    json!({"type": "string", "pattern": "^[0-9a-f]{16}$"})
}

/// RFC 3339 in UTC, microseconds or nanoseconds.
pub(super) fn time() -> Value {
    json!({
        "type": "string",
        "format": "date-time",
        "pattern": "^-?[0-9]{4,6}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.([0-9]{6}|[0-9]{9})Z$",
    })
}

pub(super) fn ip() -> Value {
    json!({"type": "string", "pattern": "^([0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9a-f:]*:[0-9a-f:.]*)$"})
}

pub(super) fn port() -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": 65535})
}

pub(super) fn status() -> Value {
    json!({"type": "integer", "minimum": 0, "maximum": 999})
}

/// `family.name`.
pub(super) fn rule_id() -> Value {
    json!({"type": "string", "pattern": "^[a-z0-9_]+(\\.[a-z0-9_-]+)+$"})
}

/// A name, or the mark that stands for it; never an e-mail address.
pub(super) fn person() -> Value {
    json!({
        "type": "string",
        "maxLength": crate::record::TEXT_CHARS_MAX,
        "not": {"pattern": "^[^@\\s<>]+@[^@\\s<>]+\\.[^@\\s<>]+$"},
    })
}

pub(super) fn endpoint() -> Value {
    closed(&["ip", "port"], json!({"ip": ip(), "port": port(), "geo": geo(), "as": system()}))
}

pub(super) fn client() -> Value {
    closed(&["ip"], json!({"ip": ip(), "geo": geo(), "as": system()}))
}

/// What `[enrich]` says of an address.
fn geo() -> Value {
    closed(&[], json!({"country_iso_code": text()}))
}

fn system() -> Value {
    let name = closed(&["name"], json!({"name": text()}));
    closed(&["number"], json!({"number": count(), "organization": name}))
}

/// What `[assets]` says of a service.
pub(super) fn asset() -> Value {
    closed(
        &[],
        json!({
            "owner": text(),
            "criticality": any_of(&["low", "medium", "high", "critical"]),
            "environment": text(),
            "time_zone": text(),
        }),
    )
}

pub(super) fn user() -> Value {
    open(&[], json!({"id": word(), "roles": list(&word())}))
}

pub(super) fn user_agent() -> Value {
    open(&["original"], json!({"original": text()}))
}

pub(super) fn related() -> Value {
    open(&[], json!({"ip": set(&ip()), "user": list(&person())}))
}

pub(super) fn url() -> Value {
    let target = json!({"type": "string", "maxLength": crate::record::TARGET_CHARS_MAX});
    open(
        &["path", "original"],
        json!({
            "domain": text(), "port": port(), "path": target, "original": target, "query": target,
        }),
    )
}

pub(super) fn network() -> Value {
    let vlan = closed(&["id"], json!({"id": {"type": "string", "pattern": "^[0-9]{1,5}$"}}));
    open(
        &["transport", "protocol", "community_id"],
        json!({
            "transport": any_of(&["tcp"]),
            "protocol": any_of(&["http", "tls"]),
            "community_id": {"type": "string", "pattern": "^1:[A-Za-z0-9+/]{27}=$"},
            "vlan": vlan,
            "inner": closed(&["vlan"], json!({"vlan": vlan})),
        }),
    )
}

pub(super) fn version() -> Value {
    any_of(&["1.0", "1.1", "2"])
}

pub(super) fn trace() -> Value {
    closed(&["id"], json!({"id": word()}))
}

pub(super) fn actor() -> Value {
    closed(
        &["kind", "id", "identified_by"],
        json!({
            "kind": any_of(&["client", "session", "principal", "tenant", "cluster"]),
            "id": text(),
            "identified_by": text(),
        }),
    )
}

pub(super) fn observed() -> Value {
    closed(
        &["complete", "lost_bytes", "one_sided", "truncated"],
        json!({
            "complete": flag(), "lost_bytes": count(), "one_sided": flag(), "truncated": flag(),
            "undecoded": flag(),
        }),
    )
}

/// The innermost tunnel around a flow.
pub(super) fn tunnel() -> Value {
    closed(
        &["kind", "outer"],
        json!({
            "kind": word(),
            "id": count(),
            "outer": {"type": "array", "items": ip(), "minItems": 2, "maxItems": 2},
        }),
    )
}

pub(super) fn outcome() -> Value {
    any_of(&["failure", "unknown", "success"])
}
