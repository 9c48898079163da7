//! What tokens say of time and of whom they are for, held against what is usual at a service.
//!
//! Time is the server's own (`Date` of the answer), so that neither the sensor's clock nor a
//! stretched capture makes a token old. A token that is let in long after its `exp` is the bearer's
//! act only where that is unusual: the endpoint refused such tokens before, the token comes from
//! elsewhere than it did, or everybody else renews in time. Else the service does not look, which
//! is its weakness.

use super::issuers::Held;
use crate::context::Context;
use crate::keep::Keep;
use crate::tell;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_inventory::EndpointKind;
use stilt_model::{EndpointId, Issued, Jwt};

const SERVICES_MAX: usize = 1024;
const SUBJECTS_MAX: usize = 100_000;
const ENDPOINTS_MAX: usize = 10_000;
/// Seconds after `exp` at which a token is let in by any service that checks.
const LEEWAY: i64 = 300;
/// And at least so many, whatever was refused: clocks differ, answers take time.
const LEEWAY_MIN: i64 = 30;
/// Seconds by which a token may come before its time.
const EARLY: i64 = 60;
/// Different bearers of what was new at first make it usual.
const SUBJECTS_ENOUGH: usize = 3;
/// Tokens and bearers before something new counts, and values that may be usual: with more, new
/// ones come all the time (a customer each).
const TOKENS_MIN: u64 = 20;
const BEARERS_MIN: usize = 5;
const VALUES_MAX: usize = 3;
/// Renewals in time before one that was late is unusual.
const PUNCTUAL_MIN: u64 = 5;

/// What the claims of a token gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Odd {
    /// It is out of the ordinary, in this way.
    Sign(&'static str),
    /// The service lets expired tokens in: told once.
    Weak,
}

/// Issuers or audiences that the tokens of a service name.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Usual {
    known: BTreeSet<u64>,
    /// Tokens since the last new value, and who bore them.
    tokens: u64,
    bearers: BTreeSet<u64>,
    /// New values and who came with them.
    fresh: BTreeMap<u64, BTreeSet<u64>>,
}

impl Usual {
    /// Takes what an accepted token names; whether none of it was named before, although that is
    /// settled.
    fn is_foreign(&mut self, names: &[u64], bearer: u64, first: bool) -> bool {
        if names.is_empty() {
            return false;
        }
        if self.bearers.len() < BEARERS_MIN {
            self.bearers.insert(bearer);
        }
        if names.iter().any(|name| self.known.contains(name)) {
            self.tokens = self.tokens.saturating_add(u64::from(first));
            return false;
        }
        let settled = self.tokens >= TOKENS_MIN
            && self.bearers.len() >= BEARERS_MIN
            && self.known.len() <= VALUES_MAX;
        let mut usual = !settled;
        for name in names.iter().filter(|_| settled) {
            if self.fresh.len() < 16 || self.fresh.contains_key(name) {
                let bearers = self.fresh.entry(*name).or_default();
                bearers.insert(bearer);
                usual |= bearers.len() >= SUBJECTS_ENOUGH;
            }
        }
        if usual {
            self.tokens = 0;
            let room = (VALUES_MAX + 1).saturating_sub(self.known.len());
            self.known.extend(names.iter().take(room));
        }
        !usual
    }
}

/// What is usual at one service.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Service {
    /// Seconds that issuers were ahead of the service's clock.
    ahead: i64,
    /// The clock of packets is the issuer's, as the last token that was handed out shows.
    agrees: bool,
    issuers: Usual,
    audiences: Usual,
    /// Tokens that were renewed before an expired one was used.
    punctual: u64,
    /// Bearers of expired tokens that were let in, and of tokens before their time.
    late: BTreeSet<u64>,
    early: BTreeSet<u64>,
    weak: bool,
}

/// The token that somebody was handed last.
#[derive(Debug, Serialize, Deserialize)]
struct Latest {
    exp: i64,
    late: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    services: Keep<u64, Service>,
    subjects: Keep<u64, Latest>,
    /// The least seconds after `exp` at which an endpoint refused a token.
    refused: Keep<EndpointId, i64>,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            services: Keep::new(SERVICES_MAX),
            subjects: Keep::new(SUBJECTS_MAX),
            refused: Keep::new(ENDPOINTS_MAX),
        }
    }
}

fn bearer(context: &Context<'_>, jwt: &Jwt) -> u64 {
    tell::key(&context.sighting.service, jwt.sub.as_deref().unwrap_or_default())
}

/// What time it is for the server that answered.
fn clock(context: &Context<'_>, agrees: bool) -> Option<i64> {
    let said = context.tx.response.as_ref().and_then(|response| response.date);
    said.or_else(|| agrees.then(|| context.at().secs()))
}

impl Claims {
    /// Judges the claims of a token; `accepted`: it opened something that opens to nobody without
    /// one. `genuine`: its signature was verified.
    pub(super) fn judge(
        &mut self,
        context: &Context<'_>,
        jwt: &Jwt,
        held: &Held,
        accepted: bool,
        genuine: bool,
    ) -> Option<Odd> {
        let now = context.at();
        let place = tell::key(&context.sighting.service, "");
        let who = bearer(context, jwt);
        let service = self.services.touch(now, place, Service::default);
        let early = clock(context, service.agrees)
            .filter(|_| !held.handed && !genuine)
            .is_some_and(|clock| service.is_early(jwt, clock, who));
        if early {
            return Some(Odd::Sign("before_its_time"));
        }
        let odd = self.late(context, jwt, held, accepted, place);
        if odd.is_some() || !accepted {
            return odd;
        }
        let service = self.services.get_mut(&place)?;
        let names: Vec<u64> = jwt.aud.iter().map(|name| tell::key("", name)).collect();
        let issuer = jwt.iss.as_deref().map(|name| tell::key("", name));
        let aud = service.audiences.is_foreign(&names, who, held.first);
        let iss = service.issuers.is_foreign(issuer.as_slice(), who, held.first);
        if held.handed {
            return None;
        }
        let sign = if iss { "issuer_never_seen" } else { "audience_never_seen" };
        (iss || aud).then_some(Odd::Sign(sign))
    }

    /// The token was shown after it had expired.
    fn late(
        &mut self,
        context: &Context<'_>,
        jwt: &Jwt,
        held: &Held,
        accepted: bool,
        place: u64,
    ) -> Option<Odd> {
        let exp = jwt.exp?;
        let service = self.services.get_mut(&place)?;
        let late = clock(context, service.agrees)?.saturating_sub(exp);
        if late <= LEEWAY_MIN {
            return None;
        }
        let endpoint = context.sighting.endpoint;
        let kind = context.sighting.kind;
        if matches!(kind, EndpointKind::Refresh | EndpointKind::Logout | EndpointKind::Login) {
            // Expired tokens are brought here to be renewed or given up.
            return None;
        }
        if context.tx.status() == Some(401) || context.sighting.refused {
            let least = self.refused.touch(context.at(), endpoint, || late);
            *least = (*least).min(late);
            return None;
        }
        let refused = self.refused.get(&endpoint).copied();
        let leeway = refused.map_or(LEEWAY, |least| least.clamp(LEEWAY_MIN, LEEWAY));
        if !accepted || late <= leeway {
            return None;
        }
        let who = bearer(context, jwt);
        if let Some(latest) = self.subjects.get_mut(&who).filter(|latest| latest.exp == exp) {
            latest.late = true;
        }
        if service.late.len() < 64 {
            service.late.insert(who);
        }
        let others = (service.late.len() as u64).saturating_sub(1).saturating_mul(20);
        let unusual = service.punctual >= PUNCTUAL_MIN && others <= service.punctual;
        let checks = refused.is_some_and(|least| least <= late);
        if checks || unusual || held.moved {
            return Some(Odd::Sign("expired"));
        }
        (!core::mem::replace(&mut service.weak, true)).then_some(Odd::Weak)
    }

    /// Learns from the tokens that an answer hands out.
    pub(super) fn hand_out(&mut self, context: &Context<'_>, issued: &[Issued]) {
        let tokens = issued.iter().filter(|issued| !issued.cleared);
        for jwt in tokens.filter_map(|issued| issued.jwt.as_deref()) {
            let place = tell::key(&context.sighting.service, "");
            let service = self.services.touch(context.at(), place, Service::default);
            if let Some(iat) = jwt.iat {
                service.agrees = iat.abs_diff(context.at().secs()) <= EARLY.unsigned_abs();
                if let Some(clock) = clock(context, service.agrees) {
                    let ahead = iat.saturating_sub(clock).clamp(0, 86_400);
                    service.ahead = service.ahead.max(ahead);
                }
            }
            let (Some(exp), Some(_)) = (jwt.exp, &jwt.sub) else { continue };
            let who = bearer(context, jwt);
            if self.subjects.get(&who).is_some_and(|latest| !latest.late && latest.exp < exp) {
                service.punctual = service.punctual.saturating_add(1);
            }
            *self.subjects.touch(context.at(), who, || Latest { exp, late: false }) =
                Latest { exp, late: false };
        }
    }
}

impl Service {
    /// The token says that it begins later than now; bearers of several make it the issuer's clock.
    fn is_early(&mut self, jwt: &Jwt, clock: i64, who: u64) -> bool {
        let begins = jwt.iat.max(jwt.nbf);
        let allowed = clock.saturating_add(EARLY).saturating_add(self.ahead);
        if begins.is_none_or(|begins| begins <= allowed) {
            return false;
        }
        if self.early.len() < SUBJECTS_ENOUGH {
            self.early.insert(who);
        }
        self.early.len() < SUBJECTS_ENOUGH
    }
}
