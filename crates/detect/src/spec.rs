//! What a detection is, and what it says of itself.

use crate::context::Observation;
use crate::settings::{Settings, SettingsError};
use stilt_model::saved::Remember;
use stilt_model::{Finding, Rule, Severity};

/// One setting of a detection, as the catalogue shows it.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Key under `[detections.ID]`.
    pub key: &'static str,
    /// What it changes, with its unit.
    pub meaning: &'static str,
}

/// One detection: its name in the catalogue, and how it is made.
pub struct Spec {
    /// Id, title and references.
    pub rule: Rule,
    /// Severity where the application let it happen; refused acts are told lower.
    pub severity: Severity,
    /// What it looks for, in a paragraph.
    pub looks_for: &'static str,
    /// What must be visible for it to be evaluated.
    pub needs: &'static str,
    /// Benign behaviour that looks like it, and what keeps it silent.
    pub look_alikes: &'static str,
    /// Its settings.
    pub tuning: &'static [Tuning],
    /// Makes the detector from the user's settings.
    pub build: fn(&Settings) -> Result<Box<dyn Detector>, SettingsError>,
}

impl core::fmt::Debug for Spec {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Spec").field("rule", &self.rule.id).finish_non_exhaustive()
    }
}

/// What a detection could not judge, for the summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotEvaluated {
    /// The detection.
    pub rule: &'static str,
    /// How often it had to pass, or on how much.
    pub count: u64,
    /// What it lacked.
    pub reason: String,
}

/// A detection at work.
///
/// What it remembers is saved with the state of a run: it derives `Serialize` and `Deserialize`,
/// and leaves out its settings (`#[serde(skip)]`), which it gets anew by [`Detector::configure`].
pub trait Detector: Send + Remember {
    /// Sees one observation; pushes what it concludes.
    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>);

    /// Takes changed settings and keeps what it has seen; `false` where it can't.
    ///
    /// # Errors
    /// A setting that it does not know, or that does not fit; the old ones stay.
    fn configure(&mut self, _settings: &Settings) -> Result<bool, SettingsError> {
        Ok(false)
    }

    /// What it remembers is about documents by their number: with others it means nothing.
    fn rests_on_documents(&self) -> bool {
        false
    }

    /// What could not be judged so far, and why.
    fn not_evaluated(&self) -> Vec<NotEvaluated> {
        Vec::new()
    }
}
