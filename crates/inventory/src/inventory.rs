//! Placeholder of the table of endpoints.

use crate::sighting::{EndpointKind, Sighting, Slot};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use stilt_model::{EndpointId, Outcome, Transaction};

/// `[services]` and the limits of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Names for hosts, `host:port` or addresses: `{"10.0.1.10:8080" = "shop"}`.
    pub names: BTreeMap<String, String>,
    /// Endpoints kept at most.
    pub endpoints_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { names: BTreeMap::new(), endpoints_max: 20_000 }
    }
}

/// One endpoint.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Id, derived from service, method and template.
    pub id: EndpointId,
    /// Service name.
    pub service: Arc<str>,
    /// Method.
    pub method: String,
    /// Path template.
    pub template: String,
    /// `METHOD template`.
    pub name: Arc<str>,
    /// Slots of the template.
    pub slots: Vec<Slot>,
    /// What it is for.
    pub kind: EndpointKind,
    /// Transactions seen.
    pub requests: u64,
}

/// The table of endpoints, learned on-line.
pub struct Inventory;

impl Inventory {
    /// An empty table.
    #[must_use]
    pub fn new(_config: &Config) -> Self {
        Self
    }

    /// Files a transaction under its endpoint, and reads what it asked for and what came of it.
    pub fn observe(&mut self, _tx: &Transaction) -> Sighting {
        Sighting {
            endpoint: EndpointId(0),
            name: Arc::from(""),
            service: Arc::from(""),
            kind: EndpointKind::Other,
            changes_state: false,
            objects: Vec::new(),
            outcome: Outcome::Unknown,
            refused: false,
            login: None,
            merged: Vec::new(),
        }
    }

    /// An endpoint by id (ids that were merged away lead to the merged one).
    #[must_use]
    pub fn endpoint(&self, _id: EndpointId) -> Option<&Endpoint> {
        None
    }

    /// All endpoints, sorted by service, template, method.
    #[must_use]
    pub fn endpoints(&self) -> Vec<&Endpoint> {
        Vec::new()
    }
}
