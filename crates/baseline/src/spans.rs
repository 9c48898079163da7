//! Which packet time of which service was learned from: what is played once more is judged, and
//! teaches nothing.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stilt_model::Timestamp;

/// Services whose time is remembered.
const SERVICES_MAX: usize = 1024;
/// Spans of one service; beyond them the two that lie closest become one.
const SPANS_MAX: usize = 64;
/// A longer quiet time (nanoseconds) ends a span.
const GAP: i64 = 3_600_000_000_000;

/// Nanoseconds from and to, both of them included; in order, and apart.
type Times = Vec<(i64, i64)>;

/// Spans of packet time by service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spans(BTreeMap<u64, Times>);

/// Joins a span with those that it touches.
fn join(times: &mut Times, mut from: i64, mut to: i64) {
    let touches = |known: &(i64, i64), from: i64, to: i64| {
        known.0.saturating_sub(GAP) <= to && from.saturating_sub(GAP) <= known.1
    };
    // Time goes on: nearly always it is the last.
    if let Some(last) = times.last_mut()
        && touches(last, from, to)
        && last.0 <= from
    {
        last.1 = last.1.max(to);
        return;
    }
    times.retain(|known| {
        let one = touches(known, from, to);
        if one {
            (from, to) = (from.min(known.0), to.max(known.1));
        }
        !one
    });
    let at = times.partition_point(|known| known.0 < from);
    times.insert(at, (from, to));
    if times.len() > SPANS_MAX {
        let pairs = times.iter().zip(times.iter().skip(1)).enumerate();
        let closest = pairs.min_by_key(|(_, (one, next))| next.0.saturating_sub(one.1));
        if let Some((at, (_, next))) = closest {
            let end = next.1;
            times.remove(at.saturating_add(1));
            if let Some(one) = times.get_mut(at) {
                one.1 = end;
            }
        }
    }
}

impl Spans {
    /// That time of a service is learned from.
    pub(crate) fn add(&mut self, service: u64, at: Timestamp) {
        self.join(service, at.nanos(), at.nanos());
    }

    fn join(&mut self, service: u64, from: i64, to: i64) {
        if self.0.len() < SERVICES_MAX || self.0.contains_key(&service) {
            join(self.0.entry(service).or_default(), from, to);
        }
    }

    /// Nothing was learned.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether that time of a service was learned from.
    pub(crate) fn hold(&self, service: u64, at: Timestamp) -> bool {
        self.0.get(&service).is_some_and(|times| {
            let after = times.partition_point(|known| known.0 <= at.nanos());
            after
                .checked_sub(1)
                .and_then(|before| times.get(before))
                .is_some_and(|known| at.nanos() <= known.1)
        })
    }

    /// Adds what another knows.
    pub(crate) fn absorb(&mut self, other: &Self) {
        for (service, times) in &other.0 {
            for (from, to) in times {
                self.join(*service, *from, *to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_secs(hours * 3600)
    }

    #[test]
    fn time_that_was_learned_from_is_known_of_its_service_alone() {
        let mut spans = Spans::default();
        for hour in [1, 2, 3, 8] {
            spans.add(5, at(hour));
        }
        let held: Vec<i64> = (0..10).filter(|hour| spans.hold(5, at(*hour))).collect();
        assert_eq!(held, [1, 2, 3, 8]);
        assert!(spans.hold(5, Timestamp::from_secs(2 * 3600 + 77)) && !spans.hold(6, at(2)));
        // An earlier time, and one that fills what lay between.
        let mut other = Spans::default();
        (3..8).for_each(|hour| other.add(5, at(hour)));
        other.add(5, at(-4));
        spans.absorb(&other);
        assert!(spans.hold(5, at(6)) && spans.hold(5, at(-4)) && !spans.hold(5, at(-1)));
        assert_eq!(spans.0[&5].len(), 2);
    }

    #[test]
    fn spans_are_bounded_and_nothing_learned_is_forgotten() {
        let mut spans = Spans::default();
        for day in 0..200 {
            spans.add(1, at(24 * day));
        }
        assert_eq!(spans.0[&1].len(), SPANS_MAX);
        assert!((0..200).all(|day| spans.hold(1, at(24 * day))));
        (0..2000).for_each(|service| spans.add(service, at(1)));
        assert_eq!(spans.0.len(), SERVICES_MAX);
    }
}
