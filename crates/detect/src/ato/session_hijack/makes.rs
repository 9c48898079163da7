//! One session in two hands behind one address: another program takes turns with the owner's.
//!
//! The network tells nothing there. That two programs of unlike make and unlike headers use one
//! session in turns does, where nobody else's session is used so: an application that opens pages
//! in a window of its own, or hands downloads over to the system, does it for many.

use crate::context::Context;
use crate::keep::Keep;
use crate::place::Place;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::{EndpointId, Evidence, Timestamp};

/// Turns are taken within this time…
const TURN: Duration = Duration::from_secs(300);
/// …and so many of them: there and back, twice.
const TURNS_MIN: u32 = 3;
/// Functions that other programs call as well: one that only fetches what others show is no thief.
const COMMON_MIN: usize = 2;
/// Sessions of a service from which on one that is unlike them tells.
const SESSIONS_MIN: u64 = 10;
const MAKES_MAX: usize = 16;
const FUNCTIONS_MAX: usize = 20_000;
const KEPT_MAX: usize = 6;
const TOKENS_MAX: usize = 64;
const PAIRS_MAX: usize = 10_000;

/// One session with the programs that use it.
#[derive(Debug, Serialize, Deserialize)]
struct Mixed {
    own: Place,
    other: Option<Place>,
    common: BTreeSet<EndpointId>,
    last: (Place, Timestamp),
    turns: u32,
    /// Requests of the other program.
    requests: u64,
    kept: Vec<Evidence>,
    /// More than two programs, or another network: not for this rule.
    passed: bool,
}

/// What is found of a session that two programs use in turns.
pub(super) struct Turns {
    pub(super) thief: Place,
    pub(super) requests: u64,
    pub(super) kept: Vec<Evidence>,
}

/// Sessions, and which makes go together.
#[derive(Serialize, Deserialize)]
pub(super) struct Makes {
    sessions: Keep<u64, Mixed>,
    /// By service and makes: sessions that both use.
    pairs: Keep<(u64, u64, u64), BTreeSet<u64>>,
    /// Makes of client that call a function.
    used: Keep<EndpointId, BTreeSet<u64>>,
    /// By service: sessions that several programs use.
    mixed: Keep<u64, BTreeSet<u64>>,
}

impl Makes {
    pub(super) fn new(max: usize) -> Self {
        Self {
            sessions: Keep::new(max),
            pairs: Keep::new(PAIRS_MAX),
            used: Keep::new(FUNCTIONS_MAX),
            mixed: Keep::new(256),
        }
    }

    pub(super) fn resize(&mut self, max: usize) {
        self.sessions.resize(max);
    }

    /// A session is used; `all`: sessions that the service has.
    pub(super) fn see(
        &mut self,
        context: &Context<'_>,
        token: u64,
        service: u64,
        all: u64,
    ) -> Option<Turns> {
        let (now, place) = (context.at(), Place::of(context));
        let one = self.sessions.touch(now, token, || Mixed::new(place, now));
        let (before, at) = core::mem::replace(&mut one.last, (place, now));
        one.passed |= !one.own.near(&place);
        if one.passed {
            return None;
        }
        let function = context.sighting.endpoint;
        let by = self.used.touch(now, function, BTreeSet::new);
        if by.len() < MAKES_MAX {
            by.insert(place.make);
        }
        if !place.alike(&one.own) {
            let other = *one.other.get_or_insert(place);
            one.requests = one.requests.saturating_add(1);
            one.passed |= !other.alike(&place);
            if by.iter().any(|make| *make != place.make) && one.common.len() < COMMON_MIN {
                one.common.insert(function);
            }
            if one.kept.len() < KEPT_MAX {
                one.kept.push(context.evidence("the session in another program"));
            }
        }
        let changes = !before.alike(&place);
        if changes && before.order != place.order && now.since(at) <= TURN {
            one.turns = one.turns.saturating_add(1);
        }
        let other = one.other?;
        let (own, tells) = (one.own, one.takes_turns());
        if changes {
            let pair = (service, own.make.min(other.make), own.make.max(other.make));
            note(self.pairs.touch(now, pair, BTreeSet::new), token);
            note(self.mixed.touch(now, service, BTreeSet::new), token);
        }
        if !tells || !self.is_alone(service, own, other, all) {
            return None;
        }
        let one = self.sessions.get_mut(&token)?;
        let (requests, kept) = (one.requests, core::mem::take(&mut one.kept));
        Some(Turns { thief: other, requests, kept })
    }

    /// No other session is used by these two, and hardly any by two at all.
    fn is_alone(&self, service: u64, own: Place, other: Place, all: u64) -> bool {
        let pair = (service, own.make.min(other.make), own.make.max(other.make));
        let tokens = |set: Option<&BTreeSet<u64>>| set.map_or(0, |set| set.len() as u64);
        let mixed = tokens(self.mixed.get(&service));
        tokens(self.pairs.get(&pair)) <= 1
            && all >= SESSIONS_MIN
            && mixed.saturating_mul(10) <= all
            && mixed < TOKENS_MAX as u64
    }
}

impl Mixed {
    fn new(own: Place, now: Timestamp) -> Self {
        Self {
            own,
            other: None,
            common: BTreeSet::new(),
            last: (own, now),
            turns: 0,
            requests: 0,
            kept: Vec::new(),
            passed: false,
        }
    }

    fn takes_turns(&self) -> bool {
        !self.passed && self.turns >= TURNS_MIN && self.common.len() >= COMMON_MIN
    }
}

fn note(set: &mut BTreeSet<u64>, token: u64) {
    if set.len() < TOKENS_MAX {
        set.insert(token);
    }
}
