//! Payees that an account has just made for itself: what it sent, or was answered, when it changed
//! something, comes back as whom it pays.

use super::HOUR;
use super::transfer::Transfer;
use crate::context::Context;
use crate::tell;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use stilt_model::{Evidence, Leaf, Outcome, Timestamp};

/// Values remembered of what an account has changed within the hour.
const VALUES_MAX: usize = 64;
/// Leaves of a message that are looked at.
const LEAVES_MAX: usize = 8;
/// Payments to payees just made that are kept.
const PAID_MAX: usize = 16;
/// Shorter values name nobody.
const VALUE_MIN: usize = 4;

/// A payment to a payee just made.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Paid {
    at: Timestamp,
    payee: u64,
    amount: f64,
    shown: (String, Evidence),
}

/// What one account has made, and paid.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Made {
    values: VecDeque<(Timestamp, u64)>,
    paid: VecDeque<Paid>,
}

impl Made {
    /// Notes what a change brings: whoever is paid by these values was made by it.
    pub(super) fn learn(&mut self, context: &Context<'_>) {
        if !context.sighting.changes_state || context.sighting.outcome != Outcome::Success {
            return;
        }
        let now = context.at();
        while self.values.front().is_some_and(|(at, _)| now.since(*at) > HOUR) {
            self.values.pop_front();
        }
        let request = context.tx.request.iter().flat_map(|request| leaves(&request.leaves));
        let response = context.tx.response.iter().flat_map(|response| leaves(&response.leaves));
        for value in request.chain(response) {
            if self.values.len() >= VALUES_MAX {
                self.values.pop_front();
            }
            self.values.push_back((now, tell::key(&context.sighting.service, &value)));
        }
    }

    /// The payee was made within the hour.
    pub(super) fn is_fresh(&self, payee: u64, now: Timestamp) -> bool {
        self.values.iter().any(|(at, value)| *value == payee && now.since(*at) <= HOUR)
    }

    /// A payment out of the ordinary; it is kept where its payee was just made.
    pub(super) fn paid(&mut self, context: &Context<'_>, transfer: Transfer) {
        let now = context.at();
        if self.paid.len() < PAID_MAX && self.is_fresh(transfer.payee, now) {
            let note = format!("{} to a payee just made", transfer.amount);
            let evidence = context.evidence(note.clone());
            let (payee, amount) = (transfer.payee, transfer.amount);
            self.paid.push_back(Paid { at: now, payee, amount, shown: (note, evidence) });
        }
    }

    /// Different payees of the last hour.
    pub(super) fn payees(&self, now: Timestamp) -> usize {
        let recent = self.paid.iter().filter(|one| now.since(one.at) <= HOUR);
        let mut payees: Vec<u64> = recent.map(|one| one.payee).collect();
        payees.sort_unstable();
        payees.dedup();
        payees.len()
    }

    /// What was paid to them, where that is the story.
    pub(super) fn evidence(&self, story: bool) -> impl Iterator<Item = &(String, Evidence)> {
        self.paid.iter().filter(move |_| story).map(|one| &one.shown)
    }

    /// The payee is one of those.
    pub(super) fn holds(&self, payee: u64) -> bool {
        self.paid.iter().any(|one| one.payee == payee)
    }

    /// Forgets what is older than an hour; gives the highest sum of it.
    pub(super) fn settle(&mut self, now: Timestamp) -> f64 {
        let mut most = 0.0_f64;
        while let Some(one) = self.paid.front().filter(|one| now.since(one.at) > HOUR) {
            most = most.max(one.amount);
            self.paid.pop_front();
        }
        most
    }
}

/// Values that may name whom one pays.
fn leaves(leaves: &[Leaf]) -> impl Iterator<Item = String> {
    let plain = leaves.iter().take(LEAVES_MAX).filter(|leaf| !leaf.path.in_array());
    plain.filter_map(|leaf| leaf.value.as_key()).filter(|value| value.len() >= VALUE_MIN)
}
