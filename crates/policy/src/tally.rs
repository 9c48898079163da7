//! What policies decided, grouped, for the summary and for tests of policies.

use crate::gate::{Decision, Verdict};
use std::collections::BTreeMap;
use std::sync::Arc;
use stilt_inventory::Sighting;
use stilt_model::{Actor, Outcome, Timestamp, Transaction};
use stilt_session::Seen;

/// Groups of violations kept.
const LINES_MAX: usize = 10_000;
/// Functions without a policy that are kept.
const UNGOVERNED_MAX: usize = 1000;
/// Errors of evaluation that are kept.
const ERRORS_MAX: usize = 20;

/// Violations that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Transactions.
    pub count: u64,
    /// Of these, those that the application let happen.
    pub allowed: u64,
    /// When it was first.
    pub first: Timestamp,
    /// Who, the first time.
    pub actor: Arc<Actor>,
    /// What would have been needed.
    pub needed: String,
}

/// What was decided.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Transactions that a policy speaks of.
    pub governed: u64,
    /// Of these, those that could not be decided, by why not.
    pub undecided: BTreeMap<String, u64>,
    /// Transactions that none speaks of.
    pub ungoverned: u64,
    /// Decisions that were worked out; the others were remembered.
    pub evaluated: u64,
    /// Violations by policy (or `no policy permits it`), function and roles.
    pub lines: BTreeMap<(String, String, String), Line>,
    /// Functions that no policy speaks of.
    pub without: BTreeMap<String, u64>,
    /// Errors that policies met.
    pub errors: BTreeMap<String, u64>,
}

impl Tally {
    pub(crate) fn ungoverned(&mut self, sighting: &Sighting) {
        self.ungoverned = self.ungoverned.saturating_add(1);
        let room = self.without.len() < UNGOVERNED_MAX;
        if room || self.without.contains_key(&*sighting.name) {
            *self.without.entry(sighting.name.to_string()).or_default() += 1;
        }
    }

    pub(crate) fn failed(&mut self, error: &str) {
        if self.errors.len() < ERRORS_MAX || self.errors.contains_key(error) {
            *self.errors.entry(error.to_owned()).or_default() += 1;
        }
    }

    pub(crate) fn add(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        seen: &Seen,
        decision: &Decision,
    ) {
        self.governed = self.governed.saturating_add(1);
        if decision.verdict == Verdict::Undecided {
            *self.undecided.entry(decision.needed.join("; ")).or_default() += 1;
        }
        if !decision.is_violation() {
            return;
        }
        let policy = match decision.verdict {
            Verdict::Forbidden => decision.policies.join(", "),
            _ => "no policy permits it".to_owned(),
        };
        let roles = seen.best_roles().join(" ");
        let roles = match (roles.is_empty(), seen.principal) {
            (false, _) => roles,
            (true, Some(_)) => "no role".to_owned(),
            (true, None) => "nobody by name".to_owned(),
        };
        let key = (policy, sighting.name.to_string(), roles);
        if self.lines.len() >= LINES_MAX && !self.lines.contains_key(&key) {
            return;
        }
        let line = self.lines.entry(key).or_insert_with(|| Line {
            count: 0,
            allowed: 0,
            first: tx.start,
            actor: Arc::clone(&seen.actor),
            needed: decision.needed.join("; or "),
        });
        line.count = line.count.saturating_add(1);
        line.allowed = line.allowed.saturating_add(u64::from(sighting.outcome == Outcome::Success));
    }

    /// Transactions that were decided.
    #[must_use]
    pub fn decided(&self) -> u64 {
        self.governed.saturating_sub(self.undecided.values().sum())
    }

    /// Share of the transactions that was decided, of those that neither begin, renew nor end a
    /// session.
    #[must_use]
    pub fn coverage(&self) -> f64 {
        let all = self.governed.saturating_add(self.ungoverned);
        if all == 0 { 0.0 } else { self.decided() as f64 / all as f64 }
    }
}
