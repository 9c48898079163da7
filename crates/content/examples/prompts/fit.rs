//! Fits the model: which features count, what they weigh, and from which sum on a text is suspect.

use crate::corpus::Text;
use linfa::Dataset;
use linfa::prelude::*;
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2};
use std::collections::{BTreeMap, HashMap};
use stilt_content::prompt::training::{Features, Fitted, act_features, windows_of};

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
    /// Features of its windows, by their number.
    windows: Vec<Features>,
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
        let mut windows = windows_of(&text.text);
        for (name, _) in windows.iter_mut().flatten() {
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

    /// The worst window of a text.
    pub fn worst(&self, read: &Read<'_>) -> f32 {
        read.windows.iter().map(|window| self.sum(window)).fold(f32::MIN, f32::max)
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

/// Fits to some texts. Of an attack only the window that looks most like one teaches, as told by the
/// fit before, since the rest of a long text is often harmless; of a harmless text all do.
pub fn fit(texts: &[&Read<'_>], names: &Names, knobs: Knobs) -> Line {
    let mut line = Line::default();
    for round in 0..2 {
        let mut rows: Vec<Row<'_>> = Vec::new();
        let mut taken: BTreeMap<(usize, bool), usize> = BTreeMap::new();
        let mut take = |read: &Read<'_>, features, rows: &mut Vec<_>| {
            let attack = read.text.attack;
            let count = taken.entry((read.source, attack)).or_insert(0);
            *count += 1;
            if *count <= knobs.source_max {
                rows.push(Row { features, attack, source: read.source });
            }
        };
        for read in texts {
            if !read.text.attack {
                read.windows.iter().for_each(|window| take(read, window, &mut rows));
                continue;
            }
            let sum = |window: &&Features| line.sum(window);
            let worst = match round {
                0 => read.windows.first(),
                _ => read.windows.iter().max_by(|one, two| sum(one).total_cmp(&sum(two))),
            };
            // What still looks wholly harmless is taken for wrongly labelled.
            if let Some(worst) = worst
                && (round < 1 || line.sum(worst) > -2.5)
            {
                take(read, worst, &mut rows);
            }
        }
        let steps = if round < 1 { 15 } else { 50 };
        line = logistic(&rows, names, knobs, steps);
    }
    line
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

fn logistic(rows: &[Row<'_>], names: &Names, knobs: Knobs, steps: u64) -> Line {
    let chosen = chosen(rows, names, knobs);
    let mut column = vec![usize::MAX; names.hashes.len()];
    for (at, name) in chosen.iter().enumerate() {
        column[*name as usize] = at;
    }
    let mut matrix = Array2::<f32>::zeros((rows.len(), chosen.len()));
    for (at, row) in rows.iter().enumerate() {
        for (name, value) in row.features {
            let column = column[*name as usize];
            if column != usize::MAX {
                matrix[[at, column]] = *value;
            }
        }
    }
    let labels: Array1<bool> = rows.iter().map(|row| row.attack).collect();
    let model = LogisticRegression::default()
        .alpha(knobs.alpha)
        .max_iterations(steps)
        .gradient_tolerance(1e-2)
        .fit(&Dataset::new(matrix, labels))
        .expect("both labels are there");
    let sign = if model.labels().pos.class { 1.0 } else { -1.0 };
    let mut weights = vec![0.0; names.hashes.len()];
    for (name, weight) in chosen.iter().zip(model.params()) {
        weights[*name as usize] = weight * sign;
    }
    Line { bias: model.intercept() * sign, weights }
}

/// The smallest value that at most `share` of the values exceed.
pub fn quantile(mut values: Vec<f32>, share: f64) -> f32 {
    values.sort_by(|one, two| two.total_cmp(one));
    let above = (values.len() as f64 * share).floor() as usize;
    values.get(above).copied().unwrap_or(0.0)
}
