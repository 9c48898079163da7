//! What an answer hands out and comes back: credentials, whatever they are called.
//!
//! `POST /rpc {"method":"konto.anmelden","params":{"kennung":…,"losung":…}} → {"sitzung":"9f3a…"}`,
//! and from then on `Authorization: Bearer 9f3a…`, or `"auth":"9f3a…"` in each body. No word of it
//! need be known: a value that was drawn by chance, handed out in an answer and sent back where
//! credentials stand is one. One that is sent back in the body is one where it goes with calls of
//! all sorts, each client has its own, and nothing else says who asks. And what is typed to get
//! one, a user and a text that goes with the user, is a user and a password.

mod door;
#[cfg(test)]
mod tests;

use crate::operation;
use core::hash::{BuildHasher, Hash, Hasher};
use door::Door;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use stilt_model::{
    Credential, CredentialKind, Issued, LeafPath, Pseudonym, Request, Transaction, Value, saved,
};

/// Values handed out that are remembered of one service.
const GIVEN_MAX: usize = 4096;
/// Places in which a service hands out credentials.
const PLACES_MAX: usize = 32;
/// Places in bodies that may carry them.
const CARRIERS_MAX: usize = 32;
/// Forms that may be for signing in.
const DOORS_MAX: usize = 64;
/// Names that a handle may stand for, remembered of one service.
const PEOPLE_MAX: usize = 2048;

/// Segments of a path that tell one sort of call from another.
const SEGMENTS_MAX: usize = 12;

/// Values that came back in one place of a body before it is one for credentials.
const VALUES_MIN: usize = 3;
/// Sorts of calls with which they came.
const CALLS_MIN: usize = 4;
/// Of both no more is remembered.
const MANY: usize = 8;

/// A place in bodies where values come back that were handed out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Carrier {
    values: BTreeSet<u64>,
    calls: BTreeSet<u64>,
    /// Requests with a value here that was not handed out, as far as is known.
    strange: u32,
    known: u32,
    /// It carries credentials; who guesses there must not undo that.
    sure: bool,
}

impl Carrier {
    /// Of all sorts of calls, each client's own, and hardly anything else stands there.
    fn carries(&mut self) -> bool {
        self.sure |= self.values.len() >= VALUES_MIN
            && self.calls.len() >= CALLS_MIN
            && self.known >= self.strange.saturating_mul(4);
        self.sure
    }
}

/// What is known of one service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Handed {
    hasher: saved::Keyed,
    /// Where a value was handed out.
    given: HashMap<u64, u64, RandomState>,
    order: VecDeque<u64>,
    /// Places from which values came back as credentials.
    places: BTreeSet<u64>,
    carriers: BTreeMap<u64, Carrier>,
    doors: BTreeMap<u64, Door>,
    people: HashMap<u64, Box<str>, RandomState>,
    named: VecDeque<u64>,
}

impl Handed {
    /// Learns from a transaction, and says in it what was learned before: credentials that it
    /// carries and hands out, the password that is typed, the person that a handle stands for.
    pub(crate) fn read(&mut self, tx: &mut Transaction) {
        let Some(request) = &mut tx.request else { return };
        // Of most transactions nothing may be a secret: then nobody asks for their sort.
        let hands_out = tx.response.as_ref().is_some_and(|response| !response.drawn.is_empty());
        let asked = hands_out || !request.drawn.is_empty() || !request.typed.is_empty();
        let call = if asked { self.call(request) } else { 0 };
        self.carried(request, call);
        let Some(response) = &mut tx.response else {
            self.hide(request, call);
            return;
        };
        for credential in &request.credentials {
            if let Some(place) = self.given.get(&credential.mark.digest[0]).copied() {
                self.comes_back(place);
            }
        }
        let door = self.hide(request, call);
        let nobody = request.credentials.is_empty();
        let well = response.status < 400;
        for drawn in &response.drawn {
            let Some(leaf) = response.leaves.get_mut(drawn.leaf as usize) else { continue };
            let place = self.hasher.hash_one((call, leaf.path.key()));
            // What is called a credential is known by its answer; where it comes back is not.
            if response.issued.iter().any(|issued| issued.mark == drawn.mark) {
                if well {
                    self.note(drawn.mark.digest[0], place);
                }
                continue;
            }
            if self.places.contains(&place) {
                let name = leaf.path.to_string();
                let mark = drawn.mark;
                response.issued.push(Issued {
                    kind: CredentialKind::Bearer,
                    name,
                    mark,
                    cleared: false,
                    jwt: None,
                });
                leaf.value = masked(&leaf.value, mark);
            } else if well {
                self.note(drawn.mark.digest[0], place);
            }
        }
        if nobody && let Some(door) = door {
            let lets_in = well
                && response
                    .issued
                    .iter()
                    .any(|own| own.kind != CredentialKind::Cookie && !own.cleared);
            self.doors.entry(call).or_default().learn(&door, lets_in);
        }
        if well && nobody {
            self.introduce(request, &response.leaves);
        }
    }

    /// The sort of call: method, path without what is drawn or counted, operation.
    fn call(&self, request: &Request) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        request.method.hash(&mut hasher);
        for segment in request.path.split('/').take(SEGMENTS_MAX) {
            let counted = segment.bytes().any(|byte| byte.is_ascii_digit());
            if counted { "*" } else { segment }.hash(&mut hasher);
        }
        operation::of(request).map(|operation| operation.suffix).hash(&mut hasher);
        hasher.finish()
    }

    fn note(&mut self, value: u64, place: u64) {
        if self.given.insert(value, place).is_none() {
            self.order.push_back(value);
        }
        while self.order.len() > GIVEN_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.given.remove(&oldest);
            }
        }
    }

    fn comes_back(&mut self, place: u64) {
        if self.places.len() < PLACES_MAX {
            self.places.insert(place);
        }
    }

    /// Values in the body that were handed out.
    fn carried(&mut self, request: &mut Request, call: u64) {
        let nothing_else = request.credentials.is_empty();
        let mut found = None;
        for drawn in &request.drawn {
            let Some(leaf) = request.leaves.get(drawn.leaf as usize) else { continue };
            let at = leaf.path.key();
            let value = drawn.mark.digest[0];
            let given = self.given.get(&value).copied();
            if !self.carriers.contains_key(&at)
                && (given.is_none() || self.carriers.len() >= CARRIERS_MAX)
            {
                continue;
            }
            let carrier = self.carriers.entry(at).or_default();
            match given {
                Some(_) if nothing_else => {
                    carrier.known = carrier.known.saturating_add(1);
                    for (set, one) in [(&mut carrier.values, value), (&mut carrier.calls, call)] {
                        if set.len() < MANY {
                            set.insert(one);
                        }
                    }
                }
                // Guessed, or handed out before anybody looked.
                None => carrier.strange = carrier.strange.saturating_add(1),
                Some(_) => {}
            }
            if nothing_else && carrier.carries() && found.is_none() {
                found = Some((*drawn, given));
            }
        }
        let Some((drawn, given)) = found else { return };
        if let Some(place) = given {
            self.comes_back(place);
        }
        let Some(leaf) = request.leaves.get_mut(drawn.leaf as usize) else { return };
        request.credentials.push(Credential {
            kind: CredentialKind::Bearer,
            name: leaf.path.to_string(),
            mark: drawn.mark,
            length: length(&leaf.value),
            user: None,
            password: None,
            jwt: None,
        });
        leaf.value = masked(&leaf.value, drawn.mark);
    }

    /// Hides what is typed as a password here; gives what was typed.
    fn hide(&mut self, request: &mut Request, call: u64) -> Option<Vec<(LeafPath, u64)>> {
        if let Some(person) = self.person(request) {
            request.person = Some(person);
        }
        if request.typed.is_empty()
            || (!self.doors.contains_key(&call) && self.doors.len() >= DOORS_MAX)
        {
            return None;
        }
        let texts: Vec<(LeafPath, u64)> = request
            .typed
            .iter()
            .filter_map(|typed| {
                let leaf = request.leaves.get(typed.leaf as usize)?;
                Some((leaf.path.clone(), typed.mark.digest[0]))
            })
            .collect();
        let secret = self.doors.get(&call).and_then(Door::secret);
        let hidden =
            request.typed.iter().zip(&texts).find(|(_, (path, _))| Some(path.key()) == secret);
        if let Some((typed, _)) = hidden
            && let Some(leaf) = request.leaves.get_mut(typed.leaf as usize)
        {
            leaf.value = masked(&leaf.value, typed.mark);
        }
        Some(texts)
    }

    /// Notes whom the handles in an answer stand for.
    fn introduce(&mut self, request: &Request, answer: &[stilt_model::Leaf]) {
        if request.method != "POST" || answer.len() > MANY || request.leaves.len() > 3 {
            return;
        }
        let Some(person) = crate::login::fields::named(request) else { return };
        for key in crate::login::handles::keys(answer, &self.hasher) {
            if self.people.insert(key, person.as_str().into()).is_none() {
                self.named.push_back(key);
            }
        }
        while self.named.len() > PEOPLE_MAX {
            if let Some(oldest) = self.named.pop_front() {
                self.people.remove(&oldest);
            }
        }
    }

    /// Whom a handle in the path or the body stands for.
    fn person(&self, request: &Request) -> Option<String> {
        if self.people.is_empty() || request.method != "POST" || !request.credentials.is_empty() {
            return None;
        }
        let leaves = crate::login::handles::keys(&request.leaves, &self.hasher);
        let path = request.path.split('/').map(|segment| self.hasher.hash_one(segment));
        leaves.chain(path).find_map(|key| self.people.get(&key)).map(|person| person.to_string())
    }
}

fn length(value: &Value) -> u32 {
    match value {
        Value::Text(text) => u32::try_from(text.len()).unwrap_or(u32::MAX),
        Value::Masked { length, .. } => *length,
        _ => 0,
    }
}

fn masked(value: &Value, mark: Pseudonym) -> Value {
    Value::Masked { mark, length: length(value) }
}
