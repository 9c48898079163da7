//! How unusual is it: learned rates per endpoint and actor, and a fitted model of session windows
//! and endpoint requests (linfa) with calibrated scores and reasons.

mod baseline;
mod endpoints;
mod features;
mod file;
mod model;
pub mod rates;

pub use baseline::{Baseline, Config, Error, Reason, Score};
pub use rates::{RateStatus, Rates, SavedRates};
