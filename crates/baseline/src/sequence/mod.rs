//! Sequences: what an actor does next, after what it did before.
//!
//! Actions are endpoints; the same one again and again is one action. A model per service learns
//! what follows after none, one and two actions, and within it one per make of client, so that an
//! app that works otherwise than the pages is no surprise. A context takes about 100 bytes, and
//! 24 for each action that follows.
//!
//! Beside single steps a session is judged as a whole: the odds that its actions come in no order
//! (each as likely as it is at any time) against the order that others keep, summed from where
//! they were even (Wald, 1945; Page, 1954). A situation that is thinly known adds little by itself,
//! and one who does what few others do at all adds nothing.

mod markov;
#[cfg(test)]
mod tests;

pub use markov::{Likelihood, Markov, SavedMarkov, contexts};

use crate::levels::Evened;
use crate::profile::{By, Peak, Recent};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use stilt_inventory::{EndpointKind, Sighting};
use stilt_model::{ActorId, ActorKind, Outcome, SessionId, Timestamp, Transaction};
use stilt_session::Seen;

/// Contexts remembered.
const CONTEXTS_MAX: usize = 100_000;
/// Sessions followed.
const OPEN_MAX: usize = 100_000;
/// Actions of the past that count.
const LONGEST: usize = 2;
/// A session is forgotten after so many seconds of quiet.
const IDLE_SECS: i64 = 3600;
/// Services with a calibration of their own.
const SERVICES_MAX: usize = 1000;
/// Actors of whom one may be left out.
const MANY: u64 = 20;
/// Turns in the same situation until a step is judged: what is thinly known surprises always.
const SUPPORT_MIN: u64 = 30;
/// Steps less surprising than this (nats: one in thirty) are not told.
const STEP_MIN: f32 = 3.4;
/// What one step adds to the odds at most (nats), and how often the same step does: who goes round
/// in one circle of its own has an order.
const STEP_MAX: f32 = 5.0;
const TIMES_MAX: u8 = 2;
/// A step that adds so much is one that is taken elsewhere (twice as likely at any other time).
const ELSEWHERE: f32 = 0.7;
/// Odds of less than this (nats) are not told.
const ODDS_MIN: f32 = 10.0;
/// Odd steps of one session that are told apart.
const WAYS_MAX: usize = 64;
/// Other actors with the same make of client: one of its own kind has an order of its own.
const KIND_MIN: u64 = 3;
/// Makes of clients of one service whose actors are counted.
const KINDS_MAX: usize = 64;

/// A step that nobody would have expected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// How likely it is after what came before.
    pub likelihood: f64,
    /// −ln of that.
    pub surprise: f64,
    /// The highest of any other actor in the service; of twenty and more all but one.
    pub others: f64,
    /// ln of the odds that the session keeps no order, against the order of others.
    pub odds: f64,
    /// The highest such odds of any other actor in the service; of twenty and more all but one.
    pub odds_others: f64,
    /// Different steps that make these odds.
    pub ways: usize,
    /// This is one of them.
    pub elsewhere: bool,
    /// The p-value of the step among recent ones, and how many those are; `None` where too few
    /// others were in the same situation.
    pub p: Option<f64>,
    /// Steps that `p` is calibrated on.
    pub calibrated: u64,
    /// About how many actors the service is known from.
    pub actors: u64,
    /// Turns of others in the context it was judged by.
    pub support: u64,
    /// The action before.
    pub after: u64,
    /// What was likelier, with its share.
    pub expected: Vec<(u64, f64)>,
}

/// Steps of one service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Service {
    step: Peak,
    odds: Peak,
    actors: u64,
    recent: Recent,
    /// Actors by make of client.
    kinds: BTreeMap<ActorId, u64>,
}

impl Service {
    /// The highest value of any other actor, of many actors of all but one.
    fn highest(&self, peak: &Peak, by: By) -> f32 {
        match crate::profile::about(self.actors) >= MANY {
            true => peak.of_most_others(by),
            false => peak.of_others(by),
        }
    }

    /// Several others come with the same make of client.
    fn has_peers(&self, kind: ActorId, by: By) -> bool {
        let others = self.kinds.get(&kind).map_or(0, |bits| bits & !by.bit());
        crate::profile::about(others) >= KIND_MIN
    }

    fn note(&mut self, kind: ActorId, by: By) {
        self.actors |= by.bit();
        if self.kinds.len() < KINDS_MAX || self.kinds.contains_key(&kind) {
            *self.kinds.entry(kind).or_default() |= by.bit();
        }
    }
}

/// −ln of a probability.
fn nats(p: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "a score")]
    let nats = -(p.max(f64::MIN_POSITIVE).ln() as f32);
    nats
}

/// One session.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Open {
    /// The latest actions, the last one last; 0 where there is none yet.
    before: [u64; LONGEST],
    /// ln of the odds that there is no order.
    odds: f32,
    /// Steps that made them, and how often each counted.
    ways: Vec<(u64, u8)>,
    last: i64,
}

impl Open {
    /// One more action, which speaks so much against the order of others.
    fn step(&mut self, action: u64, excess: f32) {
        let way = crate::profile::hash(&[
            &self.before.last().copied().unwrap_or(0).to_le_bytes(),
            &action.to_le_bytes(),
        ]);
        if excess <= 0.0 || self.counts(way) {
            self.odds = (self.odds + excess.min(STEP_MAX)).max(0.0);
        }
        if self.odds <= 0.0 {
            self.ways = Vec::new();
        }
        self.before.rotate_left(1);
        if let Some(last) = self.before.last_mut() {
            *last = action.max(1);
        }
    }

    /// Whether a step against the order still counts.
    fn counts(&mut self, way: u64) -> bool {
        if let Some((_, times)) = self.ways.iter_mut().find(|(known, _)| *known == way) {
            let counts = *times < TIMES_MAX;
            *times = times.saturating_add(1);
            return counts;
        }
        let room = self.ways.len() < WAYS_MAX;
        if room {
            self.ways.push((way, 1));
        }
        room
    }
}

/// The step at hand, until it is learned.
#[derive(Debug, Default)]
struct Now {
    service: u64,
    contexts: Vec<u64>,
    action: u64,
    surprise: f32,
    /// The odds with this step, where they are judged.
    odds: Option<f32>,
    kind: ActorId,
    judged: bool,
    /// The p-value of the step before it is ranked among those of the service.
    p: Option<f64>,
}

/// Sequences of all services.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sequences {
    model: Markov,
    services: BTreeMap<u64, Service>,
    open: HashMap<SessionId, Open, RandomState>,
    idle: BTreeSet<(i64, SessionId)>,
    #[serde(default)]
    even: Evened,
    #[serde(skip)]
    now: Option<Now>,
}

impl Default for Sequences {
    fn default() -> Self {
        Self {
            model: Markov::new(CONTEXTS_MAX),
            services: BTreeMap::new(),
            open: HashMap::default(),
            idle: BTreeSet::new(),
            even: Evened::default(),
            now: None,
        }
    }
}

impl Sequences {
    /// How a transaction follows on what its session did before; `None` where it is no new action,
    /// or nothing surprising.
    pub(crate) fn score(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        seen: &Seen,
    ) -> Option<Step> {
        self.now = None;
        tx.request.as_ref()?;
        let (action, now) = (sighting.endpoint.0, tx.start.secs());
        // Signing in and out, and what is refused, may come at any time.
        if sighting.kind != EndpointKind::Other
            || sighting.step.is_some()
            || sighting.outcome == Outcome::Failure
        {
            return None;
        }
        let open = self.session(seen.session.id, now)?;
        if open.before.last() == Some(&action.max(1)) {
            return None;
        }
        let service = crate::profile::hash(&[sighting.service.as_bytes()]);
        let before: Vec<u64> = open.before.iter().copied().filter(|known| *known != 0).collect();
        // The service's contexts, then those of the make of client where it has acted before.
        let mut contexts = contexts(service, &before, LONGEST);
        if !before.is_empty() {
            let own = service ^ seen.cluster.0.rotate_left(7);
            contexts.extend(markov::contexts(own, &before, LONGEST).into_iter().skip(1));
        }
        let (actor, kind) = (seen.actor.id, seen.cluster);
        let found = self.model.likelihood(&contexts, action, actor);
        let surprise = nats(found.p);
        // Who does what few others do at all has another task, and no odd order.
        let usual = found.known >= SUPPORT_MIN;
        let judged = usual && !before.is_empty() && found.support >= SUPPORT_MIN;
        let by = By::of(actor);
        let known = self.services.get(&service);
        // An address may be many people, whose steps come in turns.
        let whole = seen.actor.kind != ActorKind::Client
            && !before.is_empty()
            && known.is_some_and(|known| known.has_peers(kind, by));
        let excess = if whole { surprise - nats(found.anytime) } else { 0.0 };
        let p = known.filter(|_| judged).and_then(|known| known.recent.p(surprise, by));
        let (odds, ways) = self.step(seen.session.id, action, excess);
        let odds_now = whole.then_some(odds);
        self.now =
            Some(Now { service, contexts, action, surprise, odds: odds_now, kind, judged, p });
        let known = self.services.get(&service)?;
        let told = (judged && surprise >= STEP_MIN) || (whole && odds >= ODDS_MIN);
        told.then(|| Step {
            likelihood: found.p,
            surprise: f64::from(surprise),
            others: f64::from(known.highest(&known.step, by)),
            odds: f64::from(odds),
            odds_others: f64::from(known.highest(&known.odds, by)),
            ways,
            elsewhere: excess >= ELSEWHERE,
            p: p.map(|p| self.even.p(service, p, by)),
            calibrated: self.even.seen(service),
            actors: crate::profile::about(known.actors),
            support: found.support,
            after: before.last().copied().unwrap_or(0),
            expected: found.expected,
        })
    }

    fn session(&mut self, id: SessionId, now: i64) -> Option<&mut Open> {
        if !self.open.contains_key(&id) {
            while self.open.len() >= OPEN_MAX {
                let (_, oldest) = self.idle.pop_first()?;
                self.open.remove(&oldest);
            }
            self.idle.insert((now, id));
            self.open.insert(id, Open { last: now, ..Open::default() });
        }
        let open = self.open.get_mut(&id)?;
        if now.saturating_sub(open.last) >= 60 {
            self.idle.remove(&(open.last, id));
            self.idle.insert((now, id));
            open.last = now;
        }
        Some(open)
    }

    /// One more step of a session: its odds, and how many steps made them.
    fn step(&mut self, id: SessionId, action: u64, excess: f32) -> (f32, usize) {
        let Some(open) = self.open.get_mut(&id) else { return (0.0, 0) };
        open.step(action, excess);
        (open.odds, open.ways.len())
    }

    /// The step that was scored last taught already.
    pub(crate) fn pass(&mut self) {
        self.now = None;
    }

    /// Learns the step that was scored last, unless it was flagged.
    pub(crate) fn learn(&mut self, actor: ActorId, flagged: bool) {
        let Some(now) = self.now.take().filter(|_| !flagged) else { return };
        self.model.learn(&now.contexts, now.action, actor);
        let full = self.services.len() >= SERVICES_MAX;
        if full && !self.services.contains_key(&now.service) {
            return;
        }
        let by = By::of(actor);
        let service = self.services.entry(now.service).or_default();
        service.note(now.kind, by);
        if let Some(p) = now.p {
            self.even.add(now.service, p, by);
        }
        if now.judged {
            service.recent.add(now.surprise, by);
            service.step.see(now.surprise, by);
        }
        if let Some(odds) = now.odds {
            service.odds.see(odds, by);
        }
    }

    /// Packet time moves on.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        let over = now.secs().saturating_sub(IDLE_SECS);
        while let Some((last, session)) =
            self.idle.first().copied().filter(|(last, _)| *last < over)
        {
            self.idle.remove(&(last, session));
            self.open.remove(&session);
        }
    }

    /// Where fewer sessions than usual are followed, those idle longest go.
    pub(crate) fn bound(&mut self, open_max: usize) {
        while self.open.len() > open_max.max(1)
            && let Some((_, session)) = self.idle.pop_first()
        {
            self.open.remove(&session);
        }
    }

    /// What can be saved.
    pub(crate) fn save(&self) -> SavedSequences {
        SavedSequences {
            model: self.model.save(),
            services: self.services.clone(),
            even: self.even.clone(),
        }
    }

    /// From what was saved.
    pub(crate) fn load(saved: SavedSequences) -> Self {
        Self {
            model: Markov::load(CONTEXTS_MAX, saved.model),
            services: saved.services,
            even: saved.even,
            ..Self::default()
        }
    }

    /// Adds what another sensor learned.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.model.absorb(other.model);
        self.even.absorb(other.even);
        for (id, service) in other.services {
            let own = self.services.entry(id).or_default();
            own.step.absorb(&service.step);
            own.odds.absorb(&service.odds);
            own.actors |= service.actors;
            for (kind, bits) in service.kinds {
                if own.kinds.len() < KINDS_MAX || own.kinds.contains_key(&kind) {
                    *own.kinds.entry(kind).or_default() |= bits;
                }
            }
            own.recent.absorb(&service.recent);
        }
    }
}

/// [`Sequences`] as a file holds them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SavedSequences {
    model: SavedMarkov,
    services: BTreeMap<u64, Service>,
    #[serde(default)]
    even: Evened,
}
