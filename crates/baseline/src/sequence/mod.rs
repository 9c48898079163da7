//! Sequences: what an actor does next, after what it did before.
//!
//! Actions are endpoints; the same one again and again is one action. A model per service learns
//! what follows after none, one and two actions, and within it one per make of client, so that an
//! app that works otherwise than the pages is no surprise. A context takes about 100 bytes, and
//! 24 for each action that follows.

mod markov;
#[cfg(test)]
mod tests;

pub use markov::{Likelihood, Markov, SavedMarkov, contexts};

use crate::profile::{By, Peak, Recent};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use stilt_inventory::Sighting;
use stilt_model::{ActorId, SessionId, Timestamp, Transaction};
use stilt_session::Seen;

/// Contexts remembered.
const CONTEXTS_MAX: usize = 100_000;
/// Sessions followed.
const OPEN_MAX: usize = 100_000;
/// Actions of the past that count.
const LONGEST: usize = 2;
/// Steps whose surprises are summed.
const STEPS: usize = 6;
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

/// A step that nobody would have expected.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// How likely it is after what came before.
    pub likelihood: f64,
    /// −ln of that.
    pub surprise: f64,
    /// The highest of any other actor in the service; of twenty and more all but one.
    pub others: f64,
    /// The sum over the latest six steps, this one left out.
    pub before: f64,
    /// The highest such sum of any other actor in the service.
    pub before_others: f64,
    /// The p-value of the step among recent ones, and how many those are.
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
    sum: Peak,
    actors: u64,
    recent: Recent,
}

/// One session.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Open {
    /// The latest actions, the last one last; 0 where there is none yet.
    before: [u64; LONGEST],
    /// How surprising the latest steps were.
    surprises: [f32; STEPS - 1],
    last: i64,
}

impl Open {
    fn step(&mut self, action: u64, surprise: f32) {
        self.before.rotate_left(1);
        self.surprises.rotate_left(1);
        if let Some(last) = self.before.last_mut() {
            *last = action.max(1);
        }
        if let Some(last) = self.surprises.last_mut() {
            *last = surprise;
        }
    }
}

/// The step at hand, until it is learned.
#[derive(Debug, Default)]
struct Now {
    service: u64,
    contexts: Vec<u64>,
    action: u64,
    surprise: f32,
    sum: f32,
    judged: bool,
}

/// Sequences of all services.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sequences {
    model: Markov,
    services: BTreeMap<u64, Service>,
    open: HashMap<SessionId, Open, RandomState>,
    idle: BTreeSet<(i64, SessionId)>,
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
        let open = self.session(seen.session.id, now)?;
        if open.before.last() == Some(&action.max(1)) {
            return None;
        }
        let service = crate::profile::hash(&[sighting.service.as_bytes()]);
        let before: Vec<u64> = open.before.iter().copied().filter(|known| *known != 0).collect();
        let sum: f32 = open.surprises.iter().sum();
        // The service's contexts, then those of the make of client where it has acted before.
        let mut contexts = contexts(service, &before, LONGEST);
        if !before.is_empty() {
            let own = service ^ seen.cluster.0.rotate_left(7);
            contexts.extend(markov::contexts(own, &before, LONGEST).into_iter().skip(1));
        }
        let actor = seen.actor.id;
        let found = self.model.likelihood(&contexts, action, actor);
        #[expect(clippy::cast_possible_truncation, reason = "a score")]
        let surprise = -(found.p.max(f64::MIN_POSITIVE).ln() as f32);
        // Who does what few others do at all has another task, and no odd order.
        let usual = found.known >= SUPPORT_MIN;
        let judged = usual && !before.is_empty() && found.support >= SUPPORT_MIN;
        self.step(seen.session.id, action, if judged { surprise } else { 0.0 });
        self.now = Some(Now { service, contexts, action, surprise, sum, judged });
        let known = self.services.get(&service)?;
        if !judged || surprise < STEP_MIN {
            return None;
        }
        let by = By::of(actor);
        let actors = crate::profile::about(known.actors);
        let of = |peak: &Peak| match actors >= MANY {
            true => peak.of_most_others(by),
            false => peak.of_others(by),
        };
        Some(Step {
            likelihood: found.p,
            surprise: f64::from(surprise),
            others: f64::from(of(&known.step)),
            before: f64::from(sum),
            before_others: f64::from(of(&known.sum)),
            p: known.recent.p(surprise),
            calibrated: known.recent.seen(),
            actors,
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

    fn step(&mut self, id: SessionId, action: u64, surprise: f32) {
        if let Some(open) = self.open.get_mut(&id) {
            open.step(action, surprise);
        }
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
        service.actors |= by.bit();
        if now.judged {
            service.recent.add(now.surprise);
            service.step.see(now.surprise, by);
            service.sum.see(now.sum, by);
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
        SavedSequences { model: self.model.save(), services: self.services.clone() }
    }

    /// From what was saved.
    pub(crate) fn load(saved: SavedSequences) -> Self {
        Self {
            model: Markov::load(CONTEXTS_MAX, saved.model),
            services: saved.services,
            ..Self::default()
        }
    }

    /// Adds what another sensor learned.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.model.absorb(other.model);
        for (id, service) in other.services {
            let own = self.services.entry(id).or_default();
            own.step.absorb(&service.step);
            own.sum.absorb(&service.sum);
            own.actors |= service.actors;
            own.recent.absorb(&service.recent);
        }
    }
}

/// [`Sequences`] as a file holds them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct SavedSequences {
    model: SavedMarkov,
    services: BTreeMap<u64, Service>,
}
