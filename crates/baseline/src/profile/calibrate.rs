//! From a score to a p-value: rank among recent scores (conformal prediction, Vovk et al., 2005),
//! and beyond the last of them the tail of a generalised Pareto distribution (Pickands, 1975).

use serde::{Deserialize, Serialize};

/// Scores kept of one population.
const SCORES_MAX: usize = 512;
/// Scores from which on the tail is modelled.
const TAIL_MIN: usize = 100;
/// One in so many scores is in the tail.
const TAIL_SHARE: usize = 10;
/// Scores below this are the rule, and not worth ranking.
const DULL: f32 = 1.0;

/// The latest scores of one population.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recent {
    scores: Vec<f32>,
    /// Scores ever.
    seen: u64,
}

impl Recent {
    /// Takes a score in; the oldest makes room.
    pub(crate) fn add(&mut self, score: f32) {
        if self.scores.len() < SCORES_MAX {
            self.scores.push(score);
        } else if let Some(oldest) =
            self.scores.get_mut(usize::try_from(self.seen).unwrap_or(0) % SCORES_MAX)
        {
            *oldest = score;
        }
        self.seen = self.seen.saturating_add(1);
    }

    /// Scores kept.
    pub(crate) fn len(&self) -> usize {
        self.scores.len()
    }

    /// Scores ever taken in.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// How likely a usual score is as high; `None` while there is nothing to compare with.
    pub(crate) fn p(&self, score: f32) -> Option<f64> {
        if self.scores.is_empty() {
            return None;
        }
        if score < DULL {
            return Some(1.0);
        }
        let as_high = self.scores.iter().filter(|known| **known >= score).count();
        let all = self.scores.len();
        let rank = ratio(as_high + 1, all + 1);
        let tail = all / TAIL_SHARE;
        if all < TAIL_MIN || as_high > tail / 2 {
            return Some(rank);
        }
        Some(self.tail(score, tail).map_or(rank, |p| p.min(rank)))
    }

    /// The tail of a generalised Pareto distribution, by probability-weighted moments (Hosking and
    /// Wallis, 1987). `None` where the tail has no width.
    fn tail(&self, score: f32, count: usize) -> Option<f64> {
        let mut scores = self.scores.clone();
        if count >= scores.len() {
            return None;
        }
        let (highest, from, _) = scores.select_nth_unstable_by(count, |a, b| b.total_cmp(a));
        highest.sort_unstable_by(f32::total_cmp);
        let from = f64::from(*from);
        let above: Vec<f64> = highest.iter().map(|known| f64::from(*known) - from).collect();
        let mean = above.iter().sum::<f64>() / ratio(count, 1);
        let weighted = above
            .iter()
            .enumerate()
            .map(|(at, excess)| excess * (1.0 - (ratio(at, 1) + 0.65) / ratio(count, 1)))
            .sum::<f64>()
            / ratio(count, 1);
        let width = mean - 2.0 * weighted;
        if mean <= 0.0 || width <= 0.0 {
            return None;
        }
        // Shape and scale; a tail that ends is not trusted to end.
        let shape = (2.0 - mean / width).clamp(0.0, 0.9);
        let scale = mean * (1.0 - shape);
        let excess = f64::from(score) - from;
        let beyond = if shape < 1e-6 {
            (-excess / scale).exp()
        } else {
            (1.0 + shape * excess / scale).powf(-1.0 / shape)
        };
        Some(beyond * ratio(count, self.scores.len()))
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        for score in &other.scores {
            self.add(*score);
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most a few hundred")]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// What is as usual as can be must not outweigh what is not.
const USUAL: f64 = 0.95;

/// One p-value of several, however they depend on each other (Cauchy combination, Liu and Xie,
/// 2020).
pub fn combine(ps: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for p in ps {
        sum += (core::f64::consts::PI * (0.5 - p.clamp(1e-15, USUAL))).tan();
        count += 1.0;
    }
    (count > 0.0).then(|| {
        let mean: f64 = sum / count;
        // For great means the arc tangent has no digits left: its series does.
        if mean > 1e6 {
            1.0 / (mean * core::f64::consts::PI)
        } else {
            0.5 - mean.atan() / core::f64::consts::PI
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Evenly spread numbers between 0 and 1, mixed.
    fn even(n: u64) -> f64 {
        let mixed = (n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        f64::from(u32::try_from((mixed ^ (mixed >> 32)) >> 40).unwrap_or(0) + 1) / 16_777_217.0
    }

    #[expect(clippy::cast_possible_truncation, reason = "a test's score")]
    fn exponential(n: u64) -> f32 {
        (-2.0 * even(n).ln()) as f32
    }

    #[test]
    fn the_realised_rate_is_the_nominal_one_also_beyond_the_data() {
        let mut recent = Recent::default();
        (0..512).for_each(|n| recent.add(exponential(n)));
        let ps: Vec<f64> = (1000..201_000).filter_map(|n| recent.p(exponential(n))).collect();
        for nominal in [0.1, 0.01, 0.001] {
            let found = ps.iter().filter(|p| **p <= nominal).count();
            let realised = ratio(found, ps.len());
            assert!((nominal / 2.0..nominal * 2.0).contains(&realised), "{nominal} {realised}");
        }
    }

    #[test]
    fn what_never_varies_has_no_tail_to_trust() {
        let mut recent = Recent::default();
        assert_eq!(recent.p(9.0), None);
        (0..512).for_each(|_| recent.add(2.0));
        let p = recent.p(9.0).unwrap_or(0.0);
        assert!((p - 1.0 / 513.0).abs() < 1e-9, "{p}");
    }

    #[test]
    fn combined_values_are_one_p_value() {
        let near = |p: Option<f64>, expected: f64| {
            assert!(p.is_some_and(|p| (p / expected - 1.0).abs() < 0.01), "{p:?} {expected}");
        };
        near(combine([0.03]), 0.03);
        near(combine([0.2, 0.2, 0.2]), 0.2);
        near(combine([1e-9, 0.5]), 2e-9);
        assert_eq!(combine([]), None);
    }
}
