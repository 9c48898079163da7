//! The clock that runs while the program does: how long its own work takes, and when a disk that
//! failed is tried again. Nothing that is told rests on it.

use std::time::Instant;

/// Now, by a clock that is never set.
#[allow(clippy::disallowed_methods, reason = "of the program's own work, never of traffic")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
