//! How it runs: threads, order, time, limits, configuration.
//!
//! [`run()`] reads captures and hands every transaction, in the capture's order, to the floors that
//! need memory. With one thread everything happens in turn; with more, a reader, flow workers and
//! the round run side by side and give the same bytes.

pub mod carve;
pub mod config;
pub mod doctor;
mod documents;
mod error;
mod evidence;
mod front;
mod given;
pub mod guard;
mod intake;
mod key;
mod load;
mod memory;
mod metrics;
mod networks;
mod outputs;
mod private;
mod pump;
mod round;
mod run;
mod shard;
mod shed;
mod state;
mod stopwatch;
mod summary;
mod teller;
#[cfg(test)]
mod testing;
mod ticks;

pub use config::{Config, ConfigError};
pub use error::{Error, plain};
pub use given::examine;
pub use key::{Installation, default_path, open as open_key};
pub use outputs::{Collected, Sought, StoryName, Target};
pub use run::{Options, Progress, Watcher, run};
pub use shed::Shed;
pub use stilt_capture::source::live::Settings as LiveSettings;
pub use summary::Summary;
pub use teller::Signals;
