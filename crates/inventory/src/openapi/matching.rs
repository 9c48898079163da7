//! Which documented operation a request is.

use super::read::{self, DocumentError};
use super::shape::Shape;
use crate::words::is_version;
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use stilt_model::IdBuilder;

/// Services a document may turn out to describe, and operations that show it does.
const SERVICES_MAX: usize = 256;
const SHOWN_BY: usize = 3;
/// Steps of one search: names and parameters may both fit.
const STEPS_MAX: u32 = 256;

/// One documented operation.
#[derive(Clone, Debug, Default)]
pub struct Operation {
    /// Method, upper case.
    pub method: String,
    /// Path as documented (`/orders/{id}`).
    pub path: String,
    /// Parameters of the path that are whole numbers.
    pub numbers: BTreeSet<Box<str>>,
    /// It is marked as deprecated.
    pub deprecated: bool,
    /// Parameters of the query.
    pub query: Shape,
    /// The request's body.
    pub body: Shape,
    /// Answers, by status (`200`, `4XX`, `DEFAULT`).
    pub answers: BTreeMap<Box<str>, Shape>,
}

impl Operation {
    /// The answer documented for a status.
    #[must_use]
    pub fn answer(&self, status: u16) -> Option<&Shape> {
        self.answers
            .get(status.to_string().as_str())
            .or_else(|| self.answers.get(format!("{}XX", status / 100).as_str()))
            .or_else(|| self.answers.get("DEFAULT"))
    }
}

/// One segment of a documented path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Name(Box<str>),
    /// `{id}`, with what stands around it (`{name}.json`); `true`: it is a whole number.
    Parameter(Box<str>, Box<str>, bool),
}

#[derive(Clone, Debug, Default)]
struct Step {
    below: BTreeMap<Segment, Step>,
    operations: Vec<(Box<str>, usize)>,
}

/// One document.
#[derive(Clone, Debug)]
pub struct Document {
    /// File it was read from.
    pub name: String,
    /// `info.title`.
    pub title: String,
    /// `info.version`.
    pub version: String,
    /// Another document of the same title has a later version.
    pub superseded: bool,
    operations: Vec<Operation>,
    hosts: BTreeSet<Box<str>>,
    bases: BTreeSet<Vec<Box<str>>>,
    root: Step,
    versions: BTreeSet<Box<str>>,
    media: BTreeSet<Box<str>>,
    /// Services without a host of the document's that answered as documented.
    adopted: HashMap<Arc<str>, BTreeSet<usize>, RandomState>,
}

/// What the documents say of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The document that describes the service.
    pub document: usize,
    /// The operation, where there is one.
    pub operation: Option<usize>,
    /// The path is documented, with other methods only.
    pub path: bool,
    /// Only a document that another one supersedes has the operation.
    pub retired: bool,
}

/// Digest of a document, and the operations by which each service was found to be the one that it
/// is about.
pub(crate) type Adopted = (u64, HashMap<Arc<str>, BTreeSet<usize>, RandomState>);

impl Document {
    fn digest(&self) -> u64 {
        let own = IdBuilder::new("document").text(&self.title).text(&self.version);
        let operations = self.operations.iter();
        operations.fold(own, |id, one| id.text(&one.method).text(&one.path)).finish()
    }

    pub(super) fn new(name: &str, title: String, version: String) -> Self {
        Self {
            name: name.to_owned(),
            title,
            version,
            superseded: false,
            operations: Vec::new(),
            hosts: BTreeSet::new(),
            bases: BTreeSet::new(),
            root: Step::default(),
            versions: BTreeSet::new(),
            media: BTreeSet::new(),
            adopted: HashMap::default(),
        }
    }

    /// All operations, in the order of the document.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Any documented path has that word as a name.
    #[must_use]
    pub fn has_name(&self, word: &str) -> bool {
        self.operations.iter().any(|one| segments(&one.path).any(|name| name == word))
    }

    /// Any documented answer is of that media type.
    #[must_use]
    pub fn speaks_of(&self, media: &str) -> bool {
        self.media.contains(media)
    }

    /// Adds a server: where the service is, and below which path.
    pub(super) fn server(&mut self, service: Option<&str>, url: &str) {
        let (authority, path) = match url.split_once("://") {
            Some((_, rest)) => rest.split_once('/').unwrap_or((rest, "")),
            None => ("", url),
        };
        for host in [Some(authority), service].into_iter().flatten().filter(|host| !host.is_empty())
        {
            self.hosts.insert(host.to_ascii_lowercase().into());
        }
        let base = path.split(['?', '#']).next().unwrap_or_default();
        self.bases.insert(segments(base).map(Into::into).collect());
    }

    pub(super) fn add(&mut self, operation: Operation) {
        let mut step = &mut self.root;
        for part in segments(&operation.path) {
            if is_version(part) {
                self.versions.insert(part.into());
            }
            step = step.below.entry(Segment::of(part, &operation.numbers)).or_default();
        }
        step.operations.push((operation.method.as_str().into(), self.operations.len()));
        for shape in operation.answers.values() {
            self.media.extend(shape.media.iter().cloned());
        }
        self.operations.push(operation);
    }

    fn is_at(&self, service: &str, host: Option<&str>) -> bool {
        let bare = |host: &str| host.rsplit_once(':').map_or(host, |(bare, _)| bare).to_owned();
        let named = |own: &str, seen: &str| own == seen || bare(own) == seen || own == bare(seen);
        let known = |seen: &str| self.hosts.iter().any(|own| named(own, seen));
        known(&service.to_ascii_lowercase()) || host.is_some_and(known)
    }

    /// The operation of a path, below any of the document's base paths or without.
    fn find(&self, method: &str, path: &[String]) -> (Option<usize>, bool) {
        let bare: Vec<Box<str>> = Vec::new();
        let mut known = false;
        let without = (!self.bases.contains(&bare)).then_some(&bare);
        for base in self.bases.iter().chain(without) {
            let fits = path.len() >= base.len() && base.iter().zip(path).all(|(a, b)| **a == **b);
            let Some(rest) = path.get(base.len()..).filter(|_| fits) else { continue };
            let mut steps = STEPS_MAX;
            let (operation, there) = search(&self.root, method, rest, &mut steps);
            known |= there;
            if operation.is_some() {
                return (operation, true);
            }
        }
        (None, known)
    }

    /// The same path is documented with a later version in it (`/v2/…` for `/v1/…`).
    #[must_use]
    pub fn has_later(&self, method: &str, path: &str) -> bool {
        let parts: Vec<String> = segments(path).map(decoded).collect();
        let Some(at) = parts.iter().position(|part| is_version(part)) else { return false };
        let bases = self.bases.iter().flatten().filter(|part| is_version(part));
        let own = parts.get(at).map(String::as_str).unwrap_or_default();
        self.versions.iter().chain(bases).filter(|version| order(version) > order(own)).any(
            |version| {
                let mut later = parts.clone();
                if let Some(part) = later.get_mut(at) {
                    (**version).clone_into(part);
                }
                self.find(method, &later).0.is_some()
            },
        )
    }
}

/// The numbers in a version, to compare by.
fn order(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

fn search(step: &Step, method: &str, path: &[String], steps: &mut u32) -> (Option<usize>, bool) {
    let Some(left) = steps.checked_sub(1) else { return (None, false) };
    *steps = left;
    let Some((part, rest)) = path.split_first() else {
        let found = step.operations.iter().find(|(own, _)| **own == *method);
        // What answers GET answers HEAD (RFC 9110 §9.3.2).
        let head = || step.operations.iter().find(|(own, _)| method == "HEAD" && **own == *"GET");
        return (found.or_else(head).map(|(_, at)| *at), !step.operations.is_empty());
    };
    let mut known = false;
    for (segment, below) in &step.below {
        if segment.takes(part) {
            let (found, there) = search(below, method, rest, steps);
            known |= there;
            if found.is_some() {
                return (found, true);
            }
        }
    }
    (None, known)
}

impl Segment {
    fn of(part: &str, numbers: &BTreeSet<Box<str>>) -> Self {
        match (part.find('{'), part.rfind('}')) {
            (Some(from), Some(to)) if from < to => Self::Parameter(
                part.get(..from).unwrap_or_default().into(),
                part.get(to.saturating_add(1)..).unwrap_or_default().into(),
                numbers.contains(part.get(from.saturating_add(1)..to).unwrap_or_default()),
            ),
            _ => Self::Name(decoded(part).into()),
        }
    }

    fn takes(&self, part: &str) -> bool {
        match self {
            Self::Name(name) => **name == *part,
            Self::Parameter(before, after, number) => {
                let value = part
                    .strip_prefix(&**before)
                    .and_then(|rest| rest.strip_suffix(&**after))
                    .filter(|value| !value.is_empty());
                let whole = |value: &str| {
                    let digits = value.strip_prefix('-').unwrap_or(value);
                    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
                };
                value.is_some_and(|value| !number || whole(value))
            }
        }
    }
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|part| !part.is_empty())
}

/// Percent-encoding undone; the text as it was where the bytes are no UTF-8.
pub(super) fn decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = |at: usize| tail.get(at).and_then(|b| char::from(*b).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (first, hex(0), hex(1)) {
            bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
            rest = tail.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// The documents given, each the description of one service or several.
#[derive(Clone, Debug, Default)]
pub struct Documents(Vec<Document>);

impl Documents {
    /// Reads documents: names and texts. Of several with one title, the one of the latest version
    /// holds, and what only the others have is retired.
    ///
    /// # Errors
    /// The name of one that can't be used, with the reason.
    pub fn read(files: &[(String, String)]) -> Result<Self, (String, DocumentError)> {
        let mut documents = Vec::with_capacity(files.len());
        for (name, text) in files {
            documents.push(read::read(name, text).map_err(|error| (name.clone(), error))?);
        }
        let newest: Vec<bool> = documents
            .iter()
            .enumerate()
            .map(|(at, document)| {
                let mine = (order(&document.version), at);
                documents.iter().enumerate().any(|(other, later)| {
                    later.title == document.title && (order(&later.version), other) > mine
                })
            })
            .collect();
        for (document, superseded) in documents.iter_mut().zip(newest) {
            document.superseded = superseded;
        }
        Ok(Self(documents))
    }

    /// There are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names the documents by what they say: others have another digest.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let digests = self.0.iter().map(Document::digest);
        digests.fold(IdBuilder::new("documents"), IdBuilder::number).finish()
    }

    /// Which services answer as documented, to be remembered.
    pub(crate) fn adopted(&self) -> Vec<Adopted> {
        let of = |document: &Document| (document.digest(), document.adopted.clone());
        self.0.iter().map(of).collect()
    }

    /// Takes what was remembered of documents that are still the same.
    pub(crate) fn adopt(&mut self, adopted: Vec<Adopted>) {
        for (digest, services) in adopted {
            if let Some(document) = self.0.iter_mut().find(|one| one.digest() == digest) {
                document.adopted = services;
            }
        }
    }

    /// One by number.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<&Document> {
        self.0.get(at)
    }

    /// All, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Document> {
        self.0.iter()
    }

    /// What is documented of a request to a service; `None` where no document is about it. A
    /// document is about the service of a host it names, and about one that has answered three of
    /// its operations (`answered`).
    pub(crate) fn find(
        &mut self,
        service: &Arc<str>,
        host: Option<&str>,
        method: &str,
        path: &str,
        answered: bool,
    ) -> Option<Found> {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let parts: Vec<String> = segments(path)
            .take(64)
            .map(|part| decoded(part.split(';').next().unwrap_or_default()))
            .collect();
        let mut best: Option<Found> = None;
        for (at, document) in self.0.iter_mut().enumerate() {
            let (operation, known) = document.find(method, &parts);
            if !document.is_at(service, host) && !document.adopts(service, operation, answered) {
                continue;
            }
            let retired = document.superseded && operation.is_some();
            let found = Found { document: at, operation, path: known, retired };
            let rank = |found: &Found| (found.operation.is_some(), !found.retired, found.path);
            if best.as_ref().is_none_or(|best| rank(&found) > rank(best)) {
                best = Some(found);
            }
        }
        best
    }
}

impl Document {
    /// Whether a service that is at none of its hosts is the one it describes.
    fn adopts(&mut self, service: &Arc<str>, operation: Option<usize>, answered: bool) -> bool {
        let enough = SHOWN_BY.min(self.operations.len());
        if let Some(shown) = self.adopted.get_mut(service) {
            if let Some(operation) = operation.filter(|_| answered && shown.len() < enough) {
                shown.insert(operation);
            }
            return shown.len() >= enough;
        }
        if let Some(operation) = operation.filter(|_| answered)
            && self.adopted.len() < SERVICES_MAX
        {
            self.adopted.insert(Arc::clone(service), BTreeSet::from([operation]));
            return enough <= 1;
        }
        false
    }
}
