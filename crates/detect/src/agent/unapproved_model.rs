//! Unapproved models and tool servers (MCP09:2025, API9:2023): shadow AI.
//!
//! Judged against the lists of `[ai]`; without lists, against what all agents have used so far: a
//! model at a new address after hundreds of requests to the known ones. A gateway that lets another
//! maker's model answer than was asked for is told as well.

use super::{Stories, Word, detector, hash, text_key};
use crate::agents::{AgentSeen, prices_fit as fits};
use crate::context::Context;
use crate::spec::{Spec, Tuning};
use crate::stats::rate_upper;
use crate::tell::signal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stilt_model::{Dialect, Finding, Outcome, Rule, Severity, Talk, Timestamp};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.unapproved_model",
        title: "A model or tool server is used that is not approved",
        owasp: &["MCP09:2025", "ASI10:2026", "API9:2023"],
        attack: &["AML.T0047"],
        references: &["CWE-1104"],
    },
    severity: Severity::High,
    looks_for: "A model, a host of models or a tool server that is not on the lists of `[ai]` (high). \
                Without lists: an address at which models are asked for the first time after \
                hundreds \
                of requests to others (medium). A model of another maker that answers for the one \
                that was asked for (medium).",
    needs: "Talks with models in clear, or behind what undoes TLS.",
    look_alikes: "A new version of a model; routers whose name promises no maker; the first hour of a \
                  capture, in which everything is new.",
    tuning: &[
        Tuning {
            key: "requests_min",
            meaning: "requests to known addresses before a new one is told",
        },
        Tuning { key: "learning_secs", meaning: "seconds of learning before that" },
    ],
    build: |settings| Ok(Box::new(UnapprovedModel::new(settings)?)),
};

const PLACES_MAX: usize = 4_096;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    requests_min: u64,
    learning_secs: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests_min: 200, learning_secs: 1_800 }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct UnapprovedModel {
    #[serde(skip)]
    limits: Limits,
    /// Addresses at which models are asked, and how often.
    places: BTreeMap<u64, u64>,
    first: Timestamp,
    stories: Stories,
}

/// The maker of a model, by the beginning of its name.
fn maker(model: &str) -> Option<&'static str> {
    const MAKERS: &[(&str, &str)] = &[
        ("gpt-", "openai"),
        ("o1", "openai"),
        ("o3", "openai"),
        ("o4", "openai"),
        ("chatgpt", "openai"),
        ("claude", "anthropic"),
        ("gemini", "google"),
        ("gemma", "google"),
        ("llama", "meta"),
        ("meta-llama", "meta"),
        ("mistral", "mistral"),
        ("mixtral", "mistral"),
        ("codestral", "mistral"),
        ("qwen", "alibaba"),
        ("deepseek", "deepseek"),
        ("command", "cohere"),
        ("grok", "xai"),
        ("phi-", "microsoft"),
        ("kimi", "moonshot"),
        ("glm-", "zhipu"),
    ];
    let lower = model.to_lowercase();
    let name =
        lower.rsplit(['/', ':']).find(|part| maker_of(part, MAKERS).is_some()).unwrap_or(&lower);
    let name = name
        .split_once('.')
        .map_or(name, |(front, back)| if maker_of(back, MAKERS).is_some() { back } else { front });
    maker_of(name, MAKERS)
}

fn maker_of(name: &str, makers: &[(&'static str, &'static str)]) -> Option<&'static str> {
    makers.iter().find(|(begin, _)| name.starts_with(begin)).map(|(_, maker)| *maker)
}

/// What is not as it should be: how grave, what, and what would be right.
struct Wrong {
    severity: Severity,
    what: String,
    expected: String,
}

impl UnapprovedModel {
    fn see(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
        out: &mut Vec<Finding>,
    ) {
        if context.tx.status().is_none_or(|status| status >= 400) {
            return;
        }
        let host = context.tx.request.as_ref().and_then(|request| request.host.as_deref());
        let host = host.unwrap_or(&context.sighting.service);
        let bare = host.split(':').next().unwrap_or(host);
        let listed = |list: &[String], name: &str| list.iter().any(|one| fits(one, name));
        let ai = &agent.ai;
        let mut wrong = Vec::new();
        let high = |what: String, expected: &str| Wrong {
            severity: SPEC.severity,
            what,
            expected: expected.to_owned(),
        };
        if talk.dialect.is_model() {
            for model in [&talk.model_asked, &talk.model_answered].into_iter().flatten() {
                if !ai.approved_models.is_empty() && !listed(&ai.approved_models, model) {
                    wrong.push(high(
                        format!("the model {model} is not approved"),
                        "a model of [ai] approved_models",
                    ));
                    break;
                }
            }
            let hosts = &ai.approved_hosts;
            if !hosts.is_empty() && !listed(hosts, bare) && !listed(hosts, host) {
                wrong.push(high(
                    format!("models at {host} are not approved"),
                    "a host of [ai] approved_hosts",
                ));
            }
            wrong.extend(other_maker(talk));
            if hosts.is_empty() {
                wrong.extend(self.new_place(context, host));
            }
        } else if talk.dialect == Dialect::Mcp {
            let servers = &ai.approved_tool_servers;
            if !servers.is_empty() && !listed(servers, bare) && !listed(servers, host) {
                wrong.push(high(
                    format!("the tool server {host} is not approved"),
                    "a host of [ai] approved_tool_servers",
                ));
            }
        }
        for Wrong { severity, what, expected } in wrong {
            let word = Word {
                severity,
                outcome: Outcome::Success,
                confidence: if severity == Severity::High { 0.95 } else { 0.6 },
                note: what.clone(),
                message: format!("{} uses what it should not: {what}", agent.name),
                why: vec![signal("not_approved", what.clone(), &expected)],
                remediation: format!("approve it in [ai], or stop {} from using it", agent.name),
            };
            self.stories.tell(context, (SPEC.rule.id, text_key(&what)), word, out);
        }
    }

    /// An address that nobody asked before.
    fn new_place(&mut self, context: &Context<'_>, host: &str) -> Option<Wrong> {
        if self.first == Timestamp::ZERO {
            self.first = context.at();
        }
        let place = hash(&[text_key(host)]);
        let all: u64 = self.places.values().sum();
        let learned = context.at().since(self.first).as_secs() >= self.limits.learning_secs
            && all >= self.limits.requests_min;
        if self.places.len() >= PLACES_MAX && !self.places.contains_key(&place) {
            return None;
        }
        let known = self.places.entry(place).or_default();
        *known = known.saturating_add(1);
        (*known == 1 && learned).then(|| Wrong {
            severity: Severity::Medium,
            what: format!("models at {host} were never asked before"),
            expected: format!(
                "one of {} known addresses; a new one in at most {:.1} % by bound",
                self.places.len() - 1,
                100.0 * rate_upper(0, all, 0.05)
            ),
        })
    }
}

/// Another maker's model answers.
fn other_maker(talk: &Talk) -> Option<Wrong> {
    let (asked, answered) = (talk.model_asked.as_deref()?, talk.model_answered.as_deref()?);
    let (wanted, got) = (maker(asked)?, maker(answered)?);
    (wanted != got).then(|| Wrong {
        severity: Severity::Medium,
        what: format!("{answered} answers for {asked}"),
        expected: "the model that was asked for, or a version of it".to_owned(),
    })
}

detector!(UnapprovedModel);

#[cfg(test)]
mod tests {
    use super::super::testing::Chat;
    use crate::agents::Ai;
    use crate::testing::Town;
    use stilt_inventory::test_support::Tx;
    use stilt_model::Severity;

    fn told(plan: &[(f64, Tx)], ai: Ai) -> Vec<Severity> {
        let mut town = Town::new(super::SPEC.rule.id);
        town.has_ai(ai);
        for (at, tx) in plan {
            town.at(*at, tx.clone());
        }
        town.run();
        town.findings().iter().map(|one| one.severity).collect()
    }

    fn chat(n: usize) -> Chat {
        Chat::new("You help.").user(&format!("question number {n}")).answers("yes")
    }

    #[test]
    fn what_is_not_on_the_list_is_told() {
        let ai = Ai { approved_models: vec!["gpt-*".into()], ..Ai::default() };
        assert_eq!(told(&[(1.0, chat(1).asking("deepseek-r1"))], ai.clone()), [Severity::High]);
        assert_eq!(told(&[(1.0, chat(1).asking("gpt-5"))], ai), []);
        let ai = Ai { approved_hosts: vec!["llm.corp".into()], ..Ai::default() };
        assert_eq!(
            told(
                &[
                    (1.0, chat(1).tx().host("llm.corp:8443")),
                    (2.0, chat(2).tx().host("api.else.test"))
                ],
                ai
            ),
            [Severity::High]
        );
    }

    #[test]
    fn another_makers_model_is_told_and_a_version_is_not() {
        assert_eq!(
            told(&[(1.0, chat(1).by("qwen2.5-72b").asking("claude-sonnet-4"))], Ai::default()),
            [Severity::Medium]
        );
        for (asked, answered) in [
            ("gpt-4o", "gpt-4o-2024-11-20"),
            ("fast", "llama-3"),
            ("anthropic/claude-3", "claude-3-opus"),
        ] {
            assert_eq!(told(&[(1.0, chat(1).by(answered).asking(asked))], Ai::default()), []);
        }
    }

    #[test]
    fn a_new_address_after_hundreds_of_requests_is_told() {
        let mut plan: Vec<(f64, Tx)> =
            (0..250).map(|n| (10.0 * n as f64, chat(n).tx().host("llm.corp"))).collect();
        plan.push((20.0, chat(900).tx().host("second.corp")));
        plan.push((2_600.0, chat(901).tx().host("shadow.test")));
        assert_eq!(told(&plan, Ai::default()), [Severity::Medium]);
    }
}
