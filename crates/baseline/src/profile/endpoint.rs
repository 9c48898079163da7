//! One endpoint: which parameters its requests carry, and how they are answered.

use super::calibrate::Recent;
use super::facts::{By, Fact, Peak, singles, support, surprise};
use super::param::{Oddness, Param, Side};
use super::view::{Item, View};
use serde::{Deserialize, Serialize};

/// Parameters learned of one endpoint.
const PARAMS_MAX: usize = 64;
/// Parameters seen by one actor only that wait to be learned.
const WAITING_MAX: usize = 16;
/// Orders of parameters told apart.
const ORDERS_MAX: usize = 16;
/// Statuses told apart.
const STATUSES_MAX: usize = 12;
/// Turns after which counts are halved.
const TURNS_MAX: u32 = 20_000;

/// What is unusual about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// A parameter that no other caller sends.
    Unknown,
    /// A parameter that everybody else sends is not there.
    Missing,
    /// A parameter comes several times.
    Repeated,
    /// Parameters in an order, or together, as never before.
    Order,
    /// A value.
    Value(Side),
    /// A status that the endpoint never answers with.
    Status,
    /// A far longer answer.
    Size,
    /// A far later answer.
    Latency,
    /// An answer about something else than was asked for.
    Foreign,
}

/// One unusual thing, with its score in nats and the parameter it is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Term {
    pub(crate) what: What,
    pub(crate) score: f32,
    pub(crate) param: u64,
    /// Place of the value among the items of the view.
    pub(crate) item: Option<usize>,
    /// Its parameter follows a form or a list.
    pub(crate) closed: bool,
    /// What tells it from like terms of the parameter.
    pub(crate) detail: u64,
    /// The highest score of anybody else.
    pub(crate) others: f32,
}

/// What is known of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) name: Box<str>,
    pub(crate) whole: Fact,
    /// A bit for each actor, among 64.
    actors: u64,
    /// Second of its last request.
    pub(crate) last: i64,
    params: Vec<(u64, Param)>,
    waiting: Vec<(u64, Fact)>,
    orders: Vec<(u64, Fact)>,
    statuses: Vec<(u16, Fact)>,
    size: Peak,
    latency: Peak,
    /// Answers that named what the path asked for, and those that did not.
    #[serde(default)]
    echoes: [Fact; 2],
    structure: Peak,
    answer: Peak,
    pub(crate) recent: Recent,
}

/// About how many actors left these bits, up to some 260.
pub(crate) fn about(bits: u64) -> u64 {
    super::facts::estimate(bits.count_ones(), 64)
}

fn find<K: Copy + Ord, V>(list: &[(K, V)], key: K) -> Option<&V> {
    let at = list.binary_search_by_key(&key, |(known, _)| *known).ok()?;
    list.get(at).map(|(_, value)| value)
}

fn find_mut<K: Copy + Ord, V>(list: &mut [(K, V)], key: K) -> Option<&mut V> {
    let at = list.binary_search_by_key(&key, |(known, _)| *known).ok()?;
    list.get_mut(at).map(|(_, value)| value)
}

/// Counts a fact of a list in order, of at most `max`.
fn see<K: Copy + Ord>(list: &mut Vec<(K, Fact)>, key: K, by: By, max: usize) {
    match list.binary_search_by_key(&key, |(known, _)| *known) {
        Ok(at) => {
            if let Some((_, fact)) = list.get_mut(at) {
                fact.see(by);
            }
        }
        Err(at) if list.len() < max => {
            let mut fact = Fact::default();
            fact.see(by);
            list.insert(at, (key, fact));
        }
        Err(_) => {}
    }
}

fn absorb<K: Copy + Ord>(own: &mut Vec<(K, Fact)>, other: &[(K, Fact)], max: usize) {
    for (key, fact) in other {
        match own.binary_search_by_key(key, |(known, _)| *known) {
            Ok(at) => {
                if let Some((_, known)) = own.get_mut(at) {
                    known.absorb(fact);
                }
            }
            Err(at) if own.len() < max => own.insert(at, (*key, *fact)),
            Err(_) => {}
        }
    }
}

impl Profile {
    pub(crate) fn new(name: &str, last: i64) -> Self {
        Self { name: name.into(), last, ..Self::default() }
    }

    /// About how many actors use it.
    pub(crate) fn actors(&self) -> u64 {
        about(self.actors)
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let params = self.params.iter().map(|(_, param)| param.bytes() + 8);
        let lists = (self.waiting.len() + self.orders.len()) * 24 + self.statuses.len() * 16;
        size_of::<Self>() + self.name.len() + lists + params.sum::<usize>() + 4 * self.recent.len()
    }

    /// A parameter by its key.
    pub(crate) fn param(&self, key: u64) -> Option<&Param> {
        find(&self.params, key)
    }

    /// Parameters, those of most requests first.
    pub(crate) fn params(&self) -> Vec<&Param> {
        let mut all: Vec<&Param> = self.params.iter().map(|(_, param)| param).collect();
        all.sort_by(|a, b| b.whole.turns.cmp(&a.whole.turns).then_with(|| a.name.cmp(&b.name)));
        all
    }

    /// Share of requests that carry a parameter, 0 to 1.
    pub(crate) fn share(&self, param: &Param) -> f32 {
        let since = self.whole.turns.saturating_sub(param.born).max(1);
        #[expect(clippy::cast_precision_loss, reason = "counts")]
        let share = param.whole.turns as f32 / since as f32;
        share.min(1.0)
    }

    /// Statuses with their turns, the most frequent first.
    pub(crate) fn statuses(&self) -> Vec<(u16, u32)> {
        let mut all: Vec<_> =
            self.statuses.iter().map(|(code, fact)| (*code, fact.turns)).collect();
        all.sort_by_key(|(code, turns)| (core::cmp::Reverse(*turns), *code));
        all
    }

    /// Longest usual answer in bytes, and latest in milliseconds.
    pub(crate) fn answers(&self, by: By) -> (f32, f32) {
        (self.size.of_others(by), self.latency.of_others(by))
    }

    /// What is unusual about a request, of what others sent; `wider` is the service's profile.
    pub(crate) fn odd(&self, view: &View, wider: Option<&Self>, terms: &mut Vec<Term>) {
        let (by, turns, needed) = (view.by, self.whole.turns, support(self.actors()));
        let single = singles(
            self.params
                .iter()
                .map(|(_, param)| &param.whole)
                .chain(self.waiting.iter().map(|(_, f)| f)),
        );
        let mut at = 0_usize;
        for values in view.params() {
            let first = at;
            at = at.saturating_add(values.len());
            let Some(item) = values.first() else { continue };
            let known = self.param(item.key);
            let own = known.filter(|param| param.whole.is_usage(by, needed, turns));
            let known_wider = wider.and_then(|wider| wider.param(item.key));
            let Some(param) = own else {
                let few = known.map_or(0, |param| param.whole.supported(by, needed, turns));
                let mut score = surprise(single.max(few), turns);
                if known_wider.is_some_and(|param| param.whole.by_others(by) > 0) {
                    score *= 0.5;
                }
                terms.push(self.term(What::Unknown, score, item.key, Some(first)));
                continue;
            };
            if !item.in_array {
                let score = param.too_many(count(values), by);
                terms.push(self.term(What::Repeated, score, item.key, Some(first)));
            }
            // While little is known here, what the service's other endpoints know counts.
            let param = known_wider.filter(|_| param.whole.turns < THIN).unwrap_or(param);
            value_terms(param, first, values, by, terms);
        }
        if view.whole {
            self.missing(view, terms);
        }
        let known = find(&self.orders, view.order);
        let few = known.map_or(0, |fact| fact.supported(by, needed, turns));
        let known = known.is_some_and(|fact| fact.is_usage(by, needed, turns));
        let single = singles(self.orders.iter().map(|(_, fact)| fact));
        let full = self.orders.len() >= ORDERS_MAX;
        if !known && !full {
            terms.push(self.term(What::Order, surprise(single.max(few), turns), view.order, None));
        }
        self.odd_answer(view, terms);
    }

    fn term(&self, what: What, score: f32, param: u64, item: Option<usize>) -> Term {
        Term { what, score, param, item, closed: false, detail: 0, others: 0.0 }
    }

    fn missing(&self, view: &View, terms: &mut Vec<Term>) {
        let turns = self.whole.turns;
        for (key, param) in &self.params {
            if !param.whole.shared || view.items.binary_search_by_key(key, |item| item.key).is_ok()
            {
                continue;
            }
            let since = turns.saturating_sub(param.born);
            let absent = since.saturating_sub(param.whole.turns);
            terms.push(self.term(What::Missing, surprise(absent, since), *key, None));
        }
    }

    fn odd_answer(&self, view: &View, terms: &mut Vec<Term>) {
        let (by, most) = (view.by, surprise(0, self.whole.turns));
        // Whoever sends what is wrong is told so; an error of the server is another thing, and
        // 502 to 504 are no word of the application.
        if let Some(status) = view.status.filter(|status| matches!(status, 500 | 501 | 505..))
            && find(&self.statuses, status).map_or(0, |fact| fact.by_others(by)) == 0
        {
            let single = singles(self.statuses.iter().map(|(_, fact)| fact));
            let score = surprise(single, self.whole.turns);
            terms.push(self.term(What::Status, score, u64::from(status), None));
        }
        let [named, foreign] = &self.echoes;
        if view.echo == Some(false) && foreign.by_others(by) == 0 {
            let score = surprise(u32::from(foreign.is_single()), named.turns);
            terms.push(self.term(What::Foreign, score, 3, None));
        }
        if let Some(size) = view.size {
            let score = most * super::param::beyond(size, self.size.of_others(by), 256.0, 2.0);
            terms.push(self.term(What::Size, score, 1, None));
        }
        if let Some(latency) = view.latency.filter(|millis| *millis >= LATE_MILLIS) {
            let score =
                most * super::param::beyond(latency, self.latency.of_others(by), 100.0, 2.0);
            terms.push(self.term(What::Latency, score, 2, None));
        }
    }

    /// Fills in how unusual others were on each term's account; where there are many actors, the
    /// one who was most so is left out.
    pub(crate) fn compare(&self, by: By, terms: &mut [Term]) {
        let many = self.actors() >= MANY;
        let of = |peak: &Peak| if many { peak.of_most_others(by) } else { peak.of_others(by) };
        for term in terms {
            term.others = match term.what {
                What::Value(_) => self.param(term.param).map_or(0.0, |param| of(&param.odd)),
                What::Status | What::Size | What::Latency => of(&self.answer),
                What::Foreign => 0.0,
                _ => of(&self.structure),
            };
        }
    }

    /// Learns a request; `text` names parameters and gives texts that may be kept.
    pub(crate) fn learn(&mut self, view: &View, terms: &[Term], text: &impl Texts) {
        let by = view.by;
        for term in terms {
            match term.what {
                What::Value(_) => {
                    if let Some(param) = find_mut(&mut self.params, term.param) {
                        param.odd.see(term.score, by);
                    }
                }
                What::Status | What::Size | What::Latency => self.answer.see(term.score, by),
                What::Foreign => {}
                _ => self.structure.see(term.score, by),
            }
        }
        if self.whole.turns >= TURNS_MAX {
            self.halve();
        }
        self.actors |= by.bit();
        self.whole.see(by);
        for values in view.params() {
            self.learn_param(values, by, text);
        }
        see(&mut self.orders, view.order, by, ORDERS_MAX);
        if let Some(status) = view.status {
            see(&mut self.statuses, status, by, STATUSES_MAX);
        }
        if let (Some(named), [of, others]) = (view.echo, &mut self.echoes) {
            if named {
                of.see(by)
            } else {
                others.see(by)
            };
        }
        if let Some(size) = view.size {
            self.size.see(size, by);
        }
        if let Some(latency) = view.latency {
            self.latency.see(latency, by);
        }
    }

    fn learn_param(&mut self, values: &[Item], by: By, text: &impl Texts) {
        let Some(first) = values.first() else { return };
        if self.param(first.key).is_none() {
            // A name that one caller made up takes no room among those that are used.
            let fresh = self.whole.turns <= FRESH;
            see(&mut self.waiting, first.key, by, WAITING_MAX);
            let shared = find(&self.waiting, first.key).is_some_and(|fact| fact.shared);
            if self.params.len() >= PARAMS_MAX || !(fresh || shared) {
                if self.waiting.len() >= WAITING_MAX {
                    self.waiting.clear();
                }
                return;
            }
            self.waiting.retain(|(key, _)| *key != first.key);
            let born = self.whole.turns.saturating_sub(1);
            let at = self.params.partition_point(|(key, _)| *key < first.key);
            self.params.insert(at, (first.key, Param::new(text.name(first.leaf), born)));
        }
        let Some(param) = find_mut(&mut self.params, first.key) else { return };
        param.count(count(values), by);
        for item in values {
            param.see(item, by, text.shown(item.leaf));
        }
    }

    fn halve(&mut self) {
        self.whole.halve();
        self.echoes.iter_mut().for_each(Fact::halve);
        self.statuses.iter_mut().for_each(|(_, fact)| fact.halve());
        self.orders.iter_mut().for_each(|(_, fact)| fact.halve());
        for (_, param) in &mut self.params {
            param.halve();
        }
    }

    /// Adds what another sensor learned.
    pub(crate) fn absorb(&mut self, other: &Self) {
        if self.name.is_empty() {
            self.name.clone_from(&other.name);
        }
        self.whole.absorb(&other.whole);
        self.actors |= other.actors;
        self.last = self.last.max(other.last);
        for (key, param) in &other.params {
            match self.params.binary_search_by_key(key, |(known, _)| *known) {
                Ok(at) => {
                    if let Some((_, own)) = self.params.get_mut(at) {
                        own.absorb(param);
                    }
                }
                Err(at) if self.params.len() < PARAMS_MAX => {
                    self.params.insert(at, (*key, param.clone()));
                }
                Err(_) => {}
            }
        }
        absorb(&mut self.orders, &other.orders, ORDERS_MAX);
        absorb(&mut self.statuses, &other.statuses, STATUSES_MAX);
        for (own, other) in [
            (&mut self.size, &other.size),
            (&mut self.latency, &other.latency),
            (&mut self.structure, &other.structure),
            (&mut self.answer, &other.answer),
        ] {
            own.absorb(other);
        }
        for (own, theirs) in self.echoes.iter_mut().zip(&other.echoes) {
            own.absorb(theirs);
        }
        self.recent.absorb(&other.recent);
    }
}

/// Actors of whom one may be left out.
const MANY: u64 = 20;
/// Turns below which a parameter of an endpoint is thinly known.
pub(crate) const THIN: u32 = 20;
/// Turns of an endpoint during which parameters of one caller are learned at once.
const FRESH: u32 = 20;
/// Answers that come sooner than this are not late.
const LATE_MILLIS: f32 = 1000.0;

/// Names and texts of a request's leaves.
pub(crate) trait Texts {
    fn name(&self, leaf: usize) -> &str;
    fn shown(&self, leaf: usize) -> Option<&str>;
}

fn count(values: &[Item]) -> f32 {
    super::view::float(values.len() as u64)
}

/// The most unusual sides of a parameter's values.
#[expect(clippy::cast_possible_truncation, reason = "ASCII marks: both halves are taken")]
fn value_terms(param: &Param, first: usize, values: &[Item], by: By, terms: &mut Vec<Term>) {
    let mut worst = (Oddness::default(), first);
    for (at, item) in values.iter().enumerate() {
        let odd = param.odd(item, by);
        if odd.most() > worst.0.most() {
            worst = (odd, first.saturating_add(at));
        }
    }
    let (odd, item) = worst;
    let key = values.first().map_or(0, |item| item.key);
    let of_id = values.iter().all(|item| item.is_id);
    for (side, score) in odd.sides() {
        // Of ids in the path no list is kept: names have marks, and only a form forbids them.
        let by_form = of_id && side != Side::Kind;
        let closed = if by_form { param.is_strict() } else { param.is_closed() };
        // Marks of a closed parameter count where they mean something to a parser.
        let plain = side == Side::Marks && closed && (odd.syntax == 0 || !param.is_rigid());
        if score > 0.0 && !plain {
            let detail = match (side, closed) {
                (Side::Marks, false) => (odd.syntax ^ (odd.syntax >> 64)) as u64,
                (_, false) => 0,
                (_, true) => values.get(item.saturating_sub(first)).map_or(0, |item| item.value),
            };
            let what = What::Value(side);
            terms.push(Term {
                what,
                score,
                param: key,
                item: Some(item),
                closed,
                detail,
                others: 0.0,
            });
        }
    }
}
