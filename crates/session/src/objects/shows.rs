//! Which values of a message name objects, and under which keys they are remembered.

use super::keys::{ClassKey, Keys, ServiceKey};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use stilt_model::{EndpointId, Leaf, LeafPath, Response, Transaction, Value};

/// Longest text that can be an id.
const TEXT_MAX: usize = 64;
/// Ids in one link that are read at most.
const LINK_IDS_MAX: usize = 4;

/// How an id came to an actor: as its own, or in a record of somebody else's at an endpoint.
/// There are millions of them: 8 bytes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shown(u64);

impl Shown {
    /// With no other owner named.
    pub(super) const OWN: Self = Self(0);

    /// In a record of somebody else's, at this endpoint: offered, or taken by who asked for just
    /// that.
    pub(super) fn foreign(place: EndpointId, taken: bool) -> Self {
        let place = Self::place(place).0.max(1);
        Self(if taken { place | TAKEN } else { place })
    }

    /// As own, or in a record of somebody else's at an endpoint.
    pub(super) fn of(foreign_at: Option<EndpointId>, taken: bool) -> Self {
        foreign_at.map_or(Self::OWN, |place| Self::foreign(place, taken))
    }

    /// Where it was shown as somebody else's, and whether it was taken.
    pub(super) fn foreign_at(self) -> Option<(EndpointId, bool)> {
        let taken = self.0 & TAKEN != 0;
        (self != Self::OWN).then_some((EndpointId(self.0 & !TAKEN), taken))
    }

    /// An endpoint as it is remembered here.
    pub(super) fn place(place: EndpointId) -> EndpointId {
        EndpointId(place.0 & !TAKEN)
    }
}

/// Mark of what was taken.
const TAKEN: u64 = 1 << 63;

/// One id that a message shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Show {
    /// Its key: by class for whole numbers, by value for text.
    pub(super) key: u64,
    /// Its key by value, for whole numbers.
    pub(super) loose: Option<u64>,
    /// Record it stands in; `None` outside arrays.
    pub(super) record: Option<u32>,
    /// It looks like the id of something, not like any text.
    pub(super) identifies: bool,
    /// The value as a name somebody could be called by, for text.
    pub(super) name: Option<u64>,
}

/// Reads the ids of messages, and remembers what each path of leaves says of its values.
#[derive(Debug, Default)]
pub(super) struct Shows {
    /// By path and resource.
    facts: HashMap<(u64, u64), Facts, RandomState>,
}

/// Paths whose facts are kept; past it all are forgotten.
const FACTS_MAX: usize = 50_000;

/// What a path says of the numbers and texts under it.
#[derive(Clone, Copy, Debug)]
struct Facts {
    /// It may name an id of this class…
    class: Option<Class>,
    /// …and of this one.
    second: Option<Class>,
    /// It is the id of the record it stands in.
    own: bool,
}

#[derive(Clone, Copy, Debug)]
struct Class {
    key: ClassKey,
    identifies: bool,
}

/// What is the same for all leaves of one message.
struct Reading<'a> {
    keys: &'a Keys,
    service: ServiceKey,
    about: About<'a>,
    resource_key: ClassKey,
}

/// What messages are read as part of.
#[derive(Clone, Copy)]
pub(super) struct About<'a> {
    pub(super) service: ServiceKey,
    /// Resource of the endpoint.
    pub(super) resource: &'a str,
    /// Names that the service's lists call their records by, beside the usual ones.
    pub(super) keys: &'a BTreeSet<Box<str>>,
}

impl Shows {
    /// Reads the ids of a response: id-like numbers, texts that can be ids, links, `Location`.
    pub(super) fn in_response(
        &mut self,
        keys: &Keys,
        response: &Response,
        about: About<'_>,
        out: &mut Vec<Show>,
    ) {
        let reading = Reading::new(keys, about);
        // JSON-RPC numbers its calls: that `id` names nothing.
        let numbered = response.leaves.iter().take(8).any(|leaf| leaf.path == "jsonrpc");
        for leaf in response.leaves.iter().filter(|leaf| !(numbered && leaf.path == "id")) {
            self.in_leaf(&reading, leaf, out);
        }
        if let Some(location) = &response.location {
            reading.link(location, None, out);
        }
    }

    /// Reads what a request that created or changed something called it by.
    pub(super) fn in_request(
        &mut self,
        keys: &Keys,
        tx: &Transaction,
        about: About<'_>,
        out: &mut Vec<Show>,
    ) {
        let reading = Reading::new(keys, about);
        let Some(request) = &tx.request else { return };
        // A reference to some other object in a request shows nothing; a name given to this one
        // does.
        for leaf in &request.leaves {
            let reference =
                matches!(leaf.value, Value::Integer(_)) && class_stem(leaf.name()) != Some("");
            if !reference {
                self.in_leaf(&reading, leaf, out);
            }
        }
    }

    fn in_leaf(&mut self, reading: &Reading<'_>, leaf: &Leaf, out: &mut Vec<Show>) {
        let record = leaf.path.in_array().then_some(leaf.record);
        match &leaf.value {
            Value::Integer(number) => {
                reading.number(self.facts(reading, &leaf.path), *number, record, out);
            }
            Value::Text(text) => {
                if text.starts_with('/') || text.starts_with("http") {
                    reading.link(text, record, out);
                }
                if text.is_empty() || text.len() > TEXT_MAX || is_prose(text) {
                    return;
                }
                let facts = self.facts(reading, &leaf.path);
                if facts.class.is_some()
                    && let Ok(number) = text.parse::<i64>()
                {
                    reading.number(facts, number, record, out);
                    return;
                }
                let identifies = match facts.class {
                    Some(_) => facts.own,
                    None => looks_like_id(text),
                };
                reading.text(text, record, identifies, out);
            }
            Value::Masked { mark, .. } => reading.text(&mark.shown(), record, false, out),
            _ => {}
        }
    }

    fn facts(&mut self, reading: &Reading<'_>, path: &LeafPath) -> Facts {
        // A name that is learned later makes new facts.
        let learned = reading.about.keys.len() as u64;
        let key = (path.key(), reading.resource_key.0 ^ learned);
        if let Some(facts) = self.facts.get(&key) {
            return *facts;
        }
        if self.facts.len() >= FACTS_MAX {
            self.facts.clear();
        }
        let facts = Facts::of(reading, path);
        self.facts.insert(key, facts);
        facts
    }
}

impl Facts {
    fn of(reading: &Reading<'_>, path: &LeafPath) -> Self {
        let class =
            |name: &str, identifies| Some(Class { key: reading.keys.class(name), identifies });
        let known = reading.about.keys.contains(path.name()).then_some("");
        let Some(stem) = class_stem(path.name()).or(known) else {
            return Self { class: None, second: None, own: false };
        };
        let own = names_record(stem, path, reading.about.resource);
        if !stem.is_empty() {
            // What a record refers to belongs to whoever it belongs to, not to the record's owner.
            return Self { class: class(&singular(stem), own), second: None, own };
        }
        let parent = parent_of(path).map(singular).filter(|parent| !is_wrapper(parent));
        let Some(parent) = parent else {
            return Self { class: class(reading.about.resource, true), second: None, own };
        };
        // A list of another name than the endpoint's may hold the same things.
        let listed = parent != reading.about.resource
            && path.matches("[]").count() == 1
            && path.matches('.').count() == 1;
        let second = listed.then(|| class(reading.about.resource, false)).flatten();
        Self { class: class(&parent, true), second, own }
    }
}

impl<'a> Reading<'a> {
    fn new(keys: &'a Keys, about: About<'a>) -> Self {
        let resource_key = keys.class(about.resource);
        Self { keys, service: about.service, about, resource_key }
    }

    fn number(&self, facts: Facts, number: i64, record: Option<u32>, out: &mut Vec<Show>) {
        let loose = Some(self.keys.loose_number(self.service, number));
        for class in facts.class.into_iter().chain(facts.second) {
            let key = self.keys.number(self.service, class.key, number);
            out.push(Show { key, loose, record, identifies: class.identifies, name: None });
        }
    }

    fn text(&self, text: &str, record: Option<u32>, identifies: bool, out: &mut Vec<Show>) {
        let key = self.keys.text(self.service, text);
        let name = Some(self.keys.name(text));
        out.push(Show { key, loose: None, record, identifies, name });
    }

    /// Ids in a path or URL: each segment that looks like one, with the segment before it as
    /// class.
    fn link(&self, link: &str, record: Option<u32>, out: &mut Vec<Show>) {
        let link = link.split('#').next().unwrap_or_default();
        let (path, query) = link.split_once('?').unwrap_or((link, ""));
        let mut before = "";
        let mut found = 0;
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            if found >= LINK_IDS_MAX {
                return;
            }
            if let Ok(number) = segment.parse::<i64>() {
                let class = self.keys.class(&singular(before));
                out.push(Show {
                    key: self.keys.number(self.service, class, number),
                    loose: Some(self.keys.loose_number(self.service, number)),
                    record,
                    identifies: true,
                    name: None,
                });
                found += 1;
            } else {
                let identifies = looks_like_id(segment);
                let key = self.keys.text(self.service, segment);
                out.push(Show { key, loose: None, record, identifies, name: None });
                found += usize::from(identifies);
                before = segment;
            }
        }
        let page = before.split('.').next().unwrap_or_default();
        self.parameters(query, page, record, out);
    }

    /// Ids in the query of a link: `order.php?id=7` shows an order.
    fn parameters(&self, query: &str, page: &str, record: Option<u32>, out: &mut Vec<Show>) {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        for (name, value) in pairs.take(LINK_IDS_MAX) {
            let Some(stem) = class_stem(name) else { continue };
            let class = self.keys.class(&singular(if stem.is_empty() { page } else { stem }));
            if let Ok(number) = value.parse::<i64>() {
                out.push(Show {
                    key: self.keys.number(self.service, class, number),
                    loose: Some(self.keys.loose_number(self.service, number)),
                    record,
                    identifies: true,
                    name: None,
                });
            } else if !value.is_empty() {
                self.text(value, record, looks_like_id(value), out);
            }
        }
    }
}

/// Text of several words: nobody asks for a thing by that.
fn is_prose(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b' ').count() >= 3
}

/// What an id-like name is the id of: `Some("order")` for `order_id` and `orderId`, `Some("")` for
/// `id` and `number`, `None` for what names no id.
fn class_stem(name: &str) -> Option<&str> {
    const BARE: [&str; 16] = [
        "id",
        "_id",
        "uid",
        "uuid",
        "guid",
        "pk",
        "key",
        "number",
        "no",
        "num",
        "nr",
        "ref",
        "code",
        "reference",
        "slug",
        "handle",
    ];
    const SUFFIXES: [&str; 12] = [
        "_id", "-id", "Id", "ID", "_uuid", "_ref", "_no", "_number", "_key", "_code", "Number",
        "Ref",
    ];
    if BARE.iter().any(|bare| name.eq_ignore_ascii_case(bare)) {
        return Some("");
    }
    SUFFIXES.iter().find_map(|suffix| name.strip_suffix(suffix)).filter(|stem| !stem.is_empty())
}

/// The id of the thing itself, not of something it refers to: of what the endpoint is about
/// (`listInvoices` is about invoices), or of what the list is called that it stands in.
fn names_record(stem: &str, path: &str, resource: &str) -> bool {
    let stem = singular(stem);
    stem.is_empty()
        || (stem.len() >= 3 && resource.ends_with(&stem))
        || stem == resource
        || parent_of(path).is_some_and(|parent| singular(parent) == stem)
}

/// The key above the last one, array marks left out.
fn parent_of(path: &str) -> Option<&str> {
    let (above, _) = path.rsplit_once('.')?;
    let parent = above.rsplit('.').next().unwrap_or(above).trim_end_matches("[]");
    (!parent.is_empty()).then_some(parent)
}

/// Names that hold things without saying which.
pub(super) fn is_wrapper(name: &str) -> bool {
    [
        "data", "item", "result", "content", "record", "row", "list", "entry", "element", "value",
        "object", "payload", "response", "body", "hit", "node", "edge", "member", "embedded",
    ]
    .contains(&name.trim_start_matches('_'))
}

/// Singular of a resource's name, lower case.
pub(super) fn singular(name: &str) -> String {
    let mut name = name.to_ascii_lowercase();
    if let Some(stem) = name.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        name.truncate(stem.len());
        name.push('y');
    } else if ["sses", "shes", "ches", "xes"].iter().any(|suffix| name.ends_with(suffix)) {
        name.truncate(name.len().saturating_sub(2));
    } else if name.ends_with('s')
        && !name.ends_with("ss")
        && !name.ends_with("us")
        && name.len() > 2
    {
        name.pop();
    }
    name
}

/// Text that can hardly be anything but an id: no blanks, with a digit, or long and mixed.
fn looks_like_id(text: &str) -> bool {
    text.len() >= 8
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:~".contains(&byte))
        && text.bytes().any(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_records_own_where_its_name_says_so() {
        let check = |stem, path, resource, expected| {
            assert_eq!(names_record(stem, path, resource), expected, "{stem} {path} {resource}");
        };
        check("", "id", "order", true);
        check("order", "order_id", "order", true);
        check("invoice", "result.invoices[].invoiceId", "fetchall", true);
        check("invoice", "invoiceId", "listinvoice", true);
        check("customer", "orders[].customer_id", "order", false);
        check("product", "lines[].product_id", "order", false);
    }
}
