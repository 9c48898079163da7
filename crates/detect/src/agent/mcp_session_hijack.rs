//! Sessions and handles of tool servers in other hands (MCP07:2025, CWE-384).
//!
//! A session id or a handle that a server gave to one caller is used by another, and the server
//! does
//! as it is asked.

use super::{Stories, Stranger, Word, detector, hash, outcome_of, text_key};
use crate::agents::AgentSeen;
use crate::context::Context;
use crate::keep::Keep;
use crate::place::Place;
use crate::spec::{Spec, Tuning};
use crate::tell::{secret, signal};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::talk::Mcp;
use stilt_model::{
    Credential, CredentialKind, Dialect, Finding, Outcome, Rule, Severity, Talk, Timestamp,
};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.mcp_session_hijack",
        title: "Somebody uses another's session or handle at a tool server",
        owasp: &["MCP07:2025", "ASI03:2026", "API2:2023"],
        attack: &["T1550.001"],
        references: &["CWE-384", "CWE-639"],
    },
    severity: Severity::High,
    looks_for: "A session id used with success by another principal than the one it was given to, or \
                with another key by another program; \
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
    /// The key it was opened with, where that names nobody.
    credential: Option<u64>,
    place: Place,
    last: Timestamp,
    other: Option<Box<Stranger>>,
    /// The key that the other one showed.
    other_key: Option<u64>,
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
        let credential = credential(context, mcp);
        let held = || Held {
            principal,
            credential,
            place,
            last: context.at(),
            other: None,
            other_key: None,
        };
        if let Some(issued) = mcp.session_issued {
            self.sessions.touch(context.at(), hash(&[service, secret(issued)]), held);
        }
        let worked = outcome == Outcome::Success
            || (outcome == Outcome::Unknown && context.tx.status() == Some(202));
        if let Some(session) = mcp.session.filter(|_| worked) {
            let held = self.sessions.touch(context.at(), hash(&[service, secret(session)]), held);
            let key = hash(&[service, secret(session)]);
            match held.taken(context, principal, credential, place) {
                Some((how, None)) => self.tell(context, ("session", how), key, out),
                Some((how, Some(stranger))) => {
                    let word = word(context, "session", how);
                    let how = (&*stranger, "uses another's session");
                    self.stories.tell_of(context, (SPEC.rule.id, key), how, word, out);
                }
                None => {}
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
        let word = word(context, what, how);
        self.stories.tell(context, (SPEC.rule.id, key), word, out);
    }
}

fn word(context: &Context<'_>, what: &'static str, how: &'static str) -> Word {
    Word {
        severity: SPEC.severity,
        outcome: Outcome::Success,
        confidence: 0.85,
        note: format!("uses another's {what}"),
        message: format!("a {what} of {} is in other hands: {how}", context.sighting.service),
        why: vec![signal("in_other_hands", how, "used by whom it was given to")],
        remediation: format!(
            "bind each {what} to the credential it was given to, and end this one"
        ),
    }
}

/// The key that a request carries beside the session's id.
fn credential(context: &Context<'_>, mcp: &Mcp) -> Option<u64> {
    let request = context.tx.request.as_ref()?;
    let keys = |own: &&Credential| {
        matches!(own.kind, CredentialKind::Bearer | CredentialKind::ApiKey)
            && mcp.session != Some(own.mark)
            && !own.name.eq_ignore_ascii_case("mcp-session-id")
    };
    request.credentials.iter().find(keys).map(|own| secret(own.mark))
}

impl Held {
    /// How the session was taken from who holds it, and by whom where that came out later.
    fn taken(
        &mut self,
        context: &Context<'_>,
        principal: Option<u64>,
        credential: Option<u64>,
        place: Place,
    ) -> Option<(&'static str, Option<Box<Stranger>>)> {
        match (self.principal, principal) {
            (Some(owner), Some(user)) if owner != user => {
                return Some(("given to one principal, used by another", None));
            }
            (None, Some(user)) => self.principal = Some(user),
            _ => {}
        }
        let (near, alike) = (self.place.near(&place), self.place.alike(&place));
        let now = context.at();
        let other_key = match (self.credential, credential) {
            (Some(first), Some(key)) => first != key,
            _ => false,
        };
        let named = self.principal.is_some() && self.principal == principal;
        if other_key && !named && !near && !alike {
            return Some(("opened with one key, used with another by another program", None));
        }
        let elsewhere = !near && (!alike || (other_key && !named));
        if elsewhere && (self.principal.is_none() || other_key) {
            if now.since(self.last) <= WITHIN {
                Stranger::note(&mut self.other, context, place);
                self.other_key = credential;
            }
            return None;
        }
        if near && alike {
            // A key that was renewed by its owner, who was elsewhere meanwhile.
            if other_key && self.other_key == credential {
                self.other = None;
            }
            self.credential = credential.or(self.credential);
            self.last = now;
            // The owner went on: two hold it at once.
            let other = self.other.take().filter(|other| now.since(other.last) <= WITHIN);
            return other
                .map(|other| ("used by two programs from two networks in turns", Some(other)));
        }
        None
    }
}

detector!(McpSessionHijack);

#[cfg(test)]
mod tests {
    use super::super::testing::{call, hello, rpc};
    use crate::testing::Town;
    use stilt_inventory::test_support::{Tx, jwt, post};

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

    /// As `use_it`, by a program of another make and from another network.
    fn by_other_program() -> Tx {
        post("/mcp")
            .agent("other-client/1")
            .json(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"}}"#)
            .answer(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"x"}]}}"#)
            .from("203.0.113.9")
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
        let thief = || by_other_program().header("Mcp-Session-Id", ID);
        assert_eq!(told(vec![own(), own(), thief(), own()]), 1);
        assert_eq!(told(vec![own(), own(), thief()]), 0, "it may have moved");
        assert_eq!(told(vec![own(), own().from("203.0.113.9"), own()]), 0);
    }

    #[test]
    fn another_key_than_it_was_opened_with_is_told() {
        const KEYS: [&str; 3] =
            ["sk-own-5f2c7a9d1e8b4c60", "sk-new-0d4e6a8c2b1f9375", "sk-foe-93b7e1c5a2d8f604"];
        let start = || {
            let tx = hello("files", "1").bearer(KEYS[0]);
            tx.answer_header("Mcp-Session-Id", ID)
        };
        let by = |key: usize| use_it().bearer(KEYS[key]).header("Mcp-Session-Id", ID);
        let thief = || by_other_program().bearer(KEYS[2]).header("Mcp-Session-Id", ID);
        assert_eq!(told(vec![start(), by(0), thief()]), 1);
        assert_eq!(told(vec![start(), by(0), by(1), by(1)]), 0, "renewed");
        assert_eq!(told(vec![start(), by(0), by(1).from("203.0.113.9"), by(1)]), 0);
        // A thief with the same program shows when the owner goes on.
        let same = || by(2).from("203.0.113.9");
        assert_eq!(told(vec![start(), by(0), same()]), 0);
        assert_eq!(told(vec![start(), by(0), same(), by(0)]), 1);
        assert_eq!(told(vec![start(), by(0), thief().status(403)]), 0);
    }
}
