//! A guardrail that is passed by (LLM01:2025, ASI10), where both sides of a gateway are seen.
//!
//! A question that the gateway tells its caller it blocked reaches the model all the same; or a
//! model that only the gateway ever asked is asked past it.

use super::{Stories, Word, detector, hash, text_key};
use crate::agents::AgentSeen;
use crate::context::Context;
use crate::keep::Keep;
use crate::spec::{Spec, Tuning};
use crate::stats::rate_upper;
use crate::tell::signal;
use core::net::IpAddr;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::{Finding, Outcome, Rule, Severity, Talk, Timestamp, TrustRole};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.guardrail_bypass",
        title: "A model is reached past its guardrail",
        owasp: &["LLM01:2025", "LLM02:2025", "MCP08:2025", "ASI10:2026"],
        attack: &["AML.T0054"],
        references: &["CWE-693"],
    },
    severity: Severity::Medium,
    looks_for: "A question that a gateway refuses as blocked, and that a model answered behind it in \
                the same minute; a caller that asks a model directly which, in fifty requests and \
                more, nobody but a gateway asked.",
    needs: "Both sides of the gateway.",
    look_alikes: "Models that several callers ask; refusals for want of a right or a budget; \
                  gateways that ask the model itself whether to block (another question).",
    tuning: &[Tuning { key: "requests_min", meaning: "requests of the gateway alone before" }],
    build: |settings| Ok(Box::new(GuardrailBypass::new(settings)?)),
};

const QUESTIONS_MAX: usize = 50_000;
const MODELS_MAX: usize = 4_096;
const WITHIN: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    requests_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests_min: 50 }
    }
}

/// Who asks at one address.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Callers {
    all: u64,
    by: BTreeMap<IpAddr, u64>,
}

#[derive(Serialize, Deserialize)]
struct GuardrailBypass {
    #[serde(skip)]
    limits: Limits,
    /// Questions that a model answered: where, and when.
    answered: Keep<u64, (u64, Timestamp)>,
    models: BTreeMap<u64, Callers>,
    /// Addresses that serve talks: those of gateways among them.
    servers: BTreeSet<IpAddr>,
    stories: Stories,
}

impl Default for GuardrailBypass {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            answered: Keep::new(QUESTIONS_MAX),
            models: BTreeMap::new(),
            servers: BTreeSet::new(),
            stories: Stories::default(),
        }
    }
}

/// The answer says that a check stopped it.
fn blocked(talk: &Talk, status: u16) -> bool {
    const WORDS: &[&str] = &[
        "content_filter",
        "content_policy",
        "guardrail",
        "blocked",
        "moderation",
        "policy_violation",
        "responsibleai",
    ];
    let error = talk.error.as_deref().unwrap_or_default().to_lowercase();
    // What was held back on its way out had to be answered first.
    let held = talk.guard.as_deref() == Some("output_blocked");
    let says = talk.guard.is_some() || WORDS.iter().any(|word| error.contains(word));
    status >= 400 && says && !held
}

impl GuardrailBypass {
    fn see(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
        out: &mut Vec<Finding>,
    ) {
        let Some(status) = context.tx.status().filter(|_| talk.dialect.is_model()) else { return };
        let (server, caller) = (context.tx.flow.server, context.tx.source().ip());
        let place = hash(&[text_key(&server.to_string())]);
        if self.servers.len() < MODELS_MAX {
            self.servers.insert(server.ip());
        }
        let question =
            talk.asked().rfind(|turn| turn.role == TrustRole::User && turn.text.bytes >= 16);
        let Some(question) = question.map(|turn| turn.digest) else { return };
        if blocked(talk, status) {
            let passed = self
                .answered
                .get(&question)
                .filter(|(other, at)| *other != place && context.at().since(*at) <= WITHIN);
            if passed.is_some() {
                self.tell(
                    context,
                    agent,
                    "a question that the gateway says it blocked was answered by a model behind it",
                    1,
                    out,
                );
            }
            return;
        }
        if status >= 400 {
            return;
        }
        *self.answered.touch(context.at(), question, || (place, context.at())) =
            (place, context.at());
        if self.models.len() >= MODELS_MAX && !self.models.contains_key(&place) {
            return;
        }
        let callers = self.models.entry(place).or_default();
        let gateway = callers.by.keys().next().copied().filter(|first| {
            callers.by.len() == 1 && *first != server.ip() && self.servers.contains(first)
        });
        let alone =
            callers.all >= self.limits.requests_min && gateway.is_some_and(|first| first != caller);
        let all = callers.all;
        callers.all = callers.all.saturating_add(1);
        if callers.by.len() < 64 {
            *callers.by.entry(caller).or_default() += 1;
        }
        if alone && caller != server.ip() {
            let bound = 100.0 * rate_upper(0, all, 0.05);
            let what = format!(
                "a model that only the gateway asked in {all} requests is asked directly (others in at most {bound:.1} % by bound)"
            );
            self.tell(context, agent, &what, 2, out);
        }
    }

    fn tell(
        &mut self,
        context: &Context<'_>,
        agent: &AgentSeen,
        what: &str,
        kind: u64,
        out: &mut Vec<Finding>,
    ) {
        let word = Word {
            severity: SPEC.severity,
            outcome: Outcome::Success,
            confidence: 0.75,
            note: what.to_owned(),
            message: format!("{}: {what}", agent.name),
            why: vec![signal(
                "past_the_guardrail",
                what,
                "all that reaches a model is checked first",
            )],
            remediation:
                "let the model be reached through the gateway only, and its checks come first"
                    .into(),
        };
        self.stories.tell(context, (SPEC.rule.id, kind), word, out);
    }
}

detector!(GuardrailBypass);

#[cfg(test)]
mod tests {
    use super::super::testing::Chat;
    use crate::testing::Town;
    use stilt_inventory::test_support::Tx;

    fn leg(n: usize, behind: bool) -> Tx {
        let tx = Chat::new("You help.")
            .user(&format!("question number {n} of today"))
            .answers("yes")
            .tx();
        if behind {
            tx.from("10.0.0.5").to("10.0.9.9:80").host("model.test")
        } else {
            tx.from("10.1.0.7").to("10.0.0.5:80").host("gate.test")
        }
    }

    fn told(last: Vec<Tx>) -> usize {
        let mut town = Town::new(super::SPEC.rule.id);
        for n in 0..60 {
            town.at(10.0 * n as f64, leg(n, true));
            town.at(10.0 * n as f64 + 0.1, leg(n, false));
        }
        for (at, tx) in last.into_iter().enumerate() {
            town.at(700.0 + at as f64, tx);
        }
        town.run();
        town.stories().len()
    }

    #[test]
    fn what_goes_past_the_gateway_is_told() {
        assert_eq!(told(vec![leg(900, true).from("10.1.0.8")]), 1);
        let error = r#"{"error":{"code":"content_filter","message":"blocked"}}"#;
        assert_eq!(told(vec![leg(901, true), leg(901, false).status(400).answer(error)]), 1);
        assert_eq!(told(vec![leg(901, false).status(400).answer(error)]), 0);
        assert_eq!(told(vec![leg(902, true), leg(902, false)]), 0);
        for (error, count) in [
            (r#"{"error":{"message":"Blocked by guardrail: pii","type":"None","code":"400"}}"#, 1),
            (r#"{"error":{"message":"No","type":"content_policy_violation","code":"400"}}"#, 1),
            (r#"{"error":{"message":"Guardrail blocked the output","code":"400"}}"#, 0),
            (r#"{"error":{"message":"Budget exceeded","type":"budget","code":"400"}}"#, 0),
        ] {
            let refused = leg(903, false).status(400).answer(error);
            assert_eq!(told(vec![leg(903, true), refused]), count, "{error}");
        }
    }
}
