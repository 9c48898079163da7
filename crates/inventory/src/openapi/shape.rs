//! A documented schema as a flat list of fields, and what of a message departs from it.
//!
//! Only what a passive observer can hold against a document is kept: fields, their types, the
//! values they may have, and which must be there.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::saved::{self, Word};
use stilt_model::{Leaf, Place, Value};

/// Fields one schema may have; what lies beyond is open.
pub(super) const FIELDS_MAX: usize = 4096;

/// Types a place may have, a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Types(pub(super) u8);

impl Types {
    pub(super) const NULL: u8 = 1;
    pub(super) const BOOLEAN: u8 = 2;
    pub(super) const INTEGER: u8 = 4;
    pub(super) const NUMBER: u8 = 8;
    pub(super) const STRING: u8 = 16;
    pub(super) const OBJECT: u8 = 32;
    pub(super) const ARRAY: u8 = 64;

    pub(super) fn named(name: &str) -> u8 {
        match name {
            "null" => Self::NULL,
            "boolean" => Self::BOOLEAN,
            "integer" => Self::INTEGER,
            "number" => Self::NUMBER | Self::INTEGER,
            "string" => Self::STRING,
            "object" => Self::OBJECT,
            "array" => Self::ARRAY,
            _ => 0,
        }
    }

    fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }

    fn scalar_only(self) -> bool {
        self.0 != 0 && !self.has(Self::OBJECT | Self::ARRAY)
    }

    fn names(self) -> String {
        let all = [
            (Self::STRING, "string"),
            (Self::NUMBER, "number"),
            (Self::INTEGER, "integer"),
            (Self::BOOLEAN, "boolean"),
            (Self::OBJECT, "object"),
            (Self::ARRAY, "array"),
            (Self::NULL, "null"),
        ];
        let has = |(bit, _): &&(u8, &str)| {
            self.has(*bit) && (*bit != Self::INTEGER || !self.has(Self::NUMBER))
        };
        let names: Vec<&str> = all.iter().filter(has).map(|(_, name)| *name).collect();
        names.join(" or ")
    }
}

/// What a document says of one place.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Want {
    /// None where it may be anything.
    pub(super) types: Types,
    /// All values it may have.
    pub(super) values: Option<BTreeSet<Box<str>>>,
    /// Fields it does not name may be there.
    pub(super) open: bool,
}

/// A documented schema.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Shape {
    /// Places by path, as leaves are called; `*` for keys that vary.
    pub(super) places: BTreeMap<Box<str>, Want>,
    /// Scalars that each message must have.
    pub(super) required: BTreeSet<Box<str>>,
    /// Media types it is for; all where empty.
    pub(super) media: Vec<Box<str>>,
}

/// One way in which a message departs from its document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Departure {
    /// A field the document does not have.
    Undocumented(Box<str>),
    /// A required field that is not there.
    Missing(Box<str>),
    /// A value of another type: field, documented, seen.
    Type(Box<str>, Box<str>, #[serde(deserialize_with = "saved::word")] Word),
    /// Null where the document does not allow it.
    Null(Box<str>),
    /// A value that the documented list does not have.
    Value(Box<str>),
}

impl Departure {
    /// Name of the field.
    #[must_use]
    pub fn field(&self) -> &str {
        match self {
            Self::Undocumented(field)
            | Self::Missing(field)
            | Self::Type(field, _, _)
            | Self::Null(field)
            | Self::Value(field) => field,
        }
    }

    /// What is different, and what was documented.
    #[must_use]
    pub fn told(&self) -> (String, String) {
        match self {
            Self::Undocumented(field) => (format!("{field} is there"), "no such field".to_owned()),
            Self::Missing(field) => (format!("{field} is missing"), "required".to_owned()),
            Self::Type(field, wanted, seen) => {
                (format!("{field} is {seen}"), wanted.clone().into_string())
            }
            Self::Null(field) => (format!("{field} is null"), "never null".to_owned()),
            Self::Value(field) => {
                (format!("{field} has a value outside its list"), "one of the list".to_owned())
            }
        }
    }
}

impl Shape {
    /// Nothing is documented of the body.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The document speaks of bodies of that media type.
    #[must_use]
    pub fn is_for(&self, media: Option<&str>) -> bool {
        let media = media.unwrap_or_default();
        self.media.is_empty()
            || self.media.iter().any(|own| match own.split_once('/') {
                Some((_, "*")) if own.starts_with('*') => true,
                Some((kind, "*")) => media.split('/').next() == Some(kind),
                _ => media.eq_ignore_ascii_case(own),
            })
    }

    /// What of a message is not as documented; `whole`: all its leaves are there.
    pub fn departures<'a>(
        &self,
        leaves: impl Iterator<Item = &'a Leaf>,
        whole: bool,
    ) -> BTreeSet<Departure> {
        let mut found = BTreeSet::new();
        let mut there: BTreeSet<&str> = BTreeSet::new();
        let mut any = false;
        for leaf in leaves {
            any = true;
            there.insert(leaf.path.as_str());
            if let Some(departure) = self.leaf(leaf) {
                found.insert(departure);
            }
        }
        if whole && any {
            let missing = self.required.iter().filter(|path| !there.contains(&***path));
            found.extend(missing.cloned().map(Departure::Missing));
        }
        found
    }

    fn leaf(&self, leaf: &Leaf) -> Option<Departure> {
        let text = leaf.place != Place::Json;
        let Some((path, want)) = self.place(&leaf.path)? else {
            return Some(Departure::Undocumented(leaf.path.as_str().into()));
        };
        let types = want.types;
        let path: Box<str> = path.into();
        if types.0 == 0 {
            return None;
        }
        let seen = match &leaf.value {
            Value::Null if types.has(Types::NULL) || text => return None,
            Value::Null => return Some(Departure::Null(path)),
            Value::Masked { .. } => return None,
            Value::Bool(_) if types.has(Types::BOOLEAN) || text => return None,
            Value::Bool(_) => "boolean",
            Value::Integer(_) if types.has(Types::INTEGER | Types::NUMBER) => return None,
            Value::Integer(_) if text && types.has(Types::STRING) => return None,
            Value::Integer(_) => "integer",
            Value::Number(number) if types.has(Types::INTEGER) && number.fract() == 0.0 => {
                return None;
            }
            Value::Number(_) if types.has(Types::NUMBER) => return None,
            Value::Number(_) if text && types.has(Types::STRING) => return None,
            Value::Number(_) => "number",
            Value::Text(value) => {
                if types.has(Types::STRING) || (text && reads_as(value, types)) {
                    let outside = |values: &BTreeSet<Box<str>>| !values.contains(value.as_str());
                    let wrong = want.values.as_ref().is_some_and(outside);
                    return wrong.then_some(Departure::Value(path));
                }
                "string"
            }
        };
        Some(Departure::Type(path, types.names().into(), seen))
    }

    /// What is documented of a path. The outer `None`: the place is open, so that nothing can be
    /// said; the inner one: there is no such place.
    fn place(&self, path: &str) -> Option<Option<(&str, &Want)>> {
        if let Some((path, want)) = self.places.get_key_value(path) {
            return Some(Some((path, want)));
        }
        // Step by step, since any key may be one that varies, and any place open.
        let mut at = String::new();
        if self.places.get("").is_some_and(|want| want.open) {
            return None;
        }
        for key in path.split('.') {
            let name = key.trim_end_matches("[]");
            let steps = key.len().saturating_sub(name.len()) / 2;
            if !name.is_empty() {
                let dot = if at.is_empty() || at.ends_with('.') { "" } else { "." };
                let own = format!("{at}{dot}{name}");
                at = if self.places.contains_key(own.as_str()) {
                    own
                } else {
                    format!("{at}{dot}*")
                };
                match self.places.get(at.as_str()) {
                    Some(want) if want.open => return None,
                    Some(_) => {}
                    None => return Some(None),
                }
            }
            for _ in 0..steps {
                at.push_str("[]");
                match self.places.get(at.as_str()) {
                    Some(want) if want.open => return None,
                    Some(_) => {}
                    None => return Some(None),
                }
            }
        }
        Some(self.places.get_key_value(at.as_str()).map(|(path, want)| (&**path, want)))
    }

    /// Adds a place, or more types to one that is there.
    pub(super) fn add(&mut self, path: &str, want: Want) {
        if let Some(known) = self.places.get_mut(path) {
            known.types.0 = match (known.types.0, want.types.0) {
                (0, _) | (_, 0) => 0,
                (one, other) => one | other,
            };
            known.open |= want.open;
            known.values = match (known.values.take(), want.values) {
                (Some(one), Some(other)) => Some(one.into_iter().chain(other).collect()),
                _ => None,
            };
        } else if self.places.len() < FIELDS_MAX {
            self.places.insert(path.into(), want);
        } else if let Some(root) = self.places.get_mut("") {
            root.open = true;
        }
    }

    /// Required fields that hold scalars: of an empty list or object no leaf would tell.
    pub(super) fn settle(&mut self) {
        let places = &self.places;
        self.required.retain(|path| places.get(path).is_some_and(|want| want.types.scalar_only()));
    }
}

/// A text of a query or form that can be read as one of the types.
fn reads_as(text: &str, types: Types) -> bool {
    (types.has(Types::INTEGER) && text.parse::<i64>().is_ok())
        || (types.has(Types::NUMBER) && text.parse::<f64>().is_ok())
        || (types.has(Types::BOOLEAN)
            && matches!(text, "true" | "false" | "0" | "1" | "on" | "off"))
        || (types.has(Types::ARRAY | Types::OBJECT))
        || text.is_empty()
}
