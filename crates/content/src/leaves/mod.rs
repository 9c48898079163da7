//! Typed leaves of queries and bodies, masked as they are read.

pub(crate) mod form;
pub(crate) mod json;
pub(crate) mod multipart;

use crate::bytes::{length, prefix};
use crate::jwt;
use crate::mask::names::NameClass;
use crate::mask::{Masker, credential_kind, scheme_off};
use std::borrow::Cow;
use stilt_model::{CredentialKind, Issued, Leaf, Place, SecretKind, Value};

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
    pub(crate) leaves: Vec<Leaf>,
    /// Credentials the body hands out; `None` in requests.
    pub(crate) issued: Option<Vec<Issued>>,
    pub(crate) cut: bool,
    pub(crate) max: usize,
    pub(crate) path_max: usize,
    pub(crate) text_max: usize,
    pub(crate) issued_max: usize,
    pub(crate) jwt_max: usize,
    /// People sign in here.
    pub(crate) auth: bool,
    /// The first value of a request that is an e-mail address as a whole.
    pub(crate) email: Option<String>,
}

impl Sink<'_> {
    /// Adds a leaf; `false` where no more are taken.
    pub(crate) fn add(
        &mut self,
        place: Place,
        path: &str,
        record: u32,
        class: Option<NameClass>,
        scalar: Scalar<'_>,
    ) -> bool {
        if self.leaves.len() >= self.max {
            self.cut = true;
            return false;
        }
        let value = match scalar {
            Scalar::Null => Value::Null,
            Scalar::Bool(bool) => Value::Bool(bool),
            Scalar::Number(text) => self.number(path, class, text),
            Scalar::Text(text) => self.text(place, path, class, &text),
        };
        let path = prefix(path, self.path_max).to_owned();
        self.leaves.push(Leaf { place, path, record, value });
        true
    }

    /// A key as paths show it: secrets in it are masked.
    pub(crate) fn key<'k>(&self, key: &'k str) -> Cow<'k, str> {
        if key.len() < 5 { Cow::Borrowed(key) } else { self.masker.text_max(key, 128) }
    }

    fn number(&self, path: &str, class: Option<NameClass>, text: &str) -> Value {
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let secret = match class {
            // Counts of tokens, flags and ids stand under such names as well.
            Some(NameClass::Token { .. }) => digits >= 4 && !path.ends_with("okens"),
            Some(NameClass::Phone | NameClass::Card) => digits >= 8,
            Some(NameClass::BareCode | NameClass::Session | NameClass::Random) => {
                self.auth && self.issued.is_none() && digits >= 4
            }
            Some(_) => digits >= 3,
            None => false,
        };
        if secret
            && let Some(class) = class
            && let Some(mark) = self.masker.by_name(class, text, self.auth)
        {
            return Value::Masked { mark, length: length(text.len()) };
        }
        if digits >= 9
            && !is_id(path)
            && !text.contains(['.', 'e', 'E'])
            && let masked @ Value::Masked { .. } = self.masker.value(text, self.text_max)
        {
            return masked;
        }
        parse_number(text)
    }

    fn text(&mut self, place: Place, path: &str, class: Option<NameClass>, text: &str) -> Value {
        if text.is_empty() {
            return if place == Place::Json { Value::Text(String::new()) } else { Value::Null };
        }
        // A `code` in an answer is most often an error's or a product's.
        let auth = self.auth && self.issued.is_none();
        let mark = class.and_then(|class| self.masker.by_name(class, text, auth));
        let bare = scheme_off(text);
        let value = match mark {
            Some(mark) => Value::Masked { mark, length: length(text.len()) },
            None if bare.len() >= 16 && credential_kind(bare) == SecretKind::Jwt => {
                Value::Masked { mark: self.masker.credential(bare), length: length(text.len()) }
            }
            None if place != Place::Json && number_like(text) => {
                return self.number(path, class, text);
            }
            None if is_id(path) && text.bytes().all(|b| b.is_ascii_digit()) => {
                Value::Text(prefix(text, self.text_max).to_owned())
            }
            None => self.masker.value(text, self.text_max),
        };
        if let Value::Masked { mark, .. } = value
            && mark.kind == SecretKind::Email
            && self.issued.is_none()
            && self.email.is_none()
        {
            // Equal addresses have equal marks, whatever their case.
            self.email = Some(prefix(text.trim(), 254).to_lowercase());
        }
        if let Value::Masked { mark, .. } = value
            && let Some(issued) = &mut self.issued
            && issued.len() < self.issued_max
            && hands_out(class, mark.kind, bare)
        {
            let jwt = jwt::decode(self.masker, bare, self.jwt_max);
            let name = prefix(path, self.path_max).to_owned();
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

/// The last key of `path` says that its value is the id of a thing.
fn is_id(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or_default().trim_end_matches("[]");
    let lower = name.get(name.len().saturating_sub(3)..).unwrap_or(name);
    name.eq_ignore_ascii_case("id")
        || lower.eq_ignore_ascii_case("_id")
        || lower.eq_ignore_ascii_case("-id")
        || name.ends_with("Id")
        || name.ends_with("ID")
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
        _ => Value::Text(prefix(text, 64).to_owned()),
    }
}
