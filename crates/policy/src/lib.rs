//! Is it allowed: policies in Cedar, what they decide of each transaction, and what they could be.
//!
//! A policy says which principals (in roles and tenants) may do which functions (in groups) to
//! which resources, under which circumstances. Only functions that some policy speaks of are
//! governed; there, what no policy permits is a violation.

mod cases;
mod check;
mod functions;
mod gate;
mod known;
mod needs;
mod policies;
mod suggest;
mod tally;
mod templates;
#[cfg(test)]
mod tests;
mod usage;

pub use check::{Problem, check};
pub use gate::{Decision, Gate, Verdict};
pub use policies::{LoadError, Policies};
pub use suggest::suggest;
pub use tally::{Line, Tally};
pub use usage::Usage;
