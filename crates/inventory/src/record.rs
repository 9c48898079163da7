//! What is kept of each endpoint, and the table of them.

use crate::evidence::{Sketch, Sort};
use crate::fallback::{MIXED, NO_PAGE, Page};
use crate::inventory::Endpoint;
use crate::knowledge::Knowledge;
use crate::login::stats::{self, LoginStats};
use crate::login::steps::About;
use crate::operation::Operation;
use crate::outcome::Verdict;
use crate::pages::SKELETONS_MAX;
use crate::sighting::{EndpointKind, Slot, StepKind};
use crate::template::{Hint, Template};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use stilt_model::{EndpointId, IdBuilder, Outcome, Place, Request, Transaction};

/// Sorts of successful answers remembered for one endpoint.
const SHAPES_MAX: usize = 8;
/// Functions of one address told apart: a client may name what it likes.
const FUNCTIONS_MAX: u32 = 256;
/// Merged ids that wait to be told.
const PENDING_MAX: usize = 4096;
/// Names of those that are told with them.
const WAS_MAX: usize = 64;
/// Merged ids that still lead somewhere.
const FORWARDS_MAX: usize = 1 << 18;
/// Headers of all services that are remembered as credentials.
const DOORS_MAX: usize = 256;

/// One endpoint with what was learned of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) endpoint: Endpoint,
    /// It answered as something that exists.
    pub(crate) confirmed: bool,
    /// It counts what fits nowhere, and is no endpoint.
    pub(crate) bucket: bool,
    /// Resource class of each slot.
    pub(crate) classes: Vec<Arc<str>>,
    /// Resource the endpoint is about.
    pub(crate) resource: Arc<str>,
    /// What its words say it is for.
    pub(crate) hint: Hint,
    /// What its words are about.
    pub(crate) about: About,
    /// The one sort of page that all its answers were, where there is one.
    #[serde(default)]
    pub(crate) pages: Page,
    /// Sorts of successful answers, those with the lowest hashes.
    pub(crate) shapes: Vec<Sort>,
    /// What its pages are built of, those with the lowest hashes.
    #[serde(default)]
    pub(crate) skeletons: Vec<u64>,
    /// Names of the fields of all of them, as a sketch.
    pub(crate) fields: Sketch,
    /// Names of the fields of what is sent to it, as a sketch.
    #[serde(default)]
    pub(crate) asks: Sketch,
    /// Steps from the end of its path whose words answers gave back, a bit each.
    pub(crate) echoes: u8,
    /// It is a method of a gRPC service.
    pub(crate) grpc: bool,
    /// Successful answers.
    pub(crate) successes: u64,
    /// Node of the tree of paths it stands at.
    pub(crate) node: u32,
    /// A path it was asked by.
    pub(crate) sample: Box<str>,
    /// Ids merged into it that were not told yet.
    pub(crate) pending: Vec<EndpointId>,
    /// The names they were told under.
    #[serde(default)]
    pub(crate) was: Vec<Arc<str>>,
    /// Functions told apart at this address.
    pub(crate) functions: u32,
    /// What its sign-in attempts taught.
    pub(crate) login: Option<Box<LoginStats>>,
    /// A form sent to it was answered by leading elsewhere.
    pub(crate) leads_on: bool,
    /// A token or code that was sent to it was.
    #[serde(default)]
    pub(crate) proof_leads_on: bool,
    /// Everything else that is known of it.
    pub(crate) knowledge: Knowledge,
}

impl Record {
    /// Reads the answer to a form: where success leads on (POST, redirect, GET), a page with the
    /// same form again tells of what was wrong with it.
    pub(crate) fn judge_form(&mut self, tx: &Transaction, verdict: Verdict) -> Verdict {
        let (Some(request), Some(response)) = (&tx.request, &tx.response) else { return verdict };
        let form = request.method == "POST"
            && request.leaves.iter().take(32).any(|leaf| leaf.place == Place::Form);
        if !form || verdict.outcome() != Outcome::Success {
            return verdict;
        }
        self.leads_on |= (300..400).contains(&response.status);
        if self.leads_on && response.form_again && response.status < 300 {
            return Verdict { outcome: Some(Outcome::Failure), ..verdict };
        }
        verdict
    }

    /// Reads the answer to a token or code: where a right one leads on to another page (POST,
    /// redirect, GET), a page by itself says that it was wrong, with the form or without it.
    pub(crate) fn turns_back(&mut self, tx: &Transaction, step: StepKind) -> bool {
        let (Some(request), Some(response)) = (&tx.request, &tx.response) else { return false };
        let proof = matches!(step, StepKind::CodeGiven | StepKind::ResetDone);
        if !proof || request.method != "POST" {
            return false;
        }
        if let Some(location) = response.location.as_deref().filter(|_| response.status < 400) {
            self.proof_leads_on |= !stats::leads_back(location, &request.path);
            return stats::leads_back(location, &request.path);
        }
        let html = response.content_type.as_deref().is_some_and(|media| media.contains("html"));
        self.proof_leads_on && html && response.status < 300
    }

    /// Notes the sort of a successful answer, and what was sent for it.
    pub(crate) fn note(&mut self, page: Page, request: &Request) {
        self.note_page(page);
        if self.successes <= 64 || self.successes.is_multiple_of(16) {
            self.asks.join(&Sketch::asked(request));
        }
    }

    /// Notes an answer of a sort.
    pub(crate) fn note_page(&mut self, page: Page) {
        for (own, new) in self.pages.iter_mut().zip(page) {
            *own = if matches!(*own, NO_PAGE) || *own == new { new } else { MIXED };
        }
    }

    /// Both take the same fields, two at least.
    pub(crate) fn asks_like(&self, other: &Self) -> bool {
        self.asks.shares_two(&other.asks)
    }

    /// An answer of that sort came before.
    pub(crate) fn knows(&self, shape: u64) -> bool {
        self.shapes.iter().any(|known| known.shape == shape)
    }

    /// Adds a sort of successful answer; `true` where it is new. The lowest are kept, so that it
    /// makes no difference which came first.
    pub(crate) fn learn_shape(&mut self, sort: Sort) -> bool {
        let Err(at) = self.shapes.binary_search_by_key(&sort.shape, |known| known.shape) else {
            return false;
        };
        if at >= SHAPES_MAX {
            return false;
        }
        self.shapes.insert(at, sort);
        self.shapes.truncate(SHAPES_MAX);
        true
    }

    /// Adds what a page is built of; 0 is none.
    pub(crate) fn learn_skeleton(&mut self, look: u64) {
        if let Err(at) = self.skeletons.binary_search(&look)
            && look != 0
            && at < SKELETONS_MAX
        {
            self.skeletons.insert(at, look);
            self.skeletons.truncate(SKELETONS_MAX);
        }
    }

    /// All it answered is one page that is built of next to nothing.
    pub(crate) fn is_shell(&self) -> bool {
        let mut pages = self.knowledge.answers_of(2).peekable();
        let one = |sort: &u64| !matches!(*sort, NO_PAGE | MIXED);
        pages.peek().is_some()
            && pages.all(|answer| answer.media.iter().any(|media| media.contains("html")))
            && self.skeletons.is_empty()
            && self.pages.iter().any(one)
    }

    /// Takes over a new template; the id follows.
    fn relabel(&mut self, template: Template) {
        self.classes = template.classes;
        self.resource = template.resource;
        self.hint = template.hint;
        self.about = template.about;
        self.endpoint.name = format!("{} {}", self.endpoint.method, template.text).into();
        self.endpoint.slots = template.slots;
        self.endpoint.template = template.text;
        self.endpoint.id = id(&self.endpoint);
    }
}

fn id(endpoint: &Endpoint) -> EndpointId {
    id_of(&endpoint.service, &endpoint.method, &endpoint.template)
}

fn id_of(service: &str, method: &str, template: &str) -> EndpointId {
    EndpointId(IdBuilder::new("endpoint").text(service).text(method).text(template).finish())
}

/// All endpoints of all services.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Records {
    list: Vec<Option<Record>>,
    free: Vec<u32>,
    by_id: HashMap<EndpointId, u32, RandomState>,
    forwards: HashMap<EndpointId, EndpointId, RandomState>,
    /// Endpoints merged into others so far.
    pub(crate) merged: u64,
    /// Fields that may still be learned, of all endpoints together.
    pub(crate) room: usize,
    /// Headers that turned out to be credentials, by service.
    #[serde(default)]
    doors: Vec<(Arc<str>, Box<str>)>,
}

impl Records {
    /// An empty table that learns so many fields at most.
    pub(crate) fn new(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    /// The record of an id that leads to one.
    pub(crate) fn by_id_mut(&mut self, id: EndpointId) -> Option<(&mut Record, &mut usize)> {
        let at = *self.by_id.get(&id)?;
        Some((self.list.get_mut(at as usize)?.as_mut()?, &mut self.room))
    }

    /// What was found to be a credential at one endpoint is one at all of its service, and the
    /// other way round.
    pub(crate) fn share_doors(&mut self, id: EndpointId) {
        let Some(record) = self.place(id).and_then(|at| self.get(at)) else { return };
        let service = Arc::clone(&record.endpoint.service);
        let found: Vec<Box<str>> = record.knowledge.auth.doors().map(Box::from).collect();
        for name in found {
            let known = self.doors.iter().any(|(own, door)| *own == service && *door == name);
            if known || self.doors.len() >= DOORS_MAX {
                continue;
            }
            for own in self.list.iter_mut().flatten().filter(|one| one.endpoint.service == service)
            {
                own.knowledge.auth.opens(&name);
            }
            self.doors.push((Arc::clone(&service), name));
        }
        let known = self.doors.iter().filter(|(own, _)| *own == service);
        let known: Vec<Box<str>> = known.map(|(_, name)| name.clone()).collect();
        let Some((record, _)) = self.by_id_mut(id) else { return };
        known.iter().for_each(|name| record.knowledge.auth.opens(name));
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn get(&self, at: u32) -> Option<&Record> {
        self.list.get(at as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, at: u32) -> Option<&mut Record> {
        self.list.get_mut(at as usize)?.as_mut()
    }

    /// Where the records of a service are.
    pub(crate) fn of_service(&self, service: &str) -> Vec<u32> {
        let own = |record: &Option<Record>| {
            record.as_ref().is_some_and(|record| &*record.endpoint.service == service)
        };
        let all = self.list.iter().enumerate().filter(|(_, record)| own(record));
        all.filter_map(|(at, _)| u32::try_from(at).ok()).collect()
    }

    /// The record of one service with the method and template of another's.
    pub(crate) fn twin(&self, service: &str, of: &Record) -> Option<u32> {
        let of = &of.endpoint;
        self.by_id.get(&id_of(service, &of.method, &of.template)).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.list.iter().flatten()
    }

    /// By id, also by one that was merged away.
    pub(crate) fn by_id(&self, id: EndpointId) -> Option<&Record> {
        self.get(self.place(id)?)
    }

    /// Where the record of an id is, also of one that was merged away.
    pub(crate) fn place(&self, id: EndpointId) -> Option<u32> {
        let mut id = id;
        for _ in 0..32 {
            if let Some(at) = self.by_id.get(&id) {
                return Some(*at);
            }
            id = *self.forwards.get(&id)?;
        }
        None
    }

    /// A new record, or the one that has this template already.
    pub(crate) fn add(
        &mut self,
        service: &Arc<str>,
        method: &str,
        template: Template,
        sample: &str,
    ) -> u32 {
        let mut record = Record {
            endpoint: Endpoint {
                id: EndpointId(0),
                service: Arc::clone(service),
                method: method.to_owned(),
                template: String::new(),
                name: Arc::from(""),
                slots: Vec::<Slot>::new(),
                kind: EndpointKind::Other,
                requests: 0,
            },
            confirmed: false,
            bucket: false,
            classes: Vec::new(),
            resource: Arc::from(""),
            hint: Hint::None,
            about: About::default(),
            pages: [NO_PAGE; 2],
            shapes: Vec::new(),
            skeletons: Vec::new(),
            fields: Sketch::default(),
            asks: Sketch::default(),
            echoes: 0,
            grpc: false,
            successes: 0,
            node: u32::MAX,
            sample: sample.into(),
            pending: Vec::new(),
            was: Vec::new(),
            functions: 0,
            login: None,
            leads_on: false,
            proof_leads_on: false,
            knowledge: Knowledge::default(),
        };
        record.relabel(template);
        let id = record.endpoint.id;
        if let Some(at) = self.by_id.get(&id) {
            return *at;
        }
        let at = self.free.pop().unwrap_or_else(|| {
            self.list.push(None);
            u32::try_from(self.list.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.list.get_mut(at as usize) {
            *place = Some(record);
            self.by_id.insert(id, at);
        }
        at
    }

    /// The record of one function of the address `at`, as long as these are few enough; it exists
    /// where the address does and has not said that there is no such function.
    pub(crate) fn function(
        &mut self,
        at: u32,
        operation: &Operation,
        max: usize,
        unknown: bool,
    ) -> u32 {
        let Some(base) = self.get(at) else { return at };
        let endpoint = &base.endpoint;
        let template =
            operation.template(&endpoint.template, &base.resource, base.hint, base.about);
        let (service, method) = (Arc::clone(&endpoint.service), endpoint.method.clone());
        let (sample, confirmed) = (base.sample.clone(), base.confirmed);
        let known = self.len();
        let full = base.functions >= FUNCTIONS_MAX || known >= max;
        let text = template.text.clone();
        if full && !self.by_id.contains_key(&id_of(&service, &method, &text)) {
            return at;
        }
        let own = self.add(&service, &method, template, &sample);
        if self.len() > known
            && let Some(base) = self.get_mut(at)
        {
            base.functions = base.functions.saturating_add(1);
        }
        if let Some(own) = self.get_mut(own) {
            own.confirmed |= confirmed && !unknown;
        }
        own
    }

    /// The endpoint of another root field at the address of one (`POST /graphql#me`), as long as
    /// these are few enough.
    pub(crate) fn beside(
        &mut self,
        one: EndpointId,
        field: &str,
        max: usize,
    ) -> Option<EndpointId> {
        let known = self.by_id(one)?;
        let (path, function) = known.endpoint.address();
        if function == Some(field) {
            return Some(known.endpoint.id);
        }
        let (service, method) = (&known.endpoint.service, &known.endpoint.method);
        let base = *self.by_id.get(&id_of(service, method, path))?;
        let at = self.function(base, &Operation::of_field(field), max, false);
        let own = self.get_mut(at).filter(|_| at != base)?;
        own.endpoint.requests = own.endpoint.requests.saturating_add(1);
        Some(own.endpoint.id)
    }

    /// Lets `from` go on in `into`; its id leads there from now on.
    pub(crate) fn absorb(&mut self, into: u32, from: u32) {
        if into == from {
            return;
        }
        let Some(gone) = self.list.get_mut(from as usize).and_then(Option::take) else { return };
        self.free.push(from);
        self.by_id.remove(&gone.endpoint.id);
        self.merged = self.merged.saturating_add(1);
        let Some(record) = self.list.get_mut(into as usize).and_then(Option::as_mut) else {
            return;
        };
        record.endpoint.requests = record.endpoint.requests.saturating_add(gone.endpoint.requests);
        record.successes = record.successes.saturating_add(gone.successes);
        record.confirmed |= gone.confirmed;
        record.endpoint.kind = record.endpoint.kind.max(gone.endpoint.kind);
        if gone.pages != [NO_PAGE; 2] {
            record.note_page(gone.pages);
        }
        for sort in &gone.shapes {
            record.learn_shape(*sort);
        }
        for look in &gone.skeletons {
            record.learn_skeleton(*look);
        }
        record.fields.join(&gone.fields);
        record.asks.join(&gone.asks);
        record.echoes |= gone.echoes;
        if record.login.is_none() {
            record.login = gone.login;
        }
        record.pending.extend(gone.pending);
        record.pending.push(gone.endpoint.id);
        record.pending.truncate(PENDING_MAX);
        record.was.extend(gone.was);
        record.was.push(gone.endpoint.name);
        record.was.truncate(WAS_MAX);
        let fields = record.knowledge.fields().saturating_add(gone.knowledge.fields());
        record.knowledge.absorb(gone.knowledge);
        self.room = self.room.saturating_add(fields.saturating_sub(record.knowledge.fields()));
        let id = record.endpoint.id;
        self.forward(gone.endpoint.id, id);
    }

    /// Gives a record a new template; joins it with the record that has it already, if any.
    /// Returns where it is now.
    pub(crate) fn relabel(&mut self, at: u32, template: Template) -> u32 {
        let Some(record) = self.list.get_mut(at as usize).and_then(Option::as_mut) else {
            return at;
        };
        if record.endpoint.template == template.text {
            return at;
        }
        let (old, name) = (record.endpoint.id, Arc::clone(&record.endpoint.name));
        record.relabel(template);
        let new = record.endpoint.id;
        self.by_id.remove(&old);
        if let Some(other) = self.by_id.get(&new).copied() {
            // Both ids are gone from the table for a moment; the record keeps the old one.
            record.endpoint.id = old;
            record.endpoint.name = name;
            self.absorb(other, at);
            return other;
        }
        if record.pending.len() < PENDING_MAX {
            record.pending.push(old);
        }
        if record.was.len() < WAS_MAX {
            record.was.push(name);
        }
        self.by_id.insert(new, at);
        self.merged = self.merged.saturating_add(1);
        self.forward(old, new);
        at
    }

    /// Files a record under another service, or lets it go on in the one that is there.
    pub(crate) fn moves(&mut self, at: u32, service: &Arc<str>) {
        let Some(record) = self.get_mut(at) else { return };
        let (old, method) = (record.endpoint.id, record.endpoint.method.clone());
        let new = id_of(service, &method, &record.endpoint.template);
        if let Some(other) = self.by_id.get(&new).copied() {
            return self.absorb(other, at);
        }
        let Some(record) = self.get_mut(at) else { return };
        record.endpoint.service = Arc::clone(service);
        record.endpoint.id = new;
        record.node = u32::MAX;
        if record.pending.len() < PENDING_MAX {
            record.pending.push(old);
        }
        self.by_id.remove(&old);
        self.by_id.insert(new, at);
        self.forward(old, new);
    }

    fn forward(&mut self, from: EndpointId, to: EndpointId) {
        if from != to && self.forwards.len() < FORWARDS_MAX {
            self.forwards.insert(from, to);
        }
        // A template may come back after it was merged away: it must not lead in a circle.
        self.forwards.remove(&to);
    }
}
