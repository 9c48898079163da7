//! Who is it, and what did they do before: actors, sessions, and what each actor was shown.

mod aliases;
mod carried;
mod defaults;
mod delegates;
mod gateways;
mod identity;
mod links;
mod mirrors;
pub mod objects;
mod open;
pub mod origins;
mod pending;
mod people;
mod precedents;
mod principal;
mod proxy;
mod ranks;
mod rights;
pub mod seen;
mod sessions;
mod signatures;
mod standing;
mod told;
mod traits;
mod vouchers;

pub use identity::{IdentityKey, Names, Of};
pub use origins::Origins;
pub use proxy::is_network;
pub use rights::is_privileged;
pub use seen::Seen;
pub use sessions::{Config, Sessions};
pub use signatures::Signature;
pub use told::{ORDINARY, is_of_flag};
