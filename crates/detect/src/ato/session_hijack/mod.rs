//! Session hijack: a token in use at two places at once (OWASP API2:2023, ATT&CK T1539, T1550).
//!
//! A token that somebody was given at sign-in is used from another network *and* by another make of
//! client, while its owner goes on with it, or for something that takes an account over. One
//! difference alone is a phone that changes networks, a VPN, a browser that was brought up to date.
//! A place that many tokens are used from is a front end of the application itself.
//!
//! Where enrichment tells countries and networks, a token that goes back and forth between two of
//! both faster than anybody travels is in two hands, whatever the program (`travel.rs`). Behind one
//! address two programs that take turns tell (`makes.rs`); keys that were there before the capture
//! are known by their home (`keys.rs`).

mod keys;
mod makes;
#[cfg(test)]
mod tests;
mod travel;

use crate::context::{Context, Observation};
use crate::keep::Keep;
use crate::place::Place;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, Spec, Tuning};
use crate::tale::{Tale, counted, lasting};
use crate::tell::{self, signal};
use crate::tokens::{Tokens, let_through};
use core::time::Duration;
use keys::Keys;
use makes::Makes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_inventory::StepKind;
use stilt_model::{Actor, Evidence, Finding, Outcome, Rule, Severity, Timestamp};
use travel::Travel;

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "ato.session_hijack",
        title: "Session hijack",
        owasp: &["API2:2023"],
        attack: &["T1539", "T1550.001", "T1550.004"],
        references: &["CWE-384"],
    },
    severity: Severity::High,
    looks_for: "A token or session used from another network and by another make of client while \
                its owner goes on using it, or to change a password. With `[enrich]` files: one \
                that goes back and forth between two countries faster than anybody travels.",
    needs: "Requests with their answers; sign-ins, or signed tokens that name somebody.",
    look_alikes: "A phone between Wi-Fi and mobile, a VPN (the program stays the same); a browser \
                  upgrade (the network stays the same); keys and service tokens that a fleet \
                  shares (many places); a front end that asks on behalf of its users (many \
                  tokens from one place).",
    tuning: &[
        Tuning { key: "window_secs", meaning: "seconds in which both places must be active" },
        Tuning { key: "requests_min", meaning: "requests from the other place, if none returns" },
        Tuning { key: "shared_places", meaning: "places from which on a token is a shared one" },
        Tuning { key: "front_tokens", meaning: "tokens from which on a place is a front end" },
        Tuning { key: "tokens_max", meaning: "tokens remembered" },
    ],
    build: |settings| Ok(Box::new(SessionHijack::new(settings)?)),
};

/// Places of one token remembered.
const PLACES_MAX: usize = 12;
/// Stories remembered.
const THEFTS_MAX: usize = 10_000;
/// First uses kept of each place.
const KEPT_MAX: usize = 8;
/// Orders of headers of one make remembered.
const ORDERS_MAX: usize = 32;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    window_secs: u64,
    requests_min: u64,
    shared_places: usize,
    front_tokens: u64,
    tokens_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            window_secs: 1800,
            requests_min: 3,
            shared_places: 4,
            front_tokens: 3,
            tokens_max: 200_000,
        }
    }
}

impl Limits {
    /// A place from which a good part of all tokens are used.
    fn is_front(&self, here: u64, all: u64) -> bool {
        here >= self.front_tokens && here.saturating_mul(10) >= all.saturating_mul(3)
    }
}

/// One place a token is used from.
#[derive(Serialize, Deserialize)]
struct Use {
    place: Place,
    last: Timestamp,
    /// Unlike every place it was used from before, in network and make.
    foreign: bool,
    requests: u64,
    /// The first uses, until there is a story of their place.
    kept: Vec<Evidence>,
}

impl Use {
    fn taken(&mut self) -> (&mut Vec<Evidence>, u64) {
        (&mut self.kept, self.requests)
    }
}

/// What is done from one place with tokens of others.
#[derive(Serialize, Deserialize)]
struct Theft {
    tale: Tale,
    /// Endpoint of the first use, which names the story.
    endpoint: String,
    actor: Actor,
}

/// One token with the places it is used from.
#[derive(Default, Serialize, Deserialize)]
struct Wanderer {
    uses: Vec<Use>,
    /// The latest use by its owner.
    own: Option<Timestamp>,
    /// Where it was last, and how often it jumped.
    #[serde(default)]
    travel: Option<Box<Travel>>,
}

impl Wanderer {
    /// Its `at`-th place is in use now: another's, where the token has jumped too often.
    fn travels(&mut self, context: &Context<'_>, at: usize, limits: &Limits) {
        let Some(origin) = &context.seen.origin else { return };
        let window = Duration::from_secs(limits.window_secs);
        let travel = self.travel.get_or_insert_default();
        let jumps = travel.goes_to(context.at(), context.seen.client_ip, origin, window);
        if let Some(one) = self.uses.get_mut(at).filter(|_| jumps && at > 0) {
            one.foreign = true;
        }
    }
}

/// Tokens used from one place.
#[derive(Default, Serialize, Deserialize)]
struct Front {
    tokens: BTreeSet<u64>,
}

#[derive(Serialize, Deserialize)]
struct SessionHijack {
    #[serde(skip)]
    limits: Limits,
    tokens: Tokens,
    wanderers: Keep<u64, Wanderer>,
    fronts: Keep<(u64, u64), Front>,
    thefts: Keep<(u64, u64), Theft>,
    /// Tokens seen on a service.
    all: Keep<u64, BTreeSet<u64>>,
    /// Orders of headers that a make of client is known to send, by how many tokens.
    orders: Keep<u64, Vec<(u64, BTreeSet<u64>)>>,
    makes: Makes,
    keys: Keys,
}

impl SessionHijack {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let limits: Limits = settings.own()?;
        Ok(Self {
            tokens: Tokens::new(limits.tokens_max),
            wanderers: Keep::new(limits.tokens_max),
            fronts: Keep::new(limits.tokens_max),
            thefts: Keep::new(THEFTS_MAX),
            all: Keep::new(256),
            orders: Keep::new(4096),
            makes: Makes::new(limits.tokens_max),
            keys: Keys::new(limits.tokens_max),
            limits,
        })
    }

    fn see(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let carried: Vec<u64> = self.tokens.carried(context).map(|(key, _)| key).take(4).collect();
        if !let_through(context.tx, context) {
            return;
        }
        if carried.is_empty() {
            self.key(context, findings);
            return;
        }
        let place = Place::of(context);
        for token in carried {
            self.used(context, token, place, findings);
            self.in_turns(context, token, findings);
        }
    }

    /// A key that nobody was seen to be given is used.
    fn key(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let Some(stolen) = self.keys.see(context) else { return };
        let why = format!("its owner goes on, for {} it had no part in", stolen.functions());
        let user = context.seen.person.as_ref().and_then(|person| person.user.clone());
        let user = user.unwrap_or_else(|| "an API key".to_owned());
        let told = Told {
            service: tell::key(&context.sighting.service, ""),
            user: Some(&user),
            why: &why,
            at: stolen.thief,
            severity: Severity::High,
        };
        let mut kept = stolen.kept;
        tell(&mut self.thefts, context, (&mut kept, stolen.requests), &told, findings);
    }

    /// Two programs behind one address use a session in turns.
    fn in_turns(&mut self, context: &Context<'_>, token: u64, findings: &mut Vec<Finding>) {
        let service = tell::key(&context.sighting.service, "");
        let all = self.all.get(&service).map_or(0, |all| all.len() as u64);
        let Some(mut turns) = self.makes.see(context, token, service, all) else { return };
        let known = self.tokens.get(token).and_then(|known| known.user.clone());
        let user = known.or_else(|| name_of(context));
        let told = Told {
            service,
            user: user.as_deref(),
            why: "in turns with its owner's behind one address",
            at: turns.thief,
            severity: Severity::Medium,
        };
        tell(&mut self.thefts, context, (&mut turns.kept, turns.requests), &told, findings);
    }

    fn used(
        &mut self,
        context: &Context<'_>,
        token: u64,
        place: Place,
        findings: &mut Vec<Finding>,
    ) {
        let now = context.at();
        let service = tell::key(&context.sighting.service, "");
        let front = self.fronts.touch(now, (service, place.key()), Front::default);
        note(&mut front.tokens, token);
        let here = front.tokens.len() as u64;
        let all = self.all.touch(now, service, BTreeSet::new);
        note(all, token);
        let all = all.len() as u64;
        let is_front = self.limits.is_front(here, all);
        let usual_order = self.usual_order(now, place, token);
        let known = self.tokens.get(token);
        let given = known.and_then(|known| known.given_to).map(|(place, _)| place);
        let user = known.and_then(|known| known.user.clone()).or_else(|| name_of(context));
        let wanderer = self.wanderers.touch(now, token, Wanderer::default);
        let same = |one: &Use| one.place.near(&place) && one.place.alike(&place);
        let at = match wanderer.uses.iter().position(same) {
            Some(at) => at,
            None if wanderer.uses.len() >= PLACES_MAX => return,
            None => {
                let strange = |other: &Place| {
                    !other.near(&place)
                        && (!other.alike(&place) || (other.order != place.order && !usual_order))
                };
                let before = wanderer.uses.iter().map(|one| one.place).chain(given);
                let (mut any, mut all_strange) = (false, true);
                for other in before {
                    any = true;
                    all_strange &= strange(&other);
                }
                wanderer.uses.push(Use {
                    place,
                    last: now,
                    foreign: any && all_strange,
                    requests: 0,
                    kept: Vec::new(),
                });
                wanderer.uses.len() - 1
            }
        };
        wanderer.travels(context, at, &self.limits);
        let foreign_places = wanderer.uses.iter().filter(|one| one.foreign).count();
        let shared = foreign_places >= self.limits.shared_places;
        let sensitive =
            context.sighting.step.as_ref().is_some_and(|step| {
                matches!(step.kind, StepKind::PasswordSet | StepKind::ResetDone)
            });
        let window = Duration::from_secs(self.limits.window_secs);
        let Some(one) = wanderer.uses.get_mut(at) else { return };
        one.requests = one.requests.saturating_add(1);
        one.last = now;
        let severity = Severity::High;
        let mut theft = Told { service, user: user.as_deref(), why: "", at: place, severity };
        if !one.foreign {
            wanderer.own = Some(now);
            if shared {
                return;
            }
            // The owner goes on after another used it.
            for thief in wanderer.uses.iter_mut().filter(|one| one.foreign) {
                let front = self.fronts.get(&(service, thief.place.key()));
                let tokens = front.map_or(0, |front| front.tokens.len() as u64);
                if now.since(thief.last) <= window && !self.limits.is_front(tokens, all) {
                    (theft.why, theft.at) = ("its owner goes on", thief.place);
                    tell(&mut self.thefts, context, thief.taken(), &theft, findings);
                }
            }
            return;
        }
        if is_front || shared {
            return;
        }
        if one.kept.len() < KEPT_MAX {
            one.kept.push(context.evidence("the token at another place"));
        }
        let recently = wanderer.own.is_some_and(|own| now.since(own) <= window);
        let told = self.thefts.get(&(service, place.key())).is_some();
        theft.why = if sensitive {
            "a password is set with it"
        } else if (recently && one.requests >= self.limits.requests_min) || told {
            "its owner was active minutes before"
        } else {
            return;
        };
        tell(&mut self.thefts, context, one.taken(), &theft, findings);
    }

    /// That order of headers is one that this make of client sends with other tokens as well.
    fn usual_order(&mut self, now: Timestamp, place: Place, token: u64) -> bool {
        let orders = self.orders.touch(now, place.make, Vec::new);
        let at = match orders.iter().position(|(order, _)| *order == place.order) {
            Some(at) => at,
            None if orders.len() >= ORDERS_MAX => return true,
            None => {
                orders.push((place.order, BTreeSet::new()));
                orders.len() - 1
            }
        };
        let Some((_, tokens)) = orders.get_mut(at) else { return true };
        if tokens.len() < 8 {
            tokens.insert(token);
        }
        tokens.iter().any(|other| *other != token)
    }
}

/// Adds to a set that counts no further than it must.
fn note(set: &mut BTreeSet<u64>, token: u64) {
    if set.len() < 512 {
        set.insert(token);
    }
}

fn name_of(context: &Context<'_>) -> Option<String> {
    let request = context.tx.request.as_ref()?;
    request.credentials.iter().find_map(|own| own.jwt.as_ref()?.sub.clone())
}

/// What a story is told about.
struct Told<'a> {
    service: u64,
    user: Option<&'a str>,
    why: &'a str,
    at: Place,
    severity: Severity,
}

fn tell(
    thefts: &mut Keep<(u64, u64), Theft>,
    context: &Context<'_>,
    (kept, requests): (&mut Vec<Evidence>, u64),
    told: &Told<'_>,
    findings: &mut Vec<Finding>,
) {
    let theft = thefts.touch(context.at(), (told.service, told.at.key()), || Theft {
        tale: Tale::default(),
        endpoint: context.sighting.name.to_string(),
        actor: told.at.client(),
    });
    let theirs = Place::of(context) == told.at;
    let last = kept.last().cloned();
    for seen in kept.drain(..) {
        let (at, ip) = (seen.time, told.at.ip);
        theft.tale.add_evidence(seen, ip, context.observed(), at, false);
    }
    if !theirs {
        theft.tale.add(context, "used by its owner meanwhile".to_owned(), true);
    }
    if let Some(user) = told.user {
        theft.tale.user(user);
    }
    if !theft.tale.due(context.at(), Outcome::Success) {
        return;
    }
    let mut finding = context.finding(SPEC.rule.id, told.severity, theft.actor.clone());
    theft.tale.fill(&mut finding);
    finding.session = None;
    if let Some(seen) = last.filter(|_| !theirs) {
        tell::about(&mut finding, &seen);
    }
    finding.outcome = Outcome::Success;
    finding.confidence = 0.85;
    finding.endpoint.clone_from(&theft.endpoint);
    let whose = told.user.unwrap_or("somebody");
    finding.message = format!(
        "the session of {whose} is used from {} by another program, {}: {} in {}",
        told.at.ip,
        told.why,
        counted(requests, "request"),
        lasting(finding.end.since(finding.start)),
    );
    finding.why = vec![
        signal("network", told.at.ip.to_string(), "that of the sign-in, or the same program"),
        signal("client_make", "differs", "that of the sign-in, or the same network"),
        signal("both_in_use", told.why, "one after the other"),
    ];
    if let Some(origin) = context.seen.origin.as_deref().filter(|_| theirs) {
        finding.why.push(signal("country_and_network", origin.shown(), "those of the sign-in"));
    }
    finding.remediation =
        format!("end the session of {whose}, ask it to sign in anew, and look at what was done");
    findings.push(finding);
}

impl Detector for SessionHijack {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        self.tokens.resize(self.limits.tokens_max);
        self.wanderers.resize(self.limits.tokens_max);
        self.fronts.resize(self.limits.tokens_max);
        self.makes.resize(self.limits.tokens_max);
        self.keys.resize(self.limits.tokens_max);
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Observation::Transaction(context) = observation {
            self.see(context, findings);
            self.tokens.learn(context);
        }
    }
}
