//! How one request and its answer compare with what its endpoint usually sees.

use crate::baseline::Reason;
use serde::{Deserialize, Serialize};
use stilt_model::Transaction;

/// Features of a request.
const NAMES: [&str; COUNT] =
    ["request_body_bytes", "response_body_bytes", "query_bytes", "request_leaves", "latency_ms"];
const COUNT: usize = 5;
/// Transactions before an endpoint is judged.
const SEEN_MIN: u64 = 50;
/// What has been seen longer than this counts less and less.
const MEMORY: f64 = 5000.0;

/// Running mean and variance of the logarithms (Welford, 1962; with a forgetting limit).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Endpoint {
    seen: u64,
    mean: [f64; COUNT],
    variance: [f64; COUNT],
}

#[expect(clippy::cast_precision_loss, reason = "features tolerate rounding")]
fn log(number: u64) -> f64 {
    (number as f64).ln_1p()
}

fn features(tx: &Transaction) -> [f64; COUNT] {
    let request = tx.request.as_ref();
    let response = tx.response.as_ref();
    let latency = response.map_or(0, |answer| answer.start.since(tx.start).as_millis());
    [
        log(request.map_or(0, |request| request.body_bytes)),
        log(response.map_or(0, |response| response.body_bytes)),
        log(request.and_then(|request| request.query.as_ref()).map_or(0, |q| q.len() as u64)),
        log(request.map_or(0, |request| request.leaves.len() as u64)),
        log(u64::try_from(latency).unwrap_or(u64::MAX)),
    ]
}

impl Endpoint {
    /// The largest deviation of the transaction in standard deviations, with its feature; `None`
    /// until the endpoint is known well enough.
    pub(crate) fn deviation(&self, tx: &Transaction) -> Option<(f64, Reason)> {
        if self.seen < SEEN_MIN {
            return None;
        }
        let mut worst: Option<(f64, Reason)> = None;
        let parts = features(tx).into_iter().zip(self.mean).zip(self.variance).zip(NAMES);
        for (((value, mean), variance), feature) in parts {
            let deviation = (value - mean).abs() / (variance.sqrt() + 0.1);
            if worst.as_ref().is_none_or(|(most, _)| deviation > *most) {
                let reason = Reason {
                    feature,
                    observed: value.exp_m1(),
                    expected: mean.exp_m1(),
                    share: 1.0,
                };
                worst = Some((deviation, reason));
            }
        }
        worst
    }

    pub(crate) fn learn(&mut self, tx: &Transaction) {
        self.seen = self.seen.saturating_add(1);
        #[expect(clippy::cast_precision_loss, reason = "a count")]
        let weight = 1.0 / (self.seen as f64).min(MEMORY);
        let parts = features(tx).into_iter().zip(&mut self.mean).zip(&mut self.variance);
        for ((value, mean), variance) in parts {
            let off = value - *mean;
            *mean += weight * off;
            *variance = (1.0 - weight) * (*variance + weight * off * off);
        }
    }
}
