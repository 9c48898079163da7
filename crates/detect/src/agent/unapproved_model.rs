//! Unapproved models and tool servers (MCP09:2025, API9:2023): shadow AI.
//!
//! Behind TLS, the name that a client gives when it opens a connection tells which maker's
//! interface it asks.
//!
//! Judged against the lists of `[ai]`; without lists, against what all agents have used so far: a
//! model at a new address after hundreds of requests to the known ones. A gateway that lets another
//! maker's model answer than was asked for is told as well.

use super::{Stories, Word, hash, text_key, unseen_models};
use crate::agents::{AgentSeen, prices_fit as fits};
use crate::context::{Context, Greeting, Observation};
use crate::keep::Keep;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, Spec, Tuning};
use crate::stats::rate_upper;
use crate::tell::signal;
use core::time::Duration;
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
                that was asked for (medium). Behind TLS: the interface of a known maker or \
                reseller, by the server name of the ClientHello, that is not on the list of hosts \
                (high), or, without one, was never asked before (medium).",
    needs: "Talks with models in clear, or behind what undoes TLS; of other TLS, the beginning of \
            each connection.",
    look_alikes: "A new version of a model; routers whose name promises no maker; the first hour of a \
                  capture, in which everything is new; people who open a maker's pages in a \
                  browser; a name that the client hides (ECH).",
    tuning: &[
        Tuning {
            key: "requests_min",
            meaning: "requests to known addresses before a new one is told",
        },
        Tuning { key: "learning_secs", meaning: "seconds of learning before that" },
    ],
    build: |settings| {
        Ok(Box::new(UnapprovedModel { limits: settings.own()?, ..UnapprovedModel::default() }))
    },
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
    /// Clients that were told by their ClientHello, and when.
    #[serde(default)]
    greeted: Greeted,
}

/// Clients and hosts remembered, and how long one is not told again.
const GREETED_MAX: usize = 10_000;
const AGAIN: Duration = Duration::from_secs(86_400);

#[derive(Serialize, Deserialize)]
struct Greeted(Keep<u64, Timestamp>);

impl Default for Greeted {
    fn default() -> Self {
        Self(Keep::new(GREETED_MAX))
    }
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
                wrong.extend(self.new_place(context.at(), host));
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

    /// A connection for TLS to where models are asked.
    fn greeted(&mut self, greeting: &Greeting<'_>, out: &mut Vec<Finding>) {
        let Some(host) = greeting.hello.server_name.as_deref() else { return };
        let Some(provider) = unseen_models::provider(host) else { return };
        let hosts = &greeting.ai.approved_hosts;
        let wrong = if hosts.is_empty() {
            self.new_place(greeting.tx.end, host)
        } else if hosts.iter().any(|one| fits(one, host)) {
            None
        } else {
            Some(Wrong {
                severity: SPEC.severity,
                what: format!("models at {host} are not approved"),
                expected: "a host of [ai] approved_hosts".to_owned(),
            })
        };
        let Some(Wrong { severity, what, expected }) = wrong else { return };
        let (now, client) = (greeting.tx.end, greeting.tx.source().ip());
        let key = hash(&[text_key(&what), text_key(&client.to_string())]);
        if self.greeted.0.get(&key).is_some_and(|told| now.since(*told) < AGAIN) {
            return;
        }
        *self.greeted.0.touch(now, key, || now) = now;
        let mut finding = crate::tell::of_connection(greeting, SPEC.rule.id, severity, host);
        finding.thread = key;
        finding.confidence = if severity == Severity::High { 0.9 } else { 0.6 };
        finding.message = format!("{client} opens a connection to {provider}: {what}");
        finding.why = vec![
            signal("not_approved", what, &expected),
            signal("server_name", host, "of the ClientHello; what is said is not seen"),
        ];
        finding.remediation = "approve it in [ai], or find out what asks there".to_owned();
        out.push(finding);
    }

    /// An address that nobody asked before.
    fn new_place(&mut self, now: Timestamp, host: &str) -> Option<Wrong> {
        if self.first == Timestamp::ZERO {
            self.first = now;
        }
        let place = hash(&[text_key(host)]);
        let all: u64 = self.places.values().sum();
        let learned = now.since(self.first).as_secs() >= self.limits.learning_secs
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

impl Detector for UnapprovedModel {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, out: &mut Vec<Finding>) {
        if let Observation::Tls(greeting) = observation {
            self.greeted(greeting, out);
        } else if let Some(context) = observation.exchange(false)
            && let (Some(talk), Some(agent)) = (context.tx.talk.as_deref(), context.agent)
        {
            self.see(context, talk, agent, out);
        }
    }
}

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
    fn behind_tls_the_name_of_the_server_tells() {
        let opened = |ai: Ai, hosts: &[(f64, &str)]| {
            let mut town = Town::new(super::SPEC.rule.id);
            town.has_ai(ai);
            for (at, host) in hosts {
                town.opens_tls(*at, "10.1.0.9", host);
            }
            town.findings().iter().map(|one| (one.severity, one.message.clone())).collect()
        };
        let ai = Ai { approved_hosts: vec!["*.openai.azure.com".into()], ..Ai::default() };
        let hosts = [
            (1.0, "corp.openai.azure.com"),
            (2.0, "api.deepseek.com"),
            (3.0, "chatgpt.com"),
            (9.0, "api.deepseek.com"),
            (10.0, "cdn.example.com"),
        ];
        let told: Vec<(Severity, String)> = opened(ai, &hosts);
        let text = "10.1.0.9 opens a connection to DeepSeek: models at api.deepseek.com are not \
                    approved";
        assert_eq!(told, [(Severity::High, text.to_owned())]);
        let usual = |n: usize| (10.0 * n as f64, "api.openai.com");
        let mut hosts: Vec<(f64, &str)> = (0..250).map(usual).collect();
        hosts.insert(5, (45.0, "api.groq.com"));
        hosts.push((2_600.0, "api.mistral.ai"));
        hosts.push((2_700.0, "api.groq.com"));
        let told: Vec<(Severity, String)> = opened(Ai::default(), &hosts);
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!(told[0].0, Severity::Medium);
        assert!(told[0].1.contains("Mistral"), "{told:?}");
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
