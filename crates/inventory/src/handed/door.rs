//! A form for which credentials are handed out: which of its texts is the password.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::LeafPath;

/// Forms remembered, filled in in different ways.
const FORMS_MAX: usize = 32;
/// People who were let in before anything is believed.
const PEOPLE_MIN: usize = 3;

/// What was typed in one form, by leaf.
type Typed = BTreeMap<u64, u64>;

/// What is known of one form.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Door {
    /// Ways to fill it in that were let in.
    let_in: BTreeSet<Typed>,
    /// One of them came again.
    again: bool,
    /// One was turned down.
    refused: bool,
    /// Leaves in the order of the form, with those whose names speak of a user.
    order: Vec<(u64, bool)>,
    secret: Option<u64>,
}

impl Door {
    /// The leaf that is the password.
    pub(super) fn secret(&self) -> Option<u64> {
        self.secret
    }

    /// Learns from one form that somebody without a credential filled in.
    pub(super) fn learn(&mut self, typed: &[(LeafPath, u64)], lets_in: bool) {
        if self.secret.is_some() {
            return;
        }
        if !lets_in {
            // It may never let anybody in: then nothing is told of it.
            self.refused |= !self.let_in.is_empty();
            return;
        }
        if self.order.is_empty() {
            self.order = typed
                .iter()
                .map(|(path, _)| (path.key(), crate::login::fields::names_a_user(path)))
                .collect();
        }
        let form: Typed = typed.iter().map(|(path, value)| (path.key(), *value)).collect();
        if self.let_in.contains(&form) {
            self.again = true;
        } else if self.let_in.len() < FORMS_MAX {
            self.let_in.insert(form);
        }
        self.secret = self.find();
    }

    /// Two texts differ from person to person, and go together: one who comes again gives both
    /// again, or another who gave something else was not let in. What makes accounts is filled in
    /// once by each, and a device that signs up shares its model with others.
    fn find(&self) -> Option<u64> {
        if !(self.again || self.refused) {
            return None;
        }
        let values = |leaf: u64| -> BTreeSet<u64> {
            self.let_in.iter().filter_map(|form| form.get(&leaf).copied()).collect()
        };
        let mut own: Vec<(u64, bool)> = Vec::new();
        for (leaf, user) in &self.order {
            let different = values(*leaf).len();
            if different < PEOPLE_MIN {
                continue;
            }
            // Shared by some: a city, a model.
            if different.saturating_mul(4) < self.let_in.len().saturating_mul(3) {
                return None;
            }
            own.push((*leaf, *user));
        }
        let [first, second] = own[..] else { return None };
        match (first.1, second.1) {
            (false, true) => Some(first.0),
            _ => Some(second.0),
        }
    }
}
