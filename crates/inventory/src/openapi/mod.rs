//! OpenAPI: what was seen, written as a document, and documents read to compare traffic with.

mod learned;
mod matching;
pub(crate) mod outline;
mod read;
mod shape;
#[cfg(test)]
mod tests;
mod write;

pub(crate) use matching::Adopted;
pub use matching::{Document, Documents, Found, Operation};
pub use read::DocumentError;
pub use shape::{Departure, Shape};
pub use write::{Options, write};
