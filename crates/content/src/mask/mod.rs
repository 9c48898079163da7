//! Finds secrets and personal data in text and replaces them by keyed pseudonyms.

mod assign;
mod card;
mod context;
mod email;
mod iban;
mod keys;
mod named;
pub mod names;
mod national;
mod numbers;
mod survey;
#[cfg(test)]
mod tests;
mod what;

use crate::bytes::{self, byte, is_uuid, length, part, prefix};
use core::cell::{Cell, RefCell};
use core::hash::BuildHasher;
use foldhash::fast::RandomState;
use keys::Keys;
use names::NameClass;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use stilt_model::{Jwt, Key, Pseudonym, SecretKind, Sensitive, SensitiveCounts, Value};
use survey::Survey;
pub use what::What;

/// Raw bytes of one text that are looked at; what lies beyond is never shown.
const SCAN_MAX: usize = 8192;
/// Bytes before the end of a cut text that are not shown, since a secret may have been cut there.
const EDGE: usize = 512;
/// Names whose class is remembered, and the longest of them.
const NAMES_MAX: usize = 8192;
const NAME_MAX: usize = 64;

/// Where one thing was found, and what it is.
type Span = (usize, usize, What);

/// Secrets found in one text: byte ranges on character boundaries.
#[derive(Default)]
struct Spans(Vec<Span>);

/// Counts what is found; beside it, what was found first since it was last asked.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) counts: SensitiveCounts,
    first: Option<Sensitive>,
}

impl Tally {
    /// One more thing, where it is told as anything.
    pub(crate) fn add(&mut self, what: What) {
        if let Some(kind) = what.kind {
            self.counts.add(kind);
            self.first = self.first.or(Some(kind));
        }
    }

    /// What was found first since this was last asked.
    pub(crate) fn take(&mut self) -> Option<Sensitive> {
        self.first.take()
    }
}

impl Spans {
    fn add(&mut self, start: usize, end: usize, what: What) {
        if start < end {
            self.0.push((start, end, what));
        }
    }

    /// In order and without overlap: ranges that overlap become one, of the kind found first.
    fn settle(&mut self) {
        let mut found: Vec<_> = core::mem::take(&mut self.0).into_iter().enumerate().collect();
        found.sort_unstable_by_key(|(order, (start, ..))| (*start, *order));
        let mut earliest = 0;
        for (order, (start, end, kind)) in found {
            match self.0.last_mut() {
                Some((_, last, known)) if start < *last => {
                    *last = end.max(*last);
                    if order < earliest {
                        (earliest, *known) = (order, kind);
                    }
                }
                _ => {
                    earliest = order;
                    self.0.push((start, end, kind));
                }
            }
        }
    }
}

/// Replaces secrets by pseudonyms. Holds the installation key and the compiled patterns.
pub struct Masker {
    key: Key,
    keys: &'static Keys,
    names: RefCell<HashMap<Box<str>, Option<NameClass>, RandomState>>,
    /// Seeded hashes of short texts that hold no secret: most texts come again and again.
    clean: RefCell<HashSet<u64, RandomState>>,
    hasher: RandomState,
    /// Marks and claims of credentials by seeded hash: a client sends the same one every time.
    credentials: HashMap<u64, (Pseudonym, Option<Arc<Jwt>>), RandomState>,
    /// Marks made, by kind.
    made: [Cell<u64>; SecretKind::ALL.len()],
}

/// Credentials whose mark and claims are remembered.
const CREDENTIALS_MAX: usize = 16_384;

/// Longest text that is remembered as clean, and how many are.
const CLEAN_LENGTH_MAX: usize = 64;
const CLEAN_MAX: usize = 65_536;

/// What sort of credential a value is, by the value alone: the same value gets the same mark
/// whether it was a header, a cookie, a parameter or a field of a body.
#[must_use]
pub fn credential_kind(value: &str) -> SecretKind {
    if crate::jwt::is_jwt(value) { SecretKind::Jwt } else { SecretKind::Token }
}

impl Masker {
    /// A masker under `key`.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self {
            key,
            keys: Keys::shared(),
            names: RefCell::default(),
            clean: RefCell::default(),
            hasher: RandomState::default(),
            credentials: HashMap::default(),
            made: Default::default(),
        }
    }

    /// Forgets marks that were made since there were so many: their text is read again.
    pub(crate) fn uncount(&self, made: [u64; SecretKind::ALL.len()]) {
        self.made.iter().zip(made).for_each(|(now, before)| now.set(before));
    }

    /// Marks made so far, in the order of [`SecretKind::ALL`].
    pub(crate) fn made(&self) -> [u64; SecretKind::ALL.len()] {
        self.made.each_ref().map(Cell::get)
    }

    fn count_mark(&self, kind: SecretKind) {
        if let Some(made) = self.made.get(kind as usize) {
            made.set(made.get().saturating_add(1));
        }
    }

    /// A keyed hash of bytes, for telling equal ones without keeping them.
    pub(crate) fn hash(&self, domain: &str, bytes: &[u8]) -> u64 {
        self.key.hash(domain, bytes)
    }

    /// The mark of a credential and its claims, where it is a signed token.
    pub(crate) fn known(&mut self, value: &str, jwt_max: usize) -> (Pseudonym, Option<Arc<Jwt>>) {
        let hash = self.hasher.hash_one(value);
        if let Some(known) = self.credentials.get(&hash) {
            self.count_mark(known.0.kind);
            return known.clone();
        }
        let claims = crate::jwt::decode(self, value, jwt_max).map(Arc::new);
        let known = (self.credential(value), claims);
        if self.credentials.len() >= CREDENTIALS_MAX {
            self.credentials.clear();
        }
        self.credentials.insert(hash, known.clone());
        known
    }

    /// What a field called `name` holds.
    pub(crate) fn class(&self, name: &str) -> Option<NameClass> {
        if name.len() > NAME_MAX {
            return names::classify_long(name);
        }
        if let Some(class) = self.names.borrow().get(name) {
            return *class;
        }
        let class = names::classify(name);
        let mut names = self.names.borrow_mut();
        if names.len() < NAMES_MAX {
            names.insert(name.into(), class);
        }
        class
    }

    /// The mark for `secret`, brought to the form in which equal secrets are equal.
    #[must_use]
    pub fn mark(&self, kind: SecretKind, secret: &str) -> Pseudonym {
        self.count_mark(kind);
        self.would_be(kind, secret)
    }

    /// The same of what may turn out to be no secret: it is not counted as one.
    pub(crate) fn would_be(&self, kind: SecretKind, secret: &str) -> Pseudonym {
        let canonical: Cow<'_, str> = match kind {
            SecretKind::Email => {
                let decoded = bytes::percent_decode(secret, false);
                Cow::Owned(decoded.trim().to_lowercase())
            }
            SecretKind::Card => secret.chars().filter(char::is_ascii_digit).collect(),
            SecretKind::Phone => {
                let plus = secret.trim_start().starts_with(['+', '%']);
                let bare = secret.strip_prefix("%2B").or(secret.strip_prefix("%2b"));
                let digits = bare.unwrap_or(secret).chars().filter(char::is_ascii_digit);
                plus.then_some('+').into_iter().chain(digits).collect()
            }
            SecretKind::Iban | SecretKind::NationalId => secret
                .chars()
                .filter(|c| c.is_alphanumeric())
                .map(|c| c.to_ascii_uppercase())
                .collect(),
            // Vendor keys are credentials as any other: one kind, so that all their places join.
            SecretKind::ApiKey | SecretKind::Token => {
                return self.key.pseudonym(SecretKind::Token, secret.as_bytes());
            }
            _ => Cow::Borrowed(secret),
        };
        self.key.pseudonym(kind, canonical.as_bytes())
    }

    /// The mark of a credential, wherever it stood.
    #[must_use]
    pub fn credential(&self, value: &str) -> Pseudonym {
        self.mark(credential_kind(value), value)
    }

    /// `text` with every secret in it replaced; borrowed where there is none.
    ///
    /// Only the first 8 KiB are looked at and given back.
    #[must_use]
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.text_max(text, usize::MAX)
    }

    /// As [`Masker::text`], at most `max` bytes long.
    #[must_use]
    pub fn text_max<'a>(&self, text: &'a str, max: usize) -> Cow<'a, str> {
        let (seen, shown) = window(text);
        let spans = self.find(seen);
        if spans.0.is_empty() {
            return Cow::Borrowed(prefix(prefix(seen, shown), max));
        }
        Cow::Owned(self.render(seen, &spans, shown, max))
    }

    /// What is found in `text`, in its order: where, and what it is.
    ///
    /// Only the first 8 KiB are looked at.
    #[must_use]
    pub fn inspect(&self, text: &str) -> Vec<(core::ops::Range<usize>, What)> {
        self.find(window(text).0).0.into_iter().map(|(from, to, what)| (from..to, what)).collect()
    }

    /// Counts what is found in `text`.
    pub(crate) fn count(&self, text: &str, tally: &mut Tally) {
        for (_, _, what) in self.find(window(text).0).0 {
            tally.add(what);
        }
    }

    /// A text as a leaf shows it: masked whole where all of it is one secret.
    pub(crate) fn value(&self, text: &str, max: usize, tally: &mut Tally) -> Value {
        let (seen, shown) = window(text);
        let spans = self.find(seen);
        if spans.0.is_empty() {
            return Value::Text(prefix(prefix(seen, shown), max).into());
        }
        for (_, _, what) in &spans.0 {
            tally.add(*what);
        }
        if let [(start, end, what)] = spans.0.as_slice() {
            let rest = part(seen, 0, *start)
                .len()
                .saturating_add(part(seen, *end, seen.len()).trim().len());
            let lead = part(seen, 0, *start);
            if seen.len() == text.len()
                && (rest == 0 || (lead.trim().is_empty() && rest == lead.len()))
            {
                let mark = self.mark(what.mark, part(seen, *start, *end));
                return Value::Masked { mark, length: length(text.len()) };
            }
        }
        Value::Text(self.render(seen, &spans, shown, max).into())
    }

    /// Whether `text` holds a secret other than an address or telephone number.
    pub(crate) fn holds_secret(&self, text: &str) -> bool {
        let spans = self.find(window(text).0);
        spans
            .0
            .iter()
            .any(|(_, _, what)| !matches!(what.mark, SecretKind::Email | SecretKind::Phone))
    }

    fn render(&self, text: &str, spans: &Spans, shown: usize, max: usize) -> String {
        let mut out = String::with_capacity(text.len().min(max));
        let mut at = 0_usize;
        for (start, end, what) in &spans.0 {
            out.push_str(part(text, at, (*start).min(shown)));
            if *start >= shown || out.len() >= max {
                return prefix(&out, max).to_owned();
            }
            let mark = self.mark(what.mark, part(text, *start, *end)).to_string();
            if out.len().saturating_add(mark.len()) > max {
                return prefix(&out, max).to_owned();
            }
            out.push_str(&mark);
            at = *end;
        }
        out.push_str(part(text, at, shown.max(at)));
        prefix(&out, max).to_owned()
    }

    fn find(&self, text: &str) -> Spans {
        // A UUID or a time is neither a secret nor holds one.
        if text.len() < 5 || is_uuid(text) || is_timestamp(text) {
            return Spans::default();
        }
        let survey = Survey::of(text.as_bytes());
        if survey.is_plain() {
            return Spans::default();
        }
        if text.len() > CLEAN_LENGTH_MAX {
            return self.search(text, &survey);
        }
        let hash = self.hasher.hash_one(text);
        if self.clean.borrow().contains(&hash) {
            return Spans::default();
        }
        let spans = self.search(text, &survey);
        if spans.0.is_empty() {
            let mut clean = self.clean.borrow_mut();
            if clean.len() >= CLEAN_MAX {
                clean.clear();
            }
            clean.insert(hash);
        }
        spans
    }

    fn search(&self, text: &str, survey: &Survey<'_>) -> Spans {
        let mut spans = Spans::default();
        if survey.may_hold_key() {
            self.keys.find(text, &mut spans);
        }
        if survey.assigns() || survey.percent() {
            assign::find(text, |name| self.class(name), &mut spans);
        }
        if survey.at_sign() || survey.percent() {
            email::find(text, &mut spans);
        }
        if survey.digits >= 6 {
            if text.len() >= 15 {
                iban::find(text, &mut spans);
            }
            if survey.has_room_for_numbers() {
                numbers::find(text, &mut spans);
            }
        }
        if !spans.0.is_empty() {
            spans.settle();
        }
        spans
    }
}

/// A token without the scheme before it.
pub(crate) fn scheme_off(text: &str) -> &str {
    let text = text.trim();
    if !text.starts_with(['B', 'b', 'T', 'J']) {
        return text;
    }
    ["Bearer ", "bearer ", "Token ", "JWT "]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .map_or(text, str::trim)
}

/// The part of a text that is looked at, and how much of it may be shown.
fn window(text: &str) -> (&str, usize) {
    let seen = prefix(text, SCAN_MAX);
    if seen.len() == text.len() {
        return (seen, seen.len());
    }
    (seen, prefix(seen, SCAN_MAX.saturating_sub(EDGE)).len())
}

/// A time in RFC 3339 form.
fn is_timestamp(text: &str) -> bool {
    (16..=35).contains(&text.len())
        && byte(text.as_bytes(), 10) == b'T'
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            10 => byte == b'T',
            13 => byte == b':',
            0..=15 => byte.is_ascii_digit(),
            _ => byte.is_ascii_digit() || b".:+-Z".contains(&byte),
        })
}
