//! A fitted model of session windows, with calibrated scores.
//!
//! Windows are scaled by median and median absolute deviation, and clustered by k-means (linfa).
//! How
//! odd a window is, is its distance to the nearest centre. The distance becomes a p-value among
//! windows that were held out of the fit (conformal prediction: Vovk et al., 2005), so that a score
//! of
//! 0.99 means that one usual window in a hundred is as odd.

use crate::baseline::Reason;
use crate::features::{COUNT, Features, NAMES, shown};
use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::KMeans;
use ndarray::Array2;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

/// Centres at most.
const CENTRES_MAX: usize = 6;
/// Windows per centre at least.
const PER_CENTRE: usize = 25;
/// Every so many-th window calibrates instead of being fitted.
const HELD_OUT: usize = 4;
/// One in so many windows, the worst, is left out when the centres are found anew.
const TRIMMED: usize = 20;
/// A feature that never varied is given this scale, so that any change of it counts but does not
/// rule.
const SCALE_MIN: f64 = 0.05;
/// One feature counts for no more than this many scales.
const DEVIATION_MAX: f64 = 12.0;
/// Features that are given as reasons.
const REASONS: usize = 3;

/// A fitted model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Model {
    median: Features,
    scale: Features,
    centres: Vec<Features>,
    /// Distances of the windows that were held out, rising.
    held_out: Vec<f64>,
    /// Windows it was fitted on.
    pub(crate) windows: usize,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

impl Model {
    /// Fits the windows; `None` where there are too few.
    pub(crate) fn fit(windows: &[Features], seed: u64) -> Option<Self> {
        let fitted: Vec<&Features> = windows
            .iter()
            .enumerate()
            .filter(|(at, _)| at % HELD_OUT != HELD_OUT - 1)
            .map(|(_, window)| window)
            .collect();
        if fitted.len() < 2 * PER_CENTRE {
            return None;
        }
        let mut model = Self { windows: windows.len(), ..Self::default() };
        for feature in 0..COUNT {
            let column = |of: &dyn Fn(f64) -> f64| {
                median(
                    fitted
                        .iter()
                        .filter_map(|window| window.get(feature))
                        .map(|x| of(*x))
                        .collect(),
                )
            };
            let middle = column(&|x| x);
            // 1.4826: the deviation of a normal distribution.
            let spread = 1.4826 * column(&|x| (x - middle).abs());
            if let (Some(median), Some(scale)) =
                (model.median.get_mut(feature), model.scale.get_mut(feature))
            {
                *median = middle;
                *scale = spread.max(SCALE_MIN * (1.0 + middle.abs()));
            }
        }
        let scaled: Vec<Features> = fitted.iter().map(|window| model.scaled(window)).collect();
        model.centres = centres(&scaled, seed)?;
        // What is furthest from all may be what somebody smuggled in: it draws no centre to itself.
        let mut kept: Vec<(f64, Features)> =
            fitted.iter().zip(scaled).map(|(raw, own)| (model.distance(raw).0, own)).collect();
        kept.sort_by(|a, b| a.0.total_cmp(&b.0));
        kept.truncate(kept.len().saturating_sub(kept.len() / TRIMMED));
        let kept: Vec<Features> = kept.into_iter().map(|(_, own)| own).collect();
        model.centres = centres(&kept, seed)?;
        let mut held_out: Vec<f64> = windows
            .iter()
            .skip(HELD_OUT - 1)
            .step_by(HELD_OUT)
            .map(|window| model.distance(window).0)
            .collect();
        held_out.sort_unstable_by(f64::total_cmp);
        model.held_out = held_out;
        Some(model)
    }

    fn scaled(&self, window: &Features) -> Features {
        let mut out = [0.0; COUNT];
        let parts = window.iter().zip(&self.median).zip(&self.scale);
        for (slot, ((value, median), scale)) in out.iter_mut().zip(parts) {
            *slot = ((value - median) / scale).clamp(-DEVIATION_MAX, DEVIATION_MAX);
        }
        out
    }

    /// Squared distance to the nearest centre, and what each feature adds to it.
    fn distance(&self, window: &Features) -> (f64, Features) {
        let scaled = self.scaled(window);
        let mut nearest = (f64::INFINITY, [0.0; COUNT]);
        for centre in &self.centres {
            let mut parts = [0.0; COUNT];
            for (part, (value, middle)) in parts.iter_mut().zip(scaled.iter().zip(centre)) {
                *part = (value - middle).powi(2);
            }
            let sum: f64 = parts.iter().sum();
            if sum < nearest.0 {
                nearest = (sum, parts);
            }
        }
        nearest
    }

    /// 1 - p of a window, and its three strongest features.
    pub(crate) fn score(&self, window: &Features) -> (f64, Vec<Reason>) {
        let (distance, parts) = self.distance(window);
        let below = self.held_out.partition_point(|held| *held < distance);
        let as_odd = self.held_out.len().saturating_sub(below);
        let p = (ratio(as_odd) + 1.0) / (ratio(self.held_out.len()) + 1.0);
        let mut order: Vec<usize> = (0..COUNT).collect();
        let part = |feature: &usize| parts.get(*feature).copied().unwrap_or(0.0);
        order.sort_by(|a, b| part(b).total_cmp(&part(a)));
        let sum = distance.max(f64::MIN_POSITIVE);
        let reasons = order
            .iter()
            .take(REASONS)
            .filter(|feature| part(feature) > 0.0)
            .map(|feature| {
                let of = |values: &Features| values.get(*feature).copied().unwrap_or(0.0);
                Reason {
                    feature: NAMES.get(*feature).copied().unwrap_or(""),
                    observed: shown(*feature, of(window)),
                    expected: shown(*feature, of(&self.median)),
                    share: part(feature) / sum,
                }
            })
            .collect();
        (1.0 - p, reasons)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of windows")]
fn ratio(count: usize) -> f64 {
    count as f64
}

/// k-means centres; the order is made independent of how they were found.
fn centres(scaled: &[Features], seed: u64) -> Option<Vec<Features>> {
    let flat: Vec<f64> = scaled.iter().flatten().copied().collect();
    let data = DatasetBase::from(Array2::from_shape_vec((scaled.len(), COUNT), flat).ok()?);
    let count = (scaled.len() / PER_CENTRE).clamp(1, CENTRES_MAX);
    let random = Xoshiro256Plus::seed_from_u64(seed);
    let fitted = KMeans::params_with_rng(count, random)
        .n_runs(4)
        .max_n_iterations(60)
        .tolerance(1e-4)
        .fit(&data)
        .ok()?;
    let mut centres: Vec<Features> = fitted
        .centroids()
        .rows()
        .into_iter()
        .filter_map(|row| {
            let values: Vec<f64> = row.iter().copied().collect();
            Features::try_from(values).ok()
        })
        .collect();
    centres.sort_by(|a, b| {
        a.iter()
            .zip(b)
            .map(|(x, y)| x.total_cmp(y))
            .find(|o| o.is_ne())
            .unwrap_or(core::cmp::Ordering::Equal)
    });
    (!centres.is_empty()).then_some(centres)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A usual window, varied by `n`.
    pub(crate) fn usual(n: u64) -> Features {
        let noise = |salt: u64| {
            let mixed = (n + 1)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .rotate_left(u32::try_from(salt).unwrap() * 5);
            ratio(usize::try_from(mixed >> 44).unwrap()) / f64::from(1_u32 << 20) - 0.5
        };
        core::array::from_fn(|feature| {
            2.0 + noise(feature as u64) + if n.is_multiple_of(3) { 3.0 } else { 0.0 }
        })
    }

    #[test]
    fn usual_windows_score_evenly_and_odd_ones_high_with_the_reason_first() {
        let windows: Vec<Features> = (0..1200).map(usual).collect();
        let model = Model::fit(&windows, 7).unwrap();
        let scores: Vec<f64> = (5000..6000).map(|n| model.score(&usual(n)).0).collect();
        let above = |limit: f64| scores.iter().filter(|score| **score > limit).count();
        assert!((400..600).contains(&above(0.5)), "{}", above(0.5));
        assert!(above(0.99) <= 25, "{}", above(0.99));
        let mut odd = usual(1);
        odd[4] += 4.0;
        let (score, reasons) = model.score(&odd);
        assert!(score > 0.99, "{score}");
        assert_eq!(reasons[0].feature, NAMES[4]);
    }

    #[test]
    fn a_fit_is_the_same_every_time_and_needs_enough() {
        let windows: Vec<Features> = (0..400).map(usual).collect();
        assert_eq!(Model::fit(&windows, 7), Model::fit(&windows, 7));
        assert_eq!(Model::fit(&windows[..40], 7), None);
    }
}
