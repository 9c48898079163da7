//! Look-ups told by how they behave, whatever they are called: a parameter whose values are names
//! that people sign in with, and a small answer that is another one for names that nobody has.

use super::{Asker, DAY, EVENTS_MAX, Limits, sort};
use crate::context::Context;
use crate::distinct::Distinct;
use crate::keep::Keep;
use crate::place::Place;
use crate::tell;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::{Finding, Leaf, Response, Value};

/// Parameters remembered.
const PARAMETERS_MAX: usize = 10_000;
/// Leaves of a request that only asks for a name.
const ASKED_MAX: usize = 3;
/// Leaves of an answer that only says whether there is somebody.
const ANSWER_MAX: usize = 4;
/// Sorts of answers remembered of each parameter.
const SORTS_MAX: usize = 16;
/// Names of people who sign in that make a parameter one for names.
const KNOWN_MIN: usize = 5;
/// Shortest and longest name.
const NAME_MIN: usize = 3;
const NAME_MAX: usize = 128;

/// One parameter of an endpoint.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Parameter {
    /// Names asked for with which somebody has signed in.
    known: BTreeSet<u64>,
    /// Answers by sort, and whether it was ever one to a known name.
    sorts: BTreeMap<u64, bool>,
    /// It was answered with more than a word: it finds things, and looks nobody up.
    finds: bool,
}

impl Parameter {
    fn is_for_names(&self) -> bool {
        !self.finds && self.known.len() >= KNOWN_MIN
    }

    fn learn(&mut self, sort: u64, name: u64, known: bool) {
        if known && self.known.len() < 4 * KNOWN_MIN {
            self.known.insert(name);
        }
        if self.sorts.len() < SORTS_MAX || self.sorts.contains_key(&sort) {
            *self.sorts.entry(sort).or_default() |= known;
        } else {
            self.finds = true;
        }
    }
}

/// One client that gives a parameter one value after another.
#[derive(Serialize, Deserialize)]
struct Asking {
    asker: Asker,
    /// Names by the answer they got, the latest first: what it means is learned meanwhile.
    answers: BTreeMap<u64, Distinct>,
}

impl Asking {
    fn new() -> Self {
        Self { asker: Asker::new(), answers: BTreeMap::new() }
    }

    /// Names that got an answer which no known name ever got.
    fn absent(&self, parameter: &Parameter) -> u64 {
        let never = |sort: &u64| parameter.sorts.get(sort) == Some(&false);
        let counts = self.answers.iter().filter(|(sort, _)| never(sort));
        counts.map(|(_, names)| names.different()).sum()
    }
}

/// Parameters, and who asks by them.
#[derive(Serialize, Deserialize)]
pub(super) struct Lookups {
    parameters: Keep<u64, Parameter>,
    askers: Keep<u64, Asking>,
}

impl Lookups {
    pub(super) fn new(clients_max: usize) -> Self {
        Self { parameters: Keep::new(PARAMETERS_MAX), askers: Keep::new(clients_max) }
    }

    pub(super) fn resize(&mut self, clients_max: usize) {
        self.askers.resize(clients_max);
    }

    /// A request that is no step of an account's life, as far as its words go.
    pub(super) fn see(
        &mut self,
        context: &Context<'_>,
        limits: &Limits,
        names: &Keep<u64, ()>,
        findings: &mut Vec<Finding>,
    ) {
        let (Some(request), Some(response)) = (&context.tx.request, &context.tx.response) else {
            return;
        };
        if request.leaves.len() > ASKED_MAX || !tells(response) {
            return;
        }
        let now = context.at();
        let small = is_small(response);
        let answer = sort(response);
        for (path, value) in request.leaves.iter().filter_map(name_of) {
            let key = tell::key(&context.sighting.service, &value);
            let known = names.get(&key).is_some();
            let id = tell::key(path, "parameter") ^ context.sighting.endpoint.0;
            let parameter = self.parameters.touch(now, id, Parameter::default);
            parameter.finds |= !small;
            if parameter.finds {
                continue;
            }
            parameter.learn(answer, key, known);
            let place = Place::of(context);
            let client = tell::key(&context.sighting.service, &place.ip.to_string());
            let asking = self.askers.touch(now, client ^ place.make ^ id, Asking::new);
            asking.hear(context, &value, key, answer);
            asking.judge(context, parameter, limits, findings);
        }
    }
}

impl Asking {
    fn hear(&mut self, context: &Context<'_>, name: &str, key: u64, answer: u64) {
        if let Some(before) = self.asker.hear(context, name, key) {
            for names in self.answers.values_mut() {
                names.forget(before);
            }
        }
        if self.answers.len() < SORTS_MAX || self.answers.contains_key(&answer) {
            let names =
                self.answers.entry(answer).or_insert_with(|| Distinct::new(DAY, EVENTS_MAX));
            names.add(context.at(), key);
        }
    }

    fn judge(
        &mut self,
        context: &Context<'_>,
        parameter: &Parameter,
        limits: &Limits,
        findings: &mut Vec<Finding>,
    ) {
        let guesses = self.absent(parameter) >= limits.names_min / 3;
        if self.asker.story.is_some() || (parameter.is_for_names() && guesses) {
            self.asker.judge(context, limits, findings);
        }
    }
}

/// The answer is one of the application's own, and not about how the request was made.
fn tells(response: &Response) -> bool {
    matches!(response.status, 200..=299 | 404 | 409 | 410)
}

/// It says whether there is somebody, and little else.
fn is_small(response: &Response) -> bool {
    response.leaves.len() <= ANSWER_MAX
        && response.leaves.iter().all(|leaf| !leaf.path.contains("[]"))
}

/// The value of a leaf that may be a name, with its place.
fn name_of(leaf: &Leaf) -> Option<(&str, String)> {
    if leaf.path.in_array() {
        return None;
    }
    let value = match &leaf.value {
        Value::Text(text) => text.to_string(),
        Value::Masked { .. } => leaf.value.as_key()?,
        _ => return None,
    };
    let fits = (NAME_MIN..=NAME_MAX).contains(&value.len());
    (fits && !value.contains(char::is_whitespace)).then_some((leaf.path.as_str(), value))
}
