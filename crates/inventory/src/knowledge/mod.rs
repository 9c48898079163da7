//! What is known of an endpoint beyond its path: parameters, schemas, callers, times.
//!
//! Everything is bounded. Counts are of every request; what a message says in detail is looked at
//! for the first [`DETAILED`] of each sort, for one in [`ONE_IN`] after that, by count, and for
//! those that say what none before them said, so that the same capture always teaches the same.

mod actors;
mod auth;
pub mod class;
mod doors;
mod doubt;
pub mod field;
mod headers;
mod latency;
pub mod schema;
mod sensitive;
mod sorts;

pub use actors::{Actors, Role};
use auth::Shown;
pub use auth::{Auth, Carrier, Level};
pub use headers::{Header, Headers};
pub use latency::Latency;
pub use schema::Schema;
pub use sensitive::{Kind, SensitiveSeen};

use crate::login::cookies::Cookies;
use crate::path::Path;
use crate::sighting::Slot;
use field::Field;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_model::{
    ActorId, Leaf, Outcome, Place, Request, Response, Timestamp, Transaction, Value,
};

/// Messages of one sort that are looked at in detail…
const DETAILED: u64 = 128;
/// …and how many are passed over for each one after that.
const ONE_IN: u64 = 32;
/// Status codes told apart, and media types of either direction.
const STATUSES_MAX: usize = 24;
/// Parameters with brackets that are noted.
const BRACKETED_MAX: usize = 64;
const MEDIA_MAX: usize = 4;
/// Sorts of answers (by status) whose schema is kept.
const ANSWERS_MAX: usize = 8;

/// Who asked, as the floors above know.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// The actor.
    pub actor: ActorId,
    /// It showed a credential that the application issued or accepts.
    pub authenticated: bool,
    /// Its roles.
    pub roles: &'a [String],
}

/// What learning needs beside the transaction.
pub(crate) struct Beside<'a> {
    /// Room to cut its path, and the slots of the template.
    pub(crate) path: Option<(&'a mut Path, &'a [Slot])>,
    /// Fields that may still be learned.
    pub(crate) room: &'a mut usize,
    /// What is known of the cookies of the service.
    pub(crate) cookies: Option<&'a Cookies>,
}

/// One sort of answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Answers of that status.
    pub count: u64,
    /// Media types, in the order they came.
    pub media: Vec<Box<str>>,
    /// What the bodies say.
    pub schema: Schema,
    /// Most records (elements of the outermost array) one answer had.
    pub records_max: u64,
    /// Longest body, in bytes.
    pub bytes_max: u64,
    /// Its headers.
    #[serde(default)]
    pub headers: Headers,
}

/// What is known of one endpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Knowledge {
    /// First request.
    pub first: Timestamp,
    /// Last request.
    pub last: Timestamp,
    /// Requests.
    pub requests: u64,
    /// Requests the application did as asked.
    pub successes: u64,
    /// Answers, by status; those beyond the cap are in none.
    pub answers: Vec<Answer>,
    /// Time from the end of a request to the start of its answer.
    pub latency: Latency,
    /// Credentials shown.
    pub auth: Auth,
    /// Who asked.
    pub actors: Actors,
    /// Values in the slots of the path, in their order.
    pub slots: Vec<Field>,
    /// Parameters of the query.
    pub query: Schema,
    /// Those of them that are written with brackets (`filter[state]`).
    #[serde(default)]
    pub bracketed: BTreeSet<Box<str>>,
    /// What request bodies say.
    pub body: Schema,
    /// Media types of request bodies.
    pub media: Vec<Box<str>>,
    /// Answers that handed out a token or cookie which is not one of many.
    pub issued: u64,
    /// Requests of callers who are signed in that were refused for lack of right.
    #[serde(default)]
    pub denied: u64,
    /// Headers of requests.
    #[serde(default)]
    pub headers: Headers,
    /// Sensitive data in requests that the application did as asked…
    #[serde(default)]
    pub taken: SensitiveSeen,
    /// …and in answers of any status.
    #[serde(default)]
    pub given: SensitiveSeen,
}

impl Knowledge {
    /// Takes in a transaction. `flagged`: it belongs to an attack, and is counted only. `true`
    /// where a header may have turned out to be a credential.
    pub(crate) fn learn(
        &mut self,
        tx: &Transaction,
        outcome: Outcome,
        who: Who<'_>,
        flagged: bool,
        Beside { path, room, cookies }: Beside<'_>,
    ) -> bool {
        let Some(request) = &tx.request else { return false };
        if self.requests == 0 {
            self.first = tx.start;
        }
        self.first = self.first.min(tx.start);
        self.last = self.last.max(tx.start);
        self.requests = self.requests.saturating_add(1);
        self.actors.see(who, tx.status());
        let forbidden = outcome == Outcome::Failure && who.authenticated && denies(tx);
        self.denied = self.denied.saturating_add(u64::from(forbidden));
        let shown = Shown { credentials: &request.credentials, headers: &request.headers, cookies };
        let news = self.auth.see(shown, who.authenticated, outcome, tx.status());
        if let Some(response) = &tx.response {
            self.latency.add(response.start.since(tx.start));
            self.answer(response, who.actor, flagged, room);
            if !flagged {
                self.given.see(&response.sensitive, &response.leaves);
                self.given.see_columns(&response.columns);
            }
        }
        if outcome != Outcome::Success || flagged {
            return news;
        }
        self.successes = self.successes.saturating_add(1);
        self.taken.see(&request.sensitive, &request.leaves);
        if detailed(self.successes) || self.is_news(request) {
            self.headers.see(&request.headers);
            if let Some((path, slots)) = path {
                self.path(&request.path, path, slots, who.actor);
            }
            self.request(request, who.actor, room);
        }
        news
    }

    fn path(&mut self, text: &str, path: &mut Path, slots: &[Slot], actor: ActorId) {
        path.parse(text);
        if self.slots.len() != slots.len() {
            // The template has changed: what the slots held was of another cut.
            self.slots = vec![Field::default(); slots.len()];
        }
        for (field, slot) in self.slots.iter_mut().zip(slots) {
            field.see_text(path.segment(slot.segment), actor);
        }
    }

    /// Something in the query or body was never seen before.
    fn is_news(&self, request: &Request) -> bool {
        let of = |query: bool| {
            request.leaves.iter().filter(move |leaf| (leaf.place == Place::Query) == query)
        };
        self.query.is_new(of(true)) || (request.body_bytes > 0 && self.body.is_new(of(false)))
    }

    fn request(&mut self, request: &Request, actor: ActorId, room: &mut usize) {
        let of = |place: Place| request.leaves.iter().filter(move |leaf| leaf.place == place);
        let whole = !request.leaves_cut;
        self.query.see(of(Place::Query), whole, actor, room);
        if request.query.as_deref().is_some_and(|query| query.contains(['[', '%'])) {
            self.see_brackets(request);
        }
        if request.body_bytes > 0 {
            let body = request.leaves.iter().filter(|leaf| leaf.place != Place::Query);
            self.body.see(body, whole, actor, room);
            note_media(&mut self.media, request.content_type.as_deref());
        }
    }

    /// Notes names that stand with brackets in the query, since leaves are called without them.
    fn see_brackets(&mut self, request: &Request) {
        let query = request.query.as_deref().unwrap_or_default();
        let plain = query.replace("%5B", "[").replace("%5b", "[");
        for leaf in request.leaves.iter().filter(|leaf| leaf.place == Place::Query) {
            let Some((first, _)) = leaf.path.split_once('.') else { continue };
            let room = self.bracketed.len() < BRACKETED_MAX;
            if room && plain.contains(&format!("{first}[")) {
                self.bracketed.insert(leaf.path.as_str().into());
            }
        }
    }

    fn answer(&mut self, response: &Response, actor: ActorId, flagged: bool, room: &mut usize) {
        let issued = response.issued.iter().any(|issued| !issued.cleared);
        self.issued = self.issued.saturating_add(u64::from(issued));
        let known = self.answers.iter().position(|answer| answer.status == response.status);
        let at = known.unwrap_or_else(|| {
            if self.answers.len() < STATUSES_MAX {
                self.answers.push(Answer { status: response.status, ..Answer::default() });
            }
            self.answers.len().saturating_sub(1)
        });
        let details = at < ANSWERS_MAX && !flagged;
        let Some(answer) = self.answers.get_mut(at) else { return };
        if answer.status != response.status {
            return;
        }
        answer.count = answer.count.saturating_add(1);
        answer.bytes_max = answer.bytes_max.max(response.body_bytes);
        let leaves = || response.leaves.iter().filter(|leaf| leaf.place == Place::Json);
        let new = || response.body_bytes > 0 && answer.schema.is_new(leaves());
        if !details || !(detailed(answer.count) || new()) {
            return;
        }
        answer.headers.see(&response.headers);
        if response.body_bytes == 0 {
            return;
        }
        note_media(&mut answer.media, response.content_type.as_deref());
        let records = leaves().filter(|leaf| leaf.path.in_array()).map(|leaf| leaf.record);
        let records = records.max().map_or(0, |last| u64::from(last).saturating_add(1));
        answer.records_max = answer.records_max.max(records);
        answer.schema.see(leaves(), !response.leaves_cut, actor, room);
    }

    /// Answers of that class (2 for 200 to 299), the most frequent first.
    pub fn answers_of(&self, class: u16) -> impl Iterator<Item = &Answer> {
        let mut found: Vec<&Answer> =
            self.answers.iter().filter(|answer| answer.status / 100 == class).collect();
        found.sort_by_key(|answer| (core::cmp::Reverse(answer.count), answer.status));
        found.into_iter()
    }

    /// Fields known, against the cap of all endpoints.
    pub(crate) fn fields(&self) -> usize {
        let answers: usize = self.answers.iter().map(|answer| answer.schema.fields()).sum();
        answers.saturating_add(self.query.fields()).saturating_add(self.body.fields())
    }

    /// Takes in what was known of an endpoint that turned out to be this one.
    pub(crate) fn absorb(&mut self, other: Self) {
        if other.requests == 0 {
            return;
        }
        self.first = if self.requests == 0 { other.first } else { self.first.min(other.first) };
        self.last = self.last.max(other.last);
        self.requests = self.requests.saturating_add(other.requests);
        self.successes = self.successes.saturating_add(other.successes);
        self.issued = self.issued.saturating_add(other.issued);
        self.denied = self.denied.saturating_add(other.denied);
        self.latency.absorb(&other.latency);
        self.auth.absorb(&other.auth);
        self.actors.absorb(&other.actors);
        self.headers.absorb(&other.headers);
        self.taken.absorb(&other.taken);
        self.given.absorb(&other.given);
        self.query.absorb(other.query);
        self.bracketed.extend(other.bracketed);
        while self.bracketed.len() > BRACKETED_MAX {
            self.bracketed.pop_last();
        }
        self.body.absorb(other.body);
        for media in other.media {
            note_media(&mut self.media, Some(&media));
        }
        if self.slots.is_empty() {
            self.slots = other.slots;
        } else if self.slots.len() == other.slots.len() {
            for (field, old) in self.slots.iter_mut().zip(&other.slots) {
                field.absorb(old);
            }
        }
        for answer in other.answers {
            let room = self.answers.len() < STATUSES_MAX;
            match self.answers.iter_mut().find(|known| known.status == answer.status) {
                Some(known) => {
                    known.count = known.count.saturating_add(answer.count);
                    known.records_max = known.records_max.max(answer.records_max);
                    known.bytes_max = known.bytes_max.max(answer.bytes_max);
                    known.schema.absorb(answer.schema);
                    known.headers.absorb(&answer.headers);
                    for media in answer.media {
                        note_media(&mut known.media, Some(&media));
                    }
                }
                None if room => self.answers.push(answer),
                None => {}
            }
        }
    }
}

/// The answer says that the caller may not do that: 403, or the same in words of a GraphQL or
/// JSON-RPC error.
fn denies(tx: &Transaction) -> bool {
    let Some(response) = &tx.response else { return false };
    let word = |text: &str| {
        let plain: String = text.chars().filter(char::is_ascii_alphabetic).take(24).collect();
        let plain = plain.to_ascii_lowercase();
        ["forbidden", "permissiondenied", "accessdenied", "notallowed"]
            .iter()
            .any(|known| plain.starts_with(known))
    };
    let says = |leaf: &Leaf| match &leaf.value {
        Value::Text(text) => leaf.path.starts_with("error") && word(text),
        _ => false,
    };
    response.status == 403 || response.status == 200 && response.leaves.iter().take(16).any(says)
}

/// Whether the `count`th message of its sort is looked at in detail.
fn detailed(count: u64) -> bool {
    count <= DETAILED || count.is_multiple_of(ONE_IN)
}

fn note_media(known: &mut Vec<Box<str>>, media: Option<&str>) {
    let Some(media) = media else { return };
    if known.len() < MEDIA_MAX && !known.iter().any(|one| **one == *media) {
        known.push(media.into());
    }
}
