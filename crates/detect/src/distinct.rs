//! How many different things there were within a sliding window.

use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use stilt_model::Timestamp;

/// Events of a window with the thing each was about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Distinct {
    span: Duration,
    max: usize,
    events: VecDeque<(Timestamp, u64)>,
    things: BTreeMap<u64, u32>,
}

impl Distinct {
    /// A window of `span` that holds at most `max` events.
    pub(crate) fn new(span: Duration, max: usize) -> Self {
        Self { span, max: max.max(1), events: VecDeque::new(), things: BTreeMap::new() }
    }

    /// Adds an event; what has left the window is dropped first. Gives the different things.
    pub(crate) fn add(&mut self, now: Timestamp, thing: u64) -> u64 {
        self.roll(now);
        if self.events.len() >= self.max {
            self.drop_first();
        }
        self.events.push_back((now, thing));
        let count = self.things.entry(thing).or_default();
        *count = count.saturating_add(1);
        self.different()
    }

    /// Drops what has left the window.
    pub(crate) fn roll(&mut self, now: Timestamp) {
        while self.events.front().is_some_and(|(at, _)| now.since(*at) > self.span) {
            self.drop_first();
        }
    }

    /// Takes all events about a thing out.
    pub(crate) fn forget(&mut self, thing: u64) {
        if self.things.remove(&thing).is_some() {
            self.events.retain(|(_, other)| *other != thing);
        }
    }

    /// Empties it.
    pub(crate) fn forget_all(&mut self) {
        self.events.clear();
        self.things.clear();
    }

    /// It is there.
    pub(crate) fn holds(&self, thing: u64) -> bool {
        self.things.contains_key(&thing)
    }

    /// Different things.
    pub(crate) fn different(&self) -> u64 {
        self.things.len() as u64
    }

    /// Events.
    pub(crate) fn events(&self) -> u64 {
        self.events.len() as u64
    }

    fn drop_first(&mut self) {
        let Some((_, thing)) = self.events.pop_front() else { return };
        if let Some(count) = self.things.get_mut(&thing) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.things.remove(&thing);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_leave_with_their_last_event() {
        let mut window = Distinct::new(Duration::from_secs(10), 3);
        let at = Timestamp::from_secs;
        assert_eq!(window.add(at(0), 1), 1);
        assert_eq!(window.add(at(5), 1), 1);
        assert_eq!(window.add(at(11), 2), 2);
        assert_eq!((window.events(), window.add(at(16), 3)), (2, 2));
        window.forget(2);
        assert!(window.holds(3) && !window.holds(1) && !window.holds(2));
        for thing in 0..50 {
            window.add(at(16), thing);
        }
        assert_eq!((window.events(), window.different()), (3, 3));
    }
}
