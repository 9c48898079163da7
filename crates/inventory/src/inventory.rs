//! The table of services and endpoints.

use crate::hosts::Hosts;
use crate::login;
use crate::objects::{self, Asked};
use crate::operation;
use crate::outcome::{self, Verdict};
use crate::path::Path;
use crate::record::Records;
use crate::service::{Request, Service};
use crate::sighting::{EndpointKind, Sighting, Slot};
use crate::tree::Method;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use stilt_model::{EndpointId, Outcome, Transaction, Value};

/// `[services]` and the limits of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Names for hosts, `host:port` or addresses: `{"10.0.1.10:8080" = "shop"}`.
    pub names: BTreeMap<String, String>,
    /// Endpoints kept at most.
    pub endpoints_max: usize,
    /// Services, and server addresses, kept at most.
    pub services_max: usize,
    /// Host names of one server address that become services of their own.
    pub hosts_max: usize,
    /// Paths of one service kept apart that were only ever refused…
    pub unconfirmed_max: usize,
    /// …and how far those may fill up with paths that are not there (404, 405).
    pub missing_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            names: BTreeMap::new(),
            endpoints_max: 20_000,
            services_max: 1024,
            hosts_max: 32,
            unconfirmed_max: 256,
            missing_max: 100,
        }
    }
}

/// The numbers of [`Config`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) endpoints_max: usize,
    pub(crate) services_max: usize,
    pub(crate) hosts_max: usize,
    pub(crate) unconfirmed_max: usize,
    pub(crate) missing_max: usize,
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

/// How full the table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Services known.
    pub services: u64,
    /// Endpoints known.
    pub endpoints: u64,
    /// Endpoints that went into the template of another.
    pub merged: u64,
    /// Transactions whose path was not kept: paths that are not there, or the table was full.
    pub folded: u64,
    /// Transactions whose host was not kept: filed under the server's address.
    pub folded_hosts: u64,
}

/// The table of endpoints, learned on-line.
pub struct Inventory {
    names: BTreeMap<String, String>,
    limits: Limits,
    hosts: Hosts,
    services: Vec<Service>,
    records: Records,
    folded: u64,
    path: Path,
    slots: Vec<usize>,
}

impl Inventory {
    /// An empty table.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            names: config.names.iter().map(|(k, v)| (k.to_ascii_lowercase(), v.clone())).collect(),
            limits: Limits {
                endpoints_max: config.endpoints_max,
                services_max: config.services_max.max(1),
                hosts_max: config.hosts_max,
                unconfirmed_max: config.unconfirmed_max,
                missing_max: config.missing_max,
            },
            hosts: Hosts::default(),
            services: Vec::new(),
            records: Records::default(),
            folded: 0,
            path: Path::default(),
            slots: Vec::new(),
        }
    }

    /// Files a transaction under its endpoint, and reads what it asked for and what came of it.
    pub fn observe(&mut self, tx: &Transaction) -> Sighting {
        let host = tx.request.as_ref().and_then(|request| request.host.as_deref());
        let service = self.hosts.service(&self.names, &self.limits, tx.flow.server, host);
        while self.services.len() < self.hosts.len() {
            let at = u32::try_from(self.services.len()).unwrap_or(u32::MAX);
            self.services.push(Service::new(self.hosts.name(at)));
        }
        let verdict = outcome::judge(tx);
        let mut path = core::mem::take(&mut self.path);
        let mut slots = core::mem::take(&mut self.slots);
        let sighting = self.sight(service, tx, verdict, &mut path, &mut slots);
        self.path = path;
        self.slots = slots;
        sighting
    }

    fn sight(
        &mut self,
        service: u32,
        tx: &Transaction,
        verdict: Verdict,
        path: &mut Path,
        slots: &mut Vec<usize>,
    ) -> Sighting {
        let (Some(request), Some(service)) = (&tx.request, self.services.get_mut(service as usize))
        else {
            return nothing(self.hosts.name(service), verdict);
        };
        let verdict = match &tx.response {
            Some(response) => service.envelope.refine(response, verdict),
            None => verdict,
        };
        path.parse(&request.path);
        let method = Method::of(&request.method);
        let asked = Request {
            path,
            sample: &request.path,
            method,
            confirms: outcome::confirms(tx.response.as_ref(), verdict),
            missing: matches!(tx.status(), Some(404 | 405 | 501)),
        };
        let mut filed = service.file(&mut self.records, &self.limits, asked, slots);
        if let Some(response) = &tx.response
            && verdict.outcome() == Outcome::Success
            && !filed.folded
        {
            filed =
                service.succeeded(&mut self.records, &self.limits, asked, response, filed, slots);
            if method.changes_state() {
                service.disclosed.learn(&request.leaves);
            }
        }
        self.folded = self.folded.saturating_add(u64::from(filed.folded));
        let operation = (slots.is_empty() && !filed.folded).then(|| operation::of(request));
        let operation = operation.flatten();
        if let Some(operation) = &operation {
            let max = self.limits.endpoints_max;
            filed.record = self.records.function(filed.record, operation, max);
            if let Some(thing) = operation.thing().filter(|_| asked.confirms) {
                service.names.resource(&thing);
            }
        }
        let Some(record) = self.records.get_mut(filed.record) else {
            return nothing(Arc::clone(&service.name), verdict);
        };
        record.endpoint.requests = record.endpoint.requests.saturating_add(1);
        let assessed = login::assess(service, record, tx, verdict, filed.folded);
        let objects = if assessed.login.is_some() || filed.folded {
            Vec::new()
        } else {
            let asked = Asked { path, slots, request, operation: operation.as_ref() };
            objects::read(&mut service.names, record, asked, filed.soft)
        };
        let outcome = match &assessed.login {
            Some(login) if login.outcome != Outcome::Unknown => login.outcome,
            _ => verdict.outcome(),
        };
        Sighting {
            endpoint: record.endpoint.id,
            name: Arc::clone(&record.endpoint.name),
            service: Arc::clone(&record.endpoint.service),
            kind: assessed.kind,
            changes_state: changes_state(request, method),
            objects,
            outcome,
            refused: verdict.refused,
            resource: Arc::clone(&record.resource),
            keys: service.names.keys(),
            step: assessed.step,
            login: assessed.login,
            merged: core::mem::take(&mut record.pending),
        }
    }

    /// An endpoint by id (ids that were merged away lead to the merged one).
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<&Endpoint> {
        self.records.by_id(id).map(|record| &record.endpoint)
    }

    /// All endpoints, sorted by service, template, method.
    #[must_use]
    pub fn endpoints(&self) -> Vec<&Endpoint> {
        let mut endpoints: Vec<_> = self.records.iter().map(|record| &record.endpoint).collect();
        endpoints.sort_unstable_by(|a, b| {
            (&a.service, &a.template, &a.method).cmp(&(&b.service, &b.template, &b.method))
        });
        endpoints
    }

    /// How full the table is.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Counters {
            services: count(self.hosts.len()),
            endpoints: count(self.records.len()),
            merged: self.records.merged,
            folded: self.folded,
            folded_hosts: self.hosts.folded,
        }
    }
}

/// A transaction whose request was not seen.
fn nothing(service: Arc<str>, verdict: Verdict) -> Sighting {
    Sighting {
        endpoint: EndpointId(0),
        name: Arc::from(""),
        service,
        kind: EndpointKind::Other,
        changes_state: false,
        objects: Vec::new(),
        outcome: verdict.outcome(),
        refused: verdict.refused,
        resource: Arc::from(""),
        keys: Arc::default(),
        login: None,
        step: None,
        merged: Vec::new(),
    }
}

/// By method; a GraphQL operation that is posted changes state where it is a mutation.
fn changes_state(request: &stilt_model::Request, method: Method) -> bool {
    if method != Method::POST {
        return method.changes_state();
    }
    let query = request.leaves.iter().take(8).find(|leaf| leaf.path == "query");
    match query.map(|leaf| &leaf.value) {
        Some(Value::Text(text)) => {
            let text = text.trim_start();
            !(text.starts_with('{')
                || text.starts_with("query")
                || text.starts_with("subscription"))
        }
        _ => true,
    }
}
