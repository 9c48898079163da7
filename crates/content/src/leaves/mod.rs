//! Typed leaves of queries and bodies, masked as they are read.

pub(crate) mod form;
pub(crate) mod graphql;
pub(crate) mod html;
pub(crate) mod inner;
pub(crate) mod json;
pub(crate) mod multipart;
pub(crate) mod paths;
pub(crate) mod protobuf;
mod selection;
pub(crate) mod skeleton;
pub(crate) mod xml;

use crate::bytes::{length, prefix};
use crate::jwt;
use crate::mask::names::NameClass;
use crate::mask::{Masker, Tally, What, credential_kind, scheme_off};
use inner::Inner;
use paths::{Node, PathId, Paths};
use std::borrow::Cow;
use std::sync::Arc;
use stilt_model::{
    CredentialKind, Issued, Leaf, NumberColumn, Place, SecretKind, Sensitive, SmolStr, Value,
};

/// One scalar before masking.
pub(crate) enum Scalar<'a> {
    Null,
    Bool(bool),
    /// A number as it was written.
    Number(&'a str),
    Text(Cow<'a, str>),
}

/// Collects leaves under a cap, masking each.
pub(crate) struct Sink<'a> {
    pub(crate) masker: &'a mut Masker,
    pub(crate) paths: &'a mut Paths,
    pub(crate) leaves: Vec<Leaf>,
    /// Sensitive data met.
    pub(crate) tally: Tally,
    /// Credentials the body hands out; `None` in requests.
    pub(crate) issued: Option<Vec<Issued>>,
    pub(crate) cut: bool,
    pub(crate) max: usize,
    pub(crate) text_max: usize,
    pub(crate) issued_max: usize,
    pub(crate) jwt_max: usize,
    /// People sign in here.
    pub(crate) auth: bool,
    /// The first value of a request that is an e-mail address as a whole.
    pub(crate) email: Option<String>,
    /// Numbers of a text without fields.
    pub(crate) columns: Vec<NumberColumn>,
    /// GraphQL documents: several where requests are batched.
    pub(crate) documents: Vec<String>,
    /// How often what is read now was decoded.
    pub(crate) nested: u8,
}

/// How often a value is decoded: JSON in a string in JSON, base64 of JSON.
const NESTED_MAX: u8 = 3;

impl<'a> Sink<'a> {
    /// A sink for the arguments of a call: leaves, bytes of a text, bytes of a signed token.
    pub(crate) fn of_arguments(
        masker: &'a mut Masker,
        paths: &'a mut Paths,
        (max, text_max, jwt_max): (usize, usize, usize),
    ) -> Self {
        paths.begin();
        Self {
            masker,
            paths,
            leaves: Vec::new(),
            tally: Tally::default(),
            issued: None,
            cut: false,
            max,
            text_max,
            issued_max: 0,
            jwt_max,
            auth: false,
            email: None,
            columns: Vec::new(),
            documents: Vec::new(),
            nested: 0,
        }
    }
}

impl Sink<'_> {
    /// Adds a leaf; `false` where no more are taken.
    pub(crate) fn add(
        &mut self,
        place: Place,
        path: PathId,
        record: u32,
        scalar: Scalar<'_>,
    ) -> bool {
        if self.leaves.len() >= self.max {
            self.cut = true;
            return false;
        }
        let Some(node) = self.paths.node(path) else { return true };
        if let Scalar::Text(text) = &scalar
            && matches!(node.path.as_str(), "query" | "[].query")
            && self.issued.is_none()
            && graphql::looks_like(text)
        {
            self.documents.push(text.to_string());
        }
        let inner = match &scalar {
            Scalar::Text(text) if self.nested < NESTED_MAX => inner::of(text),
            _ => None,
        };
        let before = self.tally.counts;
        let mut taken = Taken {
            masker: self.masker,
            tally: &mut self.tally,
            issued: self.issued.as_mut(),
            email: &mut self.email,
            auth: self.auth,
            issued_max: self.issued_max,
            jwt_max: self.jwt_max,
            text_max: self.text_max,
        };
        let value = match scalar {
            Scalar::Null => Value::Null,
            Scalar::Bool(bool) => Value::Bool(bool),
            Scalar::Number(text) => taken.number(node, text),
            Scalar::Text(text) => taken.text(place, node, &text),
        };
        let mut leaf =
            Leaf { place, path: node.path.clone(), record, value, sensitive: self.tally.take() };
        match inner {
            // Its leaves are read as any other: nothing is counted twice.
            Some(Inner::Json(json)) if !matches!(leaf.value, Value::Masked { .. }) => {
                self.tally.counts = before;
                self.leaves.push(leaf);
                self.nested = self.nested.saturating_add(1);
                json::read_at(json.as_bytes(), path, self);
                self.nested = self.nested.saturating_sub(1);
                return true;
            }
            Some(Inner::Text(text)) if leaf.sensitive.is_none() => {
                self.hide_encoded(&mut leaf, &text);
            }
            _ => {}
        }
        self.leaves.push(leaf);
        true
    }

    /// A value that holds something secret once it is decoded is hidden as a whole.
    fn hide_encoded(&mut self, leaf: &mut Leaf, decoded: &str) {
        if matches!(leaf.value, Value::Masked { .. }) {
            return;
        }
        let mut text = Cow::Borrowed(decoded);
        for _ in 0..NESTED_MAX {
            let found = self.masker.inspect(&text);
            if let Some((range, what)) = found.first() {
                let secret = text.get(range.clone()).unwrap_or_default();
                let mark = self.masker.mark(what.mark, secret);
                leaf.value = Value::Masked { mark, length: length(decoded.len()) };
                for (_, what) in &found {
                    self.tally.add(*what);
                }
                leaf.sensitive = self.tally.take();
                return;
            }
            let Some(inside) = inner::decoded(text.trim()) else { return };
            text = Cow::Owned(inside);
        }
    }

    /// The path of a value under `key` in an object.
    pub(crate) fn child(&mut self, parent: PathId, key: &[u8]) -> PathId {
        self.paths.child(parent, key, self.masker)
    }

    /// The path of a field of a form or query.
    pub(crate) fn field(&mut self, name: &str) -> PathId {
        self.paths.field(name, self.masker)
    }
}

/// What a scalar is read with, apart from the paths.
struct Taken<'a> {
    masker: &'a mut Masker,
    tally: &'a mut Tally,
    issued: Option<&'a mut Vec<Issued>>,
    email: &'a mut Option<String>,
    auth: bool,
    issued_max: usize,
    jwt_max: usize,
    text_max: usize,
}

impl Taken<'_> {
    fn number(&mut self, node: &Node, text: &str) -> Value {
        let class = node.class;
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let secret = match class {
            // Counts of tokens, flags and ids stand under such names as well.
            Some(NameClass::Token { .. }) => digits >= 4 && !node.counts_tokens,
            Some(NameClass::Phone | NameClass::Card | NameClass::NumberOfPerson) => digits >= 8,
            Some(NameClass::BareCode | NameClass::Session | NameClass::Random) => {
                self.auth && self.issued.is_none() && digits >= 4
            }
            Some(_) => digits >= 3,
            None => false,
        };
        if secret
            && let Some(class) = class
            && let Some((mark, what)) = self.masker.by_name(class, text, self.auth)
        {
            self.tally.add(what);
            return Value::Masked { mark, length: length(text.len()) };
        }
        if digits >= 9
            && !node.is_id
            && !text.contains(['.', 'e', 'E'])
            && let masked @ Value::Masked { .. } =
                self.masker.value(text, self.text_max, self.tally)
        {
            return masked;
        }
        parse_number(text)
    }

    fn text(&mut self, place: Place, node: &Node, text: &str) -> Value {
        let class = node.class;
        if text.is_empty() {
            return if place == Place::Json {
                Value::Text(SmolStr::default())
            } else {
                Value::Null
            };
        }
        // A `code` in an answer is most often an error's or a product's.
        let auth = self.auth && self.issued.is_none();
        let named = class.and_then(|class| self.masker.by_name(class, text, auth));
        let bare = scheme_off(text);
        let value = match named {
            Some((mark, what)) => {
                self.tally.add(what);
                Value::Masked { mark, length: length(text.len()) }
            }
            None if bare.len() >= 16 && credential_kind(bare) == SecretKind::Jwt => {
                self.tally.add(What::of(Sensitive::Jwt));
                Value::Masked { mark: self.masker.credential(bare), length: length(text.len()) }
            }
            None if place != Place::Json && number_like(text) => {
                return self.number(node, text);
            }
            None if node.is_id && text.bytes().all(|b| b.is_ascii_digit()) => {
                Value::Text(prefix(text, self.text_max).into())
            }
            None => self.masker.value(text, self.text_max, self.tally),
        };
        if let Value::Masked { mark, .. } = value
            && mark.kind == SecretKind::Email
            && self.issued.is_none()
            && self.email.is_none()
        {
            // Equal addresses have equal marks, whatever their case.
            *self.email = Some(prefix(text.trim(), 254).to_lowercase());
        }
        if let Value::Masked { mark, .. } = value
            && let Some(issued) = &mut self.issued
            && issued.len() < self.issued_max
            && hands_out(class, mark.kind, bare)
        {
            let jwt = jwt::decode(self.masker, bare, self.jwt_max).map(Arc::new);
            let name = node.path.to_string();
            issued.push(Issued { kind: CredentialKind::Bearer, name, mark, cleared: false, jwt });
        }
        value
    }
}

/// Whether a masked leaf of a response is a credential that comes back.
fn hands_out(class: Option<NameClass>, kind: SecretKind, value: &str) -> bool {
    let named = matches!(
        class,
        Some(NameClass::Token { issued: true } | NameClass::Session | NameClass::Random)
    );
    let credential = matches!(kind, SecretKind::Token | SecretKind::Jwt);
    kind == SecretKind::Jwt || (named && credential && value.len() >= 8)
}

/// Text of a parameter that is a number in its plain form: no sign but `-`, no leading zeros.
fn number_like(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    text.len() <= 20 && all(whole) && all(fraction) && (whole == "0" || !whole.starts_with('0'))
}

fn parse_number(text: &str) -> Value {
    if let Ok(whole) = text.parse::<i64>() {
        return Value::Integer(whole);
    }
    match text.parse::<f64>() {
        // Ids beyond 64 bits must keep all their digits.
        Ok(number) if text.contains(['.', 'e', 'E']) && number.is_finite() => Value::Number(number),
        _ => Value::Text(prefix(text, 64).into()),
    }
}
