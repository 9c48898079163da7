//! What a message means: a raw exchange becomes an understood, masked transaction.
//!
//! Stateless, on the flow workers. Secrets and personal data are replaced by keyed pseudonyms
//! here, so that nothing above this crate ever sees them.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod as_sent;
mod bytes;
mod columns;
mod config;
mod cookie;
mod credential;
mod dialect;
mod drawn;
mod exposure;
mod header_names;
mod header_sets;
mod headers;
pub mod jwks;
mod jwt;
mod leaves;
pub mod mask;
mod method;
mod path_words;
pub mod prompt;
mod reader;
mod shape;
mod target;
#[cfg(test)]
mod tests;
mod tree;
mod wsse;

pub use config::Config;
pub use mask::{Masker, What};
pub use reader::{Counts, Reader};
