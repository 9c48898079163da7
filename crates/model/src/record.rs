//! A session as its record tells it.

use crate::actor::Actor;
use crate::finding::{Observed, Outcome};
use crate::id::SessionId;
use crate::time::Timestamp;
use core::net::IpAddr;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One step of a session's sequence of actions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// When it started.
    pub time: Timestamp,
    /// Endpoint as shown (`GET /v1/orders/{id}`).
    pub endpoint: String,
    /// Status, where seen.
    pub status: Option<u16>,
    /// What the application did.
    pub outcome: Outcome,
    /// Equal steps in a row that this one stands for, at least 1.
    pub times: u32,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// No request for the idle time-out.
    Idle,
    /// It reached the absolute time-out.
    Absolute,
    /// The table was full and it was the longest idle.
    Evicted,
    /// Its user signed out.
    Logout,
    /// The capture ended.
    End,
}

/// A closed session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// Who.
    pub actor: Actor,
    /// Service of most of its requests.
    pub service: String,
    /// First request.
    pub start: Timestamp,
    /// End of the last transaction.
    pub end: Timestamp,
    /// Why it ended.
    pub closed: Closed,
    /// Requests.
    pub requests: u64,
    /// Requests that the application refused.
    pub failures: u64,
    /// Request body bytes.
    pub bytes_in: u64,
    /// Response body bytes.
    pub bytes_out: u64,
    /// Client addresses, sorted, at most 32.
    pub addresses: Vec<IpAddr>,
    /// User agents, sorted, at most 8.
    pub user_agents: Vec<String>,
    /// Requests per endpoint.
    pub endpoints: BTreeMap<String, u64>,
    /// The sequence of actions, at most 256 steps (equal steps in a row folded).
    pub sequence: Vec<Step>,
    /// There were more steps.
    pub sequence_cut: bool,
    /// The highest anomaly score of a window of it, 0 to 1.
    pub anomaly: f64,
    /// Rules that raised alerts in it, sorted.
    pub alerts: Vec<String>,
    /// How whole the picture was.
    pub observed: Observed,
}
