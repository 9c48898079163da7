//! Transaction, session and visibility.

use super::gen_ai::{gen_ai, talk};
use super::parts::{
    actor, any_of, asset, client, closed, count, endpoint, flag, id, ip, list, network, observed,
    open, outcome, record, related, rule_id, set, share, status, text, time, trace, tunnel, url,
    user, user_agent, version, word,
};
use serde_json::{Value, json};

/// A request with its response (`event.dataset: stilt.transaction`).
#[must_use]
pub fn transaction() -> Value {
    record(
        "Stilt transaction",
        &["source", "destination", "network", "http"],
        json!({
            "event": event("stilt.transaction"),
            "source": endpoint(),
            "destination": endpoint(),
            "client": client(),
            "network": network(),
            "http": http(),
            "url": url(),
            "user": user(),
            "user_agent": user_agent(),
            "trace": trace(),
            "gen_ai": gen_ai(),
            "stilt": open(&["schema", "flags", "lost_bytes", "observed"], json!({
                "schema": {"const": crate::record::SCHEMA_VERSION},
                "service": text(),
                "asset": asset(),
                "endpoint": text(),
                "merged": list(&text()),
                "session": id(),
                "actor": text(),
                "anomaly": share(),
                "flags": set(&any_of(&[
                    "midstream", "one_sided", "gap", "snaplen", "incomplete", "body_cut",
                    "repaired", "head_cut",
                ])),
                "wire_anomalies": list(&json!({"type": "string", "pattern": "^[a-z0-9_]+$"})),
                "lost_bytes": count(),
                "observed": observed(),
                "request": sent(),
                "response": sent(),
                "tunnel": tunnel(),
                "talk": talk(),
                "wire": closed(
                    &["first_packet", "last_packet"],
                    json!({"first_packet": count(), "last_packet": count()}),
                ),
            })),
        }),
    )
}

/// What more is told of a message as it was sent.
fn sent() -> Value {
    let trailer = closed(&["name", "value"], json!({"name": text(), "value": text()}));
    open(
        &[],
        json!({
            "encoded_bytes": count(),
            "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "trailers": list(&trailer),
        }),
    )
}

fn event(dataset: &str) -> Value {
    open(
        &["kind", "dataset", "id", "start", "end", "duration"],
        json!({
            "kind": {"const": "event"},
            "category": list(&word()),
            "type": list(&word()),
            "dataset": {"const": dataset},
            "id": id(),
            "start": time(),
            "end": time(),
            "duration": count(),
        }),
    )
}

fn http() -> Value {
    let body = closed(&["bytes"], json!({"bytes": count()}));
    open(
        &["version"],
        json!({
            "version": version(),
            "request": open(
                &["method", "body"],
                json!({"id": text(), "method": text(), "body": body, "mime_type": text()}),
            ),
            "response": open(
                &["status_code", "body"],
                json!({"status_code": status(), "body": body, "mime_type": text()}),
            ),
        }),
    )
}

/// A closed session (`event.dataset: stilt.session`).
#[must_use]
pub fn session() -> Value {
    let step = closed(
        &["time", "endpoint", "outcome", "times"],
        json!({
            "time": time(),
            "endpoint": text(),
            "status": status(),
            "outcome": outcome(),
            "times": {"type": "integer", "minimum": 1},
        }),
    );
    let used = closed(&["endpoint", "requests"], json!({"endpoint": text(), "requests": count()}));
    record(
        "Stilt session",
        &["related"],
        json!({
            "event": event("stilt.session"),
            "related": related(),
            "user": user(),
            "stilt": open(
                &[
                    "schema", "actor", "service", "closed", "requests", "failures", "bytes_in",
                    "bytes_out", "addresses", "user_agents", "endpoints", "sequence",
                    "sequence_cut", "anomaly", "alerts", "observed",
                ],
                json!({
                    "schema": {"const": crate::record::SCHEMA_VERSION},
                    "actor": actor(),
                    "service": text(),
                    "closed": any_of(&["idle", "absolute", "evicted", "logout", "end"]),
                    "requests": count(),
                    "failures": count(),
                    "bytes_in": count(),
                    "bytes_out": count(),
                    "addresses": set(&ip()),
                    "user_agents": list(&text()),
                    "endpoints": list(&used),
                    "sequence": list(&step),
                    "sequence_cut": flag(),
                    "anomaly": share(),
                    "alerts": set(&rule_id()),
                    "observed": observed(),
                }),
            ),
        }),
    )
}

/// What could not be seen (`event.dataset: stilt.visibility`).
#[must_use]
pub fn visibility() -> Value {
    let told = closed(
        &["kind", "counts"],
        json!({
            "kind": {"type": "string", "pattern": "^[a-z0-9_]+$"},
            "service": text(),
            "counts": {"type": "object", "additionalProperties": count()},
        }),
    );
    record(
        "Stilt visibility",
        &["message"],
        json!({
            "event": open(&["kind", "dataset", "id"], json!({
                "kind": {"const": "metric"},
                "dataset": {"const": "stilt.visibility"},
                "id": id(),
            })),
            "message": word(),
            "stilt": open(&["schema", "visibility"], json!({
                "schema": {"const": crate::record::SCHEMA_VERSION},
                "visibility": told,
            })),
        }),
    )
}
