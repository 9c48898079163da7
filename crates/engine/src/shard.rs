//! Which logical shard a flow belongs to.
//!
//! There are always [`SHARDS`] of them, whatever the number of threads, so that caps and eviction
//! bite alike in every run. The hash is seeded from the installation key: who sends the packets
//! cannot aim them at one shard.

use core::hash::{BuildHasher, Hasher};
use foldhash::quality::FixedState;
use stilt_capture::SegmentHead;
use stilt_model::Key;

/// Logical shards; threads share them out among themselves.
pub const SHARDS: usize = 64;

/// Assigns flows to shards.
#[derive(Clone)]
pub struct Sharder(FixedState);

impl Sharder {
    /// Seeded from the installation key.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self(FixedState::with_seed(key.hash("shard", b"flows")))
    }

    /// The shard of a segment's flow, below [`SHARDS`]; the same for both directions.
    #[must_use]
    pub fn shard(&self, head: &SegmentHead) -> u8 {
        let mut hasher = self.0.build_hasher();
        hasher.write(&head.symmetric_key());
        (hasher.finish() % SHARDS as u64) as u8
    }
}

/// The worker of a shard.
#[must_use]
pub const fn worker(shard: u8, workers: usize) -> usize {
    if workers == 0 { 0 } else { shard as usize % workers }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use stilt_capture::TcpFlags;
    use stilt_model::Mark;

    fn head(from: &str, to: &str) -> SegmentHead {
        SegmentHead {
            flags: TcpFlags(0x10),
            ..SegmentHead::new(Mark::default(), from.parse().unwrap(), to.parse().unwrap())
        }
    }

    #[test]
    fn both_directions_share_a_shard() {
        let sharder = Sharder::new(&Key::new([1; 32]));
        for port in 1..200 {
            let client = format!("10.0.0.1:{port}");
            let there = sharder.shard(&head(&client, "10.0.0.2:80"));
            assert_eq!(there, sharder.shard(&head("10.0.0.2:80", &client)));
        }
    }

    #[test]
    fn flows_spread_and_the_key_decides_where_to() {
        let shards = |key| -> Vec<u8> {
            let sharder = Sharder::new(&Key::new([key; 32]));
            (1..2000)
                .map(|port| sharder.shard(&head(&format!("10.0.0.1:{port}"), "10.0.0.2:80")))
                .collect()
        };
        let one = shards(1);
        assert_eq!(one.iter().collect::<BTreeSet<_>>().len(), SHARDS);
        assert_eq!(one, shards(1));
        assert_ne!(one, shards(2));
    }
}
