//! Which endpoint is it: templates learned from paths, what a request asks for, and what an
//! answer means.

mod act;
mod batch;
mod chosen;
mod disclosed;
mod drawn;
mod envelope;
mod evidence;
mod fallback;
mod function;
mod graft;
mod grid;
mod handed;
mod hosts;
mod inventory;
pub mod knowledge;
mod learn;
mod login;
mod objects;
pub mod openapi;
mod operation;
mod outcome;
mod pages;
mod path;
mod persisted;
mod record;
pub mod report;
mod roots;
mod service;
mod settle;
mod siblings;
pub mod sighting;
mod template;
#[cfg(any(test, feature = "test-support"))]
#[doc(hidden)]
pub mod test_support;
#[cfg(test)]
mod tests;
mod tree;
mod words;

pub use function::{Function, functions, is_own};
pub use inventory::{Config, Counters, Endpoint, Inventory, Known};
pub use knowledge::{Knowledge, Who};
pub use sighting::{
    EndpointKind, Inside, Login, ObjectRef, Sighting, Slot, SlotKind, Step, StepKind,
};
pub use words::has_word;
