//! Agents, models and tool servers as an inventory.

use super::identity::Identity;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_inventory::Sighting;
use stilt_model::{Dialect, Talk, Timestamp, Transaction};

/// Rows of each sort, and names kept in one.
const ROWS_MAX: usize = 4096;
const NAMES_MAX: usize = 256;

/// An agent that was seen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KnownAgent {
    /// As records show it.
    pub name: String,
    /// The program it says it is.
    pub client: String,
    /// Transactions.
    pub requests: u64,
    /// Models it asked, and tool servers it used.
    pub models: BTreeSet<String>,
    /// Tools it called or had called.
    pub tools: BTreeSet<String>,
    /// First and last.
    pub first: Timestamp,
    /// The last transaction.
    pub last: Timestamp,
}

/// A model at one service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KnownModel {
    /// Service.
    pub service: String,
    /// Model.
    pub model: String,
    /// Provider.
    pub provider: String,
    /// Wire format.
    pub dialect: String,
    /// Requests.
    pub requests: u64,
    /// Tokens read and written.
    pub tokens: [u64; 2],
    /// Billionths of a dollar, where the price is known.
    pub cost: u64,
    /// First and last.
    pub first: Timestamp,
    /// The last transaction.
    pub last: Timestamp,
}

/// A tool of a server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KnownTool {
    /// Times it was called.
    pub calls: u64,
    /// Different definitions it had.
    pub versions: BTreeSet<u64>,
}

/// A tool server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KnownServer {
    /// Service.
    pub service: String,
    /// What it says it is.
    pub server: String,
    /// Revisions of the protocol in use.
    pub protocols: BTreeSet<String>,
    /// Programs that use it.
    pub clients: BTreeSet<String>,
    /// Its tools.
    pub tools: BTreeMap<String, KnownTool>,
    /// Requests.
    pub requests: u64,
    /// First and last.
    pub first: Timestamp,
    /// The last transaction.
    pub last: Timestamp,
}

/// All of them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Known {
    agents: BTreeMap<u64, KnownAgent>,
    models: BTreeMap<(String, String), KnownModel>,
    servers: BTreeMap<String, KnownServer>,
}

fn name(set: &mut BTreeSet<String>, name: &str) {
    if set.len() < NAMES_MAX && !name.is_empty() && !set.contains(name) {
        set.insert(name.to_owned());
    }
}

impl Known {
    pub(super) fn learn(
        &mut self,
        tx: &Transaction,
        talk: &Talk,
        sighting: &Sighting,
        identity: &Identity,
        cost: Option<u64>,
    ) {
        let refused = tx.status().is_some_and(|status| status >= 400);
        if self.agents.len() < ROWS_MAX || self.agents.contains_key(&identity.agent) {
            let agent = self.agents.entry(identity.agent).or_insert_with(|| KnownAgent {
                name: identity.name.clone(),
                client: identity.client.clone(),
                first: tx.start,
                ..KnownAgent::default()
            });
            agent.requests = agent.requests.saturating_add(1);
            agent.last = tx.end;
            let asked = talk.model().unwrap_or(&sighting.service);
            name(&mut agent.models, asked);
            talk.calls().for_each(|call| name(&mut agent.tools, &call.name));
        }
        if talk.dialect.is_model() && !refused {
            self.model(tx, talk, sighting, cost);
        } else if talk.dialect == Dialect::Mcp {
            self.server(tx, talk, sighting, identity);
        }
    }

    fn model(&mut self, tx: &Transaction, talk: &Talk, sighting: &Sighting, cost: Option<u64>) {
        let key = (sighting.service.to_string(), talk.model().unwrap_or("unknown").to_owned());
        if self.models.len() >= ROWS_MAX && !self.models.contains_key(&key) {
            return;
        }
        let model = self.models.entry(key).or_insert_with(|| KnownModel {
            service: sighting.service.to_string(),
            model: talk.model().unwrap_or("unknown").to_owned(),
            provider: talk.provider.as_deref().unwrap_or_default().to_owned(),
            dialect: talk.dialect.name().to_owned(),
            first: tx.start,
            ..KnownModel::default()
        });
        model.requests = model.requests.saturating_add(1);
        model.last = tx.end;
        let usage = talk.usage.unwrap_or_default();
        let [read, written] = &mut model.tokens;
        *read = read.saturating_add(usage.read());
        *written = written.saturating_add(usage.output);
        model.cost = model.cost.saturating_add(cost.unwrap_or(0));
    }

    fn server(&mut self, tx: &Transaction, talk: &Talk, sighting: &Sighting, who: &Identity) {
        let key = sighting.service.to_string();
        if self.servers.len() >= ROWS_MAX && !self.servers.contains_key(&key) {
            return;
        }
        let server = self.servers.entry(key.clone()).or_insert_with(|| KnownServer {
            service: key,
            first: tx.start,
            ..KnownServer::default()
        });
        server.requests = server.requests.saturating_add(1);
        server.last = tx.end;
        name(&mut server.clients, &who.client);
        if let Some(mcp) = &talk.mcp {
            name(&mut server.protocols, mcp.protocol.as_deref().unwrap_or_default());
            if let Some(named) = &mcp.server {
                server.server = format!("{} {}", named.name, named.version).trim().to_owned();
            }
        }
        for definition in &talk.tools {
            if server.tools.len() < NAMES_MAX || server.tools.contains_key(definition.name.as_str())
            {
                let known = server.tools.entry(definition.name.to_string()).or_default();
                if known.versions.len() < 16 {
                    known.versions.insert(definition.digest);
                }
            }
        }
        for call in talk.calls() {
            if let Some(known) = server.tools.get_mut(call.name.as_str()) {
                known.calls = known.calls.saturating_add(1);
            }
        }
    }

    pub(super) fn agents(&self) -> Vec<&KnownAgent> {
        let mut all: Vec<_> = self.agents.values().collect();
        all.sort_by(|one, other| (one.first, &one.name).cmp(&(other.first, &other.name)));
        all
    }

    pub(super) fn models(&self) -> Vec<&KnownModel> {
        self.models.values().collect()
    }

    pub(super) fn servers(&self) -> Vec<&KnownServer> {
        self.servers.values().collect()
    }
}
