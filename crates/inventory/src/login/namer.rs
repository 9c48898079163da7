//! Which field names the user beside a secret, where no field says so by its name: the one whose
//! values vary with those who sign in. What describes the client or the sort of account has few
//! values, what is drawn by chance (a device, a challenge) names no person where something else
//! may.

use crate::login::steps::is_drawn;
use core::hash::BuildHasher;
use serde::{Deserialize, Serialize};
use stilt_model::{Leaf, Value, saved};

/// Fields compared at one endpoint.
const FIELDS_MAX: usize = 8;
/// Values remembered of each.
const VALUES_MAX: usize = 24;
/// So many values of one field, and twice as many as of any other, show which it is.
const VARIES: usize = 3;
/// After so many requests the field with most values is taken.
const ENOUGH: u32 = 16;
/// Longest name.
const NAME_MAX: usize = 64;
/// Smallest number that names somebody.
const NUMBER_MIN: i64 = 1000;

/// What one field held.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Field {
    path: u64,
    values: Vec<u64>,
}

/// What is known of the fields of one endpoint.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Namer {
    hasher: saved::Keyed,
    fields: Vec<Field>,
    requests: u32,
    /// The field that names the user, once it is known.
    chosen: Option<u64>,
}

/// A field that may name somebody, whatever it is called.
fn may_name(leaf: &Leaf, numbers: bool) -> bool {
    match &leaf.value {
        Value::Text(text) => text.len() <= NAME_MAX && !text.contains('\n'),
        Value::Integer(number) => numbers && *number >= NUMBER_MIN,
        _ => false,
    }
}

fn is_by_chance(leaf: &Leaf) -> bool {
    matches!(&leaf.value, Value::Text(text) if is_drawn(text))
}

/// The fields among which the user is: none of those drawn by chance, where there are others.
pub(crate) fn candidates<'a>(others: &[&'a Leaf], numbers: bool) -> Vec<&'a Leaf> {
    let all = others.iter().copied().filter(|leaf| may_name(leaf, numbers));
    let (drawn, plain): (Vec<&Leaf>, Vec<&Leaf>) = all.partition(|leaf| is_by_chance(leaf));
    if plain.is_empty() { drawn } else { plain }
}

/// The only text, before anything is learned.
pub(crate) fn only<'a>(candidates: &[&'a Leaf]) -> Option<&'a Leaf> {
    if let [alone] = candidates {
        return Some(alone);
    }
    let mut texts = candidates.iter().filter(|leaf| matches!(leaf.value, Value::Text(_)));
    let first = texts.next()?;
    texts.next().is_none().then_some(*first)
}

impl Namer {
    /// Chooses among several, and learns from them.
    pub(crate) fn choose<'a>(&mut self, candidates: &[&'a Leaf]) -> Option<&'a Leaf> {
        let path = |namer: &Self, leaf: &Leaf| namer.hasher.hash_one(leaf.path.as_str());
        if self.chosen.is_none() {
            self.requests = self.requests.saturating_add(1);
            for leaf in candidates {
                let (path, value) = (path(self, leaf), self.hasher.hash_one(leaf.value.as_key()));
                self.note(path, value);
            }
            self.decide();
        }
        let chosen = self.chosen?;
        candidates.iter().copied().find(|leaf| path(self, leaf) == chosen)
    }

    fn note(&mut self, path: u64, value: u64) {
        let room = self.fields.len() < FIELDS_MAX;
        let known = self.fields.iter_mut().find(|field| field.path == path);
        match known {
            Some(field) if field.values.contains(&value) => {}
            Some(field) if field.values.len() < VALUES_MAX => field.values.push(value),
            None if room => {
                self.fields.push(Field { path, values: vec![value] });
            }
            _ => {}
        }
    }

    fn decide(&mut self) {
        let mut best: Option<(usize, u64)> = None;
        let mut second = 0;
        for field in &self.fields {
            let count = field.values.len();
            match best {
                Some((most, _)) if most >= count => second = second.max(count),
                Some((most, _)) => {
                    second = most;
                    best = Some((count, field.path));
                }
                None => best = Some((count, field.path)),
            }
        }
        let Some((most, path)) = best else { return };
        if most >= VARIES && (most >= second.saturating_mul(2) || self.requests >= ENOUGH) {
            self.chosen = Some(path);
            self.fields = Vec::new();
        }
    }
}
