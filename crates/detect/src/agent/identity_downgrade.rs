//! Identity downgrade (ASI03, MCP02:2025): an agent acts as itself where it should act for a user.
//!
//! Calls of a tool server that were always made for a named user are suddenly made in the agent's
//! own name, and work; or the user that a header names is another one than the token's.

use super::{Stories, Word, detector, hash, outcome_of, text_key};
use crate::agents::AgentSeen;
use crate::context::Context;
use crate::keep::Keep;
use crate::spec::{Spec, Tuning};
use crate::stats::rate_lower;
use crate::tell::signal;
use serde::{Deserialize, Serialize};
use stilt_model::{Dialect, Finding, Outcome, Rule, Severity, Talk};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.identity_downgrade",
        title: "An agent acts in its own name where it always acted for a user",
        owasp: &["ASI03:2026", "MCP02:2025", "API5:2023"],
        attack: &["T1550.001"],
        references: &["CWE-266", "CWE-441"],
    },
    severity: Severity::Medium,
    looks_for: "A tool that an agent called with success for named users in at least nineteen of \
                twenty calls by bound, called without one (medium); a header that names another \
                user than the token does, where they were always the same (high).",
    needs: "Calls of tool servers that name the user: a header, or the claims of a token.",
    look_alikes: "Tools that are called in both ways; jobs that have no user from the first call on; \
                  refusals.",
    tuning: &[Tuning { key: "calls_min", meaning: "calls for users before anything is usual" }],
    build: |settings| Ok(Box::new(IdentityDowngrade::new(settings)?)),
};

const PLACES_MAX: usize = 20_000;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    calls_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls_min: 60 }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Calls {
    with: u64,
    all: u64,
    same: u64,
    both: u64,
}

#[derive(Serialize, Deserialize)]
struct IdentityDowngrade {
    #[serde(skip)]
    limits: Limits,
    calls: Keep<u64, Calls>,
    stories: Stories,
}

impl Default for IdentityDowngrade {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            calls: Keep::new(PLACES_MAX),
            stories: Stories::default(),
        }
    }
}

impl IdentityDowngrade {
    fn see(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
        out: &mut Vec<Finding>,
    ) {
        let tool = talk.calls().next().map(|call| call.name.as_str());
        let (Dialect::Mcp, Some(tool)) = (talk.dialect, tool) else { return };
        let (Some(request), Outcome::Success) = (&context.tx.request, outcome_of(context, talk))
        else {
            return;
        };
        let named = request.on_behalf.as_deref();
        let claims = request.credentials.iter().find_map(|own| own.jwt.as_deref());
        let subject = claims.and_then(|claims| claims.sub.as_deref());
        let service = text_key(&context.sighting.service);
        let key = hash(&[service, text_key(tool), context.seen.client.0]);
        let calls = self.calls.touch(context.at(), key, Calls::default);
        let usual =
            calls.with >= self.limits.calls_min && rate_lower(calls.with, calls.all, 0.05) >= 0.95;
        let alike = calls.both >= self.limits.calls_min && calls.same == calls.both;
        let wrong = match (named, subject) {
            (Some(named), Some(subject)) if alike && named != subject => {
                Some((Severity::High, "the header names another user than the token".to_owned()))
            }
            (None, _) if usual => Some((
                SPEC.severity,
                format!("no user is named; {} of {} calls before named one", calls.with, calls.all),
            )),
            _ => None,
        };
        let Some((severity, what)) = wrong else {
            calls.all = calls.all.saturating_add(1);
            calls.with = calls.with.saturating_add(u64::from(named.is_some()));
            if let (Some(named), Some(subject)) = (named, subject) {
                calls.both = calls.both.saturating_add(1);
                calls.same = calls.same.saturating_add(u64::from(named == subject));
            }
            return;
        };
        let word = Word {
            severity,
            outcome: Outcome::Success,
            confidence: 0.7,
            note: format!("{tool}: {what}"),
            message: format!(
                "{} called {tool} of {}: {what}",
                agent.name, context.sighting.service
            ),
            why: vec![signal("user_of_the_call", what.clone(), "the user the agent acts for")],
            remediation:
                "let the server refuse calls that are made for nobody, and compare header and token"
                    .into(),
        };
        self.stories.tell(context, (SPEC.rule.id, key), word, out);
    }
}

detector!(IdentityDowngrade);

#[cfg(test)]
mod tests {
    use super::super::testing::call;
    use crate::testing::Town;
    use stilt_inventory::test_support::Tx;

    fn read(user: Option<&str>) -> Tx {
        let tx = call("read_file", r#"{"path":"a"}"#, "text").bearer("s3rvice-0123456789abcdef");
        match user {
            Some(user) => tx.header("X-User-Id", user),
            None => tx,
        }
    }

    fn told(before: impl Fn(usize) -> bool, last: Tx) -> usize {
        let mut town = Town::new(super::SPEC.rule.id);
        for n in 0..90 {
            town.at(
                5.0 * n as f64,
                read(before(n).then_some(if n % 2 == 0 { "ann" } else { "bob" })),
            );
        }
        town.at(600.0, last);
        town.run();
        town.stories().len()
    }

    #[test]
    fn a_call_for_nobody_is_told_where_all_were_for_somebody() {
        assert_eq!(told(|_| true, read(None)), 1);
        assert_eq!(told(|n| n % 3 > 0, read(None)), 0);
        assert_eq!(told(|_| true, read(Some("eve"))), 0);
        assert_eq!(told(|_| true, read(None).status(403)), 0);
    }
}
