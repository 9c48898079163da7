//! What was learned of an application: rates, session windows, endpoints.

use crate::endpoints::Endpoint;
use crate::features::{Features, NAMES, Window};
use crate::file;
use crate::model::Model;
use crate::rates::{RateStatus, Rates, SavedRates};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use stilt_inventory::Sighting;
use stilt_model::{
    EndpointId, SessionId, Timestamp, Transaction,
    saved::{self, Unfit, Word},
};
use stilt_session::Seen;

/// `[baseline]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Session windows of ten minutes before the first model is fitted.
    pub windows_min: usize,
    /// Windows kept for fitting; beyond them a random sample stays.
    pub windows_max: usize,
    /// Endpoints of which the usual request is learned.
    pub endpoints_max: usize,
    /// Pairs of endpoints that follow each other.
    pub transitions_max: usize,
    /// Open windows at most.
    pub open_max: usize,
    /// Seed of fits and samples.
    pub seed: u64,
    /// Seconds of packet time after which `stilt watch` saves what it has learned again.
    pub save_secs: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            windows_min: 100,
            windows_max: 4096,
            endpoints_max: 20_000,
            transitions_max: 100_000,
            open_max: 500_000,
            seed: 1,
            save_secs: 300,
        }
    }
}

/// Why a baseline could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be read or written.
    #[error("cannot {doing} the baseline {path}: {source}; {mend}")]
    Io {
        /// `read` or `write`.
        doing: &'static str,
        /// Which file.
        path: String,
        /// What the system said.
        source: std::io::Error,
        /// What to do.
        mend: &'static str,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Feature, snake case.
    #[serde(deserialize_with = "saved::word")]
    pub feature: Word,
    /// Observed value.
    pub observed: f64,
    /// Expected value (median of what was learned).
    pub expected: f64,
    /// Its share of the score, 0 to 1.
    pub share: f64,
}

/// A calibrated score: 1 - p-value among what was learned.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// 0 (usual) to 1; `None` until enough was learned.
    pub anomaly: Option<f64>,
    /// The three features that contributed most.
    pub reasons: Vec<Reason>,
}

/// Deviations of single requests that are kept to calibrate.
const DEVIATIONS_MAX: usize = 1000;

/// What a baseline file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) features: Vec<String>,
    rates: SavedRates,
    windows: Vec<Features>,
    windows_seen: u64,
    model: Option<Model>,
    endpoints: BTreeMap<u64, Endpoint>,
    counts: BTreeMap<u64, u64>,
    transitions: Vec<(u64, u64, u64)>,
    deviations: Vec<f64>,
    deviations_seen: u64,
}

/// What was learned.
#[derive(Serialize, Deserialize)]
pub struct Baseline {
    #[serde(skip)]
    config: Config,
    rates: Rates,
    /// In boxes: a table has room to spare.
    open: HashMap<SessionId, Box<Open>, RandomState>,
    ends: BTreeSet<(i64, SessionId)>,
    windows: Vec<Features>,
    windows_seen: u64,
    fitted_at: u64,
    model: Option<Model>,
    endpoints: HashMap<EndpointId, Endpoint, RandomState>,
    counts: HashMap<u64, u64, RandomState>,
    total: u64,
    transitions: HashMap<(u64, u64), u64, RandomState>,
    /// Deviations of usual requests: a bounded sample, and the same in order.
    deviations: Vec<f64>,
    deviations_seen: u64,
    sorted: Vec<f64>,
}

#[derive(Serialize, Deserialize)]
struct Open {
    window: Window,
    score: Score,
}

impl Baseline {
    /// Nothing learned yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            rates: Rates::default(),
            open: HashMap::default(),
            ends: BTreeSet::new(),
            windows: Vec::new(),
            windows_seen: 0,
            fitted_at: 0,
            model: None,
            endpoints: HashMap::default(),
            counts: HashMap::default(),
            total: 0,
            transitions: HashMap::default(),
            deviations: Vec::new(),
            deviations_seen: 0,
            sorted: Vec::new(),
        }
    }

    /// Takes what was remembered in place of all that was learned, windows that are still open as
    /// well; settings stay.
    ///
    /// # Errors
    /// Bytes that are no such memory; then nothing is changed.
    pub fn restore(&mut self, memory: &[u8]) -> Result<(), Unfit> {
        let config = core::mem::take(&mut self.config);
        let read = saved::read(memory).map(|read| *self = read);
        self.config = config;
        read
    }

    /// Reads what was saved.
    ///
    /// # Errors
    /// The file cannot be read, or is no baseline of this version.
    pub fn load(config: &Config, path: &Path) -> Result<Self, Error> {
        let saved = file::read(path)?;
        let mut baseline = Self::new(config);
        baseline.rates = Rates::load(saved.rates);
        baseline.windows = saved.windows;
        baseline.windows_seen = saved.windows_seen;
        baseline.fitted_at = saved.windows_seen;
        baseline.model = saved.model;
        baseline.endpoints =
            saved.endpoints.into_iter().map(|(id, known)| (EndpointId(id), known)).collect();
        baseline.total = saved.counts.values().fold(0, |sum, count| sum.saturating_add(*count));
        baseline.counts = saved.counts.into_iter().collect();
        baseline.transitions =
            saved.transitions.into_iter().map(|(from, to, count)| ((from, to), count)).collect();
        baseline.deviations = saved.deviations;
        baseline.deviations_seen = saved.deviations_seen;
        baseline.sort_deviations();
        Ok(baseline)
    }

    /// Tries whether [`Baseline::save`] can write there, before hours are spent on learning.
    ///
    /// # Errors
    /// It could not.
    pub fn check_target(path: &Path) -> Result<(), Error> {
        file::check_target(path)
    }

    /// Writes what was learned, replacing a file in one step; a device or a pipe is written to.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let mut transitions: Vec<(u64, u64, u64)> =
            self.transitions.iter().map(|((from, to), count)| (*from, *to, *count)).collect();
        transitions.sort_unstable();
        file::write(
            path,
            &Saved {
                features: NAMES.iter().map(|name| (*name).to_owned()).collect(),
                rates: self.rates.save(),
                windows: self.windows.clone(),
                windows_seen: self.windows_seen,
                model: self.model.clone(),
                endpoints: self.endpoints.iter().map(|(id, e)| (id.0, e.clone())).collect(),
                counts: self.counts.iter().map(|(id, count)| (*id, *count)).collect(),
                transitions,
                deviations: self.deviations.clone(),
                deviations_seen: self.deviations_seen,
            },
        )
    }

    /// Counts the transaction in its windows and says how the rates compare (on the level of
    /// `seen.actor`), before anything is learned of it.
    pub fn rate(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        seen: &Seen,
    ) -> Option<RateStatus> {
        // Sign-in is judged by what becomes of it, not by its rate.
        if sighting.login.is_some() || tx.request.is_none() {
            return None;
        }
        self.rates.count(sighting.endpoint, seen.actor.id, tx.start)
    }

    /// How unusual the transaction and the session window it stands in are.
    pub fn score(&mut self, tx: &Transaction, sighting: &Sighting, seen: &Seen) -> Score {
        let EndpointId(endpoint) = sighting.endpoint;
        let full = self.open.len() >= self.config.open_max;
        let ends = &mut self.ends;
        let open = match self.open.entry(seen.session.id) {
            Entry::Occupied(slot) => slot.into_mut(),
            Entry::Vacant(_) if full => return Score::default(),
            Entry::Vacant(slot) => {
                let window = Window::new(tx.start);
                ends.insert((window.ends, seen.session.id));
                slot.insert(Box::new(Open { window, score: Score::default() }))
            }
        };
        let rarity = surprise(self.counts.get(&endpoint), self.total);
        let previous = open.window.previous;
        let surprise = if previous == 0 {
            0.0
        } else {
            let from = self.counts.get(&previous).copied().unwrap_or(0);
            surprise(self.transitions.get(&(previous, endpoint)), from)
        };
        open.window.add(tx, sighting, rarity, surprise);
        // One request alone is no window: none is learned either.
        if open.window.requests >= 2
            && open.window.requests.is_power_of_two()
            && let Some(model) = &self.model
        {
            let (anomaly, reasons) = model.score(&open.window.features());
            open.score = Score { anomaly: Some(anomaly), reasons };
        }
        let mut score = open.score.clone();
        if let Some((deviation, reason)) =
            self.endpoints.get(&sighting.endpoint).and_then(|known| known.deviation(tx))
            && let Some(anomaly) = self.calibrated(deviation)
            && score.anomaly.is_none_or(|window| anomaly > window)
        {
            score.anomaly = Some(anomaly);
            score.reasons.insert(0, reason);
            score.reasons.truncate(3);
        }
        score
    }

    fn calibrated(&self, deviation: f64) -> Option<f64> {
        if self.sorted.len() < self.config.windows_min {
            return None;
        }
        let below = self.sorted.partition_point(|known| *known < deviation);
        let as_odd = self.sorted.len().saturating_sub(below);
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
        let p = (as_odd as f64 + 1.0) / (self.sorted.len() as f64 + 1.0);
        Some(1.0 - p)
    }

    /// Learns from the transaction, unless it was flagged: nothing flagged teaches.
    pub fn learn(&mut self, tx: &Transaction, sighting: &Sighting, seen: &Seen, flagged: bool) {
        let EndpointId(endpoint) = sighting.endpoint;
        for merged in &sighting.merged {
            self.endpoints.remove(merged);
            if let Some(count) = self.counts.remove(&merged.0) {
                let sum = self.counts.entry(endpoint).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        if flagged {
            self.rates.flag(sighting.endpoint, seen.actor.id);
            if let Some(open) = self.open.get_mut(&seen.session.id) {
                open.window.flagged = true;
            }
            return;
        }
        let full = self.endpoints.len() >= self.config.endpoints_max;
        if !full || self.endpoints.contains_key(&sighting.endpoint) {
            let known = self.endpoints.entry(sighting.endpoint).or_default();
            if let Some((deviation, _)) = known.deviation(tx) {
                self.sample_deviation(deviation);
            }
            if let Some(known) = self.endpoints.get_mut(&sighting.endpoint) {
                known.learn(tx);
            }
            let count = self.counts.entry(endpoint).or_default();
            *count = count.saturating_add(1);
            self.total = self.total.saturating_add(1);
        }
        if let Some(open) = self.open.get_mut(&seen.session.id) {
            let step = (core::mem::replace(&mut open.window.learned, endpoint), endpoint);
            let room = self.transitions.len() < self.config.transitions_max;
            if step.0 != 0 && (room || self.transitions.contains_key(&step)) {
                let count = self.transitions.entry(step).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    fn sample_deviation(&mut self, deviation: f64) {
        self.deviations_seen = self.deviations_seen.saturating_add(1);
        let at =
            place(self.deviations_seen, self.deviations.len(), DEVIATIONS_MAX, self.config.seed);
        match at {
            Some(at) if at == self.deviations.len() => self.deviations.push(deviation),
            Some(at) => {
                if let Some(slot) = self.deviations.get_mut(at) {
                    *slot = deviation;
                }
            }
            None => {}
        }
    }

    fn sort_deviations(&mut self) {
        self.sorted.clone_from(&self.deviations);
        self.sorted.sort_unstable_by(f64::total_cmp);
    }

    /// Packet time moves on: windows close, and a model is fitted where one is due.
    pub fn tick(&mut self, now: Timestamp) {
        self.rates.tick(now);
        while let Some((end, session)) = self.ends.first().copied() {
            if end > now.nanos() {
                break;
            }
            self.ends.pop_first();
            let Some(open) = self.open.remove(&session) else { continue };
            if open.window.flagged || open.window.requests < 2 {
                continue;
            }
            self.windows_seen = self.windows_seen.saturating_add(1);
            let features = open.window.features();
            let max = self.config.windows_max;
            match place(self.windows_seen, self.windows.len(), max, self.config.seed) {
                Some(at) if at == self.windows.len() => self.windows.push(features),
                Some(at) => {
                    if let Some(slot) = self.windows.get_mut(at) {
                        *slot = features;
                    }
                }
                None => {}
            }
        }
        // The first fit as soon as it may be, the next when half as much again is known.
        let due = self.fitted_at.saturating_add(self.fitted_at / 2);
        if self.windows_seen >= (self.config.windows_min as u64).max(due.saturating_add(1)) {
            self.fitted_at = self.windows_seen;
            self.model = Model::fit(&self.windows, self.config.seed).or(self.model.take());
            self.sort_deviations();
        }
    }
}

/// Minus the logarithm of how often something was seen, of `total`.
#[expect(clippy::cast_precision_loss, reason = "counts")]
fn surprise(count: Option<&u64>, total: u64) -> f64 {
    let count = count.copied().unwrap_or(0) as f64;
    -((count + 0.5) / (total as f64 + 1.0)).ln()
}

/// Where the `n`-th of a stream goes in a sample of at most `max` (algorithm R, Vitter 1985), drawn
/// from the count alone so that a replay draws alike.
fn place(n: u64, len: usize, max: usize, seed: u64) -> Option<usize> {
    if len < max {
        return Some(len);
    }
    let mut mixed = n.wrapping_add(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let drawn = (mixed ^ (mixed >> 31)) % n.max(1);
    usize::try_from(drawn).ok().filter(|at| *at < max)
}

#[cfg(test)]
mod tests;
