//! One actor that deviates: what it did within an hour, and how that is told.

use super::SPEC;
use crate::context::Context;
use crate::tale::{Tale, counted};
use crate::tell;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_baseline::{Deviation, Oddity};
use stilt_model::{Finding, Outcome, Severity, Signal, Timestamp};

/// Different deviations counted of one actor.
const DISTINCT_MAX: usize = 64;
/// What lies further apart is another story.
const SPAN: Duration = Duration::from_secs(3600);
const REASONS: usize = 3;
/// Names that are told apart.
const PROBES_MAX: usize = 16;

/// One actor.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Suspect {
    /// Deviations with their values.
    distinct: BTreeSet<(u64, u64)>,
    /// The latest request brought a new one.
    #[serde(skip)]
    grew: bool,
    /// Those that stayed its own.
    #[serde(default)]
    settled: u64,
    /// Names that nobody sends, each alone in its request.
    #[serde(default)]
    probes: BTreeSet<String>,
    /// Where it was first told of, or began.
    place: Option<String>,
    first: Timestamp,
    last: Timestamp,
    granted: u64,
    refused: u64,
    pub(super) tale: Tale,
    /// It was told for what no release explains.
    pub(super) is_certain: bool,
}

impl Suspect {
    pub(super) fn add(&mut self, context: &Context<'_>, fresh: &[&Deviation]) {
        let now = context.at();
        if now.since(self.last) > SPAN {
            *self = Self { first: now, ..Self::default() };
        } else if now.since(self.first) > SPAN && !self.tale.was_told() {
            // An hour of it is over, and nothing came of it.
            (self.first, self.distinct, self.probes) = (now, BTreeSet::new(), BTreeSet::new());
        }
        self.last = now;
        self.place.get_or_insert_with(|| context.sighting.name.to_string());
        self.grew = false;
        for one in fresh {
            if self.distinct.len() < DISTINCT_MAX {
                self.grew |= self.distinct.insert((one.key, one.value));
            }
        }
        let mut names = fresh.iter().filter(|one| one.is_unknown && !one.comes_with);
        if let (Some(one), None) = (names.next(), names.next())
            && self.probes.len() < PROBES_MAX
        {
            self.probes.insert(one.observed.clone());
        }
        match context.sighting.outcome {
            Outcome::Success => self.granted = self.granted.saturating_add(1),
            Outcome::Failure => self.refused = self.refused.saturating_add(1),
            Outcome::Unknown => {}
        }
        let note = fresh.first().map(|one| note(one)).unwrap_or_default();
        self.tale.add(context, note, fresh.len() >= 2);
        if let Some(user) = &context.seen.actor.user {
            self.tale.user(user);
        }
    }

    pub(super) fn distinct(&self) -> u64 {
        self.distinct.len() as u64
    }

    /// The latest request deviates as none of it before.
    pub(super) fn grew(&self) -> bool {
        self.grew
    }

    /// One more that nobody else came to: how many there are.
    pub(super) fn settle(&mut self) -> u64 {
        self.settled = self.settled.saturating_add(1);
        self.settled
    }

    /// Different names that nobody sends, each of which came alone.
    pub(super) fn probes(&self) -> u64 {
        self.probes.len() as u64
    }

    pub(super) fn outcome(&self) -> Outcome {
        match (self.granted, self.refused) {
            (0, 0) => Outcome::Unknown,
            (0, _) => Outcome::Failure,
            _ => Outcome::Success,
        }
    }

    /// The story so far, told by its latest request.
    pub(super) fn finding(
        &self,
        context: &Context<'_>,
        odd: &Oddity,
        fresh: &[&Deviation],
        others: u64,
    ) -> Finding {
        let outcome = self.outcome();
        let severity = if outcome == Outcome::Success { SPEC.severity } else { Severity::Low };
        let mut finding = context.finding(SPEC.rule.id, severity, (*context.seen.actor).clone());
        self.tale.fill(&mut finding);
        if let Some(place) = &self.place {
            finding.endpoint.clone_from(place);
        }
        finding.outcome = outcome;
        finding.confidence = if fresh.len() >= 2 { 0.8 } else { 0.7 };
        let ways: Vec<String> = fresh.iter().take(REASONS).map(|one| note(one)).collect();
        finding.message = format!(
            "{} unlike those of {}: {}",
            counted(finding.count, "request"),
            counted(odd.actors, "other caller"),
            ways.join("; ")
        );
        finding.why = fresh.iter().take(REASONS).map(|one| signal(one)).collect();
        finding.why.push(Signal {
            signal: "different_deviations_in_an_hour".to_owned(),
            observed: self.distinct().to_string(),
            expected: tell::usual(
                format!("at most {others}, as any other caller"),
                tell::none_of(odd.actors),
                counted(odd.actors, "other caller"),
            ),
        });
        finding.remediation = format!(
            "see what the requests are after; let {} refuse what breaks its parameters' form",
            finding.endpoint
        );
        finding
    }
}

fn note(one: &Deviation) -> String {
    format!("{} {}, usual is {}", one.feature, one.observed, one.expected)
}

pub(super) fn signal(one: &Deviation) -> Signal {
    Signal {
        signal: one.feature.replace(' ', "_"),
        observed: one.observed.clone(),
        expected: tell::usual(&one.expected, one.p, format!("{} turns of others", one.support)),
    }
}
