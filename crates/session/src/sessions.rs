//! Placeholder of the session table.

use crate::seen::Seen;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use stilt_inventory::Sighting;
use stilt_model::{Actor, ActorId, Key, SessionId, SessionRecord, Timestamp, Transaction};

/// `[identity]` and the limits of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// A session ends after this many seconds without a request.
    pub session_idle_secs: u64,
    /// A session ends after this many seconds in any case.
    pub session_max_secs: u64,
    /// Sessions kept at most.
    pub sessions_max: usize,
    /// Addresses or networks whose forwarding headers are believed; empty: learned.
    pub trusted_proxies: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            session_idle_secs: 1800,
            session_max_secs: 86_400,
            sessions_max: 500_000,
            trusted_proxies: Vec::new(),
        }
    }
}

/// Actors and their sessions.
pub struct Sessions;

impl Sessions {
    /// An empty table.
    #[must_use]
    pub fn new(_config: &Config, _key: Key) -> Self {
        Self
    }

    /// Files a transaction under its actor and session.
    pub fn observe(&mut self, _tx: &Transaction, _sighting: &Sighting) -> Seen {
        let actor = Actor {
            id: ActorId(0),
            kind: stilt_model::ActorKind::Client,
            name: String::new(),
            user: None,
            roles: Vec::new(),
            identified_by: String::new(),
        };
        Seen {
            actor: Arc::new(actor),
            client: ActorId(0),
            client_ip: core::net::IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED),
            forwarded: false,
            cluster: ActorId(0),
            principal: None,
            aliases: Arc::default(),
            roles: Arc::default(),
            tenant: None,
            authenticated: false,
            session: stilt_model::SessionRef {
                id: SessionId(0),
                start: Timestamp::ZERO,
                requests: 0,
            },
        }
    }

    /// Notes the anomaly score of the session's last window, and a rule that raised an alert in it.
    pub fn annotate(&mut self, _session: SessionId, _anomaly: f64, _alert: Option<&'static str>) {}

    /// Ends what has timed out at `now`; closed sessions are pushed to `out`, oldest first.
    pub fn tick(&mut self, _now: Timestamp, _out: &mut Vec<SessionRecord>) {}

    /// Ends every session.
    pub fn finish(&mut self, _out: &mut Vec<SessionRecord>) {}
}
