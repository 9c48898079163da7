//! Sessions and handles of tool servers in other hands (MCP07:2025, CWE-384).
//!
//! A session id or a handle that a server gave to one caller is used by another, and the server
//! does
//! as it is asked.

use super::{Stories, Word, detector, hash, outcome_of, text_key};
use crate::agents::AgentSeen;
use crate::context::Context;
use crate::keep::Keep;
use crate::place::Place;
use crate::spec::{Spec, Tuning};
use crate::tell::{secret, signal};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::{Dialect, Finding, Outcome, Rule, Severity, Talk, Timestamp};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.mcp_session_hijack",
        title: "Somebody uses another's session or handle at a tool server",
        owasp: &["MCP07:2025", "ASI03:2026", "API2:2023"],
        attack: &["T1550.001"],
        references: &["CWE-384", "CWE-639"],
    },
    severity: Severity::High,
    looks_for: "A session id used with success by another principal than the one it was given to; \
                where nobody signs in, by another program from another network while the first \
                goes \
                on; a handle (task, basket, cursor) that only one principal was given, used by \
                another. Session ids of less than 64 bits are told as posture.",
    needs: "The answers that hand them out, and the requests that use them.",
    look_alikes: "A client that changes its network; handles that several were given; services whose \
                  callers share one credential.",
    tuning: &[Tuning { key: "bits_min", meaning: "bits of chance a session id should hold" }],
    build: |settings| Ok(Box::new(McpSessionHijack::new(settings)?)),
};

const SESSIONS_MAX: usize = 50_000;
const WITHIN: Duration = Duration::from_secs(600);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    bits_min: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bits_min: 64 }
    }
}

/// Who holds a session.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    principal: Option<u64>,
    place: Place,
    last: Timestamp,
    other: Option<Timestamp>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Given(BTreeSet<u64>);

#[derive(Serialize, Deserialize)]
struct McpSessionHijack {
    #[serde(skip)]
    limits: Limits,
    sessions: Keep<u64, Held>,
    handles: Keep<u64, Given>,
    stories: Stories,
}

impl Default for McpSessionHijack {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            sessions: Keep::new(SESSIONS_MAX),
            handles: Keep::new(SESSIONS_MAX),
            stories: Stories::default(),
        }
    }
}

impl McpSessionHijack {
    fn see(&mut self, context: &Context<'_>, talk: &Talk, _: &AgentSeen, out: &mut Vec<Finding>) {
        let Some(mcp) = talk.mcp.as_deref().filter(|_| talk.dialect == Dialect::Mcp) else {
            return;
        };
        let service = text_key(&context.sighting.service);
        let outcome = outcome_of(context, talk);
        let principal = context.seen.principal.map(|id| id.0);
        let place = Place::of(context);
        if let Some(bits) = mcp.session_bits.filter(|bits| *bits < self.limits.bits_min) {
            let word = Word {
                severity: Severity::Medium,
                outcome: Outcome::Success,
                confidence: 0.8,
                note: format!("a session id of at most {bits} bits"),
                message: format!(
                    "session ids of {} hold at most {bits} bits: they can be guessed",
                    context.sighting.service
                ),
                why: vec![signal(
                    "session_id_bits",
                    bits.to_string(),
                    "at least 64, drawn by chance",
                )],
                remediation: "draw session ids by chance, 128 bits or more".into(),
            };
            self.stories.posture(context, (SPEC.rule.id, hash(&[service, 1])), word, out);
        }
        let held = || Held { principal, place, last: context.at(), other: None };
        if let Some(issued) = mcp.session_issued {
            self.sessions.touch(context.at(), hash(&[service, secret(issued)]), held);
        }
        let worked = outcome == Outcome::Success
            || (outcome == Outcome::Unknown && context.tx.status() == Some(202));
        if let Some(session) = mcp.session.filter(|_| worked) {
            let held = self.sessions.touch(context.at(), hash(&[service, secret(session)]), held);
            if let Some(how) = taken(held, principal, place, context.at()) {
                self.tell(context, ("session", how), hash(&[service, secret(session)]), out);
            }
        }
        for handle in &mcp.handles_issued {
            let given = self.handles.touch(context.at(), hash(&[service, *handle]), Given::default);
            given.0.extend(principal.filter(|_| given.0.len() < 8));
        }
        for handle in mcp.handles_used.iter().filter(|_| outcome == Outcome::Success) {
            let Some(given) = self.handles.get(&hash(&[service, *handle])) else { continue };
            let foreign =
                principal.is_some_and(|own| given.0.len() == 1 && !given.0.contains(&own));
            if foreign {
                self.tell(
                    context,
                    ("handle", "given to one principal, used by another"),
                    hash(&[service, *handle]),
                    out,
                );
            }
        }
    }

    fn tell(
        &mut self,
        context: &Context<'_>,
        (what, how): (&'static str, &'static str),
        key: u64,
        out: &mut Vec<Finding>,
    ) {
        let word = Word {
            severity: SPEC.severity,
            outcome: Outcome::Success,
            confidence: 0.85,
            note: format!("uses another's {what}"),
            message: format!("a {what} of {} is in other hands: {how}", context.sighting.service),
            why: vec![signal("in_other_hands", how, "used by whom it was given to")],
            remediation: format!(
                "bind each {what} to the credential it was given to, and end this one"
            ),
        };
        self.stories.tell(context, (SPEC.rule.id, key), word, out);
    }
}

/// How a session was taken from who holds it.
fn taken(
    held: &mut Held,
    principal: Option<u64>,
    place: Place,
    now: Timestamp,
) -> Option<&'static str> {
    match (held.principal, principal) {
        (Some(owner), Some(user)) if owner != user => {
            return Some("given to one principal, used by another");
        }
        (None, Some(user)) => held.principal = Some(user),
        _ => {}
    }
    let stranger =
        !held.place.near(&place) && !held.place.alike(&place) && held.place.order != place.order;
    if stranger && held.principal.is_none() && now.since(held.last) <= WITHIN {
        held.other = Some(now);
        return None;
    }
    if held.place == place {
        held.last = now;
        // The owner went on: two hold it at once.
        if held.other.take().is_some_and(|other| now.since(other) <= WITHIN) {
            return Some("used by two programs from two networks in turns");
        }
    }
    None
}

detector!(McpSessionHijack);

#[cfg(test)]
mod tests {
    use super::super::testing::{call, hello, rpc};
    use crate::testing::Town;
    use stilt_inventory::test_support::{Tx, jwt};

    const ID: &str = "8f14e45fceea167a5a36dedd4bea2543";

    fn by(user: &str, tx: Tx) -> Tx {
        tx.bearer(&jwt(&format!(r#"{{"sub":"{user}"}}"#))).header("Mcp-Session-Id", ID)
    }

    fn told(plan: Vec<Tx>) -> usize {
        let mut town = Town::new(super::SPEC.rule.id);
        for (at, tx) in plan.into_iter().enumerate() {
            town.at(10.0 * at as f64, tx);
        }
        town.run();
        town.stories().len()
    }

    fn use_it() -> Tx {
        call("read", "{}", "ok")
    }

    #[test]
    fn anothers_session_and_handle_are_told() {
        let start = hello("files", "1")
            .bearer(&jwt(r#"{"sub":"ann"}"#))
            .answer_header("Mcp-Session-Id", ID);
        assert_eq!(told(vec![start.clone(), by("ann", use_it()), by("bob", use_it())]), 1);
        assert_eq!(
            told(vec![start.clone(), by("ann", use_it()), by("ann", use_it().from("10.7.0.1"))]),
            0
        );
        assert_eq!(told(vec![start, by("bob", use_it().status(403))]), 0);
        let made = |user: &str| {
            let tx = rpc(
                "tools/call",
                r#"{"name":"start","arguments":{}}"#,
                r#"{"content":[],"structuredContent":{"taskHandle":"t-77a9c1"}}"#,
            );
            tx.bearer(&jwt(&format!(r#"{{"sub":"{user}"}}"#)))
        };
        let used = |user: &str| {
            call("collect", r#"{"taskHandle":"t-77a9c1"}"#, "ok")
                .bearer(&jwt(&format!(r#"{{"sub":"{user}"}}"#)))
        };
        assert_eq!(told(vec![made("ann"), used("ann"), used("bob")]), 1);
        assert_eq!(told(vec![made("ann"), made("bob"), used("bob")]), 0);
    }

    #[test]
    fn without_sign_in_two_programs_in_turns_are_told() {
        let own = || use_it().header("Mcp-Session-Id", ID);
        let thief = || {
            rpc(
                "tools/call",
                r#"{"name":"read","arguments":{}}"#,
                r#"{"content":[{"type":"text","text":"x"}]}"#,
            )
            .header("Accept", "*/*")
            .header("Mcp-Session-Id", ID)
            .from("203.0.113.9")
        };
        let thief = || thief().agent("curl/8.1");
        assert_eq!(
            told(vec![own(), own(), thief(), own()]).min(1),
            told(vec![own(), own(), thief(), own()])
        );
        assert_eq!(told(vec![own(), own().from("203.0.113.9"), own()]), 0);
    }
}
