//! The table of services and endpoints.

use crate::act::changes_state;
use crate::batch;
use crate::fallback::{MIXED_PAGE, Shows};
use crate::hosts::Hosts;
use crate::knowledge::{Beside, Knowledge, Who};
use crate::login;
use crate::objects::{self, Asked};
use crate::openapi::{Adopted, Documents};
use crate::operation;
use crate::outcome::{self, Verdict};
use crate::path::Path;
use crate::record::{Record, Records};
use crate::roots;
use crate::service::{Request, Service};
use crate::sighting::{EndpointKind, Sighting, Slot};
use crate::tree::Method;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use stilt_model::{
    EndpointId, Outcome, Transaction,
    saved::{self, Unfit},
};

/// `[services]` and the limits of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Names for hosts, `host:port`, addresses or all hosts below a domain:
    /// `{"10.0.1.10:8080" = "shop", "*.app.example" = "app"}`.
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
    /// Parameters and fields of bodies that are remembered of all endpoints together.
    pub fields_max: usize,
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
            fields_max: 200_000,
        }
    }
}

/// The numbers of [`Config`].
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limits {
    pub(crate) endpoints_max: usize,
    pub(crate) services_max: usize,
    pub(crate) hosts_max: usize,
    pub(crate) unconfirmed_max: usize,
    pub(crate) missing_max: usize,
}

/// One endpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
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

impl Endpoint {
    /// Its path, and the function it is of those at that path (`/rpc`, `order.read`).
    #[must_use]
    pub fn address(&self) -> (&str, Option<&str>) {
        match self.template.find(['#', '?']) {
            Some(at) => {
                let (path, function) = self.template.split_at(at);
                (path, function.strip_prefix('#').or(Some(function)))
            }
            None => (&self.template, None),
        }
    }

    /// Where it stands in lists: service, template, method.
    fn place(&self) -> (&str, &str, &str) {
        (&self.service, &self.template, &self.method)
    }
}

/// One endpoint with what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The endpoint.
    pub endpoint: &'a Endpoint,
    /// Parameters, schemas, callers, times.
    pub knowledge: &'a Knowledge,
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
#[derive(Serialize, Deserialize)]
pub struct Inventory {
    #[serde(skip)]
    names: BTreeMap<String, String>,
    #[serde(skip)]
    pub(crate) limits: Limits,
    fields_max: usize,
    pub(crate) hosts: Hosts,
    pub(crate) services: Vec<Service>,
    pub(crate) records: Records,
    #[serde(skip)]
    documents: Documents,
    #[serde(skip)]
    folded: u64,
    #[serde(skip)]
    path: Path,
    #[serde(skip)]
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
            fields_max: config.fields_max,
            hosts: Hosts::default(),
            services: Vec::new(),
            records: Records::new(config.fields_max),
            documents: Documents::default(),
            folded: 0,
            path: Path::default(),
            slots: Vec::new(),
        }
    }

    /// What is remembered, as [`Inventory::restore`] reads it.
    ///
    /// # Errors
    /// A memory that can't be written.
    pub fn save(&self) -> Result<Vec<u8>, Unfit> {
        saved::write(&(self, self.documents.adopted()))
    }

    /// Takes what was remembered in place of all that is known; names, limits and documents stay.
    ///
    /// # Errors
    /// Bytes that are no such memory; then nothing is changed.
    pub fn restore(&mut self, memory: &[u8]) -> Result<(), Unfit> {
        let (mut read, adopted): (Self, Vec<Adopted>) = saved::read(memory)?;
        read.names = core::mem::take(&mut self.names);
        read.documents = core::mem::take(&mut self.documents);
        read.limits = self.limits;
        let (before, now) = (read.fields_max, self.fields_max);
        read.records.room = read.records.room.saturating_add(now).saturating_sub(before);
        read.fields_max = now;
        *self = read;
        self.documents.adopt(adopted);
        Ok(())
    }

    /// The documented API; each request is told by what it says from now on.
    pub fn document(&mut self, documents: Documents) {
        self.documents = documents;
    }

    /// The documented API.
    #[must_use]
    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    fn service(&mut self, tx: &Transaction) -> u32 {
        let host = tx.request.as_ref().and_then(|request| request.host.as_deref());
        let service = self.hosts.service(&self.names, &self.limits, tx.flow.server, host);
        while self.services.len() < self.hosts.places() {
            let at = u32::try_from(self.services.len()).unwrap_or(u32::MAX);
            self.services.push(Service::new(self.hosts.name(at)));
        }
        if let Some(place) = self.services.get_mut(service as usize)
            && !self.hosts.is_called(service, &place.name)
        {
            *place = Service::new(self.hosts.name(service));
        }
        service
    }

    /// Says in a transaction what its names did not tell, and others before it did: credentials
    /// that it hands out or carries, the password that is typed, whom a handle stands for.
    pub fn prepare(&mut self, tx: &mut Transaction) {
        let service = self.service(tx);
        if let Some(service) = self.services.get_mut(service as usize) {
            service.handed.read(tx);
        }
    }

    /// Files a transaction under its endpoint, and reads what it asked for and what came of it.
    pub fn observe(&mut self, tx: &Transaction) -> Sighting {
        let host = tx.request.as_ref().and_then(|request| request.host.as_deref());
        let service = self.service(tx);
        let verdict = outcome::judge(tx);
        let mut path = core::mem::take(&mut self.path);
        let mut slots = core::mem::take(&mut self.slots);
        let mut sighting = self.sight(service, tx, verdict, &mut path, &mut slots);
        self.path = path;
        self.slots = slots;
        if let Some(realm) = self.hosts.realm(host) {
            for part in &mut sighting.inside {
                part.sighting.realm = Arc::clone(&realm);
            }
            sighting.realm = realm;
        }
        self.join_siblings(service);
        if let (false, Some(request)) = (self.documents.is_empty(), &tx.request) {
            let answered = sighting.outcome == Outcome::Success;
            let (service, method) = (&sighting.service, request.method.as_str());
            sighting.documented =
                self.documents.find(service, host, method, &request.path, answered);
        }
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
        let refined = tx.response.as_ref().map(|answer| service.envelope.refine(answer, verdict));
        let verdict = refined.unwrap_or(verdict);
        path.parse(&request.path);
        let method = Method::of(&request.method);
        let shows = match &tx.response {
            Some(response) if method == Method::GET => {
                service.fallback.see(path, request, response)
            }
            _ => Shows::Own(MIXED_PAGE),
        };
        if let Shows::Any(page, true) = shows {
            service.demote(&mut self.records, page);
        }
        let own = matches!(shows, Shows::Own(_)) && !(method == Method::GET && says_none(tx));
        let asked = Request {
            path,
            sample: &request.path,
            method,
            confirms: own && outcome::confirms(tx.response.as_ref(), verdict),
            missing: !own || matches!(tx.status(), Some(404 | 405 | 501)),
        };
        service.settle_in_time(&mut self.records);
        let mut filed = service.file(&mut self.records, &self.limits, asked, slots);
        if let Shows::Own(page) = shows
            && let Some(response) = &tx.response
            && verdict.outcome() == Outcome::Success
            && !filed.folded
        {
            if let Some(record) = self.records.get_mut(filed.record) {
                record.note(page, request);
            }
            filed =
                service.succeeded(&mut self.records, &self.limits, asked, response, filed, slots);
            if method.changes_state() {
                service.disclosed.learn(&request.leaves);
            }
        }
        self.folded = self.folded.saturating_add(u64::from(filed.folded));
        let named = slots.is_empty() && !filed.folded;
        let operation = if named { service.operation(tx) } else { None };
        if let Some(operation) = &operation {
            let max = self.limits.endpoints_max;
            let unknown = operation::is_unknown(tx.response.as_ref());
            filed.record = self.records.function(filed.record, operation, max, unknown);
            if let Some(thing) = operation.thing().filter(|_| asked.confirms && !unknown) {
                service.names.resource(&thing);
            }
        }
        let base = (filed.record, self.limits.endpoints_max);
        let inside = batch::inside(service, &mut self.records, base, tx);
        let Some(record) = self.records.get_mut(filed.record) else {
            return nothing(Arc::clone(&service.name), verdict);
        };
        record.endpoint.requests = record.endpoint.requests.saturating_add(1);
        let verdict = record.judge_form(tx, verdict);
        let assessed = login::assess(service, record, tx, verdict, filed.folded);
        let objects = if assessed.login.is_some() || filed.folded || tx.model_talk().is_some() {
            Vec::new()
        } else {
            let asked = Asked { path, slots, request, operation: operation.as_ref() };
            objects::read(&mut service.names, record, asked, filed.soft)
        };
        let outcome = match &assessed.login {
            Some(login) if login.outcome != Outcome::Unknown => login.outcome,
            None if assessed.wrong && verdict.outcome() == Outcome::Success => Outcome::Failure,
            _ => verdict.outcome(),
        };
        Sighting {
            endpoint: record.endpoint.id,
            name: Arc::clone(&record.endpoint.name),
            service: Arc::clone(&record.endpoint.service),
            realm: Arc::clone(&record.endpoint.service),
            kind: assessed.kind,
            changes_state: changes_state(Some(tx), request, method, operation.as_ref()),
            objects,
            outcome,
            refused: verdict.refused,
            resource: Arc::clone(&record.resource),
            keys: service.names.keys(),
            step: assessed.step,
            login: assessed.login,
            merged: core::mem::take(&mut record.pending),
            was: core::mem::take(&mut record.was),
            documented: None,
            inside,
        }
    }

    /// Takes in what a transaction shows of its endpoint, after it was judged; `flagged`: it
    /// belongs to an attack, and is counted only.
    pub fn learn(&mut self, tx: &Transaction, sighting: &Sighting, who: Who<'_>, flagged: bool) {
        if sighting.inside.is_empty() {
            return self.learn_roots(tx, sighting, who, flagged);
        }
        let calls = batch::calls(tx);
        if calls.is_empty() {
            return self.learn_one(tx, sighting, who, flagged);
        }
        // An array of calls is no endpoint of its own.
        for (at, call) in calls {
            if let Some(inside) = sighting.inside.iter().find(|inside| inside.record == at) {
                self.learn_one(&call, &inside.sighting, who, flagged);
            }
        }
    }

    /// Learns of each root field of a GraphQL document what is its own.
    fn learn_roots(&mut self, tx: &Transaction, sighting: &Sighting, who: Who<'_>, flagged: bool) {
        let graph = tx.request.as_ref().is_some_and(|request| request.graphql.is_some());
        let roots = if graph && !flagged { roots::apart(tx) } else { Vec::new() };
        if roots.is_empty() {
            return self.learn_one(tx, sighting, who, flagged);
        }
        for root in roots {
            let Some(endpoint) =
                self.records.beside(sighting.endpoint, &root.field, self.limits.endpoints_max)
            else {
                continue;
            };
            let own = Sighting { endpoint, outcome: root.outcome, ..sighting.clone() };
            self.learn_one(&root.tx, &own, who, flagged);
        }
    }

    fn learn_one(&mut self, tx: &Transaction, sighting: &Sighting, who: Who<'_>, flagged: bool) {
        let Some((record, room)) = self.records.by_id_mut(sighting.endpoint) else { return };
        if record.bucket {
            return;
        }
        let slots = &record.endpoint.slots;
        let path = (!slots.is_empty()).then_some((&mut self.path, slots.as_slice()));
        let service = self.hosts.find(&record.endpoint.service);
        let service = service.and_then(|at| self.services.get(at as usize));
        let beside = Beside { path, room, cookies: service.map(|service| &service.cookies) };
        if record.knowledge.learn(tx, sighting.outcome, who, flagged, beside) {
            self.records.share_doors(sighting.endpoint);
        }
    }

    /// Looks once more at everything that was learned of paths: what came later may have shown that
    /// words are values. Afterwards the order in which actors came makes no difference.
    pub fn settle(&mut self) {
        for service in &mut self.services {
            service.settle(&mut self.records);
        }
    }

    /// Everything known of the endpoints that exist, sorted by service, template, method. Paths
    /// that were only ever refused are none, nor is what did not fit the table.
    #[must_use]
    pub fn known(&self) -> Vec<Known<'_>> {
        let exists =
            |record: &&Record| record.confirmed && !record.bucket && record.knowledge.requests > 0;
        let mut known: Vec<Known<'_>> = self
            .records
            .iter()
            .filter(exists)
            .map(|record| Known { endpoint: &record.endpoint, knowledge: &record.knowledge })
            .collect();
        known.sort_unstable_by(|a, b| a.endpoint.place().cmp(&b.endpoint.place()));
        known
    }

    /// The endpoint has answered as something that exists.
    #[must_use]
    pub fn exists(&self, id: EndpointId) -> bool {
        self.records.by_id(id).is_some_and(|record| record.confirmed && !record.bucket)
    }

    /// All that the endpoint answered is a page that other paths get as well, or one that holds
    /// nothing but a program: it may be the page of any path (a single-page application's), and
    /// nothing of the endpoint's own.
    #[must_use]
    pub fn shows_any_page(&self, id: EndpointId) -> bool {
        let Some(record) = self.records.by_id(id) else { return false };
        let service = self.hosts.find(&record.endpoint.service);
        let service = service.and_then(|at| self.services.get(at as usize));
        record.is_shell() || service.is_some_and(|service| service.fallback.doubts(record.pages))
    }

    /// The service that a host belongs to, where it is served together with others.
    #[must_use]
    pub fn service_of(&self, host: &str) -> Option<Arc<str>> {
        self.hosts.joined(&host.to_ascii_lowercase())
    }

    /// One endpoint with what is known of it.
    #[must_use]
    pub fn known_endpoint(&self, id: EndpointId) -> Option<Known<'_>> {
        let record = self.records.by_id(id)?;
        Some(Known { endpoint: &record.endpoint, knowledge: &record.knowledge })
    }

    /// Paths that were asked for, and only ever refused.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.records.iter().filter(|record| !record.confirmed && !record.bucket).count()
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
        endpoints.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
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
        realm: Arc::clone(&service),
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
        was: Vec::new(),
        documented: None,
        inside: Vec::new(),
    }
}

/// A page says by its title that there is none: it shows nothing of its path.
fn says_none(tx: &Transaction) -> bool {
    tx.response.as_ref().is_some_and(|answer| answer.page_failed.is_some())
}
