//! Sign-in attempts of one client over a sliding window, by account.

use crate::stats::median;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use stilt_model::Timestamp;

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Tally {
    failures: u32,
    successes: u32,
}

/// What a window holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Count {
    /// Accounts tried.
    pub(super) accounts: u64,
    /// Accounts of which every attempt failed.
    pub(super) failing: u64,
}

/// A sliding window of attempts. Most clients make one: lists have no room to spare at first.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Window {
    span: Duration,
    attempts_max: usize,
    attempts: VecDeque<(Timestamp, u64, bool)>,
    /// In order of accounts.
    accounts: Vec<(u64, Tally)>,
    failing: u64,
}

impl Window {
    pub(super) fn new(span: Duration, attempts_max: usize) -> Self {
        Self {
            span,
            attempts_max: attempts_max.max(1),
            attempts: VecDeque::new(),
            accounts: Vec::new(),
            failing: 0,
        }
    }

    /// Adds an attempt; what has left the window is dropped first.
    pub(super) fn add(&mut self, now: Timestamp, account: u64, failed: bool) -> Count {
        while self.attempts.len() >= self.attempts_max
            || self.attempts.front().is_some_and(|(at, ..)| now.since(*at) > self.span)
        {
            let Some((_, account, failed)) = self.attempts.pop_front() else { break };
            self.change(account, |tally| {
                let count = if failed { &mut tally.failures } else { &mut tally.successes };
                *count = count.saturating_sub(1);
            });
        }
        self.attempts.reserve_exact(usize::from(self.attempts.is_empty()));
        self.attempts.push_back((now, account, failed));
        self.change(account, |tally| {
            let count = if failed { &mut tally.failures } else { &mut tally.successes };
            *count = count.saturating_add(1);
        });
        self.count()
    }

    /// What the window holds.
    pub(super) fn count(&self) -> Count {
        Count { accounts: self.accounts.len() as u64, failing: self.failing }
    }

    fn change(&mut self, account: u64, change: impl FnOnce(&mut Tally)) {
        let fails = |tally: &Tally| tally.failures > 0 && tally.successes == 0;
        let found = self.accounts.binary_search_by_key(&account, |(account, _)| *account);
        let at = found.unwrap_or_else(|at| {
            self.accounts.reserve_exact(usize::from(self.accounts.is_empty()));
            self.accounts.insert(at, (account, Tally::default()));
            at
        });
        let Some((_, tally)) = self.accounts.get_mut(at) else { return };
        let before = fails(tally);
        change(tally);
        let (after, empty) = (fails(tally), tally.failures == 0 && tally.successes == 0);
        self.failing =
            self.failing.saturating_add(u64::from(after)).saturating_sub(u64::from(before));
        if empty {
            self.accounts.remove(at);
        }
    }

    /// Median of attempts per failing account.
    pub(super) fn median_attempts(&self) -> f64 {
        let mut attempts: Vec<u32> = self
            .accounts
            .iter()
            .filter(|(_, tally)| tally.failures > 0 && tally.successes == 0)
            .map(|(_, tally)| tally.failures)
            .collect();
        median(&mut attempts)
    }

    /// The account has failed and never succeeded in the window.
    pub(super) fn fails(&self, account: u64) -> bool {
        let found = self.accounts.binary_search_by_key(&account, |(account, _)| *account);
        let tally = found.ok().and_then(|at| self.accounts.get(at));
        tally.is_some_and(|(_, tally)| tally.failures > 0 && tally.successes == 0)
    }

    /// The account was let in within the window, before the latest attempt.
    pub(super) fn lets_in(&self, account: u64) -> bool {
        let found = self.accounts.binary_search_by_key(&account, |(account, _)| *account);
        let tally = found.ok().and_then(|at| self.accounts.get(at));
        tally.is_some_and(|(_, tally)| tally.successes > 0)
    }

    /// Attempts in the window.
    pub(super) fn attempts(&self) -> usize {
        self.attempts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn a_success_takes_an_account_out_of_the_failing_and_time_takes_it_out_of_the_window() {
        let mut window = Window::new(Duration::from_secs(600), 100);
        window.add(at(0), 1, true);
        window.add(at(1), 2, true);
        assert_eq!(window.add(at(2), 1, false), Count { accounts: 2, failing: 1 });
        assert_eq!(window.add(at(602), 3, true), Count { accounts: 2, failing: 1 });
        assert!(window.fails(3) && !window.fails(2));
    }

    #[test]
    fn attempts_are_bounded() {
        let mut window = Window::new(Duration::from_secs(600), 5);
        let last = (0..50).map(|account| window.add(at(0), account, true)).last();
        assert_eq!(last, Some(Count { accounts: 5, failing: 5 }));
        assert_eq!(window.attempts(), 5);
    }
}
