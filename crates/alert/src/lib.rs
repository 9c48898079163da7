//! How it is told: findings become alert, posture, transaction, session and visibility records.
//!
//! [`Alerts`] joins findings into stories and writes each story as one alert with one id
//! ([`stories`]); [`mod@format`] gives an alert its shape on the wire, [`record`] builds the other
//! records, [`schema`] says what each record holds, and [`sink`] takes the lines away. Nothing
//! here reads a clock or draws a number: the same findings give the same bytes.

mod assets;
pub mod community_id;
mod config;
pub mod format;
mod identity;
mod join;
mod network;
pub mod record;
pub mod schema;
pub mod sink;
pub mod stories;
mod story;
mod suppress;
mod table;
#[cfg(test)]
mod testing;

pub use assets::Assets;
pub use config::{Config, Identities};
pub use identity::Names;
pub use network::Network;
pub use stories::{Alerts, Counts, Told};
pub use suppress::{Expiry, Suppress, names_rule};
