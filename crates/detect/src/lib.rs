//! Is it an attack: one file per detection, each registered by one line in [`DETECTORS`].
//!
//! A detector sees [`Observation`]s in the capture's order and pushes [`stilt_model::Finding`]s. It
//! reads no clock and draws no number, and what it keeps is bounded. Detectors judge a transaction
//! before anything learns from it: score, detect, then learn.

mod agent;
mod agents;
mod ato;
mod auth;
mod authz;
mod baseline;
mod context;
mod data;
mod distinct;
mod flow;
mod group;
mod guarded;
mod keep;
mod many;
mod place;
mod registry;
mod settings;
mod spec;
pub mod stats;
mod surface;
mod tale;
mod tell;
#[cfg(test)]
mod testing;
mod tokens;
mod usual;

pub use agents::{
    AgentSeen, Agents, Ai, Borrowed, Budget, Done, KnownAgent, KnownModel, KnownServer, KnownTool,
    Prices, PricesError,
};
pub use context::{Context, Greeting, Observation};
pub use registry::{DETECTORS, Detectors, TOOK_MAX, Took, Unknown};
pub use settings::{Config, Room, SettingsError};
pub use spec::{Detector, NotEvaluated, Spec, Tuning};
