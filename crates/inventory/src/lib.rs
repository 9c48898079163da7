//! Which endpoint is it: templates learned from paths, what a request asks for, and what an
//! answer means.

mod inventory;
pub mod sighting;
#[cfg(any(test, feature = "test-support"))]
#[doc(hidden)]
pub mod test_support;

pub use inventory::{Config, Endpoint, Inventory};
pub use sighting::{EndpointKind, Login, ObjectRef, Sighting, Slot, SlotKind};
