//! Findings and transactions that the tests of this crate share.

use stilt_model::{
    Actor, ActorId, ActorKind, Evidence, Finding, Flow, HttpVersion, Key, Observed, Order, Outcome,
    Request, Response, Rule, SessionId, SessionRef, Severity, Signal, Subject, Timestamp,
    Transaction, TransactionId,
};

/// Rules the tests use.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        id: "ato.credential_stuffing",
        title: "Credential stuffing",
        owasp: &["API2:2023"],
        attack: &["T1110.004"],
        references: &["OAT-008"],
    },
    Rule {
        id: "ato.brute_force",
        title: "Brute force on one account",
        owasp: &["API2:2023"],
        attack: &["T1110.001"],
        references: &[],
    },
    Rule { id: "inject.sql", title: "SQL injection", owasp: &[], attack: &[], references: &[] },
    Rule {
        id: "surface.misconfiguration",
        title: "Misconfiguration",
        owasp: &[],
        attack: &[],
        references: &[],
    },
];

/// 2026-11-22T10:15:00Z.
pub(crate) const T0: i64 = 1_795_342_500;

/// `T0` and so many seconds.
pub(crate) fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(T0.saturating_add(secs))
}

/// A key.
pub(crate) fn key() -> Key {
    Key::new([7; 32])
}

/// One piece of evidence, `secs` after `T0`.
pub(crate) fn evidence(transaction: u64, secs: i64) -> Evidence {
    Evidence {
        transaction: TransactionId(transaction),
        time: at(secs),
        method: "POST".to_owned(),
        path: "/login".to_owned(),
        status: Some(401),
        source: "10.0.0.66:40112".parse().unwrap(),
        client: None,
        note: "account carol".to_owned(),
        packets: (1201, 8110),
    }
}

/// A finding at `T0` on `POST /login` by alice, with one piece of evidence.
pub(crate) fn finding(rule: &'static str) -> Finding {
    Finding {
        rule,
        posture: false,
        severity: Severity::High,
        confidence: 0.97,
        outcome: Outcome::Failure,
        at: at(0),
        start: at(0),
        end: at(0),
        actor: Actor {
            id: ActorId(5),
            kind: ActorKind::Principal,
            name: "user:alice".to_owned(),
            user: Some("alice".to_owned()),
            roles: vec!["customer".to_owned()],
            identified_by: "JWT subject".into(),
        },
        session: Some(SessionRef { id: SessionId(0xabc), start: at(-60), requests: 57 }),
        service: "shop.internal".to_owned(),
        endpoint: "POST /login".to_owned(),
        message: "57 accounts tried".to_owned(),
        remediation: "reset the accounts".to_owned(),
        why: vec![Signal {
            signal: "distinct_accounts".to_owned(),
            observed: "57".to_owned(),
            expected: "at most 2 in 10 min".to_owned(),
        }],
        evidence: vec![evidence(1, 0)],
        count: 1,
        subject: Subject {
            source: "10.0.0.66:40112".parse().unwrap(),
            destination: "10.0.1.10:8080".parse().unwrap(),
            client: None,
            origin: None,
            version: "1.1",
            method: "POST".to_owned(),
            host: Some("shop.internal".to_owned()),
            target: "/login".to_owned(),
            path: "/login".to_owned(),
            status: Some(200),
            user_agent: Some("python-requests/2.32".to_owned()),
            request_id: None,
            trace_id: None,
            vlan: Vec::new(),
            tunnel: None,
            talk: None,
        },
        thread: 0,
        related_ips: vec!["10.0.0.66".parse().unwrap()],
        related_users: vec!["alice".to_owned(), "bob".to_owned()],
        observed: Observed { complete: true, ..Observed::default() },
    }
}

/// The same finding with its one piece of evidence moved to transaction `id`, `secs` after `T0`.
pub(crate) fn later(rule: &'static str, id: u64, secs: i64) -> Finding {
    let mut finding = finding(rule);
    (finding.at, finding.start, finding.end) = (at(secs), at(secs), at(secs));
    finding.evidence = vec![evidence(id, secs)];
    finding
}

/// A whole transaction.
pub(crate) fn transaction() -> Transaction {
    Transaction {
        id: TransactionId(0x11),
        order: Order::default(),
        flow: Flow {
            client: "10.0.0.66:40112".parse().unwrap(),
            server: "10.0.1.10:8080".parse().unwrap(),
            vlan: vec![12],
            tunnel: None,
        },
        start: at(0),
        end: Timestamp::from_nanos(at(0).nanos() + 1_250_000),
        first_packet: 4,
        last_packet: 6,
        version: HttpVersion::Http11,
        request: Some(Request {
            method: "GET".to_owned(),
            host: Some("shop.internal".to_owned()),
            target: "/v1/orders/17?x=1".to_owned(),
            path: "/v1/orders/17".to_owned(),
            query: Some("x=1".to_owned()),
            ..Request::default()
        }),
        response: Some(Response {
            status: 200,
            content_type: Some("application/json".to_owned()),
            body_bytes: 512,
            ..Response::default()
        }),
        flags: stilt_model::Flags { midstream: true, ..Default::default() },
        lost_bytes: 0,
        anomalies: Vec::new(),
        talk: None,
        stage: stilt_model::Stage::Over,
    }
}
