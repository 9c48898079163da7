//! What was on the wire: capture sources, links, TCP reassembly, and the pairing of HTTP messages.
//!
//! Bytes from the wire are hostile: nothing here panics on input, every table and buffer has a cap,
//! and what is odd is counted or pushed as an anomaly, never returned as an error.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod assembler;
pub mod link;
pub mod segment;
pub mod source;
pub mod tcp;
pub mod write;

pub use segment::{Segment, SegmentHead, TcpFlags};
