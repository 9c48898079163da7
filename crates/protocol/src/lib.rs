//! What was said: ordered bytes of one direction become messages.
//!
//! Pure state machines: no I/O, no threads, no clock. A parser takes what there is, is told of
//! gaps,
//! and never fails: what is odd becomes an [`stilt_model::Anomaly`] of the message it stands in.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod events;
pub mod http1;
pub mod preface;
mod squeeze;
pub mod tls;
