//! A request as profiles see it: its parameters, and what came of it.

use super::facts::By;
use super::text::{self, Made};
use core::hash::{BuildHasher, Hasher};
use foldhash::fast::FixedState;
use stilt_inventory::Sighting;
use stilt_inventory::knowledge::class::Class;
use stilt_model::{ActorId, EndpointId, Leaf, Outcome, Place, Transaction, Value};

/// Values of one request that are looked at.
const ITEMS_MAX: usize = 128;
/// Longest text of an answer that is searched for an id; of longer ones the whole is compared.
const HELD_MAX: usize = 256;
/// Longest value that may be one of a list.
const LISTED_MAX: usize = 64;

/// One value of one parameter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Item {
    /// The parameter: a hash of place and path, the same in every run.
    pub(crate) key: u64,
    /// Which leaf; those of the path come after all others.
    pub(crate) leaf: usize,
    pub(crate) kind: u8,
    pub(crate) made: Made,
    /// Bytes.
    pub(crate) length: f32,
    /// Its size, without the sign.
    pub(crate) number: Option<f32>,
    /// A hash of the value, the same in every run of one installation.
    pub(crate) value: u64,
    /// It may be one of a list of values.
    pub(crate) listed: bool,
    /// It stands in an array, or twice by design.
    pub(crate) in_array: bool,
    /// It is an id in the path.
    pub(crate) is_id: bool,
}

/// A request.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    pub(crate) endpoint: EndpointId,
    pub(crate) service: u64,
    pub(crate) by: By,
    pub(crate) actor: ActorId,
    /// By parameter, then in order.
    pub(crate) items: Vec<Item>,
    /// Which parameters, in which order.
    pub(crate) order: u64,
    /// All of it was seen.
    pub(crate) whole: bool,
    pub(crate) status: Option<u16>,
    /// Bytes of an answer that tells success.
    pub(crate) size: Option<f32>,
    /// Milliseconds until the answer.
    pub(crate) latency: Option<f32>,
    /// A successful answer names the object of the path; `None` where that can't be told.
    pub(crate) echo: Option<bool>,
}

/// Whether an answer names what the path asks for: an answer about another thing does not.
fn echo(tx: &Transaction, sighting: &Sighting) -> Option<bool> {
    let answer = tx.response.as_ref()?;
    let wanted = sighting.objects.iter().rfind(|object| object.in_path)?;
    let told = sighting.outcome == Outcome::Success && (200..300).contains(&answer.status);
    if !told || answer.leaves.is_empty() {
        return None;
    }
    let id = wanted.id.as_str();
    let number = id.parse::<i64>().ok();
    let named = answer.leaves.iter().any(|leaf| match &leaf.value {
        Value::Text(text) => holds(text, id),
        Value::Integer(known) => number == Some(*known),
        _ => false,
    });
    // What is masked or was not read may have been its name.
    let unread = answer.leaves_cut
        || !tx.flags.whole()
        || answer.leaves.iter().any(|leaf| matches!(leaf.value, Value::Masked { .. }));
    if named { Some(true) } else { (!unread).then_some(false) }
}

/// Whether a text holds an id, capital letters or not.
fn holds(text: &str, id: &str) -> bool {
    let alike = |part: &[u8]| part.eq_ignore_ascii_case(id.as_bytes());
    alike(text.as_bytes())
        || (text.len() <= HELD_MAX && text.as_bytes().windows(id.len().max(1)).any(alike))
}

pub(crate) fn hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = FixedState::with_seed(29).build_hasher();
    for part in parts {
        hasher.write(part);
        hasher.write_u8(0xff);
    }
    hasher.finish()
}

#[expect(clippy::cast_precision_loss, reason = "sizes: seven digits will do")]
pub(crate) fn float(number: u64) -> f32 {
    number as f32
}

impl Item {
    fn of(leaf: usize, key: u64, value: &Value, in_array: bool) -> Self {
        let mut item = Self { key, leaf, in_array, listed: true, ..Self::default() };
        match value {
            Value::Text(text) => {
                let class = Class::of(text);
                item.kind = text::kind(value, class);
                item.made = Made::of(text);
                item.length = float(text.len() as u64);
                item.value = hash(&[text.as_bytes()]);
                item.listed = text.len() <= LISTED_MAX;
                if matches!(class, Class::Integer | Class::Decimal) {
                    item.number = text.parse::<f32>().ok().map(f32::abs);
                }
            }
            Value::Integer(number) => {
                item.number = Some(float(number.unsigned_abs()));
                item.value = hash(&[&number.to_le_bytes()]);
                if *number < 0 {
                    item.made = Made::of("-");
                }
            }
            #[expect(clippy::cast_possible_truncation, reason = "sizes: seven digits will do")]
            Value::Number(number) => {
                item.number = Some(number.abs() as f32).filter(|number| number.is_finite());
                item.listed = false;
            }
            Value::Masked { mark, length } => {
                item.length = float(u64::from(*length));
                item.value = mark.digest[0];
            }
            Value::Bool(truth) => item.value = u64::from(*truth),
            Value::Null => {}
        }
        if !matches!(value, Value::Text(_)) {
            item.kind = text::kind(value, Class::Empty);
        }
        item
    }
}

/// A member of the body, or of each of its parts.
fn is_named(leaf: &Leaf, name: &str) -> bool {
    let path = leaf.path.as_str();
    leaf.place == Place::Json && (path == name || path.strip_prefix("[].") == Some(name))
}

/// What an envelope numbers its calls by (JSON-RPC 2.0, section 4; MCP's progress) is no parameter.
fn numbers_a_call(leaf: &Leaf) -> bool {
    is_named(leaf, "id") || is_named(leaf, "params._meta.progressToken")
}

/// The parameter a leaf is a value of.
fn key(leaf: &Leaf) -> u64 {
    leaf.path.stable() ^ (leaf.place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl View {
    /// Reads a transaction, into the room of an older view.
    pub(crate) fn read(&mut self, tx: &Transaction, sighting: &Sighting, actor: ActorId) {
        self.items.clear();
        self.endpoint = sighting.endpoint;
        self.service = hash(&[sighting.service.as_bytes()]);
        (self.actor, self.by) = (actor, By::of(actor));
        self.whole = tx.flags.whole();
        self.order = 0;
        (self.status, self.size, self.latency) = (None, None, None);
        self.echo = echo(tx, sighting);
        let Some(request) = &tx.request else { return };
        self.whole &= !request.leaves_cut;
        let mut last = 0;
        let calls = request.leaves.iter().any(|leaf| is_named(leaf, "jsonrpc"));
        for (at, leaf) in request.leaves.iter().enumerate().take(ITEMS_MAX) {
            if leaf.place == Place::Header || (calls && numbers_a_call(leaf)) {
                continue;
            }
            let key = key(leaf);
            if key != last && !leaf.path.in_array() {
                self.order = self.order.rotate_left(9) ^ key;
            }
            last = key;
            self.items.push(Item::of(at, key, &leaf.value, leaf.path.in_array()));
        }
        // Ids of the path: their form is learned, never their values.
        let slots = sighting.objects.iter().filter(|object| object.in_path);
        for (at, object) in slots.enumerate().take(8) {
            let key = hash(&[b"path", &at.to_le_bytes()]);
            let value = Value::Text(object.id.as_str().into());
            let mut item = Item::of(request.leaves.len().saturating_add(at), key, &value, true);
            (item.listed, item.number, item.is_id) = (false, None, true);
            self.items.push(item);
        }
        self.items.sort_by_key(|item| item.key);
        if let Some(answer) = &tx.response {
            self.status = Some(answer.status);
            if (200..300).contains(&answer.status) && tx.flags.whole() {
                self.size = Some(float(answer.body_bytes));
            }
            let millis = answer.start.since(tx.start).as_millis();
            self.latency = Some(float(u64::try_from(millis).unwrap_or(u64::MAX)));
        }
    }

    /// Its values, those of one parameter together.
    pub(crate) fn params(&self) -> impl Iterator<Item = &[Item]> {
        self.items.chunk_by(|one, next| one.key == next.key)
    }
}

/// The name of a parameter, as reasons show it.
pub(crate) fn name(tx: &Transaction, leaf: usize) -> &str {
    let leaves = tx.request.as_ref().map(|request| &request.leaves);
    leaves.and_then(|leaves| leaves.get(leaf)).map_or("id in the path", |leaf| leaf.path.as_str())
}

/// The text of a value that may be kept: short, in clear, and nobody's own.
pub(crate) fn shown(tx: &Transaction, leaf: usize) -> Option<&str> {
    let leaf = tx.request.as_ref()?.leaves.get(leaf)?;
    match &leaf.value {
        Value::Text(text) if leaf.sensitive.is_none() => Some(text),
        _ => None,
    }
}
