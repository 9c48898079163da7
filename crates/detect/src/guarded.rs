//! Which endpoints let nobody in who shows nothing: learned from what came of requests with and
//! without credentials.

use crate::context::Context;
use crate::keep::Keep;
use crate::stats::rate_lower;
use crate::tell;
use serde::{Deserialize, Serialize};
use stilt_model::{CredentialKind, EndpointId, Outcome};

/// Endpoints remembered.
const ENDPOINTS_MAX: usize = 20_000;
/// Sorts of answers remembered of each.
const SHAPES_MAX: usize = 8;
/// Services remembered.
const SERVICES_MAX: usize = 1_000;
/// Answers at a rarely used door from which on it counts, where the whole service is guarded.
const NEVER_OPEN_MIN: u64 = 8;
/// Answers to those who are signed in from which on a door that nobody else tried is theirs.
const SIGNED_IN_MIN: u64 = 20;
/// Error allowed to the bound on the share of requests with credentials.
const ALPHA: f64 = 0.05;

/// What came of requests to one endpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Door {
    /// Answered, with a credential.
    pub(crate) with: u64,
    /// Answered, without one.
    pub(crate) without: u64,
    /// Refused for want of a right credential.
    pub(crate) refused: u64,
    /// Sorts of answers to those with one.
    shapes: Vec<u64>,
}

impl Door {
    /// It refuses who shows nothing good, and hardly ever answered anybody else.
    pub(crate) fn is_guarded(&self) -> bool {
        self.refused > 0 && self.with > self.without.saturating_mul(19)
    }

    /// The same, and certain by count.
    pub(crate) fn is_surely_guarded(&self) -> bool {
        let all = self.with.saturating_add(self.without);
        self.refused > 0 && rate_lower(self.with, all, ALPHA) >= 0.9
    }

    /// It has refused several, never answered anybody without a credential, and some with one.
    fn was_never_open(&self) -> bool {
        self.refused > 1 && self.without == 0 && self.with >= NEVER_OPEN_MIN
    }

    /// Of so many answers at most one went to somebody without.
    fn is_mostly_with(&self, times: u64) -> bool {
        self.with >= SIGNED_IN_MIN && self.without.saturating_mul(times) <= self.with
    }

    /// It was asked by many with a credential, and by nobody without.
    fn is_of_the_signed_in(&self) -> bool {
        self.without == 0 && self.with >= SIGNED_IN_MIN
    }

    /// Those with a credential are answered so.
    pub(crate) fn answers(&self, shape: u64) -> bool {
        self.shapes.contains(&shape)
    }
}

/// Endpoints with what came of requests to them.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Guarded {
    doors: Keep<EndpointId, Door>,
    /// All doors of a service together.
    services: Keep<u64, Door>,
}

impl Default for Guarded {
    fn default() -> Self {
        Self { doors: Keep::new(ENDPOINTS_MAX), services: Keep::new(SERVICES_MAX) }
    }
}

/// The door of a transaction. A function called through one address (GraphQL, RPC) is behind one
/// door, whatever the method that calls it.
fn key(context: &Context<'_>) -> EndpointId {
    match context.sighting.name.split_once(' ') {
        Some((_, function)) if function.contains('#') => {
            EndpointId(tell::key(&context.sighting.service, function))
        }
        _ => context.sighting.endpoint,
    }
}

impl Guarded {
    /// What is known of the endpoint of a transaction.
    pub(crate) fn door(&self, context: &Context<'_>) -> Option<&Door> {
        self.doors.get(&key(context))
    }

    /// It is certain that the door opens to nobody without a credential.
    pub(crate) fn is_surely_closed(&self, context: &Context<'_>) -> bool {
        let Some(door) = self.door(context) else { return false };
        let service = || self.services.get(&tell::key(&context.sighting.service, ""));
        door.is_surely_guarded()
            || (door.was_never_open() && service().is_some_and(Door::is_surely_guarded))
    }

    /// An answer to a credential shows that it was accepted: nothing opens here without one, or
    /// nobody else was ever answered, and not otherwise.
    pub(crate) fn accepts(&self, context: &Context<'_>) -> bool {
        let shape = context.tx.response.as_ref().map_or(0, |response| response.shape);
        self.door(context).is_some_and(|door| {
            door.refused > 0 || (door.with > 2 && door.without == 0 && door.answers(shape))
        })
    }

    /// Nearly all who are answered there are vouched for, and so it is in the whole service.
    pub(crate) fn is_for_the_vouched(&self, context: &Context<'_>) -> bool {
        let service = self.services.get(&tell::key(&context.sighting.service, ""));
        self.is_mostly_for_the_vouched(context)
            && service.is_some_and(|all| all.refused > 0 && all.is_mostly_with(4))
    }

    /// Nearly all who are answered there are vouched for.
    pub(crate) fn is_mostly_for_the_vouched(&self, context: &Context<'_>) -> bool {
        self.door(context).is_some_and(|door| door.is_mostly_with(50))
    }

    /// The answer is of a sort that only those who are signed in were ever given. Weaker than
    /// [`Self::accepts`]: nobody was seen to be refused here.
    pub(crate) fn answers_as_signed_in(&self, context: &Context<'_>) -> bool {
        let shape = context.tx.response.as_ref().map_or(0, |response| response.shape);
        let door = self.door(context);
        door.is_some_and(|door| door.is_of_the_signed_in() && door.answers(shape))
    }

    /// Learns from a transaction.
    pub(crate) fn learn(&mut self, context: &Context<'_>) {
        let Some(request) = &context.tx.request else { return };
        let Some(response) = &context.tx.response else { return };
        let shows = shows_something(context);
        // Who is told that a thing is not there was not asked who they are.
        let want = response.status == 401
            || (context.sighting.refused && !matches!(response.status, 404 | 410));
        if !(want || context.sighting.outcome == Outcome::Success) {
            return;
        }
        for merged in &context.sighting.merged {
            if let Some(old) = self.doors.remove(merged) {
                let door = self.doors.touch(context.at(), key(context), Door::default);
                door.with = door.with.saturating_add(old.with);
                door.without = door.without.saturating_add(old.without);
                door.refused = door.refused.saturating_add(old.refused);
                door.shapes.extend(old.shapes);
                door.shapes.truncate(SHAPES_MAX);
            }
        }
        let service = tell::key(&context.sighting.service, "");
        let door = self.doors.touch(context.at(), key(context), Door::default);
        for door in [door, self.services.touch(context.at(), service, Door::default)] {
            if want {
                door.refused = door.refused.saturating_add(1);
            } else if shows && context.seen.authenticated {
                door.with = door.with.saturating_add(1);
                if door.shapes.len() < SHAPES_MAX && !door.shapes.contains(&response.shape) {
                    door.shapes.push(response.shape);
                }
            } else if request.method != "OPTIONS" && request.on_behalf.is_none() {
                // Who names a user, at a place not known to believe it yet, is neither.
                door.without = door.without.saturating_add(1);
            }
        }
    }
}

/// The request carries a credential of any sort that may open a door.
pub(crate) fn shows_something(context: &Context<'_>) -> bool {
    let vouched = context.seen.vouched;
    context.tx.request.as_ref().is_some_and(|request| {
        vouched
            || request.credentials.iter().any(|own| {
                own.kind != CredentialKind::Cookie || context.seen.authenticated || own.length >= 16
            })
    })
}
