//! How long answers take.

use core::fmt;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use sketches_ddsketch::{Config, DDSketch};

/// Relative error of a quantile.
const ERROR: f64 = 0.03;
/// Bins of one sketch: from a microsecond to hours at that error.
const BINS: u32 = 512;

/// A sketch of times (DDSketch, VLDB 2019): quantiles within 3 %, mergeable, a few KB at most.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Latency(Option<Box<DDSketch>>);

impl fmt::Debug for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Latency").field(&self.quantile(0.5)).finish()
    }
}

impl Latency {
    /// Adds one.
    pub(crate) fn add(&mut self, time: Duration) {
        let sketch =
            self.0.get_or_insert_with(|| Box::new(DDSketch::new(Config::new(ERROR, BINS, 1e-6))));
        sketch.add(time.as_secs_f64());
    }

    /// The time below which a share `q` of answers began, in seconds.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.0.as_ref()?.quantile(q).ok().flatten()
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (Some(own), Some(other)) => {
                // Both are made alike, so that they always fit.
                let _ = own.merge(other);
            }
            (own @ None, Some(other)) => *own = Some(other.clone()),
            (_, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_within_their_error_and_add_up() {
        let (mut low, mut high) = (Latency::default(), Latency::default());
        for ms in 1..=500 {
            low.add(Duration::from_millis(ms));
            high.add(Duration::from_millis(500 + ms));
        }
        low.absorb(&high);
        for (q, expected) in [(0.5, 0.5), (0.95, 0.95), (0.99, 0.99)] {
            let found = low.quantile(q).unwrap();
            assert!((found / expected - 1.0).abs() < 0.04, "{q}: {found}");
        }
        assert_eq!(Latency::default().quantile(0.5), None);
    }
}
