//! Authorization at tool servers (MCP02:2025, MCP07:2025).
//!
//! A server that takes a token that was made for another one lets itself be used as a passage; a
//! tool that only callers with some scope were given is given to one without it.

use super::{Stories, Word, detector, hash, outcome_of, text_key};
use crate::agents::AgentSeen;
use crate::context::Context;
use crate::keep::Keep;
use crate::spec::{Spec, Tuning};
use crate::stats::rate_upper;
use crate::tell::signal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::{Dialect, Finding, Outcome, Rule, Severity, Talk};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.mcp_authorization",
        title: "A tool server accepts whom it should not",
        owasp: &["MCP02:2025", "MCP07:2025", "ASI03:2026", "API5:2023"],
        attack: &["T1550.001"],
        references: &["CWE-863", "CWE-441"],
    },
    severity: Severity::High,
    looks_for: "A token made for another audience than all tokens before is accepted (token \
                passthrough); a tool that every caller so far used with some scope or role is \
                given to a caller that has none of them.",
    needs: "Signed tokens whose claims can be read; twenty accepted calls by three callers.",
    look_alikes: "New scopes that come with those all callers have; opaque tokens; refusals.",
    tuning: &[
        Tuning { key: "calls_min", meaning: "accepted calls before anything is usual" },
        Tuning { key: "callers_min", meaning: "callers behind them" },
    ],
    build: |settings| Ok(Box::new(McpAuthorization::new(settings)?)),
};

const PLACES_MAX: usize = 20_000;
const CALLERS_MAX: usize = 256;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    calls_min: u64,
    callers_min: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { calls_min: 20, callers_min: 3 }
    }
}

/// What accepted calls had in common.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Usual {
    calls: u64,
    callers: BTreeSet<u64>,
    counts: BTreeMap<String, u64>,
}

impl Usual {
    fn add(&mut self, caller: u64, values: &[&str]) {
        self.calls = self.calls.saturating_add(1);
        if self.callers.len() < CALLERS_MAX {
            self.callers.insert(caller);
        }
        for value in values.iter().take(32) {
            if self.counts.len() < 64 || self.counts.contains_key(*value) {
                let count = self.counts.entry((*value).to_owned()).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    /// Values that every call had.
    fn common(&self) -> Vec<&str> {
        let all = self.counts.iter().filter(|(_, count)| **count == self.calls);
        all.map(|(value, _)| value.as_str()).collect()
    }
}

#[derive(Serialize, Deserialize)]
struct McpAuthorization {
    #[serde(skip)]
    limits: Limits,
    audiences: Keep<u64, Usual>,
    scopes: Keep<u64, Usual>,
    stories: Stories,
}

impl Default for McpAuthorization {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            audiences: Keep::new(PLACES_MAX),
            scopes: Keep::new(PLACES_MAX),
            stories: Stories::default(),
        }
    }
}

impl McpAuthorization {
    fn see(&mut self, context: &Context<'_>, talk: &Talk, _: &AgentSeen, out: &mut Vec<Finding>) {
        let accepted = outcome_of(context, talk) == Outcome::Success;
        let called = talk.calls().next().map(|call| call.name.as_str());
        let (Dialect::Mcp, true, Some(tool)) = (talk.dialect, accepted, called) else { return };
        let Some(request) = &context.tx.request else { return };
        let jwt = request.credentials.iter().find_map(|own| own.jwt.as_deref());
        let Some(jwt) = jwt else { return };
        let service = text_key(&context.sighting.service);
        let caller = context.seen.principal.unwrap_or(context.seen.actor.id).0;
        let limits = self.limits.clone();
        let enough = |usual: &Usual| {
            usual.calls >= limits.calls_min && usual.callers.len() >= limits.callers_min
        };
        if let Some(audience) = jwt.claims.get("aud") {
            let usual = self.audiences.touch(context.at(), service, Usual::default);
            let common = usual.common().join(", ");
            if enough(usual) && !common.is_empty() && common != *audience {
                let bound = 100.0 * rate_upper(0, usual.calls, 0.05);
                let word = Word {
                    severity: SPEC.severity,
                    outcome: Outcome::Success,
                    confidence: 0.85,
                    note: format!("a token for {audience} is accepted"),
                    message: format!(
                        "{} accepted a token made for {audience}; all {} before were made for {common}",
                        context.sighting.service, usual.calls
                    ),
                    why: vec![signal(
                        "token_audience",
                        audience.clone(),
                        format!("{common}; others in at most {bound:.1} % by bound"),
                    )],
                    remediation: "let the server refuse tokens that were not made for it".into(),
                };
                self.stories.tell(
                    context,
                    (SPEC.rule.id, hash(&[service, text_key(audience)])),
                    word,
                    out,
                );
                return;
            }
            usual.add(caller, &[audience]);
        }
        let roles: Vec<&str> = jwt.roles.iter().map(String::as_str).collect();
        let usual =
            self.scopes.touch(context.at(), hash(&[service, text_key(tool)]), Usual::default);
        let common = usual.common();
        let lacks = !common.is_empty() && !roles.iter().any(|role| common.contains(role));
        if enough(usual) && lacks {
            let word = Word {
                severity: SPEC.severity,
                outcome: Outcome::Success,
                confidence: 0.8,
                note: format!("{tool} without {}", common.join(", ")),
                message: format!(
                    "{tool} of {} was given to a caller without {}, which all {} calls of {} callers had",
                    context.sighting.service,
                    common.join(", "),
                    usual.calls,
                    usual.callers.len()
                ),
                why: vec![signal("scopes", roles.join(" "), common.join(" "))],
                remediation: format!(
                    "let the server ask for {} before it runs {tool}",
                    common.join(" ")
                ),
            };
            self.stories.tell(context, (SPEC.rule.id, hash(&[service, text_key(tool)])), word, out);
            return;
        }
        usual.add(caller, &roles);
    }
}

detector!(McpAuthorization);

#[cfg(test)]
mod tests {
    use super::super::testing::call;
    use crate::testing::Town;
    use stilt_inventory::test_support::{Tx, jwt};

    fn by(user: usize, audience: &str, scope: &str) -> Tx {
        let token = jwt(&format!(r#"{{"sub":"user{user}","aud":"{audience}","scope":"{scope}"}}"#));
        call("pay_invoice", r#"{"id":7}"#, "paid")
            .bearer(&token)
            .from(&format!("10.1.0.{}", 1 + user))
    }

    fn told(last: Tx) -> usize {
        let mut town = Town::new(super::SPEC.rule.id);
        for n in 0..30 {
            town.at(
                10.0 * n as f64,
                by(n % 5, "https://tools.test", if n % 2 == 0 { "pay" } else { "pay read" }),
            );
        }
        town.at(500.0, last);
        town.run();
        town.stories().len()
    }

    #[test]
    fn a_token_for_others_and_a_missing_scope_are_told() {
        assert_eq!(told(by(9, "https://graph.test", "pay")), 1);
        assert_eq!(told(by(9, "https://tools.test", "read")), 1);
    }

    #[test]
    fn new_callers_with_what_is_usual_and_refusals_are_silent() {
        assert_eq!(told(by(9, "https://tools.test", "pay admin")), 0);
        assert_eq!(told(by(9, "https://graph.test", "pay").status(403)), 0);
    }
}
