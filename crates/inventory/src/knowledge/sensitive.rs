//! Sensitive data in the messages of one direction: kinds and counts, never a value.

use super::doubt::Doubts;
use serde::{Deserialize, Serialize};
use stilt_model::{Leaf, NumberColumn, Sensitive, SensitiveCounts};

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
pub struct SensitiveSeen {
    kinds: Vec<Kind>,
    doubts: Doubts,
}

impl SensitiveSeen {
    pub(crate) fn see(&mut self, counts: &SensitiveCounts, leaves: &[Leaf]) {
        self.doubts.see(leaves);
        for (kind, values) in counts.iter() {
            self.add(Kind { kind, messages: 1, values: u64::from(values) });
        }
    }

    /// The columns of a text without fields.
    pub(crate) fn see_columns(&mut self, columns: &[NumberColumn]) {
        for column in columns {
            self.doubts.see_column(column);
        }
    }

    /// There are as few entries as there are kinds.
    fn add(&mut self, more: Kind) {
        match self.kinds.binary_search_by_key(&more.kind, |one| one.kind) {
            Ok(at) => {
                if let Some(own) = self.kinds.get_mut(at) {
                    own.messages = own.messages.saturating_add(more.messages);
                    own.values = own.values.saturating_add(more.values);
                }
            }
            Err(at) => self.kinds.insert(at, more),
        }
    }

    /// The kinds that were seen, in their order: without what passes a check in fields most of
    /// whose values do not, since numbers drawn at random pass it now and then as well.
    pub fn iter(&self) -> impl Iterator<Item = Kind> + '_ {
        self.kinds.iter().filter_map(|one| {
            let values = one.values.saturating_sub(self.doubts.by_chance(one.kind));
            // At most: those with a value by chance may have held another.
            let messages = one.messages.min(values);
            (values > 0).then_some(Kind { kind: one.kind, messages, values })
        })
    }

    /// Whether values of a field that passed the check of a kind did so by chance.
    #[must_use]
    pub fn is_by_chance(&self, path: &str, kind: Sensitive) -> bool {
        self.doubts.doubts(path, kind)
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        for kind in &other.kinds {
            self.add(*kind);
        }
        self.doubts.absorb(&other.doubts);
    }
}
