//! From a score to a p-value: rank among recent scores (conformal prediction, Vovk et al., 2005),
//! and beyond the last of them the tail of a generalised Pareto distribution (Pickands, 1975).

use super::facts::By;
use serde::{Deserialize, Serialize};

/// Scores kept of one population.
const SCORES_MAX: usize = 512;
/// Scores from which on the tail is modelled.
const TAIL_MIN: usize = 100;
/// One in so many scores is in the tail.
const TAIL_SHARE: usize = 10;
/// Scores below this are the rule, and not worth ranking.
const DULL: f32 = 0.5;

/// Steps of a score that is kept, and how many of them a nat has.
const STEPS: f32 = 512.0;

/// The latest scores of one population, and whose they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Saved", into = "Saved")]
pub(crate) struct Recent {
    /// In steps, with the short form of the actor.
    kept: Vec<(u16, u16)>,
    /// Scores ever.
    seen: u64,
}

/// [`Recent`] as it is saved; scores without an actor are of an earlier version.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Saved {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    scores: Vec<f32>,
    #[serde(default)]
    kept: Vec<(u16, u16)>,
    seen: u64,
}

impl From<Saved> for Recent {
    fn from(saved: Saved) -> Self {
        let mut kept = saved.kept;
        // Of actors that nobody knows each is another one.
        kept.extend(saved.scores.iter().zip(0..).map(|(score, at)| (steps(*score), at)));
        kept.truncate(SCORES_MAX);
        Self { kept, seen: saved.seen }
    }
}

impl From<Recent> for Saved {
    fn from(recent: Recent) -> Self {
        Self { scores: Vec::new(), kept: recent.kept, seen: recent.seen }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
fn steps(score: f32) -> u16 {
    (score * STEPS).round() as u16
}

impl Recent {
    /// Takes a score in; the oldest makes room.
    pub(crate) fn add(&mut self, score: f32, by: By) {
        self.push((steps(score), by.short()));
    }

    fn push(&mut self, new: (u16, u16)) {
        if self.kept.len() < SCORES_MAX {
            self.kept.push(new);
        } else if let Some(oldest) =
            self.kept.get_mut(usize::try_from(self.seen).unwrap_or(0) % SCORES_MAX)
        {
            *oldest = new;
        }
        self.seen = self.seen.saturating_add(1);
    }

    /// Scores kept.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// How likely a usual score is as high; `None` while there is nothing to compare with. Of the
    /// highest scores each other actor counts with one: whoever is odd again and again makes nobody
    /// else less so.
    pub(crate) fn p(&self, score: f32, by: By) -> Option<f64> {
        if self.kept.is_empty() {
            return None;
        }
        if score < DULL {
            return Some(1.0);
        }
        let (own, all) = (steps(score), self.kept.len());
        let tail = all / TAIL_SHARE;
        let as_high = self.kept.iter().filter(|(known, _)| *known >= own).count();
        if as_high > tail {
            return Some(ratio(as_high + 1, all + 1));
        }
        let mut actors: Vec<u16> =
            self.kept.iter().filter(|(known, _)| *known >= own).map(|(_, of)| *of).collect();
        let mine = actors.iter().filter(|of| **of == by.short()).count();
        actors.sort_unstable();
        actors.dedup();
        let as_high = actors.len() - usize::from(mine > 0) + mine;
        let rank = ratio(as_high + 1, all + 1);
        if all < TAIL_MIN || as_high > tail / 2 || mine > 1 {
            return Some(rank);
        }
        Some(self.tail(score, tail).map_or(rank, |p| p.min(rank)))
    }

    /// The tail of a generalised Pareto distribution, by probability-weighted moments (Hosking and
    /// Wallis, 1987). `None` where the tail has no width.
    fn tail(&self, score: f32, count: usize) -> Option<f64> {
        let mut scores: Vec<f32> =
            self.kept.iter().map(|(score, _)| f32::from(*score) / STEPS).collect();
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
        Some(beyond * ratio(count, self.kept.len()))
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        for new in &other.kept {
            self.push(*new);
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

    fn by(n: u64) -> By {
        By::of(stilt_model::ActorId((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    #[expect(clippy::cast_possible_truncation, reason = "a test's score")]
    fn exponential(n: u64) -> f32 {
        (-2.0 * even(n).ln()) as f32
    }

    #[test]
    fn the_realised_rate_is_the_nominal_one_also_beyond_the_data() {
        let mut recent = Recent::default();
        (0..512).for_each(|n| recent.add(exponential(n), by(n)));
        let ps: Vec<f64> =
            (1000..201_000).filter_map(|n| recent.p(exponential(n), by(n))).collect();
        for nominal in [0.1, 0.01, 0.001] {
            let found = ps.iter().filter(|p| **p <= nominal).count();
            let realised = ratio(found, ps.len());
            assert!((nominal / 2.0..nominal * 2.0).contains(&realised), "{nominal} {realised}");
        }
    }

    #[test]
    fn what_never_varies_has_no_tail_to_trust() {
        let mut recent = Recent::default();
        assert_eq!(recent.p(9.0, by(2)), None);
        (0..512).for_each(|_| recent.add(2.0, by(1)));
        let p = recent.p(9.0, by(2)).unwrap_or(0.0);
        assert!((p - 1.0 / 513.0).abs() < 1e-9, "{p}");
    }

    #[test]
    fn one_who_is_odd_all_the_time_makes_nobody_else_less_so() {
        let mut recent = Recent::default();
        for n in 0..500 {
            let odd = n % 25 == 0;
            recent.add(if odd { 20.0 } else { 1.0 }, if odd { by(7777) } else { by(n) });
        }
        assert!(recent.p(15.0, by(3)).is_some_and(|p| p < 0.005));
        assert!(recent.p(15.0, by(7777)).is_some_and(|p| p > 0.03));
    }

    #[test]
    fn what_an_earlier_version_saved_is_read() {
        let mut old: Recent = serde_json::from_str(r#"{"scores":[1.5,2.0],"seen":2}"#).unwrap();
        old.add(3.0, by(1));
        let text = serde_json::to_string(&old).unwrap();
        assert_eq!(serde_json::from_str::<Recent>(&text).unwrap(), old);
        assert_eq!((old.len(), old.kept[0].0), (3, 768));
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
