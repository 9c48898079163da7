//! Words and names that findings share.

use crate::context::{Context, Greeting};
use core::net::IpAddr;
use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hasher};
use stilt_model::{
    Actor, ActorId, ActorKind, Evidence, Finding, IdBuilder, Observed, Outcome, Pseudonym,
    Severity, Signal, SmolStr, Subject,
};

/// The client that sent a transaction, as an actor.
pub(crate) fn client(context: &Context<'_>) -> Actor {
    client_at(context.seen.client, context.seen.client_ip)
}

/// A client of which no more than this was kept.
pub(crate) fn client_at(id: ActorId, ip: IpAddr) -> Actor {
    Actor {
        id,
        kind: ActorKind::Client,
        name: format!("client:{ip}"),
        user: None,
        roles: Vec::new(),
        identified_by: SmolStr::new_static("address and client fingerprint"),
    }
}

/// A finding about a connection of which only the beginning is seen, to `host`.
pub(crate) fn of_connection(
    greeting: &Greeting<'_>,
    rule: &'static str,
    severity: Severity,
    host: &str,
) -> Finding {
    let tx = greeting.tx;
    let ip = tx.source().ip();
    let id = ActorId(IdBuilder::new("client").text(&ip.to_string()).finish());
    let evidence = Evidence {
        transaction: tx.id,
        time: tx.start,
        method: String::new(),
        path: String::new(),
        status: None,
        source: tx.source(),
        client: None,
        note: "opens a connection for TLS".to_owned(),
        packets: (tx.order.packet, tx.order.packet),
    };
    let subject = Subject {
        source: tx.source(),
        destination: tx.flow.server,
        client: None,
        origin: None,
        version: tx.version.name(),
        method: String::new(),
        host: Some(host.to_owned()),
        target: String::new(),
        path: String::new(),
        status: None,
        user_agent: None,
        request_id: None,
        trace_id: None,
        vlan: tx.flow.vlan.clone(),
        tunnel: tx.flow.tunnel,
        talk: None,
    };
    Finding {
        rule,
        posture: false,
        severity,
        confidence: 0.9,
        outcome: Outcome::Unknown,
        at: tx.end,
        start: tx.start,
        end: tx.end,
        actor: client_at(id, ip),
        thread: 0,
        session: None,
        service: host.to_owned(),
        endpoint: "TLS".to_owned(),
        message: String::new(),
        remediation: String::new(),
        why: Vec::new(),
        evidence: vec![evidence],
        count: 1,
        subject,
        related_ips: vec![ip],
        related_users: Vec::new(),
        observed: Observed { complete: false, ..Observed::of(tx) },
    }
}

/// Several clients that do one thing; named after the rule and what it is done to.
pub(crate) fn cluster(rule: &str, service: &str, about: u64, by: &str) -> Actor {
    let name = IdBuilder::new("cluster").text(rule).text(service).number(about);
    let id = ActorId(name.finish());
    Actor {
        id,
        kind: ActorKind::Cluster,
        name: format!("cluster:{id}"),
        user: None,
        roles: Vec::new(),
        identified_by: by.into(),
    }
}

/// One signal.
pub(crate) fn signal(
    signal: impl Into<String>,
    observed: impl Into<String>,
    expected: impl Into<String>,
) -> Signal {
    Signal { signal: signal.into(), observed: observed.into(), expected: expected.into() }
}

/// What is usual, with how likely the observed is and on how much that rests.
pub(crate) fn usual(expected: impl AsRef<str>, p: f64, support: impl AsRef<str>) -> String {
    format!("{} (p {:.1e}, {})", expected.as_ref(), p.min(1.0), support.as_ref())
}

/// The chance of what none of so many did: the rank of one more among them.
pub(crate) fn none_of(count: u64) -> f64 {
    1.0 / (crate::stats::to_f64(count) + 1.0)
}

/// A key for a thing of a service (an account, an address): the same in every run.
pub(crate) fn key(service: &str, thing: &str) -> u64 {
    let mut hasher = FixedState::with_seed(11).build_hasher();
    hasher.write(service.as_bytes());
    hasher.write_u8(0);
    hasher.write(thing.as_bytes());
    hasher.finish()
}

/// A key for a secret.
pub(crate) fn secret(mark: Pseudonym) -> u64 {
    mark.digest[0] ^ mark.digest[1].rotate_left(17)
}

/// Makes an earlier transaction the subject of a finding: who did it, and not who was there when it
/// came out.
pub(crate) fn about(finding: &mut Finding, seen: &Evidence) {
    let subject = &mut finding.subject;
    subject.source = seen.source;
    subject.client = seen.client;
    subject.method.clone_from(&seen.method);
    subject.path.clone_from(&seen.path);
    subject.target.clone_from(&seen.path);
    subject.status = seen.status;
    (subject.origin, subject.talk) = (None, None);
    (subject.user_agent, subject.request_id, subject.trace_id) = (None, None, None);
    finding.session = None;
}
