//! What the training tool needs: the features of a text, and weights as a file.

use super::model::{Calibrated, HEADS, MAGIC, Model, ROLES};
use super::{Head, features, judge_by, windows};
use stilt_model::talk::{Suspicion, TrustRole};

/// Features of one window: hashes of their names, and values.
pub type Features = Vec<(u32, f32)>;

/// The features of each window of `text`.
#[must_use]
pub fn windows_of(text: &str) -> Vec<Features> {
    let mut all = Vec::new();
    windows::each(text, &mut |window, _| all.push(features::read(window).1));
    all
}

/// Features that count however few sources have them.
#[must_use]
pub fn act_features() -> Vec<u32> {
    features::act_names()
}

/// The half of the model that judges words of `role`: 0 or 1.
#[must_use]
pub fn head_of(role: TrustRole) -> usize {
    Head::of(role) as usize
}

/// One head's weights, as they were fitted.
#[derive(Clone, Debug, Default)]
pub struct Fitted {
    /// Where the sum begins.
    pub bias: f32,
    /// Weight of each feature.
    pub weights: Vec<(u32, f32)>,
    /// The sum from which on a text is likely an injection, by role: system, user, tool
    /// definition, tool result.
    pub thresholds: [f32; ROLES],
}

/// A model that was just trained.
#[derive(Clone, Debug, Default)]
pub struct Trained(Model);

impl Trained {
    /// Rounds weights to a byte each.
    #[must_use]
    pub fn new(heads: &[Fitted; HEADS]) -> Self {
        let mut model = Model::default();
        for (at, head) in heads.iter().enumerate() {
            let largest =
                head.weights.iter().fold(0.0_f32, |most, (_, weight)| most.max(weight.abs()));
            let step = if largest > 0.0 { largest / 127.0 } else { 1.0 };
            if let Some(calibrated) = model.heads.get_mut(at) {
                *calibrated = Calibrated { bias: head.bias, step, threshold: head.thresholds };
            }
            for (name, weight) in &head.weights {
                #[allow(clippy::cast_possible_truncation, reason = "within -127 and 127")]
                let rounded = (weight / step).round() as i8;
                if let Some(place) = model.weights.entry(*name).or_insert([0; HEADS]).get_mut(at) {
                    *place = rounded;
                }
            }
        }
        model.weights.retain(|_, weights| *weights != [0; HEADS]);
        Self(model)
    }

    /// Judges a text, as the built-in model would.
    #[must_use]
    pub fn judge(&self, text: &str, role: TrustRole) -> Option<Suspicion> {
        judge_by(&self.0, text, role)
    }

    /// The file of weights.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.push(u8::try_from(HEADS).unwrap_or(0));
        for head in &self.0.heads {
            for value in [head.bias, head.step].iter().chain(&head.threshold) {
                out.extend(value.to_le_bytes());
            }
        }
        let mut names: Vec<_> = self.0.weights.iter().collect();
        names.sort_unstable();
        out.extend(u32::try_from(names.len()).unwrap_or(0).to_le_bytes());
        for (name, _) in &names {
            out.extend(name.to_le_bytes());
        }
        for head in 0..HEADS {
            out.extend(
                names
                    .iter()
                    .filter_map(|(_, weights)| weights.get(head))
                    .map(|weight| weight.to_le_bytes()[0]),
            );
        }
        out
    }
}
