//! What a request asks for: values in slots, then leaves that are ids.

use crate::operation::{Operation, is_call_number};
use crate::path::{Path, kind, split_extension};
use crate::record::Record;
use crate::sighting::{ObjectRef, SlotKind};
use crate::words::{singular, words};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use stilt_model::{Leaf, Request, Value, saved};

/// Objects of one request.
const OBJECTS_MAX: usize = 32;
/// Leaves of a request that are looked at.
const LEAVES_MAX: usize = 128;
/// Names of leaves, and of resources, remembered for a service.
const NAMES_MAX: usize = 4096;
/// Learned names of ids of a service, and records in a list that prove one.
const KEYS_MAX: usize = 32;
const KEYS_SEEN: usize = 4;
/// Longest id.
const ID_MAX: usize = 128;

/// What a name of a leaf says of its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Role {
    /// Nothing.
    None,
    /// It is the id of the resource the endpoint is about.
    Own,
    /// It is the id of something of that class, whatever its value.
    Id(Arc<str>),
    /// It is of that class where its value looks like an id, and the class is a known resource.
    Maybe(Arc<str>),
}

/// Names of a service: which are resources, and what the names of leaves say.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Names {
    #[serde(serialize_with = "saved::sorted")]
    resources: HashSet<Box<str>, RandomState>,
    leaves: HashMap<Box<str>, Role, RandomState>,
    /// Names under which lists call their records, learned.
    keys: Arc<BTreeSet<Box<str>>>,
}

impl Names {
    /// Notes a plain segment of a path.
    pub(crate) fn resource(&mut self, name: &str) {
        let class = singular(split_extension(name).0);
        if class.len() >= 3
            && self.resources.len() < NAMES_MAX
            && self.resources.insert(class.into())
        {
            // What names say depends on the resources that are known.
            self.leaves.clear();
        }
    }

    /// Learns what the records of a list are called by: what stands first in each of them and is
    /// different in all. Names of ids are not English everywhere.
    pub(crate) fn learn(&mut self, leaves: &[Leaf]) {
        let Some(first) = leaves.iter().find(|leaf| leaf.path.in_array()) else { return };
        if self.keys.contains(first.name()) || self.keys.len() >= KEYS_MAX {
            return;
        }
        let mut seen: Vec<&Value> = Vec::new();
        let mut record = None;
        for leaf in leaves.iter().take(LEAVES_MAX).filter(|leaf| leaf.path.in_array()) {
            if record == Some(leaf.record) {
                continue;
            }
            record = Some(leaf.record);
            let fits =
                leaf.path == first.path && is_key(&leaf.value) && !seen.contains(&&leaf.value);
            if !fits {
                return;
            }
            seen.push(&leaf.value);
        }
        let name = first.name();
        let words = words(name);
        let thing = !words.iter().any(|word| NOT_THINGS.contains(&word.as_str()));
        if seen.len() >= KEYS_SEEN && thing && words.len() == 1 && self.read(name) == Role::None {
            Arc::make_mut(&mut self.keys).insert(name.into());
            self.leaves.remove(name);
        }
    }

    /// Names under which lists call their records, beside those that any service uses.
    pub(crate) fn keys(&self) -> Arc<BTreeSet<Box<str>>> {
        Arc::clone(&self.keys)
    }

    fn role(&mut self, name: &str) -> &Role {
        if !self.leaves.contains_key(name) {
            if self.leaves.len() >= NAMES_MAX {
                self.leaves.clear();
            }
            let role = self.read(name);
            self.leaves.insert(name.into(), role);
        }
        self.leaves.get(name).unwrap_or(&Role::None)
    }

    fn read(&self, name: &str) -> Role {
        let words = words(name);
        let Some((last, stem)) = words.split_last() else { return Role::None };
        let is = |list: &[&str]| list.contains(&last.as_str());
        if stem.iter().chain([last]).any(|word| NOT_THINGS.contains(&word.as_str())) {
            return Role::None;
        }
        if stem.is_empty() && self.keys.contains(name) {
            return Role::Own;
        }
        let sure = is(&["id", "ids", "uuid", "guid", "oid", "pk"]);
        let likely = is(&["number", "no", "nr", "num", "ref", "reference", "key", "code"]);
        if stem.is_empty() {
            return if sure {
                Role::Own
            } else if likely {
                Role::None
            } else {
                self.known(last).map_or(Role::None, Role::Maybe)
            };
        }
        let owner = singular(stem.last().map_or("", String::as_str));
        if sure {
            let class = self.known(&owner).unwrap_or_else(|| singular(&stem.join("_")).into());
            return Role::Id(class);
        }
        if likely {
            return self.known(&owner).map_or(Role::None, Role::Id);
        }
        self.known(last).map_or(Role::None, Role::Maybe)
    }

    fn known(&self, word: &str) -> Option<Arc<str>> {
        let class = singular(word);
        self.resources.contains(class.as_str()).then(|| class.into())
    }
}

/// Words of names whose values are no objects: paging, amounts, times, and what names a client or
/// a request rather than a thing.
const NOT_THINGS: &[&str] = &[
    "page",
    "pages",
    "offset",
    "limit",
    "size",
    "count",
    "total",
    "quantity",
    "qty",
    "amount",
    "price",
    "per",
    "skip",
    "take",
    "first",
    "last",
    "start",
    "end",
    "from_date",
    "date",
    "time",
    "timestamp",
    "ts",
    "at",
    "version",
    "sort",
    "order_by",
    "cursor",
    "year",
    "month",
    "day",
    "lat",
    "lon",
    "lng",
    "width",
    "height",
    "session",
    "request",
    "correlation",
    "trace",
    "csrf",
    "device",
    "idempotency",
    "nonce",
    "state",
    "captcha",
    "grant",
    "phone",
    "zip",
    "postal",
    "country",
    "currency",
    "locale",
    "lang",
    "language",
    "house",
    "status",
    "error",
    "response",
    "token",
    "api",
    "tracking_id",
    "ga",
    "gid",
    "fbclid",
    "gclid",
    "app",
    "build",
    "installation",
    "rating",
    "score",
    "rank",
    "percent",
    "weight",
    "age",
    "retry",
    "client",
];

/// What is read.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) path: &'a Path,
    /// Segments that stand in the slots of the template.
    pub(crate) slots: &'a [usize],
    pub(crate) request: &'a Request,
    pub(crate) operation: Option<&'a Operation>,
}

/// Collects the objects of a request; `soft`: its slots took words that do not fit them.
pub(crate) fn read(
    names: &mut Names,
    record: &Record,
    asked: Asked<'_>,
    soft: bool,
) -> Vec<ObjectRef> {
    let Asked { path, slots, request, operation } = asked;
    let mut objects = Vec::new();
    for (at, class) in slots.iter().zip(&record.classes) {
        let segment = path.segment(*at);
        let looks = kind(segment);
        // Where a slot takes numbers, a plain word is a mistake, not an object.
        if looks == Some(SlotKind::Date) || (looks.is_none() && soft) {
            continue;
        }
        let id = if looks.is_some() { split_extension(segment).0 } else { segment };
        objects.push(object(Arc::clone(class), id, true));
    }
    for leaf in request.leaves.iter().take(LEAVES_MAX) {
        if objects.len() >= OBJECTS_MAX {
            break;
        }
        if is_call_number(leaf, operation) {
            continue;
        }
        // By position: the first is what the function is about.
        let positional = operation.is_some() && leaf.path == "params[]" && leaf.record == 0;
        let role = if positional { &Role::Own } else { names.role(leaf.name()) };
        let found = match role {
            Role::None => continue,
            Role::Own => {
                value(leaf, positional).map(|id| object(Arc::clone(&record.resource), &id, false))
            }
            Role::Id(class) => value(leaf, false).map(|id| object(Arc::clone(class), &id, false)),
            Role::Maybe(class) => value(leaf, true).map(|id| object(Arc::clone(class), &id, false)),
        };
        objects.extend(found.filter(|found| !objects.contains(found)));
    }
    objects
}

/// What a thing can be called by: a whole number, or text that looks like an id.
fn is_key(value: &Value) -> bool {
    match value {
        Value::Integer(_) => true,
        Value::Text(text) => {
            kind(text).is_some_and(|kind| kind != SlotKind::Date && !text.contains(' '))
        }
        _ => false,
    }
}

fn object(class: Arc<str>, id: &str, in_path: bool) -> ObjectRef {
    ObjectRef { class, id: id.to_owned(), number: id.parse().ok(), in_path }
}

/// The value as an id; `looks`: only where it looks like one.
fn value(leaf: &Leaf, looks: bool) -> Option<String> {
    match &leaf.value {
        Value::Integer(number) => Some(number.to_string()),
        Value::Text(text) if !text.is_empty() && text.len() <= ID_MAX => {
            let fits = if looks {
                kind(text).is_some_and(|kind| kind != SlotKind::Date && !text.contains(' '))
            } else {
                !text.contains(' ')
            };
            fits.then(|| text.to_string())
        }
        Value::Masked { mark, .. } if !looks => Some(mark.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_ids_from_other_numbers() {
        let mut names = Names::default();
        for resource in ["orders", "accounts", "users"] {
            names.resource(resource);
        }
        let mut check =
            |name: &str, expected: Role| assert_eq!(*names.role(name), expected, "{name}");
        check("id", Role::Own);
        check("order_id", Role::Id("order".into()));
        check("orderId", Role::Id("order".into()));
        check("from_account_id", Role::Id("account".into()));
        check("account", Role::Maybe("account".into()));
        check("to_account", Role::Maybe("account".into()));
        check("order_number", Role::Id("order".into()));
        check("basket_id", Role::Id("basket".into()));
        check("userIds", Role::Id("user".into()));
        for name in [
            "page",
            "limit",
            "quantity",
            "amount",
            "page_number",
            "created_at",
            "session_id",
            "client_id",
            "house_number",
            "name",
            "note",
            "request_id",
            "number",
        ] {
            check(name, Role::None);
        }
    }
}
