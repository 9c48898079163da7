//! Fits the model: which features count, what they weigh, and from which sum on a text is suspect.

use crate::corpus::Text;
use std::collections::{BTreeMap, HashMap};
use stilt_content::prompt::training::{Features, Fitted, Shown, act_features, windows_of};

/// How the fit is made.
#[derive(Clone, Copy)]
pub struct Knobs {
    /// Features that are kept at most.
    pub features_max: usize,
    /// Windows of one source and label that are used at most, so that no source outweighs others.
    pub source_max: usize,
    /// Penalty on the squares of weights.
    pub alpha: f32,
}

/// A text with its windows, read once for all fits.
pub struct Read<'a> {
    /// The text.
    pub text: &'a Text,
    /// Number of its source, below 64.
    source: usize,
    /// Its windows, their features by number.
    windows: Vec<Shown>,
}

impl Read<'_> {
    /// The window that looks most like an attack by `line`, of the passages or of the others: one
    /// that holds some of the attack, where it is known which do.
    fn teaches(&self, passage: bool, line: &Line) -> Option<&Features> {
        let (from, to) = self.text.place.unwrap_or((0, usize::MAX));
        let met = |span: (u32, u32)| (span.0 as usize) < to && span.1 as usize > from;
        let own = self.windows.iter().filter(|w| w.passage == passage && met(w.span));
        let sum = |window: &&Shown| line.sum(&window.features);
        let worst = own.max_by(|one, two| sum(one).total_cmp(&sum(two)));
        worst.map(|window| &window.features)
    }
}

/// The features that were met, numbered as they came.
#[derive(Default)]
pub struct Names {
    numbers: HashMap<u32, u32>,
    hashes: Vec<u32>,
    sources: Vec<String>,
}

impl Names {
    /// Reads texts into windows of numbered features.
    pub fn read<'a>(&mut self, texts: &'a [Text]) -> Vec<Read<'a>> {
        texts.iter().map(|text| self.read_one(text)).collect()
    }

    fn read_one<'a>(&mut self, text: &'a Text) -> Read<'a> {
        let known = self.sources.iter().position(|source| *source == text.source);
        let source = known.unwrap_or_else(|| {
            self.sources.push(text.source.clone());
            self.sources.len() - 1
        });
        let mut windows = windows_of(&text.text, text.role);
        for (name, _) in windows.iter_mut().flat_map(|window| &mut window.features) {
            *name = *self.numbers.entry(*name).or_insert_with(|| {
                self.hashes.push(*name);
                u32::try_from(self.hashes.len() - 1).unwrap_or(u32::MAX)
            });
        }
        Read { text, source: source.min(63), windows }
    }
}

/// A weight for each feature, and where sums begin.
#[derive(Clone, Default)]
pub struct Line {
    bias: f32,
    weights: Vec<f32>,
}

impl Line {
    fn sum(&self, features: &Features) -> f32 {
        let known = |(name, value): &(u32, f32)| {
            self.weights.get(*name as usize).map(|weight| weight * value)
        };
        self.bias + features.iter().filter_map(known).sum::<f32>()
    }

    /// The worst of the windows of a text that are passages, or of those that are none.
    pub fn worst(&self, read: &Read<'_>, passages: bool) -> Option<f32> {
        let windows = read.windows.iter().filter(|window| window.passage == passages);
        windows.map(|window| self.sum(&window.features)).reduce(f32::max)
    }

    /// The same with sums that are `scale` times as large.
    pub fn scaled(mut self, scale: f32) -> Self {
        self.bias *= scale;
        self.weights.iter_mut().for_each(|weight| *weight *= scale);
        self
    }

    /// As the file of weights holds it.
    pub fn fitted(&self, names: &Names, thresholds: [f32; 4]) -> Fitted {
        let weights = names.hashes.iter().copied().zip(self.weights.iter().copied());
        let weights = weights.filter(|(_, weight)| *weight != 0.0).collect();
        Fitted { bias: self.bias, weights, thresholds }
    }
}

struct Row<'a> {
    features: &'a Features,
    attack: bool,
    source: usize,
}

/// Fits to the passages of some texts, or to their other windows. Of an attack only the window that
/// looks most like one teaches, as told by the fit before, since the rest of a long text is often
/// harmless; of a harmless text all do.
pub fn fit(texts: &[&Read<'_>], passages: bool, names: &Names, knobs: Knobs) -> Line {
    let mut line = Line::default();
    for round in 0..2 {
        let mut rows: Vec<Row<'_>> = Vec::new();
        let take = |read: &Read<'_>, features, rows: &mut Vec<_>| {
            rows.push(Row { features, attack: read.text.attack, source: read.source });
        };
        for read in texts {
            if !read.text.attack {
                let own = read.windows.iter().filter(|window| window.passage == passages);
                own.for_each(|window| take(read, &window.features, &mut rows));
                continue;
            }
            // What still looks wholly harmless is taken for wrongly labelled.
            if let Some(worst) = read.teaches(passages, &line)
                && (round < 1 || read.text.place.is_some() || line.sum(worst) > -2.5)
            {
                take(read, worst, &mut rows);
            }
        }
        let rows = evened(rows, knobs.source_max);
        let steps = if round < 1 { 6 } else { 20 };
        line = logistic(&rows, names, knobs, steps);
    }
    line
}

/// Of each source and label at most `most` rows, from all over it.
fn evened(rows: Vec<Row<'_>>, most: usize) -> Vec<Row<'_>> {
    let mut counts: BTreeMap<(usize, bool), (usize, usize)> = BTreeMap::new();
    for row in &rows {
        counts.entry((row.source, row.attack)).or_default().0 += 1;
    }
    let mut kept = |row: &Row<'_>| {
        let (all, met) = counts.entry((row.source, row.attack)).or_default();
        let share = |met: usize| met * most.min(*all) / (*all).max(1);
        *met += 1;
        share(*met) > share(*met - 1)
    };
    rows.into_iter().filter(|row| kept(row)).collect()
}

/// The features that tell most, and occur in several sources: what only one source has, is how
/// that source was written.
fn chosen(rows: &[Row<'_>], names: &Names, knobs: Knobs) -> Vec<u32> {
    let mut seen = vec![(0_u32, 0_u32, 0_u64); names.hashes.len()];
    let attacks = rows.iter().filter(|row| row.attack).count() as f64;
    let all = rows.len() as f64;
    let acts = act_features();
    for row in rows {
        for (name, _) in row.features {
            let (count, with, sources) = &mut seen[*name as usize];
            *count += 1;
            *with += u32::from(row.attack);
            *sources |= 1 << row.source;
        }
    }
    let mut scored: Vec<(f64, u32)> = (0_u32..)
        .zip(&seen)
        .filter(|(name, (count, _, sources))| {
            let act = acts.contains(&names.hashes[*name as usize]);
            *count >= 5 && (act || sources.count_ones() >= 3)
        })
        .map(|(name, (count, with, _))| {
            let (count, with) = (f64::from(*count), f64::from(*with));
            let expected = count * attacks / all;
            let spread = (expected * (1.0 - count / all)).max(0.5);
            let act = acts.contains(&names.hashes[name as usize]);
            let telling = (with - expected).abs() / spread.sqrt();
            (if act { f64::MAX } else { telling }, name)
        })
        .collect();
    scored.sort_by(|one, two| two.0.total_cmp(&one.0).then(one.1.cmp(&two.1)));
    scored.truncate(knobs.features_max);
    scored.into_iter().map(|(_, name)| name).collect()
}

/// Logistic regression with a penalty on the squares of weights, by ascent in one coordinate of
/// the dual after the other: rows are sparse, and nothing is drawn.
fn logistic(rows: &[Row<'_>], names: &Names, knobs: Knobs, rounds: usize) -> Line {
    let mut kept = vec![false; names.hashes.len()];
    for name in chosen(rows, names, knobs) {
        kept[name as usize] = true;
    }
    let alpha = f64::from(knobs.alpha);
    let mut weights = vec![0.0_f64; names.hashes.len()];
    let mut bias = 0.0_f64;
    let sparse: Vec<Features> = rows
        .iter()
        .map(|row| row.features.iter().filter(|(name, _)| kept[*name as usize]).copied().collect())
        .collect();
    let mut duals = vec![0.5_f64; rows.len()];
    let mut add = |weights: &mut Vec<f64>, row: &Features, by: f64| {
        for (name, value) in row {
            weights[*name as usize] += by * f64::from(*value);
        }
        bias += by * BIAS;
        bias
    };
    let sign = |row: &Row<'_>| if row.attack { 1.0 } else { -1.0 };
    let mut at_bias = 0.0;
    for (row, features) in rows.iter().zip(&sparse) {
        at_bias = add(&mut weights, features, 0.5 * sign(row) / alpha);
    }
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|at| (*at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for _ in 0..rounds {
        for at in &order {
            let (row, features) = (&sparse[*at], sign(&rows[*at]));
            let square: f64 = row.iter().map(|(_, value)| f64::from(*value).powi(2)).sum();
            let inner: f64 =
                row.iter().map(|(name, v)| weights[*name as usize] * f64::from(*v)).sum();
            let margin = features * (inner + at_bias * BIAS);
            let curve = (square + BIAS * BIAS) / alpha;
            let old = duals[*at];
            // The root of what rises with the dual, between its bounds.
            let (mut low, mut high) = (1e-9_f64, 1.0 - 1e-9);
            for _ in 0..40 {
                let middle = 0.5 * (low + high);
                let slope = (middle / (1.0 - middle)).ln() + margin + (middle - old) * curve;
                if slope > 0.0 { high = middle } else { low = middle }
            }
            duals[*at] = 0.5 * (low + high);
            at_bias = add(&mut weights, row, (duals[*at] - old) * features / alpha);
        }
    }
    Line {
        bias: (at_bias * BIAS) as f32,
        weights: weights.into_iter().map(|weight| weight as f32).collect(),
    }
}

/// The value of what is always there: large, so that the penalty hardly holds where sums begin.
const BIAS: f64 = 4.0;

/// The smallest value that at most `share` of the values exceed.
pub fn quantile(mut values: Vec<f32>, share: f64) -> f32 {
    values.sort_by(|one, two| two.total_cmp(one));
    let above = (values.len() as f64 * share).floor() as usize;
    values.get(above).map_or(0.0, |value| value + 1e-4)
}
