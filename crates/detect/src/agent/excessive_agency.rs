//! Excessive agency (LLM06:2025): an agent does what no agent of its kind has to do.
//!
//! Two signs: a tool that does harm, which the agent never used in many conversations, is used
//! although nobody spoke of it; and one word of a user is followed by far more deeds than ever.

use super::{Stories, Word, detector, hash, text_key};
use crate::agents::AgentSeen;
use crate::agents::words::{Deed, deed_of_call, holds};
use crate::context::Context;
use crate::keep::Keep;
use crate::spec::{Spec, Tuning};
use crate::stats::rate_upper;
use crate::tell::signal;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::{
    Finding, Outcome, Rule, Severity, Talk, Timestamp, ToolCall, ToolDef, TrustRole,
};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.excessive_agency",
        title: "An agent does far more than it was asked to",
        owasp: &["LLM06:2025", "ASI02:2026", "ASI03:2026"],
        attack: &["AML.T0053"],
        references: &["CWE-250"],
    },
    severity: Severity::High,
    looks_for: "A tool that moves money, deletes, grants rights or reads secrets, used for the first \
                time by an agent that did without it in so many conversations that it can be no \
                part \
                of its work, and of which the user did not speak; or many more such deeds after \
                one word of a user than ever before.",
    needs: "The talk between agent and model; twenty conversations of the agent for what is new.",
    look_alikes: "Tools the user asks for; agents that are new themselves; batch jobs that always do \
                  so much; users who ask for all of something.",
    tuning: &[
        Tuning {
            key: "conversations_min",
            meaning: "conversations of the agent before a tool is new to it",
        },
        Tuning {
            key: "deeds_min",
            meaning: "deeds after one word of a user, where nothing is learned",
        },
    ],
    build: |settings| Ok(Box::new(ExcessiveAgency::new(settings)?)),
};

const AGENTS_MAX: usize = 10_000;
const TASKS_MAX: usize = 20_000;
const TOOLS_MAX: usize = 512;
/// Deeds of a task that are counted.
const DEEDS_MAX: usize = 512;
/// Tasks in which the user asked for so much, before it is the agent's daily work.
const DAILY_MIN: u64 = 3;
/// All kinds of deeds together.
const ANY: &str = "does harm";
/// Deeds long after the word that asked for them are another task.
const TASK: Duration = Duration::from_secs(3600);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    conversations_min: u64,
    deeds_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { conversations_min: 20, deeds_min: 25 }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Agent {
    conversations: u64,
    tools: BTreeSet<u64>,
    /// Tasks begun, and how many came to one deed, to two and so on, by kind. The task at hand is
    /// among them: most agents get one word of a user a conversation, and no end of it is seen.
    tasks: u64,
    #[serde(default)]
    reached: BTreeMap<String, Vec<u64>>,
    /// The same of tasks in which the user asked for so much: they say little of what is done
    /// unasked, unless they are the agent's daily work.
    #[serde(default)]
    reached_asked: BTreeMap<String, Vec<u64>>,
}

impl Agent {
    /// A task came to so many deeds of a kind.
    fn reach(&mut self, kind: &str, count: u64, asked: bool) {
        let table = if asked { &mut self.reached_asked } else { &mut self.reached };
        let known = table.entry(kind.to_owned()).or_default();
        let place = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(1);
        if place < DEEDS_MAX {
            known.resize(known.len().max(place.saturating_add(1)), 0);
            if let Some(tasks) = known.get_mut(place) {
                *tasks = tasks.saturating_add(1);
            }
        }
    }

    /// The most deeds of a kind that a task did, apart from one that did so many.
    fn most(&self, kind: &str, own: u64) -> u64 {
        let known = self.reached.get(kind).map_or(&[][..], Vec::as_slice);
        let others = (1_u64..).zip(known).filter(|(count, tasks)| {
            let itself = u64::from(*count <= own);
            **tasks > itself
        });
        let asked = self.reached_asked.get(kind).map_or(&[][..], Vec::as_slice);
        let daily = (1_u64..).zip(asked).filter(|(_, tasks)| **tasks >= DAILY_MIN);
        let most = |last: Option<(u64, &u64)>| last.map_or(0, |(count, _)| count);
        most(others.last()).max(most(daily.last()))
    }
}

/// What was done since a user last spoke.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Task {
    begun: Timestamp,
    deeds: BTreeMap<String, BTreeSet<u64>>,
    /// The user spoke of all of something, or of several.
    all: bool,
    #[serde(default)]
    several: bool,
}

#[derive(Serialize, Deserialize)]
struct ExcessiveAgency {
    #[serde(skip)]
    limits: Limits,
    agents: Keep<u64, Agent>,
    tasks: Keep<u64, Task>,
    stories: Stories,
}

impl Default for ExcessiveAgency {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            agents: Keep::new(AGENTS_MAX),
            tasks: Keep::new(TASKS_MAX),
            stories: Stories::default(),
        }
    }
}

/// The user speaks of all of something; or of several things, which allows for what he also asked
/// to be done to them.
fn asks_for(text: &str) -> (bool, bool) {
    const ALL: &str = "all every each everything clean bulk batch alle alles jede jeden tous toutes \
                       tout todos todas tutti tutte tutto alla wszystkie";
    const SEVERAL: &str = "whole these those list following both diese folgenden ces questi estos";
    let has = |words: &str, word: &str| words.split(' ').any(|own| own == word);
    let (mut all, mut several) = (false, false);
    for word in text.split(|char: char| !char.is_alphanumeric()) {
        let lower = word.to_lowercase();
        all |= has(ALL, &lower);
        several |= has(SEVERAL, &lower);
        several |= word.parse::<u32>().is_ok_and(|count| (5..1000).contains(&count));
    }
    (all, several)
}

impl Limits {
    /// Deeds of one kind after one word of a user that are too many.
    fn of(&self, agent: &Agent, kind: &str, count: u64) -> u64 {
        let usual = agent.most(kind, count).saturating_mul(3);
        if agent.tasks > 20 { usual.max(10) } else { usual.max(self.deeds_min) }
    }
}

impl ExcessiveAgency {
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
        self.spoken(context, talk, agent);
        let known = self.agents.touch(context.at(), agent.agent, Agent::default);
        if agent.begun && !context.tx.is_running() {
            known.conversations = known.conversations.saturating_add(1);
        }
        let mut told = Vec::new();
        for call in talk.calls().take(64) {
            let tool = text_key(&call.name);
            let new = !known.tools.contains(&tool);
            if known.tools.len() < TOOLS_MAX {
                known.tools.insert(tool);
            }
            let Some(deed) = harmful(call, &talk.tools) else { continue };
            let [user, maker] = agent.meant;
            let meant = holds(user, deed) || holds(user, Deed::Whatever) || holds(maker, deed);
            let before = known.conversations.saturating_sub(1);
            if new && !meant && before >= self.limits.conversations_min {
                told.push((call.name.to_string(), deed, before));
            }
        }
        for (tool, deed, before) in told {
            let bound = 100.0 * rate_upper(0, before, 0.05);
            let word = Word {
                severity: Severity::Medium,
                outcome: Outcome::Unknown,
                confidence: 0.7,
                note: format!("wants {tool} called for the first time"),
                message: format!(
                    "{} wants {tool} called, which {}: it never did in {before} conversations, and \
                     nobody spoke of it",
                    agent.name,
                    deed.name()
                ),
                why: vec![signal(
                    "tool_new_to_agent",
                    tool.clone(),
                    format!("at most {bound:.0} % of conversations by bound"),
                )],
                remediation: format!("take {tool} from the agent if its work does not need it"),
            };
            self.stories.tell(context, (SPEC.rule.id, agent.agent), word, out);
        }
        self.count(context, talk, agent, out);
    }

    /// A new word of a user ends what was asked before.
    fn spoken(&mut self, context: &Context<'_>, talk: &Talk, agent: &AgentSeen) {
        let word =
            agent.new_turns(talk).filter(|turn| turn.role == TrustRole::User && !turn.answered);
        let word = word.last();
        let task = self.tasks.touch(context.at(), agent.conversation, Task::default);
        let stale = context.at().since(task.begun) > TASK;
        if word.is_none() && !stale {
            return;
        }
        let known = self.agents.touch(context.at(), agent.agent, Agent::default);
        if !context.tx.is_running() {
            known.tasks = known.tasks.saturating_add(1);
        }
        let (all, several) = word.map_or((false, false), |turn| asks_for(&turn.text.shown));
        *task = Task { begun: context.at(), deeds: BTreeMap::new(), all, several };
    }

    fn count(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
        out: &mut Vec<Finding>,
    ) {
        let Some(task) = self.tasks.get_mut(&agent.conversation) else { return };
        let known = self.agents.touch(context.at(), agent.agent, Agent::default);
        let [user, _] = agent.meant;
        let mut worst: Option<(&str, u64, u64)> = None;
        for call in talk.calls().take(64) {
            let Some(deed) = harmful(call, &talk.tools) else { continue };
            let allowed = task.several && (holds(user, deed) || holds(user, Deed::Whatever));
            for kind in [deed.name(), ANY] {
                let done = task.deeds.entry(kind.to_owned()).or_default();
                let new =
                    done.len() < 4096 && done.insert(hash(&[text_key(&call.name), call.digest]));
                let count = done.len() as u64;
                if new {
                    known.reach(kind, count, task.all || allowed);
                }
                let limit = self.limits.of(known, kind, count);
                if count >= limit && !allowed && worst.is_none_or(|(_, most, _)| count > most) {
                    worst = Some((kind, count, limit));
                }
            }
        }
        let Some((kind, count, limit)) = worst.filter(|_| !task.all) else { return };
        let (tasks, most) = (known.tasks.saturating_sub(1), known.most(kind, count));
        let word = Word {
            severity: SPEC.severity,
            outcome: Outcome::Unknown,
            confidence: 0.8,
            note: format!("{count} deeds since the user spoke"),
            message: format!(
                "{} {kind} {count} times after one word of a user; the most was {most} in {tasks} tasks",
                agent.name,
            ),
            why: vec![signal(
                "deeds_per_user_word",
                count.to_string(),
                format!("fewer than {limit}"),
            )],
            remediation:
                "stop the agent, undo what it did, and bound how often a task may use such tools"
                    .into(),
        };
        self.stories.tell(context, (SPEC.rule.id, agent.conversation), word, out);
    }
}

fn harmful(call: &ToolCall, tools: &[ToolDef]) -> Option<Deed> {
    let harm = |deed: &Deed| {
        matches!(deed, Deed::Money | Deed::Delete | Deed::Grant | Deed::Secret | Deed::Unlock)
    };
    deed_of_call(call, tools).filter(harm)
}

detector!(ExcessiveAgency, running);

#[cfg(test)]
mod tests {
    use super::super::testing::Chat;
    use crate::testing::Town;

    fn usual(town: &mut Town) {
        for n in 0..30 {
            let chat = Chat::new("You answer questions on parcels.")
                .user(&format!("Where is parcel number {n}00 of mine?"))
                .calls("find_parcel", &format!(r#"{{"n":{n}}}"#));
            town.at(30.0 * n as f64, chat.tx());
        }
    }

    fn told(last: &[Chat]) -> usize {
        let mut town = Town::new(super::SPEC.rule.id);
        usual(&mut town);
        for (at, chat) in last.iter().enumerate() {
            town.at(1000.0 + at as f64, chat.tx());
        }
        town.run();
        town.stories().len()
    }

    fn asks(user: &str, tool: &str) -> Chat {
        Chat::new("You answer questions on parcels.").user(user).calls(tool, r#"{"id":7}"#)
    }

    #[test]
    fn a_harmful_tool_that_nobody_spoke_of_is_told() {
        assert_eq!(told(&[asks("Where is parcel number 77 of mine?", "delete_customer")]), 1);
        assert_eq!(told(&[asks("Please delete my data", "delete_customer")]), 0);
        assert_eq!(told(&[asks("Where is parcel number 77 of mine?", "list_stations")]), 0);
    }

    #[test]
    fn what_one_user_asked_for_is_no_measure_for_others() {
        let burst = |user: &str, from: usize, count: usize| {
            let mut chat = Chat::new("You answer questions on parcels and may delete labels.");
            chat = chat.user(user);
            for n in 0..count {
                chat = chat.calls("delete_label", &format!(r#"{{"id":{}}}"#, from + n));
            }
            chat
        };
        let told = |all: usize| {
            let mut town = Town::new(super::SPEC.rule.id);
            for n in 0..30 {
                let chat = burst(&format!("Delete my label {n}00 please"), 1000 * n, 1);
                town.at(30.0 * n as f64, chat.tx());
            }
            for n in 0..all {
                let text = format!("Delete all labels of order number {n}00");
                town.at(1000.0 + n as f64, burst(&text, 100_000 + 100 * n, 8).tx());
            }
            let last = burst("One of my labels is old, can you look?", 900_000, 14);
            town.at(2000.0, last.tx());
            town.run();
            town.stories().len()
        };
        assert_eq!((told(0), told(1)), (1, 1));
        assert_eq!(told(6), 0, "daily work");
    }

    #[test]
    fn many_deeds_after_one_word_are_told_unless_asked_for() {
        let burst = |user: &str| {
            let mut chat =
                Chat::new("You answer questions on parcels and may delete labels.").user(user);
            for n in 0..40 {
                chat = chat.calls("delete_label", &format!(r#"{{"id":{n}}}"#));
            }
            told(&[chat])
        };
        assert_eq!(burst("Delete my label please"), 1);
        assert_eq!(burst("Please have a look at my list"), 1);
        assert_eq!(burst("Delete the following labels please"), 0);
        assert_eq!(burst("Delete all my labels please"), 0);
    }
}
