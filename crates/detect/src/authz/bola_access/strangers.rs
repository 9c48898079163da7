//! Callers who own nothing at a place and open what they were listed there: staff, where several go
//! about it alike; an attacker is alone.

use crate::group::Group;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::{ActorId, Timestamp};

/// Callers of one place that are told apart.
const STRANGERS_MAX: usize = 256;
/// Things of one caller that are told apart; from so many on it goes about it.
const THINGS_MAX: usize = 16;
const THINGS_MIN: usize = 3;
/// So many others make it custom.
const ALIKE_MIN: usize = 2;
/// Who came longer ago is no measure.
const LASTING: Duration = Duration::from_secs(86_400);
/// At most one thing in so many may be missing, or refused.
const MISSED_ONE_IN: u32 = 4;

/// One caller.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Stranger {
    last: Timestamp,
    things: BTreeSet<u64>,
    /// Things that nothing had named to it, and those that were missing or refused.
    unlisted: u32,
    missed: u32,
}

impl Stranger {
    /// It opens what it was listed, and all of that is there.
    fn works(&self) -> bool {
        let things = u32::try_from(self.things.len()).unwrap_or(u32::MAX);
        self.unlisted == 0 && self.missed.saturating_mul(MISSED_ONE_IN) <= things
    }
}

/// Those of one place.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Strangers(BTreeMap<(Group, ActorId), Stranger>);

impl Strangers {
    /// One opened what is another's; `listed`: an answer had named it before.
    pub(super) fn opened(
        &mut self,
        who: (Group, ActorId),
        thing: u64,
        listed: bool,
        at: Timestamp,
    ) {
        let Some(stranger) = self.entry(who, at) else { return };
        stranger.unlisted = stranger.unlisted.saturating_add(u32::from(!listed));
        if stranger.things.len() < THINGS_MAX {
            stranger.things.insert(thing);
        }
    }

    /// One asked for what is not there, or not for it.
    pub(super) fn missed(&mut self, who: (Group, ActorId), at: Timestamp) {
        if let Some(stranger) = self.entry(who, at) {
            stranger.missed = stranger.missed.saturating_add(1);
        }
    }

    /// One is at home here: it opened what is its own.
    pub(super) fn settles(&mut self, who: (Group, ActorId)) {
        self.0.remove(&who);
    }

    fn entry(&mut self, who: (Group, ActorId), at: Timestamp) -> Option<&mut Stranger> {
        if self.0.len() >= STRANGERS_MAX && !self.0.contains_key(&who) {
            self.0.retain(|_, stranger| at.since(stranger.last) <= LASTING);
            if self.0.len() >= STRANGERS_MAX {
                return None;
            }
        }
        let stranger = self.0.entry(who).or_default();
        stranger.last = at;
        Some(stranger)
    }

    /// Several others of the group go about it as the caller does.
    pub(super) fn work_alike(&self, (group, actor): (Group, ActorId), now: Timestamp) -> bool {
        let itself = self.0.get(&(group, actor)).is_none_or(Stranger::works);
        let alike = |((of, who), stranger): &(&(Group, ActorId), &Stranger)| {
            *of == group
                && *who != actor
                && now.since(stranger.last) <= LASTING
                && stranger.things.len() >= THINGS_MIN
                && stranger.works()
        };
        itself && self.0.iter().filter(alike).count() >= ALIKE_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: Group = Group::ANONYMOUS;

    fn alike(others: &[(u64, bool, u32)], now: i64) -> bool {
        let mut strangers = Strangers::default();
        let at = Timestamp::from_secs(1000);
        for (actor, listed, missed) in others {
            let who = (GROUP, ActorId(*actor));
            (0..4).for_each(|thing| strangers.opened(who, actor * 10 + thing, *listed, at));
            (0..*missed).for_each(|_| strangers.missed(who, at));
        }
        strangers.work_alike((GROUP, ActorId(1)), Timestamp::from_secs(now))
    }

    #[test]
    fn several_who_open_what_they_were_listed_are_staff() {
        let own = (1, true, 0);
        assert!(alike(&[own, (2, true, 0), (3, true, 1)], 2000));
        assert!(!alike(&[own, (2, true, 0)], 2000), "one other is no custom");
        assert!(!alike(&[own, (2, true, 0), (3, false, 0)], 2000), "never named to one");
        assert!(!alike(&[own, (2, true, 0), (3, true, 2)], 2000), "one guesses");
        assert!(!alike(&[(1, false, 0), (2, true, 0), (3, true, 0)], 2000), "the caller guesses");
        assert!(!alike(&[own, (2, true, 0), (3, true, 0)], 200_000), "long ago");
    }
}
