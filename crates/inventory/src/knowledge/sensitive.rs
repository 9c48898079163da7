//! Sensitive data in the messages of one direction: kinds and counts, never a value.

use serde::{Deserialize, Serialize};
use stilt_model::{Sensitive, SensitiveCounts};

/// One kind of sensitive data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    /// Which.
    pub kind: Sensitive,
    /// Messages that held it.
    pub messages: u64,
    /// Values of it, of all messages together.
    pub values: u64,
}

/// What was seen in one direction: of every message, not of those alone that were looked at in
/// detail.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SensitiveSeen(Vec<Kind>);

impl SensitiveSeen {
    pub(crate) fn see(&mut self, counts: &SensitiveCounts) {
        if counts.is_empty() {
            return;
        }
        for (kind, values) in counts.iter() {
            self.add(Kind { kind, messages: 1, values: u64::from(values) });
        }
    }

    /// There are as few entries as there are kinds.
    fn add(&mut self, more: Kind) {
        match self.0.binary_search_by_key(&more.kind, |one| one.kind) {
            Ok(at) => {
                if let Some(own) = self.0.get_mut(at) {
                    own.messages = own.messages.saturating_add(more.messages);
                    own.values = own.values.saturating_add(more.values);
                }
            }
            Err(at) => self.0.insert(at, more),
        }
    }

    /// The kinds that were seen, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Kind> + '_ {
        self.0.iter().copied()
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        for kind in &other.0 {
            self.add(*kind);
        }
    }
}
