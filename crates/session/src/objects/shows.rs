//! Which values of a message name objects, and under which keys they are remembered.

use core::hash::{BuildHasher, Hasher};
use foldhash::fast::RandomState;
use stilt_inventory::{ObjectRef, Sighting};
use stilt_model::{EndpointId, Leaf, Response, Transaction, Value};

/// Longest text that can be an id.
const TEXT_MAX: usize = 64;
/// Ids in one link that are read at most.
const LINK_IDS_MAX: usize = 4;

/// How an id came to an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// With no other owner named.
    Own,
    /// In a record of somebody else's, at this endpoint.
    Foreign(EndpointId),
}

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

/// Seeded hashes of object names: attackers choose ids.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys(RandomState);

impl Keys {
    fn hash(&self, tag: u8, parts: &[&[u8]]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write_u8(tag);
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        hasher.finish()
    }

    fn number(&self, service: &str, class: &str, number: i64) -> u64 {
        self.hash(1, &[service.as_bytes(), class.as_bytes(), &number.to_le_bytes()])
    }

    fn text(&self, service: &str, text: &str) -> u64 {
        self.hash(2, &[service.as_bytes(), text.as_bytes()])
    }

    /// Whatever its class.
    pub(super) fn loose(&self, service: &str, id: &str) -> u64 {
        id.parse::<i64>().map_or_else(
            |_| self.text(service, id),
            |number| self.hash(3, &[service.as_bytes(), &number.to_le_bytes()]),
        )
    }

    /// The key of what a request asks for.
    pub(super) fn object(&self, service: &str, object: &ObjectRef) -> u64 {
        match object.number {
            Some(number) => self.number(service, &object.class, number),
            None => self.loose(service, &object.id),
        }
    }

    /// The key of a name somebody is called by, whatever the service.
    pub(super) fn name(&self, name: &str) -> u64 {
        self.hash(4, &[name.as_bytes()])
    }

    /// The key of a leaf of an endpoint's answers.
    pub(super) fn leaf(&self, endpoint: EndpointId, path: &str) -> u64 {
        self.hash(5, &[&endpoint.0.to_le_bytes(), path.as_bytes()])
    }
}

/// Reads the ids of a response: id-like numbers, texts that can be ids, links, `Location`.
pub(super) fn in_response(
    keys: &Keys,
    response: &Response,
    sighting: &Sighting,
    out: &mut Vec<Show>,
) {
    let resource = singular(resource_of(&sighting.name));
    for leaf in &response.leaves {
        in_leaf(keys, leaf, &sighting.service, &resource, out);
    }
    if let Some(location) = &response.location {
        in_link(keys, location, None, &sighting.service, out);
    }
}

/// Reads what a request that created or changed something called it by.
pub(super) fn in_request(keys: &Keys, tx: &Transaction, sighting: &Sighting, out: &mut Vec<Show>) {
    let resource = singular(resource_of(&sighting.name));
    let Some(request) = &tx.request else { return };
    // A reference to some other object in a request shows nothing; a name given to this one does.
    for leaf in &request.leaves {
        let reference =
            matches!(leaf.value, Value::Integer(_)) && class_stem(leaf.name()) != Some("");
        if !reference {
            in_leaf(keys, leaf, &sighting.service, &resource, out);
        }
    }
}

fn in_leaf(keys: &Keys, leaf: &Leaf, service: &str, resource: &str, out: &mut Vec<Show>) {
    let record = leaf.path.contains("[]").then_some(leaf.record);
    let name = leaf.name();
    match &leaf.value {
        Value::Integer(number) => in_number(keys, *number, leaf, record, service, resource, out),
        Value::Text(text) if text.len() <= TEXT_MAX => {
            if text.starts_with('/') || text.starts_with("http") {
                in_link(keys, text, record, service, out);
            }
            let stem = class_stem(name);
            match (text.parse::<i64>(), stem) {
                (Ok(number), Some(_)) => {
                    in_number(keys, number, leaf, record, service, resource, out);
                }
                _ if !text.is_empty() => out.push(Show {
                    key: keys.text(service, text),
                    loose: None,
                    record,
                    identifies: stem.map_or_else(
                        || looks_like_id(text),
                        |stem| names_record(stem, &leaf.path, resource),
                    ),
                    name: Some(keys.name(text)),
                }),
                _ => {}
            }
        }
        Value::Text(text) if text.starts_with('/') || text.starts_with("http") => {
            in_link(keys, text, record, service, out);
        }
        Value::Masked { mark, .. } => {
            let shown = mark.to_string();
            out.push(Show {
                key: keys.text(service, &shown),
                loose: None,
                record,
                identifies: false,
                name: Some(keys.name(&shown)),
            });
        }
        _ => {}
    }
}

fn in_number(
    keys: &Keys,
    number: i64,
    leaf: &Leaf,
    record: Option<u32>,
    service: &str,
    resource: &str,
    out: &mut Vec<Show>,
) {
    let Some(stem) = class_stem(leaf.name()) else { return };
    let loose = Some(keys.loose(service, &number.to_string()));
    let mut push = |class: &str, identifies| {
        let key = keys.number(service, class, number);
        out.push(Show { key, loose, record, identifies, name: None });
    };
    if !stem.is_empty() {
        // What a record refers to belongs to whoever it belongs to, not to the record's owner.
        push(&singular(stem), names_record(stem, &leaf.path, resource));
        return;
    }
    let parent = parent_of(&leaf.path).map(singular).filter(|parent| !is_wrapper(parent));
    if let Some(parent) = parent {
        push(&parent, true);
        if parent == resource {
            return;
        }
        // A list of another name than the endpoint's may hold the same things.
        if leaf.path.matches("[]").count() == 1 && leaf.path.matches('.').count() == 1 {
            push(resource, false);
        }
        return;
    }
    push(resource, true);
}

/// Ids in a path or URL: each segment that looks like one, with the segment before it as class.
fn in_link(keys: &Keys, link: &str, record: Option<u32>, service: &str, out: &mut Vec<Show>) {
    let path = link.split(['?', '#']).next().unwrap_or_default();
    let mut before = "";
    let mut found = 0;
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        if found >= LINK_IDS_MAX {
            return;
        }
        if let Ok(number) = segment.parse::<i64>() {
            out.push(Show {
                key: keys.number(service, &singular(before), number),
                loose: Some(keys.loose(service, segment)),
                record,
                identifies: true,
                name: None,
            });
            found += 1;
        } else {
            let identifies = looks_like_id(segment);
            let key = keys.text(service, segment);
            out.push(Show { key, loose: None, record, identifies, name: None });
            found += usize::from(identifies);
            before = segment;
        }
    }
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
fn is_wrapper(name: &str) -> bool {
    [
        "data", "item", "result", "content", "record", "row", "list", "entry", "element", "value",
        "object", "payload", "response", "body", "hit", "node", "edge", "member", "embedded",
    ]
    .contains(&name.trim_start_matches('_'))
}

/// The resource an endpoint is about: the last plain segment of its template.
pub(super) fn resource_of(name: &str) -> &str {
    let path = name.split_once(' ').map_or(name, |(_, path)| path);
    path.rsplit('/')
        .find(|segment| !segment.is_empty() && !segment.starts_with('{') && !is_version(segment))
        .unwrap_or_default()
}

fn is_version(segment: &str) -> bool {
    segment
        .strip_prefix(['v', 'V'])
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
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
