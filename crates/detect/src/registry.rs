//! The table of detections.

use crate::context::Observation;
use crate::settings::{Config, Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec};
use stilt_model::{Finding, Rule};

/// Every detection there is, in the order they judge and are listed.
pub const DETECTORS: &[&Spec] = &[
    &crate::ato::credential_stuffing::SPEC,
    &crate::authz::bola_enumeration::SPEC,
    &crate::baseline::request_rate::SPEC,
];

/// A name given to `--only` or `--skip` that is no detection and no family.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// The name.
    #[error("no detection or family `{0}`; `stilt detections` lists them")]
    Name(String),
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

struct Running {
    settings: Settings,
    detector: Box<dyn Detector>,
}

/// The detections that take part in a run.
pub struct Detectors {
    running: Vec<Running>,
}

impl Detectors {
    /// Makes every detection that is enabled, named by `only` (or `only` is empty) and not by
    /// `skip`.
    /// Names are ids or families; `none` names nothing.
    ///
    /// # Errors
    /// A name or setting that no detection knows.
    pub fn new(config: &Config, only: &[String], skip: &[String]) -> Result<Self, Unknown> {
        for name in only.iter().chain(skip) {
            if name != "none" && !DETECTORS.iter().any(|spec| names(name, &spec.rule)) {
                return Err(Unknown::Name(name.clone()));
            }
        }
        let mut settings = config.resolve()?;
        let mut running = Vec::new();
        for spec in DETECTORS {
            let settings =
                settings.remove(spec.rule.id).unwrap_or_else(|| Settings::of(spec.rule.id));
            let wanted = only.is_empty() || only.iter().any(|name| names(name, &spec.rule));
            let skipped = skip.iter().any(|name| names(name, &spec.rule));
            // Built even when it does not take part, so that a wrong setting is told.
            let detector = (spec.build)(&settings)?;
            if settings.enabled && wanted && !skipped {
                running.push(Running { settings, detector });
            }
        }
        Ok(Self { running })
    }

    /// No detection takes part.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Shows an observation to each detection in turn.
    pub fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        for Running { settings, detector } in &mut self.running {
            let before = findings.len();
            detector.observe(observation, findings);
            if findings.len() == before {
                continue;
            }
            for finding in findings.iter_mut().skip(before) {
                finding.severity = settings.severity.unwrap_or(finding.severity);
            }
            let mut at = 0;
            findings.retain(|finding| {
                at += 1;
                at <= before || !settings.excepts(finding)
            });
        }
    }

    /// What the detections could not judge, in the order of the table.
    #[must_use]
    pub fn not_evaluated(&self) -> Vec<NotEvaluated> {
        self.running.iter().flat_map(|running| running.detector.not_evaluated()).collect()
    }
}

/// Whether `name` is the id of a rule or its family.
fn names(name: &str, rule: &Rule) -> bool {
    name == rule.id || name.trim_end_matches('.') == rule.family()
}
