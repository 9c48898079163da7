//! What was learned of an application: rates, session windows, endpoints.

use crate::features::{Features, NAMES, Window};
use crate::file;
use crate::fitting::Fitting;
use crate::levels::Evened;
use crate::model::Model;
use crate::profile::{By, EndpointProfile, Oddity, Profiles, combine};
use crate::rates::{RateStatus, Rates, SavedRates};
use crate::sequence::{SavedSequences, Sequences, Step};
use crate::spans::Spans;
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
    /// Pairs of endpoint and caller whose rates are followed.
    pub tracks_max: usize,
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
            tracks_max: 200_000,
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
    /// How unusual the request is for its endpoint; `None` where nothing is known of that.
    #[serde(skip)]
    pub request: Option<Oddity>,
    /// A step that nobody would have expected.
    #[serde(skip)]
    pub step: Option<Step>,
}

/// What a baseline file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) features: Vec<String>,
    rates: SavedRates,
    windows: Vec<Features>,
    windows_seen: u64,
    model: Option<Model>,
    counts: BTreeMap<u64, u64>,
    transitions: Vec<(u64, u64, u64)>,
    profiles: BTreeMap<u64, EndpointProfile>,
    sequences: SavedSequences,
    /// Recent p-values: of requests, of windows, of all together.
    #[serde(default)]
    even: [Evened; 3],
    /// Which packet time of which service it was learned from.
    spans: Spans,
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
    /// When the model was fitted; since when it is known, where it was loaded.
    #[serde(default)]
    fitted: Option<Timestamp>,
    model: Option<Model>,
    /// What is lost at a restart begins anew.
    #[serde(skip)]
    fitting: Option<Fitting>,
    counts: HashMap<u64, u64, RandomState>,
    total: u64,
    transitions: HashMap<(u64, u64), u64, RandomState>,
    profiles: Profiles,
    sequences: Sequences,
    /// The packet time that the loaded baseline was learned from, and that of this run.
    #[serde(default)]
    known: Spans,
    #[serde(default)]
    spans: Spans,
    /// Rates of what is of known time: there they were counted already.
    #[serde(default)]
    again: Rates,
    #[serde(default)]
    repeated: u64,
    #[serde(default)]
    window_even: Evened,
    #[serde(default)]
    even: Evened,
    /// Of the transaction at hand, before they are ranked: its window's p-value, where that is
    /// new, and all together.
    #[serde(skip)]
    window_p: Option<f64>,
    #[serde(skip)]
    p: Option<f64>,
}

#[derive(Serialize, Deserialize)]
struct Open {
    window: Window,
    /// The last score; most windows never get one.
    score: Option<Box<(f64, Vec<Reason>)>>,
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
            fitted: None,
            model: None,
            fitting: None,
            counts: HashMap::default(),
            total: 0,
            transitions: HashMap::default(),
            profiles: Profiles::new(config.endpoints_max),
            sequences: Sequences::default(),
            known: Spans::default(),
            spans: Spans::default(),
            again: Rates::default(),
            repeated: 0,
            window_even: Evened::default(),
            even: Evened::default(),
            window_p: None,
            p: None,
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
        baseline.total = saved.counts.values().fold(0, |sum, count| sum.saturating_add(*count));
        baseline.counts = saved.counts.into_iter().collect();
        baseline.transitions =
            saved.transitions.into_iter().map(|(from, to, count)| ((from, to), count)).collect();
        baseline.profiles = Profiles::load(config.endpoints_max, saved.profiles);
        baseline.sequences = Sequences::load(saved.sequences);
        baseline.known = saved.spans;
        [baseline.profiles.even, baseline.window_even, baseline.even] = saved.even;
        Ok(baseline)
    }

    /// Adds what another sensor learned.
    pub fn merge(&mut self, other: Self) {
        self.rates.absorb(other.rates);
        for (endpoint, count) in other.counts {
            let sum = self.counts.entry(endpoint).or_default();
            *sum = sum.saturating_add(count);
        }
        self.total = self.total.saturating_add(other.total);
        for (step, count) in other.transitions {
            let room = self.transitions.len() < self.config.transitions_max;
            if room || self.transitions.contains_key(&step) {
                let sum = self.transitions.entry(step).or_default();
                *sum = sum.saturating_add(count);
            }
        }
        for window in other.windows {
            self.keep_window(window);
        }
        self.profiles.absorb(&other.profiles);
        self.sequences.absorb(other.sequences);
        self.window_even.absorb(other.window_even);
        self.even.absorb(other.even);
        self.known.absorb(&other.known);
        self.known.absorb(&other.spans);
        if self.windows_seen >= self.config.windows_min as u64 {
            self.fitted_at = self.windows_seen;
            self.model = Model::fit(&self.windows, self.config.seed).or(self.model.take());
        }
    }

    /// What was learned of endpoints whose name holds `wanted`, or in short of all.
    #[must_use]
    pub fn told(&self, wanted: Option<&str>) -> Vec<String> {
        self.profiles.told(wanted)
    }

    /// The name of an endpoint, where its requests are known.
    #[must_use]
    pub fn name(&self, endpoint: EndpointId) -> Option<&str> {
        self.profiles.name(endpoint.0)
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
        let mut spans = self.known.clone();
        spans.absorb(&self.spans);
        file::write(
            path,
            &Saved {
                features: NAMES.iter().map(|name| (*name).to_owned()).collect(),
                rates: self.rates.save(),
                windows: self.windows.clone(),
                windows_seen: self.windows_seen,
                model: self.model.clone(),
                counts: self.counts.iter().map(|(id, count)| (*id, *count)).collect(),
                transitions,
                profiles: self.profiles.saved(),
                sequences: self.sequences.save(),
                even: [&self.profiles.even, &self.window_even, &self.even].map(Clone::clone),
                spans,
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
        let (endpoint, actor) = (sighting.endpoint, seen.actor.id);
        if self.is_known(tx, sighting) {
            let rate = self.again.count(endpoint, actor, tx.start);
            self.again.bound(self.config.tracks_max.max(1));
            return rate.map(|rate| self.rates.compared(rate, endpoint, actor, tx.start));
        }
        let status = self.rates.count(endpoint, actor, tx.start);
        self.rates.bound(self.config.tracks_max.max(1));
        status
    }

    /// The loaded baseline was learned from that time of the service: it would count twice.
    fn is_known(&self, tx: &Transaction, sighting: &Sighting) -> bool {
        !self.known.is_empty() && self.known.hold(service_of(sighting), tx.start)
    }

    /// Transactions of times that the loaded baseline was learned from: they were judged, and
    /// taught nothing.
    #[must_use]
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// How unusual the transaction and the session window it stands in are.
    pub fn score(&mut self, tx: &Transaction, sighting: &Sighting, seen: &Seen) -> Score {
        let request = self.profiles.score(tx, sighting, seen.actor.id);
        let mut score = self.window_score(tx, sighting, seen);
        let window = score.anomaly.map(|anomaly| 1.0 - anomaly);
        let own = request.as_ref().and_then(|request| request.p);
        score.step = self.sequences.score(tx, sighting, seen);
        // Of sessions five times as many are followed as orders of steps.
        self.sequences.bound(self.config.open_max / 5);
        let step = score.step.as_ref().and_then(|step| step.p);
        self.p = combine(window.into_iter().chain(own).chain(step));
        let (service, by) = (service_of(sighting), By::of(seen.actor.id));
        score.anomaly = self.p.map(|p| 1.0 - self.even.p(service, p, by));
        score.request = request;
        score
    }

    /// The sum of the three strongest terms of the request at hand, for evaluation.
    #[must_use]
    pub fn request_score(&self) -> f32 {
        self.profiles.last_score()
    }

    fn window_score(&mut self, tx: &Transaction, sighting: &Sighting, seen: &Seen) -> Score {
        self.window_p = None;
        let EndpointId(endpoint) = sighting.endpoint;
        let full = self.open.len() >= self.config.open_max;
        let ends = &mut self.ends;
        let open = match self.open.entry(seen.session.id) {
            Entry::Occupied(slot) => slot.into_mut(),
            Entry::Vacant(_) if full => return Score::default(),
            Entry::Vacant(slot) => {
                let window = Window::new(tx.start);
                ends.insert((window.ends(), seen.session.id));
                slot.insert(Box::new(Open { window, score: None }))
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
            self.window_p = Some(1.0 - anomaly);
            let (service, by) = (service_of(sighting), By::of(seen.actor.id));
            let p = self.window_even.p(service, 1.0 - anomaly, by);
            open.score = Some(Box::new((1.0 - p, reasons)));
        }
        match open.score.as_deref() {
            Some((anomaly, reasons)) => {
                Score { anomaly: Some(*anomaly), reasons: reasons.clone(), ..Score::default() }
            }
            None => Score::default(),
        }
    }

    /// Learns from the transaction, unless it was flagged: nothing flagged teaches.
    pub fn learn(&mut self, tx: &Transaction, sighting: &Sighting, seen: &Seen, flagged: bool) {
        if self.is_known(tx, sighting) {
            self.pass(sighting, seen, flagged);
            return;
        }
        self.spans.add(service_of(sighting), tx.start);
        self.profiles.learn(tx, sighting, flagged);
        self.sequences.learn(seen.actor.id, flagged);
        let EndpointId(endpoint) = sighting.endpoint;
        self.merge_counts(sighting);
        if flagged {
            self.rates.flag(sighting.endpoint, seen.actor.id);
            if let Some(open) = self.open.get_mut(&seen.session.id) {
                open.window.flagged = true;
            }
            return;
        }
        let (service, by) = (service_of(sighting), By::of(seen.actor.id));
        if let Some(p) = self.window_p.take() {
            self.window_even.add(service, p, by);
        }
        if let Some(p) = self.p.take() {
            self.even.add(service, p, by);
        }
        if self.counts.len() < self.config.endpoints_max || self.counts.contains_key(&endpoint) {
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

    /// A transaction that the loaded baseline knows: nothing of it counts once more.
    fn pass(&mut self, sighting: &Sighting, seen: &Seen, flagged: bool) {
        self.repeated = self.repeated.saturating_add(1);
        self.profiles.pass(sighting);
        self.sequences.pass();
        self.merge_counts(sighting);
        if let Some(open) = self.open.get_mut(&seen.session.id) {
            open.window.flagged = true;
        }
        if flagged {
            self.again.flag(sighting.endpoint, seen.actor.id);
            self.rates.flag(sighting.endpoint, seen.actor.id);
        }
    }

    fn merge_counts(&mut self, sighting: &Sighting) {
        for merged in &sighting.merged {
            if let Some(count) = self.counts.remove(&merged.0) {
                let sum = self.counts.entry(sighting.endpoint.0).or_default();
                *sum = sum.saturating_add(count);
            }
        }
    }

    fn keep_window(&mut self, features: Features) {
        self.windows_seen = self.windows_seen.saturating_add(1);
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

    /// Packet time moves on: windows close, and a model is fitted where one is due.
    pub fn tick(&mut self, now: Timestamp) {
        self.rates.tick(now);
        self.again.tick(now);
        self.profiles.tick(now);
        self.sequences.tick(now);
        while let Some((end, session)) = self.ends.first().copied() {
            if end > now.nanos() {
                break;
            }
            self.ends.pop_first();
            let Some(open) = self.open.remove(&session) else { continue };
            if open.window.flagged || open.window.requests < 2 {
                continue;
            }
            self.keep_window(open.window.features());
        }
        if self.fitting.as_ref().is_some_and(|fitting| fitting.is_due(now)) {
            self.settle();
        }
        // The first fit as soon as it may be, the next when half as much again is known.
        let due = self.fitted_at.saturating_add(self.fitted_at / 2);
        if self.windows_seen >= (self.config.windows_min as u64).max(due.saturating_add(1)) {
            let (seen, seed) = (self.windows_seen, self.config.seed);
            let windows = &self.windows;
            self.fitting.get_or_insert_with(|| Fitting::begin(windows, seen, seed, now));
        }
        if self.model.is_some() {
            self.fitted.get_or_insert(now);
        }
    }

    /// Takes up the model that is being fitted, where there is one: waits for it.
    pub fn settle(&mut self) {
        if let Some(fitting) = self.fitting.take() {
            self.fitted_at = fitting.windows_seen;
            self.model = fitting.take().or(self.model.take());
            self.fitted = None;
        }
    }

    /// When the model in use was fitted, or loaded; none where there is no model yet.
    #[must_use]
    pub fn fitted(&self) -> Option<Timestamp> {
        self.fitted
    }
}

fn service_of(sighting: &Sighting) -> u64 {
    crate::profile::hash(&[sighting.service.as_bytes()])
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
