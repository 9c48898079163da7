//! Secrets and personal data that a model gives away (LLM02:2025).
//!
//! The answer holds a key that the user did not bring, numbers of several people, or a long piece
//! of
//! a tool's answer word for word with such things in it.

use super::sensitive_to_model::{is_key, is_personal, kinds, listed};
use super::{Stories, Word, detector, hash};
use crate::agents::AgentSeen;
use crate::context::Context;
use crate::spec::{Spec, Tuning};
use crate::tell::signal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::{Finding, Outcome, Rule, Severity, Talk, TrustRole};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.sensitive_from_agent",
        title: "A model's answer gives secrets or personal data away",
        owasp: &["LLM02:2025", "API3:2023", "ASI03:2026"],
        attack: &["AML.T0057"],
        references: &["CWE-200"],
    },
    severity: Severity::High,
    looks_for: "An answer with a private key, a key of a cloud or vendor, a signed token or a \
                connection string that the user did not bring (high); card, account or identity \
                numbers of several people that the user did not name (medium); five hundred \
                letters of a tool's answer word for word, with such things in them.",
    needs: "The talk with the model.",
    look_alikes: "What the user said before; card numbers for tests; one's own data, singly.",
    tuning: &[Tuning { key: "people_min", meaning: "different numbers of persons in one answer" }],
    build: |settings| Ok(Box::new(SensitiveFromAgent::new(settings)?)),
};

/// Bytes of a tool's answer that are looked for in the model's.
const PIECE: usize = 500;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    people_min: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { people_min: 3 }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct SensitiveFromAgent {
    #[serde(skip)]
    limits: Limits,
    stories: Stories,
}

impl SensitiveFromAgent {
    fn see(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
        out: &mut Vec<Finding>,
    ) {
        if !talk.dialect.is_model() {
            return;
        }
        let own: BTreeSet<u64> = talk
            .asked()
            .filter(|turn| turn.role == TrustRole::User)
            .flat_map(|turn| turn.text.hidden.iter().map(|(_, mark)| *mark))
            .collect();
        let answers = || talk.answers().filter(|turn| turn.role == TrustRole::Assistant);
        let keys = kinds(answers(), |kind, mark| is_key(kind) && !own.contains(&mark));
        let people = kinds(answers(), |kind, mark| is_personal(kind) && !own.contains(&mark));
        let count = people.values().map(BTreeSet::len).sum::<usize>();
        let verbatim = count > 0 && copies(talk);
        if keys.is_empty() && count < self.limits.people_min && !verbatim {
            return;
        }
        let (found, severity) =
            if keys.is_empty() { (&people, Severity::Medium) } else { (&keys, SPEC.severity) };
        let what = listed(found);
        let word = Word {
            severity,
            outcome: Outcome::Success,
            confidence: 0.8,
            note: format!("the answer holds {what}"),
            message: format!("{} answered with {what} that the user had not named", agent.name),
            why: vec![signal("secrets_in_answer", what.clone(), "none that the user did not bring")],
            remediation: "take what must not be told out of prompts and tools' answers; change keys that were told".into(),
        };
        self.stories.tell(context, (SPEC.rule.id, hash(&[agent.conversation])), word, out);
    }
}

/// The answer holds a long piece of what a tool gave.
fn copies(talk: &Talk) -> bool {
    let pieces = talk.asked().filter(|turn| turn.role == TrustRole::ToolResult);
    let pieces: Vec<&str> = pieces.filter_map(|turn| turn.text.shown.get(..PIECE)).collect();
    talk.answers().any(|turn| pieces.iter().any(|piece| turn.text.shown.contains(piece)))
}

detector!(SensitiveFromAgent, running);

#[cfg(test)]
mod tests {
    use super::super::testing::Chat;
    use crate::testing::Town;
    use stilt_model::Severity;

    fn told(chat: &Chat) -> Option<Severity> {
        let mut town = Town::new(super::SPEC.rule.id);
        town.at(10.0, chat.tx());
        town.run();
        town.stories().first().map(|story| story.severity)
    }

    #[test]
    fn keys_and_other_peoples_numbers_in_answers_are_told() {
        let key = "AKIAQ3EGRJ7XZ5PLM2WT";
        let ask = |user: &str| Chat::new("You help.").user(user);
        assert_eq!(
            told(&ask("What is in the configuration?").answers(&format!("It says {key}"))),
            Some(Severity::High)
        );
        assert_eq!(told(&ask(&format!("Is {key} a key?")).answers(&format!("{key} is one"))), None);
        let rows = "DE89370400440532013000, GB29NWBK60161331926819, FR1420041010050500013M02606";
        assert_eq!(told(&ask("Who pays?").answers(rows)), Some(Severity::Medium));
        assert_eq!(told(&ask("What is my account?").answers("It is DE89370400440532013000")), None);
        assert_eq!(told(&ask("Hi").answers("Hello there")), None);
    }
}
