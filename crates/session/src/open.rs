//! One session while it is open.

use crate::identity::Identity;
use core::hash::BuildHasher;
use core::net::IpAddr;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use stilt_inventory::Sighting;
use stilt_model::{
    Actor, Closed, EndpointId, Observed, Outcome, SessionId, SessionRecord, Step, Timestamp,
    Transaction,
    saved::{self, Word},
};

const STEPS_MAX: usize = 256;
const ENDPOINTS_MAX: usize = 512;
const ADDRESSES_MAX: usize = 32;
const AGENTS_MAX: usize = 8;
const ALERTS_MAX: usize = 64;
const SERVICES_MAX: usize = 16;

#[derive(Serialize, Deserialize)]
struct OpenStep {
    time: Timestamp,
    endpoint: EndpointId,
    #[serde(deserialize_with = "saved::shared")]
    name: Arc<str>,
    status: Option<u16>,
    outcome: Outcome,
    times: u32,
}

/// Detections that told of a session; most have none.
#[derive(Default, Serialize, Deserialize)]
struct Alerts(#[serde(deserialize_with = "saved::words")] Vec<Word>);

/// What is known of a session so far. There may be half a million of them, most of one request: its
/// lists are short ones, and have no room to spare at first.
#[derive(Serialize, Deserialize)]
pub(crate) struct Open {
    pub(crate) id: SessionId,
    pub(crate) start: Timestamp,
    /// End of the last transaction.
    pub(crate) last: Timestamp,
    pub(crate) requests: u32,
    /// When it is looked at next.
    pub(crate) due: Timestamp,
    actor: Arc<Actor>,
    failures: u32,
    bytes_in: u64,
    bytes_out: u64,
    services: Vec<(Arc<str>, u64)>,
    addresses: Vec<IpAddr>,
    agents: Vec<Arc<str>>,
    /// With their requests, in the order of their ids.
    endpoints: Vec<(EndpointId, Arc<str>, u64)>,
    steps: Vec<OpenStep>,
    steps_cut: bool,
    /// Whom somebody tried to sign in as: [`NONE_TRIED`], a hash, or [`SEVERAL_TRIED`].
    #[serde(default)]
    tried: u32,
    anomaly: f64,
    alerts: Option<Box<Alerts>>,
    observed: Observed,
}

/// A step of the allocator: one byte more costs 32.
const _: () = assert!(size_of::<Open>() <= 224);

impl Open {
    pub(crate) fn new(id: SessionId, actor: Arc<Actor>, start: Timestamp, due: Timestamp) -> Self {
        Self {
            id,
            start,
            last: start,
            requests: 0,
            due,
            actor,
            failures: 0,
            bytes_in: 0,
            bytes_out: 0,
            services: Vec::new(),
            addresses: Vec::new(),
            agents: Vec::new(),
            endpoints: Vec::new(),
            steps: Vec::new(),
            steps_cut: false,
            tried: NONE_TRIED,
            anomaly: 0.0,
            alerts: None,
            observed: Observed { complete: true, ..Observed::default() },
        }
    }

    /// Names the actor by the same words as the table of those who are known.
    pub(crate) fn share(&mut self, identity: &Identity) {
        if let Some(known) = identity.actor(self.actor.id).filter(|known| **known == self.actor) {
            self.actor = Arc::clone(known);
        }
    }

    /// Nobody else than `name` tried to sign in so far.
    pub(crate) fn is_of_one(&self, name: &str) -> bool {
        self.tried == NONE_TRIED || self.tried == key_of(name)
    }

    /// The one who began it has a name from now on.
    pub(crate) fn goes_on_as(&mut self, actor: &Arc<Actor>) {
        self.actor = Arc::clone(actor);
    }

    /// Adds a transaction.
    pub(crate) fn add(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        actor: &Arc<Actor>,
        ip: IpAddr,
    ) {
        if !Arc::ptr_eq(&self.actor, actor) {
            self.actor = Arc::clone(actor);
        }
        if let Some(login) = &sighting.login {
            let given = tx.request.as_ref().and_then(|request| request.login_name.as_ref());
            let tried = key_of(given.map_or(login.user.as_str(), |name| &name.0));
            let same = self.tried == NONE_TRIED || self.tried == tried;
            self.tried = if same { tried } else { SEVERAL_TRIED };
        }
        self.requests = self.requests.saturating_add(1);
        self.last = self.last.max(tx.end);
        self.failures =
            self.failures.saturating_add(u32::from(sighting.outcome == Outcome::Failure));
        let request = tx.request.as_ref();
        self.bytes_in = self.bytes_in.saturating_add(request.map_or(0, |r| r.body_bytes));
        let out = tx.response.as_ref().map_or(0, |response| response.body_bytes);
        self.bytes_out = self.bytes_out.saturating_add(out);
        note(&mut self.addresses, ip, ADDRESSES_MAX);
        if let Some(agent) = request.and_then(|request| request.user_agent.as_ref())
            && !self.agents.contains(agent)
        {
            note(&mut self.agents, Arc::clone(agent), AGENTS_MAX);
        }
        let known = self.services.iter_mut().find(|(name, _)| *name == sighting.service);
        if let Some((_, count)) = known {
            *count = count.saturating_add(1);
        } else {
            note(&mut self.services, (Arc::clone(&sighting.service), 1), SERVICES_MAX);
        }
        for merged in &sighting.merged {
            if let Ok(at) = self.endpoints.binary_search_by_key(merged, |(id, ..)| *id) {
                let (_, _, count) = self.endpoints.remove(at);
                self.count(sighting, count);
            }
        }
        self.count(sighting, 1);
        self.step(tx, sighting);
        self.observed.join(&Observed::of(tx));
        self.observed.lost_bytes = self.observed.lost_bytes.saturating_add(tx.lost_bytes);
    }

    fn count(&mut self, sighting: &Sighting, by: u64) {
        match self.endpoints.binary_search_by_key(&sighting.endpoint, |(id, ..)| *id) {
            Ok(at) => {
                if let Some((_, _, count)) = self.endpoints.get_mut(at) {
                    *count = count.saturating_add(by);
                }
            }
            Err(at) if self.endpoints.len() < ENDPOINTS_MAX => {
                spare(&mut self.endpoints);
                self.endpoints.insert(at, (sighting.endpoint, Arc::clone(&sighting.name), by));
            }
            Err(_) => {}
        }
    }

    fn step(&mut self, tx: &Transaction, sighting: &Sighting) {
        let status = tx.status();
        if let Some(last) = self.steps.last_mut()
            && last.endpoint == sighting.endpoint
            && (last.status, last.outcome) == (status, sighting.outcome)
        {
            last.times = last.times.saturating_add(1);
        } else if self.steps.len() < STEPS_MAX {
            spare(&mut self.steps);
            self.steps.push(OpenStep {
                time: tx.start,
                endpoint: sighting.endpoint,
                name: Arc::clone(&sighting.name),
                status,
                outcome: sighting.outcome,
                times: 1,
            });
        } else {
            self.steps_cut = true;
        }
    }

    /// Notes a score and an alert.
    pub(crate) fn annotate(&mut self, anomaly: f64, alert: Option<&'static str>) {
        self.anomaly = self.anomaly.max(anomaly);
        if let Some(alert) = alert {
            note(&mut self.alerts.get_or_insert_default().0, alert, ALERTS_MAX);
        }
    }

    /// The record of the session.
    pub(crate) fn close(mut self, closed: Closed) -> SessionRecord {
        self.addresses.sort_unstable();
        self.agents.sort_unstable();
        let mut alerts = self.alerts.take().unwrap_or_default().0;
        alerts.sort_unstable();
        let service = self
            .services
            .iter()
            .max_by(|a, b| a.1.cmp(&b.1).then_with(|| b.0.cmp(&a.0)))
            .map(|(name, _)| name.to_string())
            .unwrap_or_default();
        let mut endpoints = BTreeMap::new();
        for (_, name, count) in self.endpoints {
            let sum: &mut u64 = endpoints.entry(name.to_string()).or_default();
            *sum = sum.saturating_add(count);
        }
        SessionRecord {
            id: self.id,
            actor: (*self.actor).clone(),
            service,
            start: self.start,
            end: self.last,
            closed,
            requests: u64::from(self.requests),
            failures: u64::from(self.failures),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            addresses: self.addresses,
            user_agents: self.agents.iter().map(|agent| agent.to_string()).collect(),
            endpoints,
            sequence: self
                .steps
                .into_iter()
                .map(|step| Step {
                    time: step.time,
                    endpoint: step.name.to_string(),
                    status: step.status,
                    outcome: step.outcome,
                    times: step.times,
                })
                .collect(),
            sequence_cut: self.steps_cut,
            anomaly: self.anomaly,
            alerts: alerts.into_iter().map(str::to_owned).collect(),
            observed: self.observed,
        }
    }
}

/// A hash of a name, neither of the two words below.
fn key_of(name: &str) -> u32 {
    let hash = FixedState::with_seed(13).hash_one(name) >> 32;
    u32::try_from(hash).unwrap_or(1).clamp(NONE_TRIED + 1, SEVERAL_TRIED - 1)
}

/// Nobody tried to sign in, or as several.
const NONE_TRIED: u32 = 0;
const SEVERAL_TRIED: u32 = u32::MAX;

/// Makes room for one more: exactly, as long as there is no other.
fn spare<T>(list: &mut Vec<T>) {
    if list.is_empty() {
        list.reserve_exact(1);
    }
}

/// Adds what is not there yet, up to so many.
fn note<T: PartialEq>(list: &mut Vec<T>, value: T, at_most: usize) {
    if list.len() < at_most && !list.contains(&value) {
        spare(list);
        list.push(value);
    }
}
