//! Payees that an account keeps by an id: what it was answered when it gave an account number is
//! whom it pays by that id.

use crate::context::Context;
use crate::tell;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use stilt_inventory::has_word;
use stilt_model::{Leaf, Outcome, Sensitive};

/// Ids and numbers that are kept.
const KEPT_MAX: usize = 64;
/// Leaves of a message that are looked at.
const LEAVES_MAX: usize = 8;
/// Shorter values name nobody.
const VALUE_MIN: usize = 4;

/// Ids of payees, and account numbers, of one account.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Payouts(VecDeque<u64>);

impl Payouts {
    /// Notes a payee that is made; gives its ids where its account number is new.
    pub(super) fn learn(&mut self, context: &Context<'_>) -> Vec<u64> {
        let sighting = context.sighting;
        if !sighting.changes_state || sighting.outcome != Outcome::Success {
            return Vec::new();
        }
        let key = |value: &str| tell::key(&sighting.service, value);
        let request = context.tx.request.iter().flat_map(|request| &request.leaves);
        let Some(number) = request.take(LEAVES_MAX).find(|leaf| is_number(leaf)) else {
            return Vec::new();
        };
        let Some(number) = number.value.as_key().map(|number| key(&number)) else {
            return Vec::new();
        };
        if self.holds(number) {
            return Vec::new();
        }
        let leaves = context.tx.response.iter().flat_map(|response| &response.leaves);
        let plain = leaves.take(LEAVES_MAX).filter(|leaf| !leaf.path.in_array());
        let given = plain.filter(|leaf| names_it(leaf)).filter_map(|leaf| leaf.value.as_key());
        let asked = sighting.objects.iter().filter(|object| object.in_path);
        let ids = given.chain(asked.map(|object| object.id.clone()));
        let ids: Vec<u64> = ids.filter(|id| id.len() >= VALUE_MIN).map(|id| key(&id)).collect();
        for id in ids.iter().copied().chain([number]) {
            if self.0.len() >= KEPT_MAX {
                self.0.pop_front();
            }
            self.0.push_back(id);
        }
        ids
    }

    /// It is one of those.
    pub(super) fn holds(&self, key: u64) -> bool {
        self.0.contains(&key)
    }
}

/// The number of an account at a bank.
fn is_number(leaf: &Leaf) -> bool {
    leaf.sensitive == Some(Sensitive::Iban) || has_word(leaf.name(), &["iban"])
}

/// An id of what was made.
fn names_it(leaf: &Leaf) -> bool {
    has_word(leaf.name(), &["id", "uuid", "ref", "reference", "token", "key", "account"])
}
