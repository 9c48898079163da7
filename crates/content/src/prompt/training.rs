//! What the training tool needs: the features of a text, and weights as a file.

use super::model::{Calibrated, HEADS, MAGIC, Model, ROLES};
use super::{Head, features, judge_by, windows};
use stilt_model::talk::{Suspicion, TrustRole};

/// Features of one window: hashes of their names, and values.
pub type Features = Vec<(u32, f32)>;

/// A window of a text.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Its features.
    pub features: Features,
    /// Its bytes in the text.
    pub span: (u32, u32),
    /// It is a passage that asks for something.
    pub passage: bool,
}

/// The windows of `text` as words of `role`.
#[must_use]
pub fn windows_of(text: &str, role: TrustRole) -> Vec<Shown> {
    let mut all = Vec::new();
    windows::each(text, Head::of(role), &mut |window, span| {
        let features = features::read(window).1;
        all.push(Shown { features, span, passage: window.setting.is_some() });
    });
    all
}

/// Features that count however few sources have them.
#[must_use]
pub fn act_features() -> Vec<u32> {
    features::act_names()
}

/// The part of the model that judges windows of words of `role`: 0 or 1, and 2 for passages.
#[must_use]
pub fn head_of(role: TrustRole, passage: bool) -> usize {
    Head::of(role).of_window(passage) as usize
}

/// What the worst window and the worst passage of a text that is data tell together.
#[must_use]
pub fn both(window: f32, passage: Option<f32>) -> f32 {
    super::model::both(window, passage)
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
