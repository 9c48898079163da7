//! Runaway loop (LLM10:2025, ASI08): an agent goes round and round and gets nowhere.
//!
//! The same call with the same arguments gives the same answer again and again, or a short cycle of
//! calls repeats. Waiting for something is no loop: it asks for a status, and takes its time.

use super::{Stories, Word, detector, hash, text_key};
use crate::agents::AgentSeen;
use crate::agents::words::{deed_of, parts};
use crate::context::Context;
use crate::keep::Keep;
use crate::spec::{Spec, Tuning};
use crate::tell::signal;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use stilt_model::{Dialect, Finding, Outcome, Rule, Severity, SmolStr, Talk, Timestamp, TrustRole};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.runaway_loop",
        title: "An agent goes round in circles",
        owasp: &["LLM10:2025", "ASI08:2026"],
        attack: &["AML.T0034"],
        references: &["CWE-835"],
    },
    severity: Severity::Medium,
    looks_for: "One call with the same arguments and the same result five times in ten minutes; a \
                cycle of two to five calls, results and all, four times over; fifty calls of which \
                the last ten gave nothing new.",
    needs: "Tools' answers as the model is given them, or the calls of a tool server.",
    look_alikes: "Polling (tools that ask for a status, answers that say it is still under way, pauses \
                  that grow, as others of the same agent do); the same check after different \
                  changes; tries again after errors, which are counted apart; long useful work.",
    tuning: &[
        Tuning { key: "repeats_min", meaning: "equal calls with equal results" },
        Tuning { key: "cycles_min", meaning: "rounds of a cycle" },
        Tuning {
            key: "turns_min",
            meaning: "calls of a conversation before standing still counts",
        },
    ],
    build: |settings| Ok(Box::new(RunawayLoop::new(settings)?)),
};

const RUNS_MAX: usize = 20_000;
const KEPT: usize = 64;
const WITHIN: Duration = Duration::from_secs(600);
const HABITS_MAX: usize = 20_000;
/// Seconds between two looks at what is under way: at least; and where it was looked at often.
const GLANCE: f64 = 0.5;
const PAUSE: f64 = 5.0;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    repeats_min: usize,
    cycles_min: usize,
    turns_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { repeats_min: 5, cycles_min: 4, turns_min: 50 }
    }
}

/// One call that was done.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Round {
    at: Timestamp,
    tool: SmolStr,
    call: u64,
    all: u64,
    failed: bool,
    new: bool,
    /// It says that what was asked about is still under way.
    #[serde(default)]
    under_way: bool,
    /// It changed something, as no call before did.
    #[serde(default)]
    changes: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Run {
    last: VecDeque<Round>,
    results: std::collections::BTreeSet<u64>,
    /// What users said: who is asked again may do the same again.
    spoken: std::collections::BTreeSet<u64>,
    count: u64,
}

#[derive(Serialize, Deserialize)]
struct RunawayLoop {
    #[serde(skip)]
    limits: Limits,
    runs: Keep<u64, Run>,
    /// Conversations in which a tool of an agent repeated itself before and then went on.
    habits: Keep<u64, u64>,
    stories: Stories,
}

impl Default for RunawayLoop {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            runs: Keep::new(RUNS_MAX),
            habits: Keep::new(HABITS_MAX),
            stories: Stories::default(),
        }
    }
}

/// A tool that asks how something is going.
fn polls(tool: &str) -> bool {
    const WORDS: &[&str] = &[
        "status",
        "wait",
        "poll",
        "check",
        "progress",
        "job",
        "task",
        "state",
        "sleep",
        "monitor",
        "watch",
        "ready",
        "heartbeat",
        "ping",
        "tail",
        "logs",
        "time",
        "next",
        "reading",
        "sensor",
        "messages",
        "mail",
        "mails",
        "email",
        "emails",
        "events",
        "notifications",
        "output",
        "inbox",
        "screenshot",
        "queue",
        "pull",
        "receive",
        "snapshot",
    ];
    parts(tool).iter().any(|part| WORDS.contains(&part.as_str()))
}

impl RunawayLoop {
    fn see(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
        out: &mut Vec<Finding>,
    ) {
        if talk.dialect == Dialect::A2a {
            return;
        }
        let run = self.runs.touch(context.at(), agent.conversation, Run::default);
        for turn in agent.new_turns(talk).filter(|turn| turn.role == TrustRole::User) {
            if run.spoken.len() < 1024 && run.spoken.insert(turn.text.digest) {
                run.last.clear();
                run.count = 0;
            }
        }
        for done in &agent.done {
            let run = self.runs.touch(context.at(), agent.conversation, Run::default);
            let new = run.results.len() < 4096
                && run.results.insert(hash(&[text_key(&done.tool), done.result]));
            let call = hash(&[text_key(&done.tool), done.arguments]);
            if let Some(last) = run.last.back()
                && last.call != call
            {
                // It went on after repeating itself: so it does its work.
                let times =
                    run.last.iter().rev().take_while(|round| round.call == last.call).count();
                if times >= 3 {
                    let habit = hash(&[agent.agent, text_key(&last.tool)]);
                    let known = self.habits.touch(context.at(), habit, || 0);
                    *known = known.saturating_add(1);
                }
            }
            let changes = !done.failed
                && deed_of(&done.tool).is_some()
                && run.last.iter().all(|round| round.call != call);
            if run.last.len() >= KEPT {
                run.last.pop_front();
            }
            run.count = run.count.saturating_add(1);
            run.last.push_back(Round {
                at: context.at(),
                tool: done.tool.clone(),
                call,
                all: hash(&[call, done.result]),
                failed: done.failed,
                new,
                under_way: done.under_way,
                changes,
            });
        }
        if agent.done.is_empty() {
            return;
        }
        let Some(run) = self.runs.get(&agent.conversation) else { return };
        let habit = |tool: &str| {
            let known = self.habits.get(&hash(&[agent.agent, text_key(tool)]));
            known.is_some_and(|known| *known >= 3)
        };
        // At a tool server many conversations may share one caller: only an unbroken row counts.
        let found = if talk.dialect.is_model() {
            goes_round(run, &self.limits, context.at(), habit)
        } else {
            unbroken(run, &self.limits, context.at(), habit)
        };
        let Some((how, times)) = found else { return };
        let grave = times >= 4 * self.limits.repeats_min as u64;
        let word = Word {
            severity: if grave { Severity::High } else { SPEC.severity },
            outcome: Outcome::Success,
            confidence: 0.85,
            note: how.clone(),
            message: format!("{}: {how}", agent.name),
            why: vec![signal("repeats", times.to_string(), "an answer that is new, or an end")],
            remediation: "stop the conversation, and give the agent a bound on equal calls".into(),
        };
        self.stories.tell(context, (SPEC.rule.id, agent.conversation), word, out);
    }
}

/// What is asked about is under way, and is given time: a few looks in a row, or pauses.
fn awaits(equal: &[&Round], limits: &Limits) -> bool {
    let under_way = equal.iter().all(|round| round.under_way);
    let times = equal.iter().map(|round| round.at);
    let (first, last) = (times.clone().min(), times.max());
    let (Some(first), Some(last)) = (first, last) else { return false };
    let pause = last.since(first).as_secs_f64() / equal.len().saturating_sub(1).max(1) as f64;
    let patient = if equal.len() < 4 * limits.repeats_min { GLANCE } else { PAUSE };
    under_way && pause >= patient
}

/// The same call in an unbroken row.
fn unbroken(
    run: &Run,
    limits: &Limits,
    now: Timestamp,
    habit: impl Fn(&str) -> bool,
) -> Option<(String, u64)> {
    let last = run.last.back()?;
    let row = run
        .last
        .iter()
        .rev()
        .take_while(|round| round.all == last.all && now.since(round.at) <= WITHIN);
    let (times, needed) = (row.count(), 2 * limits.repeats_min);
    let waits = polls(&last.tool) || habit(&last.tool) || last.failed;
    let equal: Vec<&Round> = run.last.iter().rev().take(times).collect();
    let waits = waits || awaits(&equal, limits);
    (times >= needed && !waits).then(|| {
        let what = format!("{} gave the same answer to the same call {times} times", last.tool);
        (what, times as u64)
    })
}

/// How a run goes round, if it does.
fn goes_round(
    run: &Run,
    limits: &Limits,
    now: Timestamp,
    habit: impl Fn(&str) -> bool,
) -> Option<(String, u64)> {
    let last = run.last.back()?;
    // What is looked at again after a change is not what it was.
    let since = run.last.iter().rposition(|round| round.changes).unwrap_or(0);
    let recent: Vec<&Round> =
        run.last.iter().skip(since).filter(|round| now.since(round.at) <= WITHIN).collect();
    let equal: Vec<&Round> = recent.iter().copied().filter(|round| round.all == last.all).collect();
    let pauses: Vec<u64> =
        equal.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_secs()).collect();
    let grows = pauses.len() >= 3
        && pauses.windows(2).all(|pair| pair[1] >= pair[0])
        && pauses.last() > pauses.first();
    let waits = polls(&last.tool) || habit(&last.tool) || grows || awaits(&equal, limits);
    // Who tries again after an error has a reason to.
    let needed = if last.failed { 2 * limits.repeats_min } else { limits.repeats_min };
    if equal.len() >= needed && !waits {
        let times = equal.len() as u64;
        return Some((
            format!("{} gave the same answer to the same call {times} times", last.tool),
            times,
        ));
    }
    let ends: Vec<u64> = recent.iter().map(|round| round.all).collect();
    for period in 2..=5 {
        let length = period * limits.cycles_min;
        let Some(tail) = ends.len().checked_sub(length).and_then(|from| ends.get(from..)) else {
            break;
        };
        let round = tail.chunks(period).all(|chunk| Some(chunk) == tail.get(..period));
        let varied =
            tail.iter().take(period).collect::<std::collections::BTreeSet<_>>().len() == period;
        let idle = |round: &&&Round| polls(&round.tool) || round.failed || round.under_way;
        let waits = recent.iter().rev().take(period).any(|round| idle(&round));
        if round && varied && !waits {
            let times = limits.cycles_min as u64;
            return Some((
                format!("a cycle of {period} calls was gone through {times} times"),
                times,
            ));
        }
    }
    let still = recent.len() >= 10 && recent.iter().rev().take(10).all(|round| !round.new);
    let waits = recent.iter().rev().take(10).any(|round| polls(&round.tool) || round.under_way);
    (run.count >= limits.turns_min && still && !waits)
        .then(|| (format!("of {} calls the last 10 gave nothing new", run.count), 10))
}

detector!(RunawayLoop);

#[cfg(test)]
mod tests {
    use super::super::testing::{Chat, call};
    use crate::testing::Town;

    fn told(rounds: &[(&str, &str, &str)], pause: impl Fn(usize) -> f64) -> usize {
        let mut town = Town::new(super::SPEC.rule.id);
        let (mut chat, mut at) =
            (Chat::new("You work on tickets.").user("Please solve the ticket of today"), 10.0);
        for (number, (tool, arguments, result)) in rounds.iter().enumerate() {
            chat = chat.tool(tool, arguments, result);
            at += pause(number);
            town.at(at, chat.clone().calls(tool, arguments).tx());
        }
        town.run();
        town.stories().len()
    }

    #[test]
    fn the_same_call_with_the_same_answer_is_told() {
        assert_eq!(told(&[("lookup", "{\"q\":1}", "nothing found"); 6], |_| 5.0), 1);
        assert_eq!(told(&[("lookup", "{\"q\":1}", "nothing found"); 4], |_| 5.0), 0);
        assert_eq!(told(&[("lookup", "{\"q\":1}", "nothing found"); 6], |_| 400.0), 0);
        let round = [("ask_a", "{}", "see b"), ("ask_b", "{}", "see a")];
        assert_eq!(told(&round.repeat(4), |_| 5.0), 1);
    }

    #[test]
    fn waiting_and_useful_work_are_silent() {
        assert_eq!(told(&[("job_status", "{\"id\":1}", "running"); 12], |_| 5.0), 0);
        assert_eq!(told(&[("export", "{\"id\":1}", "not yet"); 8], |n| 2.0 * n as f64), 0);
        let work: Vec<(String, String)> =
            (0..70).map(|n| (format!("{{\"page\":{n}}}"), format!("row {n}"))).collect();
        let work: Vec<(&str, &str, &str)> =
            work.iter().map(|(a, r)| ("list_rows", a.as_str(), r.as_str())).collect();
        assert_eq!(told(&work, |_| 3.0), 0);
    }

    #[test]
    fn work_under_way_is_waited_for_and_not_hammered() {
        let looks = |n| vec![("get_run", "{\"id\":1}", "{\"state\":\"running\"}"); n];
        assert_eq!(told(&looks(12), |_| 3.0), 0);
        assert_eq!(told(&looks(40), |_| 15.0), 0);
        assert_eq!(told(&looks(12), |_| 0.1), 1);
        assert_eq!(told(&looks(40), |_| 1.0), 1);
        assert_eq!(told(&vec![("get_run", "{}", "{\"state\":\"passed\"}"); 12], |_| 3.0), 1);
    }

    #[test]
    fn a_check_after_each_change_is_work() {
        let edits: Vec<String> = (0..14).map(|n| format!("{{\"file\":\"a{n}.ts\"}}")).collect();
        let work = |edits: &[String]| -> usize {
            let rounds = edits.iter().flat_map(|edit| {
                [("edit", edit.as_str(), "updated"), ("bash", "{\"run\":\"lint\"}", "ok")]
            });
            told(&rounds.collect::<Vec<_>>(), |_| 5.0)
        };
        assert_eq!(work(&edits), 0);
        let there_and_back: Vec<String> = edits.iter().take(2).cloned().cycle().take(14).collect();
        assert_eq!(work(&there_and_back), 1);
    }

    #[test]
    fn a_user_who_asks_again_is_no_loop() {
        let mut town = Town::new(super::SPEC.rule.id);
        let mut chat = Chat::new("You tell the weather.");
        for n in 0..8 {
            chat = chat
                .user(&format!("And what is it like now, at {n}?"))
                .tool("forecast", "{}", "rain");
            town.at(30.0 * n as f64, chat.clone().answers("Rain").tx());
            chat = chat.assistant("Rain");
        }
        let calls = (0..12).flat_map(|n| {
            [
                call("rate", "{\"of\":\"EUR\"}", "1.08"),
                call("rate", &format!("{{\"of\":{n}}}"), "2"),
            ]
        });
        for (at, tx) in calls.enumerate() {
            town.at(400.0 + 3.0 * at as f64, tx);
        }
        town.run();
        assert_eq!(town.stories().len(), 0);
    }

    #[test]
    fn a_loop_is_seen_at_the_tool_server_too() {
        let mut town = Town::new(super::SPEC.rule.id);
        for n in 0..12 {
            town.at(5.0 * n as f64, call("lookup", "{\"q\":1}", "nothing found"));
        }
        town.run();
        assert_eq!(town.stories().len(), 1);
    }
}
