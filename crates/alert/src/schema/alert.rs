//! Alert and posture.

use super::gen_ai::{gen_ai, talk};
use super::parts::{
    actor, any_of, asset, client, closed, count, endpoint, id, ip, list, network, observed, open,
    outcome, record, related, rule_id, set, share, status, text, time, trace, tunnel, url, user,
    user_agent, version, word,
};
use crate::story::{EVIDENCE_MAX, WHY_MAX};
use serde_json::{Value, json};

/// An act by an actor (`event.dataset: stilt.alert`).
#[must_use]
pub fn alert() -> Value {
    told("Stilt alert", "alert", "stilt.alert", &["actor"])
}

/// A weakness of the application itself (`event.dataset: stilt.posture`).
#[must_use]
pub fn posture() -> Value {
    told("Stilt posture", "state", "stilt.posture", &[])
}

fn told(title: &str, kind: &str, dataset: &str, also_required: &[&str]) -> Value {
    record(
        title,
        &["rule", "observer", "source", "destination", "related", "url", "network", "message"],
        json!({
            "event": event(kind, dataset),
            "rule": open(
                &["id", "name", "category"],
                json!({"id": rule_id(), "name": word(), "category": word()}),
            ),
            "threat": threat(),
            "observer": observer(),
            "source": endpoint(),
            "destination": endpoint(),
            "client": client(),
            "related": related(),
            "user": user(),
            "user_agent": user_agent(),
            "http": http(),
            "url": url(),
            "network": network(),
            "trace": trace(),
            "gen_ai": gen_ai(),
            "message": word(),
            "stilt": stilt(also_required),
        }),
    )
}

fn event(kind: &str, dataset: &str) -> Value {
    open(
        &[
            "kind",
            "category",
            "type",
            "dataset",
            "id",
            "start",
            "end",
            "severity",
            "risk_score",
            "outcome",
        ],
        json!({
            "kind": {"const": kind},
            "category": set(&any_of(&[
                "api", "authentication", "configuration", "iam", "intrusion_detection", "network",
                "session", "threat", "vulnerability", "web",
            ])),
            "type": set(&any_of(&["access", "allowed", "denied", "info", "protocol"])),
            "dataset": {"const": dataset},
            "id": id(),
            "start": time(),
            "end": time(),
            "severity": {"enum": [21, 47, 73, 99]},
            "risk_score": {"type": "number", "minimum": 0, "maximum": 100},
            "outcome": outcome(),
        }),
    )
}

fn threat() -> Value {
    let technique = json!({"type": "string", "pattern": "^(AML\\.)?T[0-9]{4}(\\.[0-9]{3})?$"});
    closed(
        &["framework", "technique"],
        json!({
            "framework": any_of(&["MITRE ATT&CK", "MITRE ATLAS"]),
            "technique": closed(&["id"], json!({"id": list(&technique)})),
        }),
    )
}

fn observer() -> Value {
    let interface = open(&["name"], json!({"name": word()}));
    open(
        &["type", "product", "version", "name"],
        json!({
            "type": {"const": "sensor"},
            "product": {"const": "Stilt"},
            "version": word(),
            "name": text(),
            "ingress": open(&["interface"], json!({"interface": interface})),
        }),
    )
}

fn http() -> Value {
    open(
        &["version", "request"],
        json!({
            "version": version(),
            "request": open(&["method"], json!({"id": text(), "method": text()})),
            "response": open(&["status_code"], json!({"status_code": status()})),
        }),
    )
}

fn stilt(also_required: &[&str]) -> Value {
    let mut required = vec![
        "schema",
        "severity",
        "confidence",
        "owasp",
        "also",
        "remediation",
        "service",
        "endpoint",
        "why",
        "evidence",
        "count",
        "wire",
        "observed",
    ];
    required.extend_from_slice(also_required);
    open(
        &required,
        json!({
            "schema": {"const": crate::record::SCHEMA_VERSION},
            "severity": any_of(&["low", "medium", "high", "critical"]),
            "confidence": share(),
            "owasp": list(&json!({"type": "string", "pattern": "^[A-Z]+[0-9]+:[0-9]{4}$"})),
            "config": {"type": "string", "pattern": "^sha256:[0-9a-f]+$"},
            "also": set(&rule_id()),
            "remediation": text(),
            "actor": actor(),
            "session": closed(
                &["id", "start", "requests"],
                json!({"id": id(), "start": time(), "requests": count()}),
            ),
            "service": text(),
            "asset": asset(),
            "endpoint": text(),
            "why": capped(WHY_MAX, &closed(
                &["signal", "observed", "expected"],
                json!({
                    "signal": {"type": "string", "pattern": "^[a-z0-9_]+$"},
                    "observed": text(),
                    "expected": text(),
                }),
            )),
            "evidence": capped(EVIDENCE_MAX, &evidence()),
            "count": {"type": "integer", "minimum": 1},
            "wire": closed(
                &["filter"],
                json!({"first_packet": count(), "last_packet": count(), "filter": word()}),
            ),
            "references": list(&word()),
            "observed": observed(),
            "tunnel": tunnel(),
            "talk": talk(),
        }),
    )
}

fn evidence() -> Value {
    closed(
        &["transaction", "time", "method", "path", "source", "note"],
        json!({
            "transaction": id(),
            "time": time(),
            "method": text(),
            "path": text(),
            "status": status(),
            "source": {"type": "string", "pattern": "^(\\[[0-9a-f:.]+\\]|[0-9.]+):[0-9]{1,5}$"},
            "client": ip(),
            "note": text(),
            "packets": {"type": "array", "items": count(), "minItems": 2, "maxItems": 2},
        }),
    )
}

fn capped(most: usize, items: &Value) -> Value {
    json!({"type": "array", "items": items, "maxItems": most})
}
