//! What one actor opened of one resource over a day: its own, and what it was never shown.

use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use stilt_model::{Outcome, Timestamp};

pub(super) const FAST: Duration = Duration::from_secs(300);
pub(super) const SLOW: Duration = Duration::from_secs(86_400);
/// Distinct objects of one actor and resource remembered at most.
const OBJECTS_MAX: usize = 8192;

/// Up to so many objects are looked through; there is an index of more. Most walks have one.
const FEW: usize = 16;

/// One object opened for the first time in a day.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Touch {
    pub(super) at: Timestamp,
    pub(super) key: u64,
    pub(super) number: Option<i64>,
    /// What stands before the number: numbers of one series follow each other.
    pub(super) series: u64,
    /// Never shown to the actor (by class and value).
    pub(super) foreign: bool,
    /// Nor any number of that value.
    pub(super) foreign_loosely: bool,
    /// It is known to be somebody else's.
    pub(super) others: bool,
    /// It is known to be the actor's.
    pub(super) own: bool,
    /// It was shown to many as if it were theirs.
    pub(super) shared: bool,
    pub(super) outcome: Outcome,
    /// Refused for lack of right or existence.
    pub(super) refused: bool,
}

/// The number at the end of a composite id, and what stands before it: `INV-2024-00017`.
pub(super) fn numbered(id: &str) -> Option<(&str, i64)> {
    let prefix = id.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = id.get(prefix.len()..)?;
    let named = prefix.bytes().any(|byte| byte.is_ascii_alphabetic());
    if !named || !(2..=15).contains(&digits.len()) {
        return None;
    }
    digits.parse().ok().map(|number| (prefix, number))
}

/// How many of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    pub(super) objects: u64,
    pub(super) foreign: u64,
    pub(super) foreign_loosely: u64,
    pub(super) others: u64,
    pub(super) own: u64,
    pub(super) shared: u64,
    pub(super) granted: u64,
    pub(super) refused: u64,
}

impl Tally {
    pub(super) fn add(&mut self, touch: &Touch, by: i64) {
        let foreign = touch.foreign;
        let parts = [
            (&mut self.objects, true),
            (&mut self.foreign, foreign),
            (&mut self.foreign_loosely, touch.foreign_loosely),
            (&mut self.others, foreign && touch.others),
            (&mut self.own, touch.own),
            (&mut self.shared, touch.shared),
            (&mut self.granted, foreign && touch.outcome == Outcome::Success),
            (&mut self.refused, foreign && touch.refused),
        ];
        for (part, counts) in parts {
            if counts {
                *part = part.saturating_add_signed(by);
            }
        }
    }
}

/// One actor's walk through a resource.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Walk {
    /// Each object once.
    touches: VecDeque<Touch>,
    /// Whether the application let it happen, by object, where there are more than a few.
    known: BTreeMap<u64, bool>,
    /// Over a day.
    pub(super) day: Tally,
}

impl Walk {
    /// Notes an object; gives whether it counts: it was not opened before within the day, or was
    /// refused then and is given now. What leaves the day's tally for it is added to `left`.
    pub(super) fn add(&mut self, touch: Touch, left: &mut Vec<Touch>) -> bool {
        while self.touches.len() >= OBJECTS_MAX
            || self.touches.front().is_some_and(|old| touch.at.since(old.at) > SLOW)
        {
            let Some(old) = self.touches.pop_front() else { break };
            self.known.remove(&old.key);
            self.day.add(&old, -1);
            left.push(old);
        }
        let granted = touch.outcome == Outcome::Success;
        match self.before(touch.key) {
            Some(before) if before || !granted => return false,
            Some(_) => {
                let at = self.touches.iter().position(|old| old.key == touch.key);
                if let Some(old) = at.and_then(|at| self.touches.remove(at)) {
                    self.day.add(&old, -1);
                    left.push(old);
                }
            }
            None => {}
        }
        self.day.add(&touch, 1);
        self.touches.reserve_exact(usize::from(self.touches.is_empty()));
        self.touches.push_back(touch);
        if self.touches.len() == FEW.saturating_add(1) {
            let all = self.touches.iter();
            self.known = all.map(|old| (old.key, old.outcome == Outcome::Success)).collect();
        } else if self.touches.len() > FEW {
            self.known.insert(touch.key, granted);
        }
        true
    }

    /// Whether the application let it happen when the object was opened before, where it was.
    fn before(&self, key: u64) -> Option<bool> {
        if self.touches.len() > FEW {
            return self.known.get(&key).copied();
        }
        let mut all = self.touches.iter();
        all.find(|old| old.key == key).map(|old| old.outcome == Outcome::Success)
    }

    /// The tally of the last minutes.
    pub(super) fn recent(&self, now: Timestamp) -> Tally {
        let mut tally = Tally::default();
        for touch in self.touches.iter().rev().take_while(|touch| now.since(touch.at) <= FAST) {
            tally.add(touch, 1);
        }
        tally
    }

    /// Foreign ids that follow each other in even steps, of those that are numbers: whether most
    /// do.
    pub(super) fn strided(&self) -> bool {
        let foreign =
            || self.touches.iter().filter(|touch| touch.foreign && touch.number.is_some());
        let mut series: BTreeMap<u64, usize> = BTreeMap::new();
        for touch in foreign() {
            *series.entry(touch.series).or_default() += 1;
        }
        let longest = series.into_iter().max_by_key(|(_, count)| *count).map(|(series, _)| series);
        let numbers: Vec<i64> = foreign()
            .filter(|touch| Some(touch.series) == longest)
            .filter_map(|touch| touch.number)
            .collect();
        let mut steps: BTreeMap<i64, usize> = BTreeMap::new();
        for (before, after) in numbers.iter().zip(numbers.iter().skip(1)) {
            *steps.entry(after.saturating_sub(*before)).or_default() += 1;
        }
        let most = steps.values().copied().max().unwrap_or(0);
        if numbers.len() >= 5 && most.saturating_mul(2) >= numbers.len().saturating_sub(1) {
            return true;
        }
        // A walk out of order still fills its range.
        let (Some(low), Some(high)) = (numbers.iter().min(), numbers.iter().max()) else {
            return false;
        };
        let range = high.saturating_sub(*low).saturating_add(1);
        let dense = i64::try_from(numbers.len()).unwrap_or(i64::MAX).saturating_mul(2) >= range;
        numbers.len() >= 10 && dense
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(at: i64, number: i64) -> Touch {
        Touch {
            at: Timestamp::from_secs(at),
            key: number.unsigned_abs(),
            number: Some(number),
            series: 0,
            foreign: true,
            foreign_loosely: true,
            others: false,
            own: false,
            shared: false,
            outcome: Outcome::Success,
            refused: false,
        }
    }

    fn walk(numbers: &[i64]) -> Walk {
        let mut walk = Walk::default();
        for (at, number) in numbers.iter().enumerate() {
            walk.add(touch(i64::try_from(at).unwrap(), *number), &mut Vec::new());
        }
        walk
    }

    #[test]
    fn an_object_counts_once_a_day() {
        let mut walk = walk(&[1, 2, 1, 2, 3]);
        assert_eq!(walk.day.objects, 3);
        let mut left = Vec::new();
        assert!(walk.add(touch(90_000, 1), &mut left));
        assert_eq!((walk.day.objects, left.len()), (1, 3));
    }

    #[test]
    fn a_long_walk_remembers_what_a_short_one_does() {
        let numbers: Vec<i64> = (0..40).chain(0..40).collect();
        let mut walk = walk(&numbers);
        assert_eq!(walk.day.objects, 40);
        // All but the last few leave, and a long walk begins again.
        let late =
            |at: i64, number| Touch { at: Timestamp::from_secs(86_440 + at), ..touch(0, number) };
        let mut left = Vec::new();
        assert!(walk.add(late(30, 0), &mut left));
        let new = (0..40_i64).filter(|number| walk.add(late(30, *number), &mut left)).count();
        assert_eq!((new, walk.day.objects), (39, 40));
    }

    #[test]
    fn what_was_refused_and_is_given_later_counts_as_given() {
        let refused = Touch { outcome: Outcome::Failure, refused: true, ..touch(0, 1) };
        let mut walk = Walk::default();
        let mut left = Vec::new();
        assert!(walk.add(refused, &mut left) && walk.add(touch(1, 1), &mut left));
        assert!(!walk.add(Touch { at: Timestamp::from_secs(2), ..refused }, &mut left));
        let day = walk.day;
        assert_eq!((day.objects, day.granted, day.refused, left.len()), (1, 1, 0, 1));
    }

    #[test]
    fn even_steps_and_a_filled_range_are_a_stride() {
        assert!(walk(&[10, 11, 12, 13, 14, 15]).strided());
        assert!(walk(&[100, 90, 80, 70, 60]).strided());
        assert!(walk(&[3, 9, 1, 7, 5, 8, 2, 6, 4, 10]).strided());
        assert!(!walk(&[3, 900, 17, 44, 5000, 81, 12, 606, 7, 390]).strided());
        assert!(!walk(&[1, 2]).strided());
    }

    #[test]
    fn the_number_of_a_composite_id_counts_within_its_series() {
        for (id, expected) in [
            ("DOS-2024-00017", Some(("DOS-2024-", 17))),
            ("inv20260042", Some(("inv", 20_260_042))),
            ("2024-00017", None),
            ("W-44ZA-LWHC", None),
            ("ab1", None),
        ] {
            assert_eq!(numbered(id), expected, "{id}");
        }
        let mut mixed = Walk::default();
        for at in 0..12_i64 {
            // Ids that are drawn: each of its own series.
            let series = at.unsigned_abs();
            mixed.add(Touch { series, ..touch(at, at) }, &mut Vec::new());
        }
        assert!(!mixed.strided());
    }

    #[test]
    fn only_the_last_minutes_are_recent() {
        let mut walk = walk(&[1, 2, 3]);
        walk.add(touch(302, 9), &mut Vec::new());
        assert_eq!(walk.recent(Timestamp::from_secs(302)).objects, 2);
    }
}
