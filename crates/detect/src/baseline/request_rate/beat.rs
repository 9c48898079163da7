//! Whether one actor's requests come at the beat of a poll, with some others in between.

use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use stilt_model::Timestamp;

/// Gaps remembered.
const GAPS_MAX: usize = 48;
/// Gaps that can show a beat.
const GAPS_MIN: usize = 8;
/// Shorter gaps are no polling.
const PERIOD_MIN: Duration = Duration::from_secs(5);

/// The latest gaps between requests.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Beat {
    gaps: VecDeque<Duration>,
    last: Option<Timestamp>,
}

impl Beat {
    /// Notes a request.
    pub(super) fn add(&mut self, at: Timestamp) {
        if let Some(last) = self.last.replace(at) {
            if self.gaps.len() >= GAPS_MAX {
                self.gaps.pop_front();
            }
            self.gaps.push_back(at.since(last));
        }
    }

    /// The time between two polls: that of the largest number of gaps within a tenth of each
    /// other, where these are a third of all and none of the polls is missing for long.
    fn period(&self) -> Option<Duration> {
        let mut gaps: Vec<Duration> =
            self.gaps.iter().copied().filter(|gap| *gap >= PERIOD_MIN).collect();
        gaps.sort_unstable();
        let (mut from, mut best) = (0, (0, Duration::ZERO));
        for (to, gap) in gaps.iter().enumerate() {
            while gaps.get(from).is_some_and(|low| *low + *low / 5 < *gap) {
                from += 1;
            }
            let alike = to + 1 - from;
            if alike > best.0 {
                best = (alike, gaps.get(from + alike / 2).copied().unwrap_or(*gap));
            }
        }
        let (alike, period) = best;
        (alike >= GAPS_MIN && alike * 3 >= self.gaps.len()).then_some(period)
    }

    /// How many requests within `window` a poll explains.
    pub(super) fn polls(&self, window: Duration) -> u64 {
        self.period()
            .and_then(|period| window.as_millis().checked_div(period.as_millis()))
            .map_or(0, |polls| u64::try_from(polls).unwrap_or(u64::MAX).saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(at: impl Iterator<Item = f64>, expected: u64) {
        let mut beat = Beat::default();
        let mut times: Vec<f64> = at.collect();
        times.sort_by(f64::total_cmp);
        for at in times {
            beat.add(Timestamp::ZERO.plus(Duration::from_secs_f64(at)));
        }
        assert_eq!(beat.polls(Duration::from_secs(600)), expected);
    }

    #[test]
    fn even_intervals_are_a_poll_and_others_in_between_do_not_hide_it() {
        check((0..30).map(|n| 10.0 * f64::from(n)), 61);
        let others = [103.0, 106.0, 112.0, 127.0, 131.0];
        check((0..30).map(|n| 10.0 * f64::from(n)).chain(others), 61);
    }

    #[test]
    fn short_or_uneven_gaps_are_none() {
        check((0..30).map(|n| 2.0 * f64::from(n)), 0);
        check((0..30).map(|n| f64::from(n * n)), 0);
        check([0.0, 10.0, 20.0].into_iter(), 0);
    }
}
