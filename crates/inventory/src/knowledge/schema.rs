//! Which fields messages have.

use super::field::Field;
use super::sorts::Sorts;
use crate::path;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use stilt_model::{ActorId, Leaf};

/// Fields of one schema; beyond them it is open.
const FIELDS_MAX: usize = 256;
/// Keys of a path in which values are looked for.
const DEEPEST: usize = 16;

/// Fields of messages, by path: keys joined by `.`, `[]` for elements of arrays, `*` for keys that
/// are values themselves (`prices.*.amount`).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Schema {
    /// Messages looked at, those that came whole.
    pub messages: u64,
    /// Fields, by path.
    pub fields: BTreeMap<Box<str>, Field>,
    /// Some fields were left out.
    pub open: bool,
    looked: u64,
    #[serde(default)]
    sorts: Sorts,
}

impl Schema {
    /// Whether a message says what none before it did: a field, a type of one, a set of fields, a
    /// value of a field that has few.
    pub(crate) fn is_new<'a>(&self, leaves: impl Iterator<Item = &'a Leaf> + Clone) -> bool {
        self.sorts.is_new(leaves.clone())
            || leaves.filter(|leaf| self.sorts.has_few(leaf)).any(|leaf| {
                let field = self.fields.get(leaf.path.as_str());
                field.is_some_and(|field| field.lacks(&leaf.value))
            })
    }

    /// Takes in a message; `room` is what is left of the cap of all endpoints.
    pub(crate) fn see<'a>(
        &mut self,
        leaves: impl Iterator<Item = &'a Leaf> + Clone,
        whole: bool,
        actor: ActorId,
        room: &mut usize,
    ) {
        self.looked = self.looked.saturating_add(1);
        self.sorts.note(leaves.clone());
        self.messages = self.messages.saturating_add(u64::from(whole));
        for leaf in leaves {
            let path = normal(&leaf.path);
            if let Some(field) = self.fields.get_mut(&*path) {
                take(field, leaf, actor, self.looked, &mut self.sorts);
            } else if self.fields.len() < FIELDS_MAX && *room > 0 {
                *room = room.saturating_sub(1);
                let mut field = Field::default();
                take(&mut field, leaf, actor, self.looked, &mut self.sorts);
                self.fields.insert(path.as_ref().into(), field);
            } else {
                self.open = true;
            }
        }
    }

    /// Every message had the field.
    #[must_use]
    pub fn always(&self, field: &Field) -> bool {
        field.messages >= self.looked && self.looked > 0
    }

    /// Messages that were looked at.
    #[must_use]
    pub fn looked(&self) -> u64 {
        self.looked
    }

    /// Nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    pub(crate) fn fields(&self) -> usize {
        self.fields.len()
    }

    pub(crate) fn absorb(&mut self, other: Self) {
        // Numbers of messages must not meet: each field counts a message once.
        self.looked = self.looked.saturating_add(other.looked);
        self.messages = self.messages.saturating_add(other.messages);
        self.open |= other.open;
        self.sorts.absorb(other.sorts);
        for (path, field) in other.fields {
            if let Some(own) = self.fields.get_mut(&path) {
                own.absorb(&field);
            } else if self.fields.len() < FIELDS_MAX {
                self.fields.insert(path, field);
            } else {
                self.open = true;
            }
        }
    }
}

fn take(field: &mut Field, leaf: &Leaf, actor: ActorId, message: u64, sorts: &mut Sorts) {
    field.see(&leaf.value, actor, message);
    if field.has_few() && !sorts.watch(leaf) {
        // What is not watched in every message is not known to have no other values.
        field.forget_values();
    }
    if let Some(kind) = leaf.sensitive {
        field.hold(kind);
    }
}

/// A path with keys that are values (numbers, UUIDs, dates) as `*`.
pub(crate) fn normal(path: &str) -> Cow<'_, str> {
    let may_vary = path.bytes().any(|b| b.is_ascii_digit() || matches!(b, b'<' | b'@' | b' '));
    if !may_vary {
        return Cow::Borrowed(path);
    }
    let mut varied = false;
    let parts: Vec<&str> = path
        .split('.')
        .take(DEEPEST)
        .map(|key| {
            let name = key.trim_end_matches("[]");
            if path::kind(name).is_some() {
                varied = true;
                return if name.len() == key.len() { "*" } else { "*[]" };
            }
            key
        })
        .collect();
    if varied { Cow::Owned(parts.join(".")) } else { Cow::Borrowed(path) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::{Place, Value};

    fn leaf(path: &str) -> Leaf {
        let value = Value::Integer(1);
        Leaf {
            place: Place::Json,
            path: path.into(),
            record: 0,
            value,
            sensitive: Default::default(),
        }
    }

    #[test]
    fn keys_that_are_values_are_one_field() {
        let mut schema = Schema::default();
        let mut room = 1000;
        for n in 0..50 {
            let leaves = [leaf(&format!("prices.{n}.amount")), leaf("md5"), leaf("line2")];
            schema.see(leaves.iter(), true, ActorId(1), &mut room);
        }
        let paths: Vec<&str> = schema.fields.keys().map(AsRef::as_ref).collect();
        assert_eq!(paths, ["line2", "md5", "prices.*.amount"]);
        assert_eq!((schema.messages, schema.fields["md5"].messages), (50, 50));
    }

    #[test]
    fn made_up_fields_fill_no_table() {
        let mut schema = Schema::default();
        let mut room = 100;
        for n in 0..1000_u32 {
            let name: String = n.to_string().bytes().map(|b| char::from(b + 49)).collect();
            schema.see([leaf(&name)].iter(), true, ActorId(1), &mut room);
        }
        assert!(schema.open && schema.fields.len() == 100 && room == 0);
    }

    #[test]
    fn a_message_counts_a_field_once() {
        let mut schema = Schema::default();
        let mut room = 9;
        schema.see([leaf("a[].id"), leaf("a[].id")].iter(), true, ActorId(1), &mut room);
        assert_eq!((schema.fields["a[].id"].messages, schema.fields["a[].id"].values), (1, 2));
    }
}
