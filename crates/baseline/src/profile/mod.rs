//! Profiles: what requests to each endpoint usually look like, and what is unusual about one.
//!
//! Every request is scored against what *other* actors sent, before anything is learned of it.
//! What deviates on several accounts at once waits in quarantine for a day of packet time before
//! it teaches, unless others do the same (then it is how the application is used now).
//!
//! An endpoint takes about 0.7 KB and 2 KB of recent scores, a parameter 0.9 KB (1.5 KB at most).

mod calibrate;
mod endpoint;
mod facts;
mod param;
#[cfg(test)]
mod tests;
mod text;
mod told;
mod view;
mod walks;

use crate::levels::Evened;
pub use calibrate::combine;
use endpoint::{Profile, Term, Texts, What};
use foldhash::fast::RandomState;
use param::Side;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use stilt_inventory::Sighting;
use stilt_model::{ActorId, EndpointId, Outcome, Timestamp, Transaction};
use view::View;
use walks::Walks;

pub(crate) use calibrate::Recent;
pub(crate) use endpoint::{Profile as EndpointProfile, about};
pub(crate) use facts::{By, Fact, Peak};
pub(crate) use view::hash;

/// What is less surprising than one in thirty turns is no signal.
const SIGNAL_MIN: f32 = 3.4;
/// So much more unusual than anybody else (nats: a factor of two).
const MARGIN: f32 = 0.7;
/// Requests that wait before they teach, and for how long (seconds).
const WAITING_MAX: usize = 1024;
const WAITING_SECS: i64 = 86_400;
/// A p-value with which a parameter that nobody sends waits, however little it surprises.
const STRANGE: f64 = 0.01;
/// Deviations watched for spreading to others.
const SPREAD_MAX: usize = 4096;
/// Actors that make a deviation the new usage: so many, or one in so many of the endpoint's, but
/// never more than are watched.
const SPREAD_MIN: u64 = 4;
const SPREAD_EACH: u64 = 10;
const SPREAD_ACTORS_MAX: u64 = 12;

/// Whether such deviations are the same at all endpoints of a service.
fn of_service(what: What) -> bool {
    matches!(what, What::Unknown | What::Order)
}

/// Actors that make a deviation the new usage of an endpoint with about so many.
fn spread_needed(actors: u64) -> usize {
    usize::try_from((actors / SPREAD_EACH).clamp(SPREAD_MIN, SPREAD_ACTORS_MAX)).unwrap_or(4)
}

/// Signals of one group may have one cause; those of two groups are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Which parameters there are.
    Structure,
    /// A value breaks the form or the list that its parameter follows.
    Form,
    /// Marks that mean something to a parser, where such a parameter has none.
    Syntax,
    /// A value of free text unlike all others.
    Free,
    /// What came of it.
    Answer,
    /// The answer is about something else than was asked for.
    Subject,
}

/// One way in which a request deviates from what everybody else sends.
#[derive(Clone, Debug, PartialEq)]
pub struct Deviation {
    /// Signals of one group count once.
    pub group: Group,
    /// Equal for equal deviations of one endpoint.
    pub key: u64,
    /// Parts of it, each equal for an equal part: marks that are new. All of them have to be usual
    /// for the deviation to be.
    pub parts: Vec<u64>,
    /// It is about an id in the path.
    pub of_id: bool,
    /// A parameter that another deviating value names (`grant_type=refresh_token`, `$first` of a
    /// query): it comes with that value, and is no way of its own.
    pub comes_with: bool,
    /// It is a parameter that nobody sends.
    pub is_unknown: bool,
    /// Tells it from deviations of the same kind by other values.
    pub value: u64,
    /// The parameter that it is about; equal names at all endpoints are equal.
    pub param: u64,
    /// Marks in its value that no other's has, a bit each, where some mean something to a parser.
    pub syntax: u128,
    /// What was looked at, in snake case with the parameter (`length of q`).
    pub feature: String,
    /// What was found.
    pub observed: String,
    /// What others send.
    pub expected: String,
    /// How unusual, as a chance.
    pub p: f64,
    /// Turns of other actors that it is held against.
    pub support: u64,
}

/// How unusual a request is for its endpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Oddity {
    /// How likely a usual request is as unusual; `None` while there is nothing to compare with.
    pub p: Option<f64>,
    /// Scores that `p` is calibrated on.
    pub calibrated: u64,
    /// About how many actors the endpoint is known from.
    pub actors: u64,
    /// Ways in which it deviates beyond everybody else, the strongest first.
    pub deviations: Vec<Deviation>,
}

/// Whom a deviation was seen from.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Spread {
    at: i64,
    actors: Vec<By>,
}

/// A request that may teach later.
#[derive(Debug)]
struct Waiting {
    until: i64,
    view: View,
    score: f32,
    p: Option<f64>,
    names: Vec<(usize, Box<str>)>,
}

/// What was learned of requests to all endpoints.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Profiles {
    endpoints: HashMap<u64, Profile, RandomState>,
    idle: BTreeSet<(i64, u64)>,
    /// What waits at a restart never teaches.
    #[serde(skip)]
    waiting: VecDeque<Waiting>,
    suspects: BTreeMap<ActorId, i64>,
    #[serde(default)]
    walks: Walks,
    spread: HashMap<u64, Spread, RandomState>,
    spread_order: BTreeSet<(i64, u64)>,
    max: usize,
    #[serde(default)]
    pub(crate) even: Evened,
    // Of the request at hand.
    #[serde(skip)]
    view: View,
    #[serde(skip)]
    terms: Vec<Term>,
    #[serde(skip)]
    score: f32,
    /// Its p-value before it is ranked among those of the service.
    #[serde(skip)]
    p: Option<f64>,
    #[serde(skip)]
    keys: Vec<(u64, usize)>,
    /// It deviates so that it waits before it teaches.
    #[serde(skip)]
    suspect: bool,
    /// A value of it has marks of a syntax that nobody else's has.
    #[serde(skip)]
    syntax: bool,
}

/// Names and texts straight from a transaction.
struct Leaves<'a>(&'a Transaction);

impl Texts for Leaves<'_> {
    fn name(&self, leaf: usize) -> &str {
        view::name(self.0, leaf)
    }

    fn shown(&self, leaf: usize) -> Option<&str> {
        view::shown(self.0, leaf)
    }
}

impl Texts for Waiting {
    fn name(&self, leaf: usize) -> &str {
        let found = self.names.iter().find(|(known, _)| *known == leaf);
        found.map_or("id in the path", |(_, name)| name)
    }

    fn shown(&self, _leaf: usize) -> Option<&str> {
        None
    }
}

fn group(term: &Term) -> Group {
    match term.what {
        What::Unknown | What::Missing | What::Repeated | What::Order => Group::Structure,
        What::Status | What::Size | What::Latency => Group::Answer,
        What::Foreign => Group::Subject,
        What::Value(Side::Marks) if term.closed => Group::Syntax,
        What::Value(_) if term.closed => Group::Form,
        What::Value(_) => Group::Free,
    }
}

/// Whether a text names a parameter: its last name stands there as a word.
fn names(text: &str, param: &str) -> bool {
    let last = param.rsplit('.').find(|part| !matches!(*part, "" | "[]"));
    let last = last.map(|part| part.trim_end_matches("[]")).filter(|part| !part.is_empty());
    last.is_some_and(|last| {
        text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')))
            .any(|word| word == last)
    })
}

/// Marks the parameter that comes with a value, both of them new; marks of a syntax bring none.
fn pair(tx: &Transaction, view: &View, told: &mut [(Term, Deviation)]) {
    let leaf = |term: &Term| term.item.and_then(|at| view.items.get(at)).map(|item| item.leaf);
    let texts: Vec<&str> = told
        .iter()
        .filter(|(_, one)| matches!(one.group, Group::Form | Group::Free))
        .filter_map(|(term, _)| leaf(term).and_then(|leaf| view::shown(tx, leaf)))
        .collect();
    for (term, one) in told {
        let name = leaf(term).map(|leaf| view::name(tx, leaf));
        one.comes_with = term.what == What::Unknown
            && name.is_some_and(|name| texts.iter().any(|text| names(text, name)));
    }
}

/// The size of a number that its caller has counted up to is nothing odd.
fn counts_on(walks: &mut Walks, view: &View, term: &Term, now: i64) -> bool {
    let number = term.item.and_then(|at| view.items.get(at)).and_then(|item| item.number);
    match (term.what, number) {
        (What::Value(Side::Number), Some(number)) => {
            walks.step((view.endpoint.0, term.param, view.by), now, number)
        }
        _ => false,
    }
}

/// A text where words are has other characters: form and freedom of one value are one way.
fn same_value(term: &Term, known: &[(u64, Group)]) -> bool {
    let own = group(term);
    let loose = |group: Group| matches!(group, Group::Form | Group::Free);
    loose(own) && known.iter().any(|(param, group)| *param == term.param && loose(*group))
}

impl Profiles {
    pub(crate) fn new(max: usize) -> Self {
        Self { max: max.max(1), ..Self::default() }
    }

    /// How unusual a request is; [`Self::learn`] must be told of the same one next.
    pub(crate) fn score(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        actor: ActorId,
    ) -> Option<Oddity> {
        self.view.read(tx, sighting, actor);
        self.terms.clear();
        self.keys.clear();
        self.p = None;
        (self.score, self.suspect, self.syntax) = (0.0, false, false);
        let profile = self.endpoints.get(&self.view.endpoint.0)?;
        let wider = self.endpoints.get(&self.view.service);
        profile.odd(&self.view, wider, &mut self.terms);
        let (walks, view) = (&mut self.walks, &self.view);
        self.terms.retain(|term| !counts_on(walks, view, term, tx.start.secs()));
        profile.compare(self.view.by, &mut self.terms);
        self.terms.sort_by(|a, b| {
            b.score.total_cmp(&a.score).then_with(|| (a.what, a.param).cmp(&(b.what, b.param)))
        });
        self.score = self.terms.iter().take(3).map(|term| term.score).sum();
        let by = self.view.by;
        let (here, there) = (profile.actors(), wider.map_or(0, Profile::actors));
        let needed =
            |term: &Term| spread_needed(if of_service(term.what) { here.max(there) } else { here });
        let is_spread = |key: &u64, needed: usize| {
            let seen = self.spread.get(key);
            seen.is_some_and(|seen| seen.actors.iter().filter(|one| **one != by).count() >= needed)
        };
        // A parameter that comes with a release makes the order a new one.
        let grown = self.terms.iter().any(|term| {
            term.what == What::Unknown && is_spread(&self.key(term, profile).0, needed(term))
        });
        let mut groups: Vec<Group> = Vec::new();
        let mut values: Vec<(u64, Group)> = Vec::new();
        let mut deviations = Vec::new();
        for term in &self.terms {
            // A number that is only new (the next page), or words, count for the score alone.
            let item = term.item.and_then(|item| self.view.items.get(item));
            let counted = matches!(term.what, What::Value(Side::Value))
                && (!term.closed || item.is_some_and(|item| item.number.is_some()));
            let counted = counted || (grown && term.what == What::Order);
            let signal = !counted && term.score >= SIGNAL_MIN && term.score >= term.others + MARGIN;
            if !signal || groups.contains(&group(term)) || same_value(term, &values) {
                continue;
            }
            let (key, parts) = self.key(term, profile);
            if parts.iter().all(|part| is_spread(part, needed(term))) {
                continue;
            }
            groups.push(group(term));
            values.push((term.param, group(term)));
            self.keys.extend(parts.iter().map(|part| (*part, needed(term))));
            let source = wider.filter(|_| {
                profile.param(term.param).is_none_or(|param| param.whole.turns < endpoint::THIN)
            });
            let mut told = explain(tx, &self.view, profile, source, term);
            (told.key, told.parts) = (key, parts);
            told.syntax = self.syntax(term, profile);
            told.of_id = item.is_some_and(|item| item.is_id);
            deviations.push((*term, told));
        }
        let p = self.rank(profile, wider);
        pair(tx, &self.view, &mut deviations);
        let deviations: Vec<Deviation> = deviations.into_iter().map(|(_, told)| told).collect();
        self.syntax = deviations.iter().any(|one| one.syntax != 0);
        let waits =
            |one: &Deviation| matches!(one.group, Group::Structure | Group::Syntax | Group::Form);
        let ways = deviations.iter().filter(|one| !one.comes_with);
        self.suspect = ways.count() >= 2 || deviations.iter().any(waits);
        // Where nearly all turns are one caller's nothing surprises much.
        let known_well = profile.recent.len() >= RECENT_MIN;
        if !self.suspect && known_well && p.is_some_and(|p| p <= STRANGE) {
            let unknown = self.terms.iter().filter(|term| term.what == What::Unknown);
            let keys: Vec<(u64, usize)> =
                unknown.map(|term| (self.key(term, profile).0, needed(term))).collect();
            self.suspect = !keys.is_empty();
            self.keys.extend(keys);
        }
        let actors = profile.actors();
        self.p = p;
        let service = self.view.service;
        let p = p.map(|p| self.even.p(service, p, by));
        Some(Oddity { p, calibrated: self.even.seen(service), actors, deviations })
    }

    /// The p-value among recent scores of the endpoint, or of the service while it has few.
    fn rank(&self, profile: &Profile, wider: Option<&Profile>) -> Option<f64> {
        let own = &profile.recent;
        let recent = match wider {
            Some(wider) if own.len() < RECENT_MIN && wider.recent.len() > own.len() => {
                &wider.recent
            }
            _ => own,
        };
        recent.p(self.score, self.view.by)
    }

    /// The score of the request at hand: the sum of its three strongest terms, in nats.
    pub(crate) fn last_score(&self) -> f32 {
        self.score
    }

    /// The key of a deviation, and the keys of its parts.
    fn key(&self, term: &Term, profile: &Profile) -> (u64, Vec<u64>) {
        let value = match (term.what, term.item.and_then(|item| self.view.items.get(item))) {
            (What::Value(Side::Value), Some(item)) => item.value,
            _ => 0,
        };
        let what = match term.what {
            What::Value(side) => 16 + side as u64,
            What::Unknown => 1,
            What::Missing => 2,
            What::Repeated => 3,
            What::Order => 4,
            What::Status => 5,
            What::Size => 6,
            What::Latency => 7,
            What::Foreign => 8,
        };
        // A release brings a parameter to many endpoints at once.
        let own = !of_service(term.what);
        let place = if own { self.view.endpoint.0 } else { self.view.service };
        let parts = [place, what, term.param, value].map(u64::to_le_bytes);
        let key = hash(&parts.each_ref().map(<[u8; 8]>::as_slice));
        let item = term.item.and_then(|item| self.view.items.get(item));
        let marks: Vec<u64> = match (term.what, item, profile.param(term.param)) {
            (What::Value(Side::Marks), Some(item), Some(param)) => param
                .marks_alone(item, self.view.by)
                .map(|mark| hash(&[&key.to_le_bytes(), &[mark]]))
                .collect(),
            _ => Vec::new(),
        };
        (key, if marks.is_empty() { vec![key] } else { marks })
    }

    /// Marks of a value that no other's has, where one of them is of a syntax.
    fn syntax(&self, term: &Term, profile: &Profile) -> u128 {
        let item = term.item.and_then(|item| self.view.items.get(item));
        let (What::Value(_), Some(item), Some(param)) =
            (term.what, item, profile.param(term.param))
        else {
            return 0;
        };
        let mut is_syntax = false;
        let marks = param.marks_alone(item, self.view.by).fold(0, |set, mark| {
            is_syntax |= text::is_syntax(mark);
            set | 1 << mark
        });
        if is_syntax { marks } else { 0 }
    }

    /// The request that was scored last taught already.
    pub(crate) fn pass(&mut self, sighting: &Sighting) {
        for merged in &sighting.merged {
            self.merge_endpoint(*merged, sighting);
        }
    }

    /// Learns the request that was scored last.
    pub(crate) fn learn(&mut self, tx: &Transaction, sighting: &Sighting, flagged: bool) {
        let now = tx.start.secs();
        self.pass(sighting);
        if flagged {
            self.suspects.insert(self.view.actor, now);
            return;
        }
        if tx.request.is_none() {
            return;
        }
        let view = core::mem::take(&mut self.view);
        let keys = core::mem::take(&mut self.keys);
        // A syntax that is refused does not become the usage, however many try it.
        let is_refused = self.syntax && sighting.outcome == Outcome::Failure;
        let spreads =
            keys.iter().map(|(key, needed)| is_refused || self.spread(*key, view.by, now, *needed));
        let new = spreads.filter(|new| *new).count();
        // Marks of one value are one way.
        if new >= 1 && (self.suspect || is_refused) {
            self.wait(tx, &view, now);
        } else {
            let terms = core::mem::take(&mut self.terms);
            if let Some(p) = self.p {
                self.even.add(view.service, p, view.by);
            }
            self.teach(&view, &terms, self.score, now, &Leaves(tx), sighting);
            self.terms = terms;
        }
        self.view = view;
        self.keys = keys;
    }

    /// Notes that `by` deviates so; whether it is still new among actors.
    fn spread(&mut self, key: u64, by: By, now: i64, needed: usize) -> bool {
        if !self.spread.contains_key(&key) {
            while self.spread.len() >= SPREAD_MAX {
                let Some((_, oldest)) = self.spread_order.pop_first() else { break };
                self.spread.remove(&oldest);
            }
            self.spread_order.insert((now, key));
            self.spread.insert(key, Spread { at: now, actors: Vec::new() });
        }
        let Some(seen) = self.spread.get_mut(&key) else { return true };
        if now.saturating_sub(seen.at) > WAITING_SECS {
            self.spread_order.remove(&(seen.at, key));
            self.spread_order.insert((now, key));
            *seen = Spread { at: now, actors: Vec::new() };
        }
        if seen.actors.len() < needed && !seen.actors.contains(&by) {
            seen.actors.push(by);
        }
        seen.actors.len() < needed
    }

    fn wait(&mut self, tx: &Transaction, view: &View, now: i64) {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        let mut names: Vec<(usize, Box<str>)> = Vec::new();
        for values in view.params() {
            if let Some(item) = values.first() {
                names.push((item.leaf, view::name(tx, item.leaf).into()));
            }
        }
        self.waiting.push_back(Waiting {
            until: now.saturating_add(WAITING_SECS),
            view: view.clone(),
            score: self.score,
            p: self.p,
            names,
        });
    }

    fn teach(
        &mut self,
        view: &View,
        terms: &[Term],
        score: f32,
        now: i64,
        text: &impl Texts,
        sighting: &Sighting,
    ) {
        let thin = {
            let profile = self.profile(view.endpoint.0, now, &sighting.name);
            profile.learn(view, terms, text);
            profile.recent.add(score, view.by);
            profile.recent.len() < RECENT_MIN
        };
        if thin {
            let wider = self.profile(view.service, now, &sighting.service);
            wider.learn(view, &[], text);
            wider.recent.add(score, view.by);
        }
    }

    /// The profile of an endpoint, made where it is new; the one that was quiet for longest makes
    /// room.
    fn profile(&mut self, id: u64, now: i64, name: &str) -> &mut Profile {
        let hour = now.div_euclid(3600);
        if !self.endpoints.contains_key(&id) {
            while self.endpoints.len() >= self.max {
                let Some((_, oldest)) = self.idle.pop_first() else { break };
                self.endpoints.remove(&oldest);
            }
            self.idle.insert((hour, id));
        }
        let profile = self.endpoints.entry(id).or_insert_with(|| Profile::new(name, now));
        let before = profile.last.div_euclid(3600);
        if before < hour {
            self.idle.remove(&(before, id));
            self.idle.insert((hour, id));
        }
        profile.last = profile.last.max(now);
        profile
    }

    fn merge_endpoint(&mut self, merged: EndpointId, sighting: &Sighting) {
        let Some(old) = self.endpoints.remove(&merged.0) else { return };
        self.idle.remove(&(old.last.div_euclid(3600), merged.0));
        self.profile(sighting.endpoint.0, old.last, &sighting.name).absorb(&old);
    }

    /// Packet time moves on: what waited long enough teaches, unless its actor was flagged since.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        while self.waiting.front().is_some_and(|waiting| waiting.until <= now.secs()) {
            let Some(waiting) = self.waiting.pop_front() else { break };
            if self.suspects.contains_key(&waiting.view.actor) {
                continue;
            }
            if let Some(profile) = self.endpoints.get_mut(&waiting.view.endpoint.0) {
                profile.learn(&waiting.view, &[], &waiting);
                profile.recent.add(waiting.score, waiting.view.by);
                if let Some(p) = waiting.p {
                    self.even.add(waiting.view.service, p, waiting.view.by);
                }
            }
        }
        let over = now.secs().saturating_sub(2 * WAITING_SECS);
        self.suspects.retain(|_, last| *last >= over);
    }

    /// Profiles by endpoint and service.
    pub(crate) fn saved(&self) -> BTreeMap<u64, Profile> {
        self.endpoints.iter().map(|(id, profile)| (*id, profile.clone())).collect()
    }

    /// Endpoints and services in words, by name.
    pub(crate) fn told(&self, wanted: Option<&str>) -> Vec<String> {
        let mut all: Vec<(&Profile, bool)> = self
            .endpoints
            .iter()
            .filter(|(_, known)| wanted.is_none_or(|name| known.name.contains(name)))
            .map(|(_, known)| (known, wanted.is_some()))
            .collect();
        all.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name).then(b.whole.turns.cmp(&a.whole.turns)));
        all.into_iter().map(|(known, fully)| told::profile(known, fully)).collect()
    }

    /// The name of an endpoint.
    pub(crate) fn name(&self, endpoint: u64) -> Option<&str> {
        self.endpoints.get(&endpoint).map(|known| &*known.name)
    }

    /// Adds what another sensor learned.
    pub(crate) fn absorb(&mut self, other: &Self) {
        self.even.absorb(other.even.clone());
        for (id, profile) in other.saved() {
            self.profile(id, profile.last, &profile.name).absorb(&profile);
        }
    }

    /// From what was saved.
    pub(crate) fn load(max: usize, saved: BTreeMap<u64, Profile>) -> Self {
        let mut profiles = Self::new(max);
        for (id, profile) in saved {
            profiles.idle.insert((profile.last.div_euclid(3600), id));
            profiles.endpoints.insert(id, profile);
        }
        profiles
    }
}

/// Scores of its own from which on an endpoint is judged by them alone.
const RECENT_MIN: usize = 200;

/// A term in an analyst's words.
fn explain(
    tx: &Transaction,
    view: &View,
    profile: &Profile,
    wider: Option<&Profile>,
    term: &Term,
) -> Deviation {
    let by = view.by;
    let item = term.item.and_then(|item| view.items.get(item));
    let own = profile.param(term.param);
    let param = wider.and_then(|wider| wider.param(term.param)).or(own);
    let name = item.map_or_else(
        || param.map_or(String::new(), |param| param.name.to_string()),
        |item| view::name(tx, item.leaf).to_owned(),
    );
    let number = |value: f32| format!("{value:.0}");
    let (longest, latest) = profile.answers(by);
    let (feature, observed, expected) = match term.what {
        What::Unknown => {
            ("parameter".to_owned(), name, "a parameter that other callers send".to_owned())
        }
        What::Missing => (
            "missing parameter".to_owned(),
            format!("no {name}"),
            param.map_or(String::new(), |param| {
                format!("there in {:.0} % of requests", 100.0 * profile.share(param))
            }),
        ),
        What::Repeated => (format!("times {name}"), "several".to_owned(), "once".to_owned()),
        What::Order => (
            "order of parameters".to_owned(),
            "never seen before".to_owned(),
            "one of the usual orders".to_owned(),
        ),
        What::Status => {
            ("status".to_owned(), number(view.status.map_or(0.0, f32::from)), "never so".to_owned())
        }
        What::Size => (
            "bytes of the answer".to_owned(),
            number(view.size.unwrap_or(0.0)),
            format!("at most {longest:.0}"),
        ),
        What::Latency => (
            "milliseconds until the answer".to_owned(),
            number(view.latency.unwrap_or(0.0)),
            format!("at most {latest:.0}"),
        ),
        What::Foreign => (
            "answer".to_owned(),
            "about something else than was asked for".to_owned(),
            "names the id of the path".to_owned(),
        ),
        What::Value(side) => {
            let (feature, mut observed) = value_words(side, item, &name);
            if let (Side::Marks, Some(item), Some(param)) = (side, item, param) {
                observed = param.new_marks(item, by);
            }
            (feature, observed, param.map_or(String::new(), |param| param.expected(side, by)))
        }
    };
    Deviation {
        group: group(term),
        key: 0,
        parts: Vec::new(),
        of_id: false,
        comes_with: false,
        is_unknown: term.what == What::Unknown,
        value: term.detail,
        param: term.param,
        syntax: 0,
        feature,
        observed,
        expected,
        p: f64::from(-term.score).exp(),
        support: u64::from(param.map_or(profile.whole.turns, |param| param.whole.turns)),
    }
}

fn value_words(side: Side, item: Option<&view::Item>, name: &str) -> (String, String) {
    let Some(item) = item else { return (format!("value of {name}"), String::new()) };
    match side {
        Side::Kind => (format!("kind of {name}"), text::kind_name(item.kind).to_owned()),
        Side::Marks => (format!("characters of {name}"), String::new()),
        Side::Length => (format!("length of {name}"), format!("{:.0} bytes", item.length)),
        Side::Number => (format!("size of {name}"), format!("{:.0}", item.number.unwrap_or(0.0))),
        Side::Value => (format!("value of {name}"), "a new one".to_owned()),
    }
}
