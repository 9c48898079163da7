//! Which endpoint is it: templates learned from paths, what a request asks for, and what an
//! answer means.

mod disclosed;
mod envelope;
mod hosts;
mod inventory;
mod learn;
mod login;
mod objects;
mod operation;
mod outcome;
mod path;
mod record;
mod service;
pub mod sighting;
mod template;
#[cfg(any(test, feature = "test-support"))]
#[doc(hidden)]
pub mod test_support;
#[cfg(test)]
mod tests;
mod tree;
mod words;

pub use inventory::{Config, Counters, Endpoint, Inventory};
pub use sighting::{EndpointKind, Login, ObjectRef, Sighting, Slot, SlotKind, Step, StepKind};
