//! A schema that traffic taught, in the form of a documented one: what messages depart from where
//! nobody wrote a document.

use super::shape::{Departure, Shape, Types, Want};
use crate::knowledge::field::Field;
use crate::knowledge::schema::{self, Schema};
use std::collections::BTreeMap;
use stilt_model::Leaf;

/// Keys of an object that may vary, and as many of one type that are a list of settings or texts.
const VARIED_MIN: usize = 3;
const ALIKE_MIN: usize = 12;

impl Shape {
    /// What messages had so far. `None` where some of it was left out, so that what is missing in
    /// it may well have been there.
    #[must_use]
    pub fn learned(schema: &Schema) -> Option<Self> {
        if schema.open || schema.is_empty() {
            return None;
        }
        let mut shape = Self::default();
        for (path, field) in &schema.fields {
            shape.contain(path);
            shape.add(path, Want { types: Types(types(field)), ..Want::default() });
            // How many elements an array had is not known, nor what stands where null stood.
            let varies = path.contains("[]") || path.contains('*') || field.nulls == field.values;
            if schema.always(field) && !varies {
                shape.required.insert(path.clone());
            }
        }
        for object in dictionaries(schema) {
            shape.required.retain(|path| parent(path) != object);
            if let Some(want) = shape.places.get_mut(object) {
                want.open = true;
            }
        }
        shape.settle();
        Some(shape)
    }

    /// Adds the objects and arrays around a field.
    fn contain(&mut self, path: &str) {
        let container = |types| Want { types: Types(types), ..Want::default() };
        let mut at = String::new();
        let root = if path.starts_with("[]") { Types::ARRAY } else { Types::OBJECT };
        self.add("", container(root));
        let keys: Vec<&str> = path.split('.').collect();
        for (n, key) in keys.iter().enumerate() {
            let name = key.trim_end_matches("[]");
            let steps = key.len().saturating_sub(name.len()) / 2;
            let last = n + 1 == keys.len();
            if !name.is_empty() {
                if !at.is_empty() {
                    at.push('.');
                }
                at.push_str(name);
                let inside = if steps > 0 { Types::ARRAY } else { Types::OBJECT };
                if steps > 0 || !last {
                    self.add(&at, container(inside));
                }
            }
            for step in 0..steps {
                at.push_str("[]");
                let deeper = step + 1 < steps;
                if deeper || !last {
                    self.add(&at, container(if deeper { Types::ARRAY } else { Types::OBJECT }));
                }
            }
        }
    }

    /// What of a message is new to a learned schema; `whole`: all its leaves are there. Of what
    /// stands in a list or object that was never seen filled nothing is said, nor of what lacks
    /// where all around it does.
    pub fn news<'a>(
        &self,
        leaves: impl Iterator<Item = &'a Leaf> + Clone,
        whole: bool,
    ) -> Vec<Departure> {
        let there = |parent: &str| {
            parent.is_empty()
                || leaves.clone().any(|leaf| {
                    let rest = leaf.path.as_str().strip_prefix(parent);
                    rest.is_some_and(|rest| rest.starts_with(['.', '[']))
                })
        };
        let tells = |departure: &Departure| match departure {
            Departure::Undocumented(path) => self.is_anchored(path),
            Departure::Missing(path) => there(parent(path)),
            Departure::Type(..) | Departure::Null(_) => true,
            Departure::Value(_) => false,
        };
        self.departures(leaves.clone(), whole).into_iter().filter(tells).collect()
    }

    /// The object that holds the field is known, and its keys are names.
    fn is_anchored(&self, path: &str) -> bool {
        let around = parent(path);
        let known = self.places.get(around).map(|want| want.types.0);
        let varies = format!("{around}{}*", if around.is_empty() { "" } else { "." });
        !path.ends_with("[]")
            && known.is_some_and(|types| types & Types::OBJECT != 0)
            && !self.places.contains_key(varies.as_str())
            && schema::normal(path) == path
    }

    /// From now on it is as the departure says.
    pub fn adopt(&mut self, departure: &Departure) {
        match departure {
            Departure::Undocumented(path) => self.add(path, Want::default()),
            Departure::Missing(path) => {
                self.required.remove(path);
            }
            Departure::Type(path, ..) | Departure::Null(path) | Departure::Value(path) => {
                if let Some(want) = self.places.get_mut(path) {
                    *want = Want::default();
                }
            }
        }
    }

    /// Places it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }
}

/// Objects whose keys say which things are meant (languages, currencies, switches), so that new
/// ones come and go. Of a record some field is always there, or two come and go together.
fn dictionaries(schema: &Schema) -> Vec<&str> {
    let mut objects: BTreeMap<&str, BTreeMap<&str, (u64, u8)>> = BTreeMap::new();
    for (path, field) in &schema.fields {
        let mut from = 0;
        while let Some(rest) = path.get(from..) {
            let object = path.get(..from.saturating_sub(1)).unwrap_or_default();
            let (key, inside) = match rest.split_once('.') {
                Some((key, _)) => (key, true),
                None => (rest, rest.ends_with("[]")),
            };
            from = from.saturating_add(key.len()).saturating_add(1);
            let keys = objects.entry(object).or_default();
            let (count, kinds) = keys.entry(key.trim_end_matches("[]")).or_default();
            *count = field.messages.max(*count);
            *kinds |= if inside { Types::OBJECT } else { types(field) & !Types::NULL };
        }
    }
    let varies = |keys: &BTreeMap<&str, (u64, u8)>| {
        let most = keys.values().map(|(count, _)| *count).max().unwrap_or_default();
        let often = keys.values().filter(|(count, _)| *count == most).count();
        keys.len() >= VARIED_MIN && often < 2 && most < schema.looked()
    };
    let alike = |keys: &BTreeMap<&str, (u64, u8)>| {
        let first = keys.values().next().map_or(0, |(_, kinds)| *kinds);
        let scalar = matches!(first, Types::BOOLEAN | Types::STRING);
        keys.len() >= ALIKE_MIN && scalar && keys.values().all(|(_, kinds)| *kinds == first)
    };
    let all = objects.into_iter().filter(|(_, keys)| varies(keys) || alike(keys));
    all.map(|(object, _)| object).collect()
}

fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

/// Types of a field; none where it held what is masked, of which the type is not known.
fn types(field: &Field) -> u8 {
    if field.secrets().next().is_some() {
        return 0;
    }
    // A number without a fraction is as often a number as a whole one.
    let number = Types::NUMBER | Types::INTEGER;
    [
        (field.bools, Types::BOOLEAN),
        (field.integers, number),
        (field.numbers, number),
        (field.text_count(), Types::STRING),
        (field.nulls, Types::NULL),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .fold(0, |all, (_, bit)| all | bit)
}
