//! The capture clock: what time it is where no packet says so, and what becomes of stamps when
//! the system's clock is set back.
//!
//! Time-outs and windows must not stand still for as long as a clock was set back. So time is made
//! to go on: stamps are moved forward by as much as the clock went back, and that correction is
//! given up slowly enough ([`GIVE_UP`]) that no rate looks other than it is. A clock that is set
//! forward needs nothing: it looks like a quiet.

use core::time::Duration;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use stilt_model::Timestamp;

/// A clock set back by less is only being kept right.
const STEP: i64 = 1_000_000_000;
/// One part in so many of the time that goes by is given up of a correction.
const GIVE_UP: i64 = 20;

/// A moment that only serves to measure how long something takes.
#[expect(clippy::disallowed_methods, reason = "live capture is where time comes from")]
pub(super) fn monotonic() -> Instant {
    Instant::now()
}

/// Nanoseconds since the epoch, as the system's clock says.
#[expect(clippy::disallowed_methods, reason = "live capture is where time comes from")]
fn real() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Keeps packet time going forward.
#[derive(Debug, Default)]
pub(super) struct Clock {
    last: Option<Look>,
    /// What stamps are moved forward by, nanoseconds.
    ahead: i64,
    /// The same before the clock was last set back.
    before: i64,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    real: i64,
    at: Instant,
}

impl Clock {
    /// Looks at the system's clock; tells when it was set back. Gives the time as packets show it.
    pub(super) fn look(&mut self, notices: &mut Vec<String>) -> Timestamp {
        self.see(real(), monotonic(), notices)
    }

    fn see(&mut self, real: i64, at: Instant, notices: &mut Vec<String>) -> Timestamp {
        if let Some(last) = self.last {
            let passed = nanos(at.saturating_duration_since(last.at));
            let back = last.real.saturating_add(passed).saturating_sub(real);
            self.ahead = self.ahead.saturating_sub(passed / GIVE_UP).max(0);
            if back > STEP {
                self.before = self.ahead;
                self.ahead = self.ahead.saturating_add(back);
                notices.push(format!(
                    "the system's clock was set back by {} s; times of records run ahead of it \
                     until they agree again",
                    back / 1_000_000_000
                ));
            } else if back < STEP.saturating_neg() {
                // What was corrected before is right by now.
                self.ahead = self.ahead.saturating_add(back).max(0);
            }
        }
        self.last = Some(Look { real, at });
        Timestamp::from_nanos(real.saturating_add(self.ahead))
    }

    /// The time as packets show it, of what carries no stamp.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_nanos(real().saturating_add(self.ahead))
    }

    /// A packet's stamp, as time that goes on.
    pub(super) fn right(&self, stamp: Timestamp) -> Timestamp {
        if self.ahead == 0 && self.before == 0 {
            return stamp;
        }
        let real = self.last.map_or(i64::MAX, |look| look.real);
        // A stamp well after now was given before the clock was set back.
        let old = stamp.nanos() > real.saturating_add(STEP);
        let by = if old { self.before } else { self.ahead };
        Timestamp::from_nanos(stamp.nanos().saturating_add(by))
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    /// Looks at a clock once a second; gives the times shown, in tenths of a second.
    fn seen(reals: &[i64]) -> (Vec<i64>, usize) {
        let (mut clock, mut notices, start) = (Clock::default(), Vec::new(), monotonic());
        let times = reals.iter().enumerate().map(|(at, real)| {
            let at = start + Duration::from_secs(at as u64);
            clock.see(real * SECOND, at, &mut notices).nanos() * 10 / SECOND
        });
        (times.collect(), notices.len())
    }

    #[test]
    fn a_clock_that_is_right_is_shown_as_it_is() {
        assert_eq!(seen(&[100, 101, 102]), (vec![1000, 1010, 1020], 0));
    }

    #[test]
    fn a_clock_set_back_is_told_and_time_goes_on_and_comes_to_agree() {
        assert_eq!(seen(&[100, 101, 52, 53, 54]), (vec![1000, 1010, 1020, 1029, 1039], 1));
        let slow: Vec<i64> = (0..3).chain(0..100).collect();
        let (times, told) = seen(&slow);
        assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
        assert_eq!((times.last(), told), (Some(&990), 1));
    }

    #[test]
    fn a_clock_set_forward_is_followed() {
        assert_eq!(seen(&[100, 101, 1000, 1001]), (vec![1000, 1010, 10_000, 10_010], 0));
        // Set right again after it was set back by mistake.
        assert_eq!(seen(&[100, 51, 102]).0.last(), Some(&1020));
    }

    #[test]
    fn stamps_from_before_and_after_the_step_keep_their_order() {
        let (mut clock, mut notices, start) = (Clock::default(), Vec::new(), monotonic());
        clock.see(1000 * SECOND, start, &mut notices);
        clock.see(901 * SECOND, start + Duration::from_secs(1), &mut notices);
        let right = |secs| clock.right(Timestamp::from_secs(secs)).secs();
        assert_eq!((right(1000), right(900), right(901)), (1000, 1000, 1001));
    }
}
