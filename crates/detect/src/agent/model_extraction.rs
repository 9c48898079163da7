//! Model extraction (AML.T0024, LLM10:2025): a model is copied by asking it systematically.
//!
//! One caller asks for the probabilities behind answers, with hundreds of questions that are one
//! template with other values in it.

use super::{Stories, Word, detector, hash, text_key};
use crate::agents::AgentSeen;
use crate::context::Context;
use crate::keep::Keep;
use crate::spec::{Spec, Tuning};
use crate::tell::signal;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::{Finding, Outcome, Rule, Severity, Talk, Timestamp, TrustRole};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.model_extraction",
        title: "A model is probed systematically",
        owasp: &["LLM10:2025"],
        attack: &["AML.T0024.002", "AML.T0040"],
        references: &["CWE-770"],
    },
    severity: Severity::Medium,
    looks_for: "Hundreds of different questions of one template in a day by one caller, all of which \
                ask for probabilities of tokens.",
    needs: "The talk with the model.",
    look_alikes: "Batches that classify texts (they ask for no probabilities); harnesses that \
                  evaluate models (declare them as an exception).",
    tuning: &[Tuning {
        key: "questions_min",
        meaning: "different questions of one template in a day",
    }],
    build: |settings| Ok(Box::new(ModelExtraction::new(settings)?)),
};

const GRIDS_MAX: usize = 5_000;
/// Questions of one template that are counted.
const QUESTIONS_MAX: usize = 16_384;
const WITHIN: Duration = Duration::from_secs(86_400);
/// Letters by which a template is known.
const OPENING: usize = 32;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    questions_min: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { questions_min: 300 }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Grid {
    since: Timestamp,
    questions: BTreeSet<u64>,
}

#[derive(Serialize, Deserialize)]
struct ModelExtraction {
    #[serde(skip)]
    limits: Limits,
    grids: Keep<u64, Grid>,
    stories: Stories,
}

impl Default for ModelExtraction {
    fn default() -> Self {
        Self { limits: Limits::default(), grids: Keep::new(GRIDS_MAX), stories: Stories::default() }
    }
}

impl ModelExtraction {
    fn see(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
        out: &mut Vec<Finding>,
    ) {
        if !talk.dialect.is_model() || !talk.knobs.logprobs {
            return;
        }
        let Some(turn) = talk.asked().rfind(|turn| turn.role == TrustRole::User) else { return };
        let letters = |char: &char| char.is_alphabetic();
        let opening: String = turn.text.shown.chars().filter(letters).take(OPENING).collect();
        let ending: String = turn.text.shown.chars().rev().filter(letters).take(OPENING).collect();
        // What varies may stand anywhere: at the end, or near the beginning.
        let frames = [(1, opening), (2, ending)];
        let counts = frames.map(|(side, frame)| {
            let key = hash(&[context.seen.actor.id.0, side, text_key(&frame)]);
            let grid = self.grids.touch(context.at(), key, Grid::default);
            if context.at().since(grid.since) > WITHIN {
                *grid = Grid { since: context.at(), questions: BTreeSet::new() };
            }
            if grid.questions.len() < QUESTIONS_MAX {
                grid.questions.insert(turn.text.digest);
            }
            (grid.questions.len(), key)
        });
        let Some((count, key)) = counts.into_iter().max() else { return };
        if count < self.limits.questions_min {
            return;
        }
        let word = Word {
            severity: SPEC.severity,
            outcome: Outcome::Success,
            confidence: 0.7,
            note: format!("question {count} of one template"),
            message: format!(
                "{count} questions of one template asked {} for probabilities",
                talk.model().unwrap_or("a model")
            ),
            why: vec![signal(
                "questions_of_one_template",
                count.to_string(),
                "few, or without probabilities",
            )],
            remediation: format!(
                "ask who is behind {}; give probabilities to nobody who does not need them",
                agent.name
            ),
        };
        self.stories.tell(context, (SPEC.rule.id, key), word, out);
    }
}

detector!(ModelExtraction);

#[cfg(test)]
mod tests {
    use super::super::testing::Chat;
    use crate::testing::Town;

    #[test]
    fn the_slot_of_a_template_may_stand_at_its_beginning() {
        let told = |question: &dyn Fn(usize) -> String| {
            let mut town = Town::new(super::SPEC.rule.id);
            for n in 0..310 {
                let chat = Chat::new("").user(&question(n)).answers("good");
                town.at(20.0 * n as f64, chat.with(r#","logprobs":true"#).tx());
            }
            town.run();
            town.stories().len()
        };
        let word = |n: usize| -> String {
            let letter = |at: u32| char::from(b'a' + (n / 26_usize.pow(at) % 26) as u8);
            (0..3).map(letter).collect()
        };
        let slot = |n| format!("Is \"{}\" positive or negative? Answer with one word.", word(n));
        assert_eq!(told(&slot), 1);
        let free = |n| format!("What {0} did in {0}land when {0} was {0} and all of {0}", word(n));
        assert_eq!(told(&free), 0);
    }

    #[test]
    fn a_grid_that_asks_for_probabilities_is_told() {
        let told = |more: &str, count: usize| {
            let mut town = Town::new(super::SPEC.rule.id);
            for n in 0..count {
                let chat = Chat::new("")
                    .user(&format!("Classify the sentiment of this review with one word: {n}"))
                    .answers("good");
                town.at(20.0 * n as f64, chat.with(more).tx());
            }
            town.run();
            town.stories().len()
        };
        assert_eq!(
            (told(r#","logprobs":true"#, 310), told(r#","logprobs":true"#, 200), told("", 310)),
            (1, 0, 0)
        );
    }
}
