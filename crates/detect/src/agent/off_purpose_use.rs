//! Off-purpose use (OAT-003, AML.T0034): an application's model works for somebody's own ends.
//!
//! A shop's chat is made to write programs and essays. The words of a conversation are held against
//! those of all conversations of the agent; one that shares hardly any of them and makes the model
//! write more than in any before is told.

use super::{Stories, Word, detector, text_key};
use crate::agents::AgentSeen;
use crate::context::Context;
use crate::keep::Keep;
use crate::spec::{Spec, Tuning};
use crate::tell::signal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::{Finding, Outcome, Rule, Severity, Talk, TrustRole};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.off_purpose_use",
        title: "An application's model is used for something else",
        owasp: &["LLM10:2025"],
        attack: &["AML.T0034"],
        references: &["OAT-003", "CWE-770"],
    },
    severity: Severity::Low,
    looks_for: "A conversation whose words are not those of the agent's other conversations (less \
                than half the share of the least alike of them) and in which the model writes \
                three times as much as in any other.",
    needs: "A hundred conversations of the agent.",
    look_alikes: "Long conversations on what the agent is for; short ones on anything; general \
                  assistants, whose conversations are all different.",
    tuning: &[Tuning { key: "conversations_min", meaning: "conversations of the agent before" }],
    build: |settings| Ok(Box::new(OffPurposeUse::new(settings)?)),
};

const AGENTS_MAX: usize = 1_000;
const VOCABULARY_MAX: usize = 20_000;
const OPEN_MAX: usize = 20_000;
/// Words of users that a conversation needs to be judged.
const WORDS_MIN: u64 = 20;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    conversations_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { conversations_min: 100 }
    }
}

/// What users of an agent speak of.
#[derive(Debug, Serialize, Deserialize)]
struct Purpose {
    conversations: u64,
    /// In how many conversations a word was said, and in which last.
    words: BTreeMap<u64, (u32, u64)>,
    least: f64,
    most_written: u64,
}

impl Default for Purpose {
    fn default() -> Self {
        Self { conversations: 0, words: BTreeMap::new(), least: 1.0, most_written: 0 }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Open {
    known: u64,
    all: u64,
    written: u64,
    told: bool,
}

#[derive(Serialize, Deserialize)]
struct OffPurposeUse {
    #[serde(skip)]
    limits: Limits,
    agents: Keep<u64, Purpose>,
    open: Keep<u64, Open>,
    stories: Stories,
}

impl Default for OffPurposeUse {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            agents: Keep::new(AGENTS_MAX),
            open: Keep::new(OPEN_MAX),
            stories: Stories::default(),
        }
    }
}

impl OffPurposeUse {
    fn see(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
        out: &mut Vec<Finding>,
    ) {
        let has_purpose = talk.asked().any(|turn| turn.role == TrustRole::System);
        if !talk.dialect.is_model() || !has_purpose {
            return;
        }
        let mut words = BTreeSet::new();
        for turn in agent.new_turns(talk).filter(|turn| turn.role == TrustRole::User) {
            let all = turn.text.shown.split(|char: char| !char.is_alphabetic());
            // Short words are those of the language.
            words.extend(
                all.filter(|word| word.chars().count() >= 5)
                    .take(1024)
                    .map(|word| text_key(&word.to_lowercase())),
            );
        }
        let purpose = self.agents.touch(context.at(), agent.agent, Purpose::default);
        if agent.begun {
            purpose.conversations = purpose.conversations.saturating_add(1);
        }
        let open = self.open.touch(context.at(), agent.conversation, Open::default);
        open.all = open.all.saturating_add(words.len() as u64);
        for word in &words {
            // Said in another conversation as well.
            let known = purpose.words.get(word).copied().unwrap_or_default();
            let others = known.0 > u32::from(known.1 == agent.conversation);
            open.known = open.known.saturating_add(u64::from(others));
        }
        open.written = open.written.saturating_add(talk.usage.map_or(0, |usage| usage.output));
        let share = open.known as f64 / open.all.max(1) as f64;
        let judged = open.all >= WORDS_MIN && purpose.conversations > self.limits.conversations_min;
        let off = judged && share < 0.5 * purpose.least && open.written > 3 * purpose.most_written;
        let (least, most, written) = (purpose.least, purpose.most_written, open.written);
        if !off && !open.told {
            for word in words {
                let full =
                    purpose.words.len() >= VOCABULARY_MAX && !purpose.words.contains_key(&word);
                if !full {
                    let known = purpose.words.entry(word).or_default();
                    if known.1 != agent.conversation {
                        *known = (known.0.saturating_add(1), agent.conversation);
                    }
                }
            }
            if open.all >= WORDS_MIN && purpose.conversations > self.limits.conversations_min / 2 {
                purpose.least = purpose.least.min(share);
            }
            purpose.most_written = purpose.most_written.max(open.written);
            return;
        }
        open.told = true;
        let word = Word {
            severity: SPEC.severity,
            outcome: Outcome::Success,
            confidence: 0.6,
            note: format!("{written} tokens on something else"),
            message: format!(
                "a conversation with {} is about something else than all others, and had {written} tokens written",
                agent.name
            ),
            why: vec![
                signal(
                    "words_in_common",
                    format!("{:.0} %", 100.0 * share),
                    format!("at least {:.0} %", 100.0 * least),
                ),
                signal("tokens_written", written.to_string(), format!("at most {most} before")),
            ],
            remediation:
                "bound what the application's model answers, and how much of it one user gets"
                    .into(),
        };
        self.stories.tell(context, (SPEC.rule.id, agent.conversation), word, out);
    }
}

detector!(OffPurposeUse);

#[cfg(test)]
mod tests {
    use super::super::testing::Chat;
    use crate::testing::Town;

    const SHOP: &str = "parcel delivery address order number refund return label shipping carrier tracking invoice payment receipt exchange colour size jacket shoes shirt trousers warehouse courier";

    fn told(last: &str, written: u64) -> usize {
        let words: Vec<&str> = SHOP.split(' ').collect();
        let mut town = Town::new(super::SPEC.rule.id);
        for n in 0..130_usize {
            let said: Vec<&str> =
                (0..22).map(|at| words[(n * 7 + at * (1 + n % 3)) % words.len()]).collect();
            let chat =
                Chat::new("You help customers of a shop.").user(&format!("{n} {}", said.join(" ")));
            town.at(20.0 * n as f64, chat.answers("Yes").tokens(50, 60).tx());
        }
        town.at(
            3000.0,
            Chat::new("You help customers of a shop.")
                .user(last)
                .answers("Here")
                .tokens(50, written)
                .tx(),
        );
        town.run();
        town.stories().len()
    }

    #[test]
    fn long_work_on_something_else_is_told() {
        let code = "please write python program which parses binary search trees using recursion, explain complexity, include unit testing framework examples, benchmark against hashing tables, compile everything into library package";
        assert_eq!((told(code, 4000), told(code, 50), told(&SHOP[..150], 4000)), (1, 0, 0));
    }
}
