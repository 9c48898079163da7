//! Placeholder of the baseline.

use crate::rates::RateStatus;
use serde::{Deserialize, Serialize};
use std::path::Path;
use stilt_inventory::Sighting;
use stilt_model::{Timestamp, Transaction};
use stilt_session::Seen;

/// `[baseline]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {}

/// Why a baseline could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not a baseline, or one of another version.
    #[error("{path}: not a baseline of this version: {reason}")]
    Format {
        /// Which file.
        path: String,
        /// What is wrong with it, with the line where there is one.
        reason: String,
    },
}

/// One feature's part in a score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reason {
    /// Feature, snake case.
    pub feature: &'static str,
    /// Observed value.
    pub observed: f64,
    /// Expected value (median of what was learned).
    pub expected: f64,
    /// Its share of the score, 0 to 1.
    pub share: f64,
}

/// A calibrated score: 1 - p-value among what was learned.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Score {
    /// 0 (usual) to 1; `None` until enough was learned.
    pub anomaly: Option<f64>,
    /// The three features that contributed most.
    pub reasons: Vec<Reason>,
}

/// What was learned.
pub struct Baseline;

impl Baseline {
    /// Nothing learned yet.
    #[must_use]
    pub fn new(_config: &Config) -> Self {
        Self
    }

    /// Reads what was saved.
    ///
    /// # Errors
    /// The file cannot be read, or is no baseline of this version.
    pub fn load(_config: &Config, _path: &Path) -> Result<Self, Error> {
        Ok(Self)
    }

    /// Writes what was learned, replacing the file in one step.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, _path: &Path) -> Result<(), Error> {
        Ok(())
    }

    /// Counts the transaction in its windows and says how the rates compare (all actor levels given by
    /// `seen.actor`), before anything is learned of it.
    pub fn rate(
        &mut self,
        _tx: &Transaction,
        _sighting: &Sighting,
        _seen: &Seen,
    ) -> Option<RateStatus> {
        None
    }

    /// How unusual the transaction and the session window it stands in are.
    pub fn score(&mut self, _tx: &Transaction, _sighting: &Sighting, _seen: &Seen) -> Score {
        Score::default()
    }

    /// Learns from the transaction, unless it was flagged: nothing flagged teaches.
    pub fn learn(&mut self, _tx: &Transaction, _sighting: &Sighting, _seen: &Seen, _flagged: bool) {
    }

    /// Packet time moves on: windows close, and a model is fitted where one is due.
    pub fn tick(&mut self, _now: Timestamp) {}
}
