//! Words and names that findings share.

use crate::context::Context;
use core::net::IpAddr;
use foldhash::fast::FixedState;
use std::hash::{BuildHasher, Hasher};
use stilt_model::{
    Actor, ActorId, ActorKind, Evidence, Finding, IdBuilder, Pseudonym, Signal, SmolStr,
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
