//! How many different things there were: exactly while they are few, and to about 3 % beyond, in a
//! kilobyte (HyperLogLog: Flajolet, Fusy, Gandouet, Meunier, 2007; small counts by linear
//! counting).

use serde::{Deserialize, Serialize};

/// Things kept one by one.
const FEW: usize = 128;
/// Bits of a hash that choose a register.
const BITS: u32 = 10;
const REGISTERS: usize = 1 << BITS;

/// A count of different things, each given by a hash that is spread well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Many {
    /// In order, while there are few.
    few: Vec<u64>,
    /// Empty while there are few.
    registers: Vec<u8>,
    count: u64,
}

impl Many {
    /// Different things so far.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Adds things, and gives how many of them were new.
    pub(crate) fn add(&mut self, hashes: impl IntoIterator<Item = u64>) -> u64 {
        let before = self.count;
        let mut changed = false;
        for hash in hashes {
            if !self.registers.is_empty() {
                changed |= self.register(hash);
                continue;
            }
            let Err(at) = self.few.binary_search(&hash) else { continue };
            if self.few.len() < FEW {
                self.few.insert(at, hash);
                self.count = self.few.len() as u64;
            } else {
                self.registers = vec![0; REGISTERS];
                for known in core::mem::take(&mut self.few) {
                    self.register(known);
                }
                changed |= self.register(hash);
            }
        }
        if changed {
            // What was counted exactly is not taken back.
            self.count = self.estimate().max(self.count);
        }
        self.count.saturating_sub(before)
    }

    fn register(&mut self, hash: u64) -> bool {
        let rank = u8::try_from((hash << BITS).leading_zeros().min(63 - BITS)).unwrap_or(u8::MAX);
        let at = usize::try_from(hash >> (64 - BITS)).unwrap_or(0);
        match self.registers.get_mut(at) {
            Some(register) if *register <= rank => {
                *register = rank.saturating_add(1);
                true
            }
            _ => false,
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate of a count is positive and far below 2^52"
    )]
    fn estimate(&self) -> u64 {
        let all = REGISTERS as f64;
        let sum: f64 = self.registers.iter().map(|rank| (-f64::from(*rank)).exp2()).sum();
        let raw = 0.7213 / (1.0 + 1.079 / all) * all * all / sum;
        let empty = self.registers.iter().filter(|rank| **rank == 0).count() as f64;
        let estimate = if raw <= 2.5 * all && empty > 0.0 { all * (all / empty).ln() } else { raw };
        estimate.round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spread well, by the finalizer of `SplitMix64`.
    fn hash(number: u64) -> u64 {
        let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    #[test]
    fn few_are_counted_exactly_and_many_within_a_tenth() {
        let mut many = Many::default();
        for number in 0..200_000 {
            many.add([hash(number)]);
            let (true_count, told) = (number + 1, many.count());
            if number < 128 {
                assert_eq!(told, true_count);
            }
            assert!(told.abs_diff(true_count) * 10 <= true_count.max(10), "{told} {true_count}");
        }
    }

    #[test]
    fn what_was_there_is_not_new() {
        let mut many = Many::default();
        for of in [100, 1_000, 20_000] {
            many.add((0..of).map(hash));
            assert_eq!(many.add((0..of).map(hash)), 0, "{of}");
        }
        let saved = serde_json::to_string(&many).unwrap();
        assert_eq!(serde_json::from_str::<Many>(&saved).unwrap(), many);
    }
}
