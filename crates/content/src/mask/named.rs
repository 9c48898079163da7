//! What a value is by the name of its field: each kind with a check that it can be such a thing.

use super::names::NameClass;
use super::{Masker, What, card, context, credential_kind, iban, national, scheme_off};
use crate::bytes::{is_random, is_uuid};
use stilt_model::{Pseudonym, SecretKind, Sensitive};

impl Masker {
    /// The mark of a text that stands under a name of that class, where it is a secret there, and
    /// what it is. `auth`: people sign in here, so that a bare `code` is one.
    pub(crate) fn by_name(
        &self,
        class: NameClass,
        text: &str,
        auth: bool,
    ) -> Option<(Pseudonym, What)> {
        if text.is_empty() {
            return None;
        }
        let what = what(class, text, auth)?;
        let secret = match class {
            NameClass::Token { .. } => scheme_off(text),
            _ => text,
        };
        Some((self.mark(what.mark, secret), what))
    }
}

/// What a text under such a name is; hidden only, where the value could not be one.
pub(super) fn what(class: NameClass, text: &str, auth: bool) -> Option<What> {
    let sure = |kind: Sensitive, sure: bool| {
        let what = What::of(kind);
        Some(if sure && !stands_for(text) { what } else { what.hidden() })
    };
    match class {
        NameClass::Password => sure(Sensitive::Password, is_password(text)),
        NameClass::PasswordHash => sure(Sensitive::PasswordHash, is_hash(text)),
        NameClass::Token { issued } => {
            let value = scheme_off(text);
            let what = What::credential(value);
            let told = issued && is_token(value) && !stands_for(value);
            Some(if told { what } else { what.hidden() })
        }
        NameClass::Code => sure(Sensitive::Code, is_code(text)),
        NameClass::BareCode if auth || is_random(text, 16) => {
            sure(Sensitive::Code, auth && is_code(text))
        }
        NameClass::Card if digits(text) >= 8 => {
            Some(card::named(text).unwrap_or(What::of(Sensitive::Card).hidden()))
        }
        NameClass::CardCode => {
            sure(Sensitive::CardCode, matches!(text.len(), 3 | 4) && digits(text) == text.len())
        }
        NameClass::Iban => sure(Sensitive::Iban, iban::is_iban(text)),
        NameClass::NationalId => Some(national::named(text).unwrap_or_else(|| {
            let what = What::of(Sensitive::NationalId);
            if is_number_of_a_person(text) && !stands_for(text) { what } else { what.hidden() }
        })),
        NameClass::NumberOfPerson => national::named(text),
        NameClass::PrivateKey => sure(Sensitive::PrivateKey, text.len() >= 32),
        NameClass::Phone => {
            let count = digits(text);
            let plain = text.bytes().all(|b| b.is_ascii_digit() || b" +-./()".contains(&b));
            (count >= 7 && plain).then_some(())?;
            sure(Sensitive::Phone, count <= 15 && !flat(text))
        }
        NameClass::Session if is_random(text, 12) || is_uuid(text) => {
            Some(told(Sensitive::SessionId, text))
        }
        // Digests, nonces and states are drawn as well: hidden, but nothing is lost with them.
        NameClass::Random if is_random(text, 20) && !is_uuid(text) => {
            Some(What::credential(text).hidden())
        }
        NameClass::Secret => sure(Sensitive::Secret, is_drawn(text)),
        NameClass::Proof => Some(What::of(Sensitive::Secret).hidden()),
        NameClass::BirthDate if context::is_birth_date(text) => sure(Sensitive::BirthDate, true),
        NameClass::Address if context::is_address(text) => sure(Sensitive::Address, true),
        _ => None,
    }
}

/// A credential of that kind, marked as all credentials are.
fn told(kind: Sensitive, text: &str) -> What {
    let what = What::credential(text);
    match what.mark {
        SecretKind::Jwt => what,
        _ => What::of(kind),
    }
}

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

/// All digits are the same.
fn flat(text: &str) -> bool {
    let mut all = text.bytes().filter(u8::is_ascii_digit);
    let first = all.next();
    all.all(|digit| Some(digit) == first)
}

/// `$password`: where the value goes, in GraphQL documents and templates.
fn is_variable(text: &str) -> bool {
    text.strip_prefix('$').is_some_and(|name| {
        name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
    })
}

/// A value that was hidden before, or stands for one.
fn stands_for(text: &str) -> bool {
    let text = text.trim();
    let hidden = text.chars().filter(|c| matches!(c, '*' | '•' | '●' | '█')).count();
    let lower = crate::bytes::prefix(text, 64).to_ascii_lowercase();
    hidden >= 3
        || text.starts_with(['<', '{', '['])
        || text.starts_with("${")
        || is_variable(text)
        || lower.bytes().all(|byte| matches!(byte, b'x' | b'-' | b'.'))
        || lower.starts_with("xxx")
        || matches!(
            lower.as_str(),
            "null"
                | "none"
                | "nil"
                | "n/a"
                | "undefined"
                | "true"
                | "false"
                | "string"
                | "redacted"
                | "hidden"
                | "masked"
                | "required"
                | "invalid"
                | "optional"
        )
}

/// One word, or few: a sentence is what an application says of a password.
fn is_password(text: &str) -> bool {
    text.len() <= 128 && text.split_whitespace().count() <= 2 && text.len() >= 3
}

fn is_hash(text: &str) -> bool {
    text.len() >= 16
        && !text.contains(char::is_whitespace)
        && (text.starts_with(['$', '{']) || is_random(text, 16) || text.contains('$'))
}

fn is_token(text: &str) -> bool {
    !text.contains(char::is_whitespace)
        && (is_random(text, 8) || is_uuid(text) || credential_kind(text) == SecretKind::Jwt)
}

fn is_code(text: &str) -> bool {
    (3..=12).contains(&text.len())
        && digits(text) >= 1
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_drawn(text: &str) -> bool {
    is_random(text, 8) && super::keys::vendors::drawn(text)
}

/// Letters, digits and separators as documents bear them.
fn is_number_of_a_person(text: &str) -> bool {
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b" -./".contains(&b));
    (5..=20).contains(&text.len()) && plain && digits(text) >= 4 && letters <= 7 && !flat(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_cannot_be_what_its_name_says_is_hidden_and_not_told() {
        let check = |class, text: &str, kind: Option<Sensitive>| {
            assert_eq!(what(class, text, true).and_then(|what| what.kind), kind, "{text}");
        };
        check(NameClass::Password, "hunter2", Some(Sensitive::Password));
        check(NameClass::Password, "********", None);
        check(NameClass::Password, "$newPassword", None);
        check(NameClass::Password, "$ecret1", Some(Sensitive::Password));
        check(NameClass::Password, "is too short (8 is the least)", None);
        check(NameClass::Card, "4929 1234 5678 9019", None);
        check(NameClass::Card, "4539578763621486", Some(Sensitive::Card));
        check(NameClass::Card, "4111111111111111", Some(Sensitive::TestCard));
        check(NameClass::NationalId, "pending review", None);
        check(NameClass::NationalId, "X12345678", Some(Sensitive::NationalId));
        check(NameClass::NumberOfPerson, "943 476 5919", Some(Sensitive::NationalId));
        check(NameClass::NumberOfPerson, "943 476 5918", None);
        check(NameClass::BirthDate, "1984-03-12", Some(Sensitive::BirthDate));
        check(NameClass::BirthDate, "next year", None);
        check(NameClass::Token { issued: false }, "a1B2c3D4e5F6g7H8", None);
        check(NameClass::Token { issued: true }, "a1B2c3D4e5F6g7H8", Some(Sensitive::Token));
        check(NameClass::Secret, "vQ8Zr2Lw9Xn4", Some(Sensitive::Secret));
        check(NameClass::Secret, "your-secret", None);
    }
}
