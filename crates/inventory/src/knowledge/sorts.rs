//! Which sorts of messages were looked at in detail, so that one of a new sort is looked at too:
//! what only few messages have is known as well as what most have.

use super::schema::normal;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use stilt_model::{Leaf, Value};

/// Sets of fields, fields with their types, and fields of few values that are told apart. Of what
/// comes beyond, samples alone tell.
const SETS_MAX: usize = 128;
const TYPED_MAX: usize = 512;
const FEW_MAX: usize = 32;

/// Sorts of messages, by hashes of paths and types; each list in order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Sorts {
    /// Fields outside arrays that came together.
    sets: Vec<u64>,
    /// Fields, each type of theirs for itself.
    typed: Vec<u64>,
    /// Fields that have had few values so far.
    few: Vec<u64>,
}

impl Sorts {
    /// A message has a field, a type of one, or a set of fields that none had before.
    pub(super) fn is_new<'a>(&self, leaves: impl Iterator<Item = &'a Leaf>) -> bool {
        let mut set = 0_u64;
        let room = self.typed.len() < TYPED_MAX;
        for leaf in leaves {
            let typed = typed(leaf);
            if room && self.typed.binary_search(&typed).is_err() {
                return true;
            }
            if !leaf.path.in_array() {
                set = set.wrapping_add(typed);
            }
        }
        self.sets.len() < SETS_MAX && self.sets.binary_search(&set).is_err()
    }

    pub(super) fn note<'a>(&mut self, leaves: impl Iterator<Item = &'a Leaf>) {
        let mut set = 0_u64;
        for leaf in leaves {
            let typed = typed(leaf);
            insert(&mut self.typed, typed, TYPED_MAX);
            if !leaf.path.in_array() {
                set = set.wrapping_add(typed);
            }
        }
        insert(&mut self.sets, set, SETS_MAX);
    }

    /// Watches the values of a field; false where there is no room, or its name varies.
    pub(super) fn watch(&mut self, leaf: &Leaf) -> bool {
        matches!(normal(&leaf.path), Cow::Borrowed(_))
            && insert(&mut self.few, leaf.path.stable(), FEW_MAX)
    }

    /// The leaf is of a field that is watched.
    pub(super) fn has_few(&self, leaf: &Leaf) -> bool {
        self.few.binary_search(&leaf.path.stable()).is_ok()
    }

    pub(super) fn absorb(&mut self, other: Self) {
        let pairs = [
            (&mut self.sets, other.sets, SETS_MAX),
            (&mut self.typed, other.typed, TYPED_MAX),
            (&mut self.few, other.few, FEW_MAX),
        ];
        for (own, more, max) in pairs {
            for one in more {
                insert(own, one, max);
            }
        }
    }
}

/// Keeps the list in order; whether it holds the number now.
fn insert(list: &mut Vec<u64>, number: u64, max: usize) -> bool {
    match list.binary_search(&number) {
        Ok(_) => true,
        Err(at) if list.len() < max => {
            list.insert(at, number);
            true
        }
        Err(_) => false,
    }
}

/// Names a field and the type of its value.
fn typed(leaf: &Leaf) -> u64 {
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let kind = match &leaf.value {
        Value::Null => 1,
        Value::Bool(_) => 2,
        Value::Integer(_) => 3,
        Value::Number(_) => 4,
        Value::Text(_) => 5,
        Value::Masked { .. } => 6,
    };
    let mixed = (leaf.path.stable() ^ kind).wrapping_mul(SPREAD);
    mixed ^ (mixed >> 29)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::Place;

    fn leaf(path: &str, value: Value) -> Leaf {
        Leaf { place: Place::Json, path: path.into(), record: 0, value, sensitive: None }
    }

    #[test]
    fn a_field_a_type_and_a_lack_are_new_and_longer_lists_are_not() {
        let number = |path: &str| leaf(path, Value::Integer(1));
        let mut sorts = Sorts::default();
        sorts.note([number("a"), number("b"), number("c[].d")].iter());
        let new = |leaves: &[Leaf]| sorts.is_new(leaves.iter());
        assert!(!new(&[number("b"), number("a"), number("c[].d"), number("c[].d")]));
        assert!(!new(&[number("a"), number("b")]), "an empty list");
        assert!(new(&[number("a")]));
        assert!(new(&[number("a"), number("b"), number("e")]));
        assert!(new(&[number("a"), leaf("b", Value::Null)]));
        assert!(new(&[number("a"), number("b"), number("c[].e")]));
    }

    #[test]
    fn made_up_fields_fill_no_list_and_are_no_longer_new() {
        let mut sorts = Sorts::default();
        for n in 0..2000 {
            sorts.note([leaf(&format!("x{n}"), Value::Null)].iter());
        }
        assert_eq!((sorts.sets.len(), sorts.typed.len()), (SETS_MAX, TYPED_MAX));
        assert!(!sorts.is_new([leaf("other", Value::Null)].iter()));
    }
}
