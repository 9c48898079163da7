//! How unusual is it: learned rates per endpoint and actor, and a fitted model of session windows
//! and endpoint requests (linfa) with calibrated scores and reasons.

mod baseline;
mod features;
mod file;
mod fitting;
mod levels;
mod model;
mod profile;
pub mod rates;
pub mod sequence;
mod spans;

pub use baseline::{Baseline, Config, Error, Reason, Score};
pub use profile::{Deviation, Group, Oddity, combine};
pub use rates::{RateStatus, Rates, SavedRates};
pub use sequence::Step;
