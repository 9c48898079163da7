//! One service: its paths, and what its messages taught.

use crate::disclosed::Disclosed;
use crate::envelope::Envelope;
use crate::evidence::{Sketch, Sort, gives_back};
use crate::fallback::Fallback;
use crate::handed::Handed;
use crate::inventory::Limits;
use crate::learn::{MANY_SHAPES, News};
use crate::login::basic::Basic;
use crate::login::cookies::Cookies;
use crate::login::handles::Handles;
use crate::objects::Names;
use crate::operation::{self, Operation};
use crate::path::{Path, bare};
use crate::persisted::Persisted;
use crate::record::Records;
use crate::template::{Part, Template};
use crate::tree::{Method, NONE, Query, Tree};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use stilt_model::{Place, Request as Asked, Response, Transaction};

/// A service with all its paths.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Service {
    pub(crate) name: Arc<str>,
    pub(crate) tree: Tree,
    pub(crate) disclosed: Disclosed,
    /// Words that stood for things in paths, by the class of thing.
    pub(crate) taken: Disclosed,
    pub(crate) cookies: Cookies,
    pub(crate) basic: Basic,
    pub(crate) handles: Handles,
    pub(crate) handed: Handed,
    pub(crate) envelope: Envelope,
    pub(crate) names: Names,
    pub(crate) fallback: Fallback,
    #[serde(default)]
    pub(crate) persisted: Persisted,
    requests: u64,
    /// Paths that were only ever refused, by method and template: they may not exist.
    unconfirmed: HashMap<Box<str>, u32, RandomState>,
    /// Where what does not fit any more is counted, by method.
    buckets: BTreeMap<Method, u32>,
}

/// What is to be filed.
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) path: &'a Path,
    /// As sent, for the record.
    pub(crate) sample: &'a str,
    pub(crate) method: Method,
    /// The answer shows that something is there.
    pub(crate) confirms: bool,
    /// Status 404, 405 or 501.
    pub(crate) missing: bool,
}

/// Where a request was filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Filed {
    pub(crate) record: u32,
    /// In the bucket of what does not fit.
    pub(crate) folded: bool,
    /// A slot took a word that does not fit it, since the answer was a refusal.
    pub(crate) soft: bool,
}

impl Filed {
    const fn at(record: u32) -> Self {
        Self { record, folded: false, soft: false }
    }
}

impl Service {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            tree: Tree::default(),
            disclosed: Disclosed::default(),
            taken: Disclosed::default(),
            cookies: Cookies::default(),
            basic: Basic::default(),
            handles: Handles::default(),
            handed: Handed::default(),
            envelope: Envelope::default(),
            names: Names::default(),
            fallback: Fallback::default(),
            persisted: Persisted::default(),
            requests: 0,
            unconfirmed: HashMap::default(),
            buckets: BTreeMap::new(),
        }
    }

    /// The function that a request names, where its address has several.
    pub(crate) fn operation(&mut self, tx: &Transaction) -> Option<Operation> {
        self.operation_of(tx.request.as_ref()?, tx.response.as_ref())
    }

    /// The same, of a request that may stand inside another.
    pub(crate) fn operation_of(
        &mut self,
        request: &Asked,
        answer: Option<&Response>,
    ) -> Option<Operation> {
        self.persisted.of(request, answer).or_else(|| operation::of(request))
    }

    /// The endpoint of a request; `slots` gets the segments that stand in its slots.
    pub(crate) fn file(
        &mut self,
        records: &mut Records,
        limits: &Limits,
        request: Request<'_>,
        slots: &mut Vec<usize>,
    ) -> Filed {
        let Request { path, method, confirms, .. } = request;
        if let Some(record) = self.tree.find(Query { path, method, soft: false }, slots) {
            return Filed::at(self.took(records, record, confirms && !slots.is_empty(), path));
        }
        if confirms {
            return self.confirm(records, limits, request, false, slots);
        }
        if let Some(record) = self.tree.find(Query { path, method, soft: true }, slots) {
            return Filed { record, folded: false, soft: true };
        }
        let known = |class: &str, word: &str| self.stands_for(class, word);
        let parts = self.tree.plan(path, method, false, &known);
        positions(&parts, slots);
        let template = Template::new(&parts);
        let key = key(method, &template.text);
        if let Some(record) = self.unconfirmed.get(&*key) {
            return Filed::at(*record);
        }
        let room = if request.missing { limits.missing_max } else { limits.unconfirmed_max };
        if self.unconfirmed.len() >= room || records.len() >= limits.endpoints_max {
            slots.clear();
            return self.fold(records, method);
        }
        let record = records.add(&self.name, method.name(), template, request.sample);
        self.unconfirmed.insert(key, record);
        Filed::at(record)
    }

    /// Notes what values the slots took; where the record is afterwards.
    fn took(&mut self, records: &mut Records, record: u32, notes: bool, path: &Path) -> u32 {
        let node = records.get(record).map(|record| record.node).filter(|_| notes);
        let Some(node) = node else { return record };
        if let Some(slot) = self.tree.note_sorts(node, path) {
            let id = records.get(record).map(|record| record.endpoint.id);
            self.relabel(records, slot, 0);
            return id.and_then(|id| records.place(id)).unwrap_or(record);
        }
        record
    }

    /// Files a path that exists; `apart`: its last segment is a name though a slot would take it.
    pub(crate) fn confirm(
        &mut self,
        records: &mut Records,
        limits: &Limits,
        request: Request<'_>,
        apart: bool,
        slots: &mut Vec<usize>,
    ) -> Filed {
        let method = request.method;
        let known = |class: &str, word: &str| self.stands_for(class, word);
        let parts = self.tree.plan(request.path, method, apart, &known);
        positions(&parts, slots);
        let template = Template::new(&parts);
        let key = key(method, &template.text);
        let known = self.unconfirmed.get(&*key).copied();
        if known.is_none() && records.len() >= limits.endpoints_max {
            slots.clear();
            return self.fold(records, method);
        }
        for part in &parts {
            if let Part::Name(name) = part {
                self.names.resource(bare(name));
            }
        }
        let parts: Vec<Part<'_>> = parts;
        let owned: Vec<(Option<Box<str>>, Part<'static>)> = parts.iter().map(own).collect();
        let parts: Vec<Part<'_>> =
            owned.iter().map(|(name, part)| name.as_deref().map_or(*part, Part::Name)).collect();
        let node = self.tree.insert(&parts);
        if let Some(slot) = self.tree.note_sorts(node, request.path) {
            self.relabel(records, slot, 0);
        }
        // The tree writes names as it saw them first.
        let template = self.tree.template(node);
        if known.is_some() {
            self.unconfirmed.remove(&*key);
        }
        let record = match known {
            Some(record) => records.relabel(record, template),
            None => records.add(&self.name, method.name(), template, request.sample),
        };
        if let Some(record) = records.get_mut(record) {
            record.node = node;
            record.confirmed = true;
        }
        if let Some(node) = self.tree.node_mut(node)
            && node.record(method).is_none()
        {
            node.methods.push((method, record));
        }
        Filed::at(record)
    }

    /// The word is what something of a class is called by.
    fn stands_for(&self, class: &str, word: &str) -> bool {
        !class.is_empty() && (self.disclosed.contains(word) || self.taken.lists(class, word))
    }

    /// Remembers the words of a path that stood for things.
    fn take_words(&mut self, records: &Records, record: u32, path: &Path, slots: &[usize]) {
        let Some(record) = records.get(record) else { return };
        for (class, at) in record.classes.iter().zip(slots) {
            if path.kind(*at).is_none() {
                self.taken.take(class, path.lower(*at));
            }
        }
    }

    /// The bucket of what does not fit.
    fn fold(&mut self, records: &mut Records, method: Method) -> Filed {
        let name = &self.name;
        let record = *self.buckets.entry(method).or_insert_with(|| {
            let mut template = Template::new(&[]);
            "/{unknown path}".clone_into(&mut template.text);
            let bucket = records.add(name, method.name(), template, "");
            if let Some(record) = records.get_mut(bucket) {
                record.bucket = true;
            }
            bucket
        });
        Filed { record, folded: true, soft: false }
    }

    /// It is time to look for services that are the same application: after 8 requests, 16, 32…
    pub(crate) fn looks_round(&self) -> bool {
        self.requests >= 8 && self.requests.is_power_of_two()
    }

    /// Settles what was learned, now and then: after 256 requests, 512, 1,024 and so on.
    pub(crate) fn settle_in_time(&mut self, records: &mut Records) {
        self.requests = self.requests.saturating_add(1);
        if self.requests >= 256 && self.requests.is_power_of_two() {
            self.settle(records);
        }
    }

    /// Endpoints that only ever gave the answer that any path gets are none.
    pub(crate) fn demote(&mut self, records: &mut Records, page: u64) {
        for (node, method, record) in self.tree.records() {
            if records.get(record).is_some_and(|record| record.pages.contains(&page)) {
                let bucket = self.fold(records, method).record;
                self.tree.forget(node, method);
                records.absorb(bucket, record);
            }
        }
    }

    /// Paths kept apart that a new slot takes now join it.
    pub(crate) fn sweep_unconfirmed(&mut self, records: &mut Records) {
        let mut keys: Vec<(Box<str>, u32)> =
            self.unconfirmed.iter().map(|(key, record)| (key.clone(), *record)).collect();
        keys.sort_unstable();
        let (mut path, mut slots) = (Path::default(), Vec::new());
        for (key, at) in keys {
            let Some(record) = records.get(at) else { continue };
            path.parse(&record.sample);
            let method = Method::of(&record.endpoint.method);
            let query = Query { path: &path, method, soft: false };
            if let Some(into) = self.tree.find(query, &mut slots) {
                self.unconfirmed.remove(&key);
                records.absorb(into, at);
            }
        }
    }

    /// A record that is in the tree now is no longer kept apart.
    pub(crate) fn forget_unconfirmed(&mut self, record: u32) {
        self.unconfirmed.retain(|_, known| *known != record);
    }

    /// Learns from a successful answer of an endpoint; may file the request anew, as a name that
    /// stands apart from the values around it.
    pub(crate) fn succeeded(
        &mut self,
        records: &mut Records,
        limits: &Limits,
        request: Request<'_>,
        response: &Response,
        mut filed: Filed,
        slots: &mut Vec<usize>,
    ) -> Filed {
        let Some(record) = records.get_mut(filed.record) else { return filed };
        record.successes = record.successes.saturating_add(1);
        let scan = record.successes <= 256 || record.successes.is_multiple_of(8);
        record.learn_skeleton(response.skeleton);
        let shape = response.shape;
        if !record.knows(shape) && self.stands_apart(records, request, response, filed, slots) {
            filed = self.confirm(records, limits, request, true, slots);
        }
        if scan {
            self.disclosed.learn(&response.leaves);
            self.names.learn(&response.leaves);
        }
        if !slots.is_empty() && !filed.folded {
            self.take_words(records, filed.record, request.path, slots);
        }
        let Some(record) = records.get_mut(filed.record) else { return filed };
        let leaves = distinct(response);
        if !record.learn_shape(Sort { shape, leaves: u8::try_from(leaves).unwrap_or(u8::MAX) }) {
            return filed;
        }
        record.fields.join(&Sketch::of(response));
        let last = request.path.len().saturating_sub(1);
        for level in 0..request.path.len().min(8) {
            let word = request.path.segment(last.saturating_sub(level));
            record.echoes |= u8::from(gives_back(&response.leaves, word)) << level;
        }
        // Methods of a gRPC service answer alike and are names all the same.
        record.grpc |= response.content_type.as_deref().is_some_and(|media| media.contains("grpc"));
        if filed.folded || record.grpc {
            return filed;
        }
        let news = News { record: filed.record, method: request.method, shape, leaves };
        let id = record.endpoint.id;
        if self.learn(records, news) {
            let query = Query { path: request.path, method: request.method, soft: false };
            let found = self.tree.find(query, slots).or_else(|| records.place(id));
            filed.record = found.unwrap_or(filed.record);
        }
        filed
    }

    /// A word beside values that answers unlike any of them is a name (`/orders/export`).
    fn stands_apart(
        &self,
        records: &Records,
        request: Request<'_>,
        response: &Response,
        filed: Filed,
        slots: &[usize],
    ) -> bool {
        let last = request.path.len().saturating_sub(1);
        let Some(record) = records.get(filed.record) else { return false };
        !filed.folded
            && slots.last() == Some(&last)
            && request.path.kind(last).is_none()
            && !record.shapes.is_empty()
            && record.shapes.len() <= MANY_SHAPES
            && !response.leaves.is_empty()
            && !record.fields.is_a_form_of(&Sketch::of(response))
            && record.node != NONE
            && !self.disclosed.contains(request.path.segment(last))
            && !echoes(response, request.path.segment(last))
    }
}

/// The answer calls something by that very word.
fn echoes(response: &Response, word: &str) -> bool {
    use stilt_model::Value;
    response.leaves.iter().take(64).any(|leaf| match &leaf.value {
        Value::Text(text) => text.eq_ignore_ascii_case(word),
        _ => false,
    })
}

/// Different leaves of an answer, as far as it matters (up to 3).
fn distinct(response: &Response) -> usize {
    let mut seen: Vec<&str> = Vec::new();
    for leaf in response.leaves.iter().take(64).filter(|leaf| leaf.place != Place::Html) {
        if seen.len() < 3 && !seen.contains(&leaf.path.as_str()) {
            seen.push(&leaf.path);
        }
    }
    seen.len()
}

fn positions(parts: &[Part<'_>], slots: &mut Vec<usize>) {
    slots.clear();
    let at = parts.iter().enumerate().filter(|(_, part)| matches!(part, Part::Slot { .. }));
    slots.extend(at.map(|(at, _)| at));
}

fn own(part: &Part<'_>) -> (Option<Box<str>>, Part<'static>) {
    match part {
        Part::Name(name) => (Some((*name).into()), Part::Name("")),
        Part::Slot { kind, learned } => (None, Part::Slot { kind: *kind, learned: *learned }),
    }
}

fn key(method: Method, template: &str) -> Box<str> {
    let mut key = format!("{} {template}", method.name());
    key.make_ascii_lowercase();
    key.into()
}
