//! Keys that were in use before the capture began: nobody was seen to be given them, but they have
//! a home.
//!
//! A key of a job is used from one place, by one program, for the same few functions. Where that
//! goes on, and another program in another network uses the key for what it was never used for, it
//! is in two hands. Keys of an application, which all its users carry, have no home.

use crate::context::Context;
use crate::keep::Keep;
use crate::place::Place;
use crate::tale::counted;
use crate::tell;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::{Credential, CredentialKind, EndpointId, Evidence, Timestamp};

/// Answers from one place over this time make it a home.
const ANSWERS_MIN: u64 = 20;
const SETTLED: Duration = Duration::from_secs(1800);
/// The home was in use within this time, or the key has moved.
const ACTIVE: Duration = Duration::from_secs(3600);
/// Requests from elsewhere, and functions among them that the key was never used for.
const STRANGE_MIN: usize = 3;
const NEW_MIN: usize = 2;
/// Keys of a service from which on one of them tells: a single one is everybody's.
const KEYS_MIN: usize = 3;
/// Places from which on a key has no home.
const PLACES_MAX: usize = 4;
const FUNCTIONS_MAX: usize = 64;
const SERVICE_KEYS_MAX: usize = 256;
const LENGTH_MIN: u32 = 12;

/// One key.
#[derive(Debug, Serialize, Deserialize)]
struct Homed {
    home: Place,
    first: Timestamp,
    last: Timestamp,
    answers: u64,
    functions: BTreeSet<EndpointId>,
    /// Other places it was used from.
    places: Vec<Place>,
    strange: Option<Strange>,
}

/// Use by another program in another network.
#[derive(Debug, Serialize, Deserialize)]
struct Strange {
    place: Place,
    requests: usize,
    new: BTreeSet<EndpointId>,
    kept: Vec<Evidence>,
}

/// Keys of a service: all, and those without a home.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Ring {
    all: BTreeSet<u64>,
    shared: BTreeSet<u64>,
}

/// A key in two hands.
pub(super) struct Stolen {
    pub(super) thief: Place,
    pub(super) requests: u64,
    new: usize,
    pub(super) kept: Vec<Evidence>,
}

impl Stolen {
    pub(super) fn functions(&self) -> String {
        counted(self.new as u64, "function")
    }
}

/// Keys, and how those of a service are used.
#[derive(Serialize, Deserialize)]
pub(super) struct Keys {
    known: Keep<u64, Homed>,
    rings: Keep<u64, Ring>,
}

impl Keys {
    pub(super) fn new(max: usize) -> Self {
        Self { known: Keep::new(max), rings: Keep::new(256) }
    }

    pub(super) fn resize(&mut self, max: usize) {
        self.known.resize(max);
    }

    /// A request was answered that carries nothing that was seen to be handed out.
    pub(super) fn see(&mut self, context: &Context<'_>) -> Option<Stolen> {
        let credentials = &context.tx.request.as_ref()?.credentials;
        // Beside a credential of its user a key is the application's.
        let [own] = credentials.as_slice() else { return None };
        if !is_key(own) {
            return None;
        }
        let (now, place) = (context.at(), Place::of(context));
        let key = tell::secret(own.mark);
        let ring = self.rings.touch(now, tell::key(&context.sighting.service, ""), Ring::default);
        if ring.all.len() < SERVICE_KEYS_MAX {
            ring.all.insert(key);
        }
        let one = self.known.touch(now, key, || Homed::new(place, now));
        let function = context.sighting.endpoint;
        if !one.is_strange(&place) {
            one.at_home(place, now, function);
            return None;
        }
        one.moves(place);
        if one.places.len() >= PLACES_MAX {
            ring.shared.insert(key);
        }
        let settled = one.answers >= ANSWERS_MIN && one.last.since(one.first) >= SETTLED;
        let many =
            ring.all.len() >= KEYS_MIN && ring.shared.len().saturating_mul(4) < ring.all.len();
        if !settled || ring.shared.contains(&key) || !many {
            return None;
        }
        let active = now.since(one.last) <= ACTIVE;
        let new = !one.functions.contains(&function);
        let strange = one.strange.get_or_insert_with(|| Strange::new(place));
        if !strange.place.near(&place) {
            *strange = Strange::new(place);
        }
        strange.requests = strange.requests.saturating_add(1);
        strange.kept.push(context.evidence("the key at another place"));
        if new && strange.new.len() < FUNCTIONS_MAX {
            strange.new.insert(function);
        }
        let tells = strange.requests >= STRANGE_MIN && strange.new.len() >= NEW_MIN && active;
        if !tells {
            strange.kept.truncate(STRANGE_MIN * 2);
            return None;
        }
        Some(Stolen {
            thief: strange.place,
            requests: strange.requests as u64,
            new: strange.new.len(),
            kept: core::mem::take(&mut strange.kept),
        })
    }
}

impl Homed {
    fn new(home: Place, now: Timestamp) -> Self {
        Self {
            home,
            first: now,
            last: now,
            answers: 0,
            functions: BTreeSet::new(),
            places: Vec::new(),
            strange: None,
        }
    }

    fn is_strange(&self, place: &Place) -> bool {
        !self.home.near(place) && !self.home.alike(place)
    }

    fn at_home(&mut self, place: Place, now: Timestamp, function: EndpointId) {
        self.answers = self.answers.saturating_add(1);
        self.last = now;
        if self.functions.len() < FUNCTIONS_MAX {
            self.functions.insert(function);
        }
        if !self.home.near(&place) {
            self.moves(place);
        }
    }

    /// Counts the networks that it is used from.
    fn moves(&mut self, place: Place) {
        let known = self.places.iter().any(|other| other.near(&place));
        if !known && self.places.len() < PLACES_MAX {
            self.places.push(place);
        }
    }
}

impl Strange {
    fn new(place: Place) -> Self {
        Self { place, requests: 0, new: BTreeSet::new(), kept: Vec::new() }
    }
}

/// A key that says who asks by itself.
fn is_key(own: &Credential) -> bool {
    matches!(own.kind, CredentialKind::ApiKey | CredentialKind::Bearer)
        && own.length >= LENGTH_MIN
        && own.jwt.is_none()
}
