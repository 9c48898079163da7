//! How rare a deviation must be to be told on its p-value alone: the alert budget of a day, and
//! the share of false ones among what was told.
//!
//! Each test of a day is given the same part of the budget, so that chance raises no more than
//! that many alerts. What was found adds to it, as on-line control of the false-discovery rate
//! allows (LORD++: Ramdas et al., 2017, with an even sequence that ends after a day): where much
//! is going on, a few false alerts more are few among many.

use serde::{Deserialize, Serialize};
use stilt_model::Timestamp;

/// Tests a day that the budget is spread over, at least.
const DAY_MIN: u64 = 20_000;
/// Share of what was found that may be chance.
const FALSE_SHARE: f64 = 0.05;
/// Findings that count.
const FOUND_MAX: u64 = 100;
const DAY: i64 = 86_400;

/// Tests and findings by day of packet time: this one and the one before.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Budget {
    day: i64,
    tests: (u64, u64),
    found: (u64, u64),
}

impl Budget {
    fn turn(&mut self, now: Timestamp) {
        let today = now.secs().div_euclid(DAY);
        if today != self.day {
            let next = today.saturating_sub(self.day) == 1;
            let before = |count: u64| if next { count } else { 0 };
            self.tests = (0, before(self.tests.0));
            self.found = (0, before(self.found.0));
            self.day = today;
        }
    }

    /// One more test: the p-value that it is held against.
    pub(crate) fn test(&mut self, now: Timestamp, alerts_per_day: f64) -> f64 {
        self.turn(now);
        self.tests.0 = self.tests.0.saturating_add(1);
        let tests = self.tests.0.max(self.tests.1).max(DAY_MIN);
        let found = self.found.0.saturating_add(self.found.1).min(FOUND_MAX);
        let allowed = alerts_per_day + FALSE_SHARE * crate::stats::to_f64(found);
        (allowed / crate::stats::to_f64(tests)).min(1.0)
    }

    /// Something was found, on its p-value or otherwise.
    pub(crate) fn found(&mut self, now: Timestamp) {
        self.turn(now);
        self.found.0 = self.found.0.saturating_add(1);
    }
}

/// Whether a p-value is within the budget, and rests on enough scores to say so.
pub(crate) fn is_rare(p: Option<f64>, calibrated: u64, alpha: f64) -> bool {
    crate::stats::to_f64(calibrated) >= 1.0 / alpha && p.is_some_and(|p| p <= alpha)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_raises_no_more_than_the_budget_and_findings_buy_more() {
        let mut budget = Budget::default();
        let day = |n: i64| Timestamp::from_secs(n * DAY + 100);
        let spent: f64 = (0..30_000).map(|_| budget.test(day(1), 1.0)).sum();
        assert!(spent < 1.5, "{spent}");
        // A day like the one before is spread over as many tests.
        let quiet = budget.test(day(2), 1.0);
        assert!((quiet * 30_000.0 - 1.0).abs() < 1e-6, "{quiet}");
        (0..20).for_each(|_| budget.found(day(2)));
        assert!((budget.test(day(2), 1.0) / quiet - 2.0).abs() < 1e-6);
        // Two days later nothing of it counts.
        assert!((budget.test(day(4), 1.0) * 20_000.0 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn what_few_scores_say_is_not_rare() {
        assert!(is_rare(Some(1e-6), 100_000, 1e-4));
        assert!(!is_rare(Some(1e-6), 9000, 1e-4));
        assert!(!is_rare(Some(1e-3), 100_000, 1e-4));
        assert!(!is_rare(None, 100_000, 1e-4));
    }
}
