//! Who did most of a thing, and the most anybody else did.

use serde::{Deserialize, Serialize};
use stilt_model::ActorId;

/// The highest count of one actor, and of all others.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Busiest {
    best: u64,
    by: ActorId,
    next: u64,
}

impl Busiest {
    pub(crate) fn see(&mut self, by: ActorId, count: u64) {
        if by == self.by {
            self.best = self.best.max(count);
        } else if count > self.best {
            *self = Self { best: count, by, next: self.best };
        } else {
            self.next = self.next.max(count);
        }
    }

    /// That actor's count is no measure for others any more.
    pub(crate) fn forget(&mut self, by: ActorId) {
        if self.by == by {
            *self = Self { best: self.next, by: ActorId(0), next: self.next };
        }
    }

    pub(crate) fn of_others(&self, by: ActorId) -> u64 {
        if self.by == by { self.next } else { self.best }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ones_own_count_is_not_that_of_others() {
        let mut busiest = Busiest::default();
        for (by, count) in [(1, 4), (2, 9), (2, 20), (3, 6)] {
            busiest.see(ActorId(by), count);
        }
        let of = |by| busiest.of_others(ActorId(by));
        assert_eq!((of(1), of(2), of(9)), (20, 6, 20));
    }
}
