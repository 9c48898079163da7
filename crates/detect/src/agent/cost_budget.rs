//! Token and cost budgets (LLM10:2025, OAT-003): more is spent than may be.
//!
//! Told with the request that crosses the line. Where no budget is configured an agent's own past
//! is the measure, and streams that a client breaks off before they say what they cost.

use super::{Stories, Word, detector, hash, text_key};
use crate::agents::prices_fit as fits;
use crate::agents::{AgentSeen, Budget};
use crate::context::Context;
use crate::keep::Keep;
use crate::spec::{Spec, Tuning};
use crate::stats::rate_lower;
use crate::tell::signal;
use serde::{Deserialize, Serialize};
use stilt_model::{Finding, Outcome, Rule, Severity, Talk};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "agent.cost_budget",
        title: "More is spent on models than may be",
        owasp: &["LLM10:2025", "API4:2023"],
        attack: &["AML.T0034"],
        references: &["OAT-003", "CWE-770"],
    },
    severity: Severity::High,
    looks_for: "Tokens or dollars of a day over a budget of `[ai]` (told within the request that \
                crosses it, and again at each further multiple); an hour of an agent that costs \
                ten times what any of its hours did; streams that a client keeps breaking off.",
    needs: "What providers say was used; for dollars, a table of prices. Without a budget: three \
            earlier hours of the agent; on its first two days it takes five times as much.",
    look_alikes: "Growth from hour to hour; a few streams that are stopped by their readers.",
    tuning: &[
        Tuning {
            key: "tokens_min",
            meaning: "tokens of an hour that are worth telling without a budget",
        },
        Tuning { key: "times", meaning: "times the most of any hour before" },
        Tuning { key: "broken_min", meaning: "streams broken off in an hour" },
    ],
    build: |settings| Ok(Box::new(CostBudget::new(settings)?)),
};

const SUMS_MAX: usize = 20_000;
const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
/// Earlier days of an agent before a multiple of them says something: one long task of a new agent
/// is ten times its first hours as well. Until then it takes so many times more.
const DAYS_MIN: u64 = 2;
const EARLY_TIMES: f64 = 5.0;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    tokens_min: u64,
    times: f64,
    broken_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { tokens_min: 200_000, times: 10.0, broken_min: 20 }
    }
}

/// What was spent in the current day.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Sum {
    day: i64,
    tokens: u64,
    nanos: u64,
    /// Multiples of the budget that were told.
    told: u64,
}

/// The hours of an agent.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Hours {
    hour: i64,
    tokens: u64,
    streams: u64,
    broken: u64,
    told: bool,
    #[serde(default)]
    told_broken: bool,
    /// Days on which it was seen before the current one.
    #[serde(default)]
    days: u64,
    /// Hours before, and the most of one.
    before: u64,
    most: u64,
}

#[derive(Serialize, Deserialize)]
struct CostBudget {
    #[serde(skip)]
    limits: Limits,
    sums: Keep<u64, Sum>,
    hours: Keep<u64, Hours>,
    stories: Stories,
}

impl Default for CostBudget {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            sums: Keep::new(SUMS_MAX),
            hours: Keep::new(SUMS_MAX),
            stories: Stories::default(),
        }
    }
}

impl CostBudget {
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
        // A stream that broke off says nothing of its cost.
        let Some(usage) = talk.usage else {
            return self.hourly(context, talk, agent, (0, false), out);
        };
        let ai = agent.ai.clone();
        let mut budgeted = false;
        for (number, budget) in ai.budgets.iter().enumerate() {
            let who = agent.name.rsplit_once(':').map_or(agent.name.as_str(), |(name, _)| name);
            let model = talk.model().unwrap_or_default();
            let own = (budget.agent.is_empty() || fits(&budget.agent, who))
                && (budget.model.is_empty() || fits(&budget.model, model));
            if own {
                budgeted = true;
                let spent = (usage.total(), agent.cost.unwrap_or(0));
                self.budget(context, agent, (number, budget), spent, out);
            }
        }
        self.hourly(context, talk, agent, (usage.total(), budgeted), out);
    }

    fn budget(
        &mut self,
        context: &Context<'_>,
        agent: &AgentSeen,
        (number, budget): (usize, &Budget),
        (tokens, nanos): (u64, u64),
        out: &mut Vec<Finding>,
    ) {
        let day = context.at().secs().div_euclid(DAY);
        let sum = self.sums.touch(context.at(), number as u64, Sum::default);
        if sum.day != day {
            *sum = Sum { day, ..Sum::default() };
        }
        sum.tokens = sum.tokens.saturating_add(tokens);
        sum.nanos = sum.nanos.saturating_add(nanos);
        let dollars = sum.nanos as f64 / 1e9;
        let by_tokens = sum.tokens.checked_div(budget.tokens_per_day).unwrap_or(0);
        let by_dollars =
            if budget.usd_per_day > 0.0 { (dollars / budget.usd_per_day) as u64 } else { 0 };
        let multiple = by_tokens.max(by_dollars);
        if multiple <= sum.told {
            return;
        }
        sum.told = multiple;
        let spent = if by_dollars >= by_tokens {
            format!("{dollars:.2} of {:.2} dollars", budget.usd_per_day)
        } else {
            format!("{} of {} tokens", sum.tokens, budget.tokens_per_day)
        };
        let date = &agent.ai.table.date;
        let by = if date.is_empty() { String::new() } else { format!(" (prices of {date})") };
        let word = Word {
            severity: SPEC.severity,
            outcome: Outcome::Success,
            confidence: 0.95,
            note: "crosses the budget".into(),
            message: format!("{spent} of the day are spent{by}; {} crossed the line", agent.name),
            why: vec![signal("spent_today", spent, "within the budget")],
            remediation: "find out what is asked so often, and bound it where it is asked".into(),
        };
        let key = hash(&[number as u64, day.unsigned_abs(), multiple]);
        self.stories.tell(context, (SPEC.rule.id, key), word, out);
    }

    fn hourly(
        &mut self,
        context: &Context<'_>,
        talk: &Talk,
        agent: &AgentSeen,
        (tokens, budgeted): (u64, bool),
        out: &mut Vec<Finding>,
    ) {
        let hour = context.at().secs().div_euclid(HOUR);
        let hours = self.hours.touch(context.at(), agent.agent, Hours::default);
        if hours.hour != hour {
            let past = u64::from(hours.hour != 0);
            let day = |hour: i64| hour.div_euclid(DAY / HOUR);
            let other = u64::from(hours.hour != 0 && day(hours.hour) != day(hour));
            *hours = Hours {
                hour,
                days: hours.days.saturating_add(other),
                before: hours.before.saturating_add(past),
                most: hours.most.max(hours.tokens),
                ..Hours::default()
            };
        }
        hours.tokens = hours.tokens.saturating_add(tokens);
        hours.streams = hours.streams.saturating_add(u64::from(talk.streamed));
        let flags = context.tx.flags;
        // More than is kept of a stream may hold its end, but for one that was never sent to it.
        let lost = flags.gap || flags.snaplen || (flags.body_cut && !flags.incomplete);
        hours.broken = hours.broken.saturating_add(u64::from(talk.broken_off && !lost));
        // Where there is a budget, that is the measure.
        let early = if hours.days >= DAYS_MIN { 1.0 } else { EARLY_TIMES };
        let times = self.limits.times * early;
        let much = !budgeted
            && hours.before >= 3
            && hours.tokens >= self.limits.tokens_min
            && hours.tokens as f64 > times * hours.most as f64;
        let broken = hours.broken >= self.limits.broken_min
            && rate_lower(hours.broken, hours.streams, 0.05) >= 0.2;
        let (much, broken) = (much && !hours.told, broken && !hours.told_broken);
        if !(much || broken) {
            return;
        }
        hours.told |= much;
        hours.told_broken |= broken && !much;
        let (what, observed, expected) = if much {
            (
                "tokens_of_the_hour",
                hours.tokens.to_string(),
                format!("at most {} in {} hours", hours.most, hours.before),
            )
        } else {
            (
                "streams_broken_off",
                format!("{} of {}", hours.broken, hours.streams),
                "hardly any".to_owned(),
            )
        };
        let word = Word {
            severity: Severity::Medium,
            outcome: Outcome::Success,
            confidence: 0.75,
            note: what.replace('_', " "),
            message: format!(
                "{}: {} {observed}, expected {expected}",
                agent.name,
                what.replace('_', " ")
            ),
            why: vec![signal(what, observed.clone(), &expected)],
            remediation: "see who asks so much, and bound it".into(),
        };
        let key = hash(&[agent.agent, hour.unsigned_abs(), text_key(what)]);
        self.stories.tell(context, (SPEC.rule.id, key), word, out);
    }
}

detector!(CostBudget);

#[cfg(test)]
mod tests {
    use super::super::testing::Chat;
    use crate::agents::{Ai, Budget};
    use crate::testing::{HOUR, Town};

    fn chat(n: usize, tokens: u64) -> Chat {
        Chat::new("You help.")
            .user(&format!("question number {n} of today"))
            .answers("yes")
            .tokens(tokens, 0)
    }

    #[test]
    fn the_request_that_crosses_a_budget_is_told() {
        let mut town = Town::new(super::SPEC.rule.id);
        let budget = Budget { tokens_per_day: 10_000, agent: "OpenAI".into(), ..Budget::default() };
        town.has_ai(Ai { budgets: vec![budget], ..Ai::default() });
        for n in 0..12 {
            town.at(60.0 * n as f64, chat(n, 1_000).tx());
        }
        town.run();
        let at: Vec<i64> = town
            .findings()
            .iter()
            .map(|one| one.at.secs() - stilt_inventory::test_support::EPOCH)
            .collect();
        assert_eq!(at, [540]);
    }

    #[test]
    fn an_hour_like_no_other_is_told_and_growth_is_not() {
        let told = |step: f64, last: u64, budgets: Vec<Budget>| {
            let mut town = Town::new(super::SPEC.rule.id);
            town.has_ai(Ai { budgets, ..Ai::default() });
            for n in 0..5 {
                town.at(step * n as f64 + 10.0, chat(n, 30_000).tx());
            }
            town.at(5.0 * step + 10.0, chat(9, last).tx());
            town.run();
            town.stories().len()
        };
        let days = 14.0 * HOUR;
        assert_eq!((told(days, 400_000, vec![]), told(days, 100_000, vec![])), (1, 0));
        // The hours of one task, and an agent that has a budget which is not reached.
        assert_eq!(told(HOUR / 2.0, 400_000, vec![]), 0);
        assert_eq!(told(HOUR, 400_000, vec![]), 0);
        assert_eq!(told(HOUR, 1_600_000, vec![]), 1, "no task takes fifty times as much");
        let wide = Budget { tokens_per_day: 10_000_000, ..Budget::default() };
        assert_eq!(told(days, 400_000, vec![wide]), 0);
    }
}
