//! How much of a thing there ever was, by the clock.

use core::time::Duration;
use serde::{Deserialize, Serialize};
use stilt_model::Timestamp;

/// Counts in buckets of clock time: this one, the one before, and the most in any older one.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Usual {
    bucket: i64,
    now: u64,
    before: u64,
    most: u64,
}

impl Usual {
    /// One more; `width` must not change.
    pub(crate) fn add(&mut self, now: Timestamp, width: Duration) {
        let width = i64::try_from(width.as_secs()).unwrap_or(i64::MAX).max(1);
        let bucket = now.secs().div_euclid(width);
        if bucket != self.bucket {
            self.most = self.most.max(self.before);
            self.before = if bucket.saturating_sub(self.bucket) == 1 { self.now } else { 0 };
            self.now = 0;
            self.bucket = bucket;
        }
        self.now = self.now.saturating_add(1);
    }

    /// Most in one bucket that is over, the latest one left out: it may belong to what is judged.
    pub(crate) const fn most(&self) -> u64 {
        self.most
    }
}
