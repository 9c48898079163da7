//! Numbers that pass a check by chance: one of ten random numbers has the check digit of a card.
//! A field of cards or of numbers of persons holds hardly anything else, so that the share of a
//! field's numbers that pass tells which it is.

use super::schema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use stilt_model::{Leaf, LeafPath, NumberColumn, Sensitive, Value};

/// Fields whose numbers are counted.
const FIELDS_MAX: usize = 32;
/// Kinds that are told by a check that random numbers may pass.
const CHECKED: [Sensitive; 3] = [Sensitive::Card, Sensitive::Iban, Sensitive::NationalId];
/// Digits such a number has at least.
const DIGITS_MIN: usize = 9;

/// The numbers of one field.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Numbers {
    /// [`LeafPath::stable`] of its path.
    field: u64,
    /// Values with as many digits that passed no check.
    plain: u64,
    /// Those that did, in the order of [`CHECKED`].
    passed: [u64; CHECKED.len()],
}

impl Numbers {
    fn new(field: u64) -> Self {
        Self { field, plain: 0, passed: [0; CHECKED.len()] }
    }

    /// Most of its numbers do not pass.
    fn is_chance(&self, passed: u64) -> bool {
        passed > 0 && passed <= self.plain
    }

    /// How many values passed the check of a kind by chance.
    fn by_chance(&self, kind: Sensitive) -> u64 {
        let all = CHECKED.iter().zip(self.passed).filter(|(own, _)| **own == kind);
        all.map(|(_, passed)| passed).filter(|passed| self.is_chance(*passed)).sum()
    }
}

/// The numbers of the fields of one direction.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Doubts {
    fields: Vec<Numbers>,
}

impl Doubts {
    pub(super) fn see(&mut self, leaves: &[Leaf]) {
        for leaf in leaves {
            let kind = leaf.sensitive.and_then(|kind| CHECKED.iter().position(|own| *own == kind));
            if kind.is_none() && (leaf.sensitive.is_some() || !is_number(&leaf.value)) {
                continue;
            }
            let Some(field) = self.field(key(&leaf.path), kind.is_some()) else { continue };
            match kind.and_then(|at| field.passed.get_mut(at)) {
                Some(passed) => *passed = passed.saturating_add(1),
                None => field.plain = field.plain.saturating_add(1),
            }
        }
    }

    /// Takes in a column of a text: its numbers, over many answers, are those of a field.
    pub(super) fn see_column(&mut self, column: &NumberColumn) {
        let Some(field) = self.field(column.column, column.passed.is_some()) else { return };
        field.plain = field.plain.saturating_add(u64::from(column.plain));
        let kind = |(kind, _): &(Sensitive, u32)| CHECKED.iter().position(|own| own == kind);
        if let Some(passed) = column.passed
            && let Some(own) = kind(&passed).and_then(|at| field.passed.get_mut(at))
        {
            *own = own.saturating_add(u64::from(passed.1));
        }
    }

    /// The field's numbers; where the table is full, one that `matters` takes the place of the
    /// first of which nothing ever passed.
    fn field(&mut self, field: u64, matters: bool) -> Option<&mut Numbers> {
        let known = self.fields.iter().position(|one| one.field == field);
        let at = match known {
            Some(at) => at,
            None if self.fields.len() < FIELDS_MAX => {
                self.fields.push(Numbers::new(field));
                self.fields.len().saturating_sub(1)
            }
            None => {
                let idle = |one: &Numbers| one.passed.iter().all(|passed| *passed == 0);
                let at = self.fields.iter().position(idle).filter(|_| matters)?;
                if let Some(slot) = self.fields.get_mut(at) {
                    *slot = Numbers::new(field);
                }
                at
            }
        };
        self.fields.get_mut(at)
    }

    /// How many values of all fields passed the check of a kind by chance.
    pub(super) fn by_chance(&self, kind: Sensitive) -> u64 {
        self.fields.iter().map(|field| field.by_chance(kind)).fold(0, u64::saturating_add)
    }

    /// Whether the field's values passed the check of a kind by chance.
    pub(super) fn doubts(&self, path: &str, kind: Sensitive) -> bool {
        let key = LeafPath::new(path).stable();
        let mut fields = self.fields.iter().filter(|field| field.field == key);
        fields.any(|field| field.by_chance(kind) > 0)
    }

    pub(super) fn absorb(&mut self, other: &Self) {
        for more in &other.fields {
            let matters = more.passed.iter().any(|passed| *passed > 0);
            let Some(field) = self.field(more.field, matters) else { continue };
            field.plain = field.plain.saturating_add(more.plain);
            for (own, more) in field.passed.iter_mut().zip(&more.passed) {
                *own = own.saturating_add(*more);
            }
        }
    }
}

fn key(path: &LeafPath) -> u64 {
    match schema::normal(path) {
        Cow::Borrowed(_) => path.stable(),
        Cow::Owned(path) => LeafPath::new(&path).stable(),
    }
}

/// One word, or groups of digits, with as many digits as a card or the number of a person has.
fn is_number(value: &Value) -> bool {
    match value {
        Value::Integer(number) => number.unsigned_abs() >= 10_u64.pow(DIGITS_MIN as u32 - 1),
        Value::Text(text) => {
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            let grouped = || text.bytes().all(|b| b.is_ascii_digit() || b == b' ');
            digits >= DIGITS_MIN && (grouped() || !text.bytes().any(|b| b.is_ascii_whitespace()))
        }
        _ => false,
    }
}
