//! Who is it, and what did they do before: actors, sessions, and what each actor was shown.

pub mod objects;
pub mod seen;
mod sessions;

pub use seen::Seen;
pub use sessions::{Config, Sessions};
