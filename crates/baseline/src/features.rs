//! What a session did within ten minutes, as numbers.

use core::time::Duration;
use serde::{Deserialize, Serialize};
use stilt_inventory::Sighting;
use stilt_model::{EndpointId, Outcome, Timestamp, Transaction};

/// Length of a window.
pub(crate) const SPAN: Duration = Duration::from_secs(600);
/// Distinct things counted per window.
const DISTINCT_MAX: usize = 256;

/// Names of the features, in order.
pub(crate) const NAMES: [&str; COUNT] = [
    "requests",
    "distinct_endpoints",
    "distinct_objects",
    "failure_share",
    "refusal_share",
    "write_share",
    "request_bytes",
    "response_bytes",
    "seconds_between_requests",
    "endpoint_rarity",
    "transition_rarity",
    "endpoint_entropy",
];
/// How many there are.
pub(crate) const COUNT: usize = 12;
/// Those that are shown as `e^x - 1` of what the model sees.
const LOGARITHMIC: [bool; COUNT] =
    [true, true, true, false, false, false, true, true, true, false, false, false];

/// One window in the model's numbers.
pub(crate) type Features = [f64; COUNT];

/// A feature as a person reads it.
pub(crate) fn shown(feature: usize, value: f64) -> f64 {
    if LOGARITHMIC.get(feature).copied().unwrap_or(false) { value.exp_m1() } else { value }
}

/// A window while it is open.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Window {
    pub(crate) flagged: bool,
    pub(crate) requests: u32,
    first: i64,
    last: i64,
    failures: u32,
    refusals: u32,
    writes: u32,
    bytes_in: u64,
    bytes_out: u64,
    endpoints: Vec<(u64, u32)>,
    objects: Vec<u64>,
    rarity: f64,
    surprise: f64,
    pub(crate) previous: u64,
    /// The endpoint that transitions were last learned from.
    pub(crate) learned: u64,
}

#[expect(clippy::cast_precision_loss, reason = "features tolerate rounding")]
fn float(number: u64) -> f64 {
    number as f64
}

impl Window {
    pub(crate) fn new(start: Timestamp) -> Self {
        Self { first: start.nanos(), last: start.nanos(), ..Self::default() }
    }

    /// When it is over, in nanoseconds.
    pub(crate) fn ends(&self) -> i64 {
        Timestamp::from_nanos(self.first).plus(SPAN).nanos()
    }

    /// Adds a transaction; `rarity` and `surprise` are minus the logarithm of how often its
    /// endpoint
    /// is used, and of how often it follows the one before.
    pub(crate) fn add(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        rarity: f64,
        surprise: f64,
    ) {
        self.requests = self.requests.saturating_add(1);
        self.last = self.last.max(tx.start.nanos());
        self.failures += u32::from(sighting.outcome == Outcome::Failure);
        self.refusals += u32::from(sighting.refused);
        self.writes += u32::from(sighting.changes_state);
        let sent = tx.request.as_ref().map_or(0, |request| request.body_bytes);
        let got = tx.response.as_ref().map_or(0, |response| response.body_bytes);
        self.bytes_in = self.bytes_in.saturating_add(sent);
        self.bytes_out = self.bytes_out.saturating_add(got);
        let EndpointId(endpoint) = sighting.endpoint;
        let known = self.endpoints.iter_mut().find(|(known, _)| *known == endpoint);
        if let Some((_, count)) = known {
            *count = count.saturating_add(1);
        } else if self.endpoints.len() < DISTINCT_MAX {
            // Most sessions have one request: room is made for its own alone.
            self.endpoints.reserve_exact(usize::from(self.endpoints.is_empty()));
            self.endpoints.push((endpoint, 1));
        }
        for object in &sighting.objects {
            let key = digest(object.class.as_bytes()) ^ digest(object.id.as_bytes()).rotate_left(1);
            if self.objects.len() < DISTINCT_MAX && !self.objects.contains(&key) {
                self.objects.reserve_exact(usize::from(self.objects.is_empty()));
                self.objects.push(key);
            }
        }
        self.rarity += rarity;
        self.surprise += surprise;
        self.previous = endpoint;
    }

    /// The window in the model's numbers.
    pub(crate) fn features(&self) -> Features {
        let requests = f64::from(self.requests.max(1));
        let seconds = float(self.last.saturating_sub(self.first).unsigned_abs()) / 1e9;
        let gaps = (requests - 1.0).max(1.0);
        let entropy: f64 = self
            .endpoints
            .iter()
            .map(|(_, count)| {
                let share = f64::from(*count) / requests;
                -share * share.ln()
            })
            .sum();
        [
            requests.ln_1p(),
            float(self.endpoints.len() as u64).ln_1p(),
            float(self.objects.len() as u64).ln_1p(),
            f64::from(self.failures) / requests,
            f64::from(self.refusals) / requests,
            f64::from(self.writes) / requests,
            float(self.bytes_in).ln_1p(),
            float(self.bytes_out).ln_1p(),
            (seconds / gaps).ln_1p(),
            self.rarity / requests,
            self.surprise / requests,
            entropy,
        ]
    }
}

/// A digest that is the same in every run: what is learned must not depend on a seed.
fn digest(bytes: &[u8]) -> u64 {
    use core::hash::{BuildHasher, Hasher};
    let mut hasher = foldhash::fast::FixedState::with_seed(11).build_hasher();
    hasher.write(bytes);
    hasher.finish()
}
