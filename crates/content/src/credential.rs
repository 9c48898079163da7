//! The credentials a request carries.

use crate::bytes::{is_random, length, percent_decode, prefix};
use crate::cookie;
use crate::header_names::{Carries, HeaderNames};
use crate::jwt;
use crate::mask::Masker;
use crate::mask::names::NameClass;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::borrow::Cow;
use stilt_model::{Credential, CredentialKind, Head, SecretKind};

/// User and password of HTTP Basic (RFC 7617).
pub(crate) fn basic(encoded: &str) -> Option<(String, String)> {
    let bare = encoded.trim().trim_end_matches('=');
    let bytes = STANDARD_NO_PAD.decode(bare).or_else(|_| URL_SAFE_NO_PAD.decode(bare)).ok()?;
    let text = String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().copied().map(char::from).collect());
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// A credential of one value.
pub(crate) fn simple(
    masker: &mut Masker,
    kind: CredentialKind,
    name: &str,
    value: &str,
    jwt_max: usize,
) -> Credential {
    let (mark, jwt) = masker.known(value, jwt_max);
    Credential {
        kind,
        name: masker.text_max(name, 64).into_owned(),
        mark,
        length: length(value.len()),
        user: None,
        password: None,
        jwt,
    }
}

/// All credentials of a request: headers in wire order, then the query's.
pub(crate) fn read(
    masker: &mut Masker,
    (head, names): (&Head, &mut HeaderNames),
    query: Option<&str>,
    max: usize,
    jwt_max: usize,
) -> Vec<Credential> {
    let mut found = Vec::new();
    for (name, value) in head.headers() {
        if found.len() >= max {
            break;
        }
        let carries = names.of(name).carries;
        if !carries.may_be(value) {
            continue;
        }
        let value = crate::bytes::lossy(value);
        let value = value.trim();
        match carries {
            _ if value.is_empty() => {}
            Carries::Authorization => found.extend(authorization(masker, value, jwt_max)),
            Carries::Cookie => {
                for (name, value) in cookie::pairs(value).filter(|(_, value)| !value.is_empty()) {
                    if found.len() < max {
                        let value = crate::mask::scheme_off(value);
                        found.push(simple(masker, CredentialKind::Cookie, name, value, jwt_max));
                    }
                }
            }
            Carries::Key { .. } | Carries::Token => {
                let is_key = match carries {
                    Carries::Key { length_min } if value.len() >= length_min => true,
                    _ => crate::mask::credential_kind(value) == SecretKind::Jwt,
                };
                if is_key {
                    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
                    let value = crate::mask::scheme_off(value);
                    found.push(simple(masker, CredentialKind::ApiKey, &name, value, jwt_max));
                }
            }
        }
    }
    for pair in query.unwrap_or_default().split('&') {
        let Some((name, value)) = pair.split_once('=') else { continue };
        let (once, value) = (percent_decode(name, true), percent_decode(value, true));
        let name = percent_decode(&once, true);
        if found.len() < max && !value.is_empty() && key_parameter(masker, &name, &value) {
            let name = name.to_ascii_lowercase();
            let value = crate::mask::scheme_off(&value);
            found.push(simple(masker, CredentialKind::ApiKey, &name, value, jwt_max));
        }
    }
    found
}

fn key_parameter(masker: &mut Masker, name: &str, value: &str) -> bool {
    match masker.class(name) {
        Some(NameClass::Token { issued: true }) => value.len() >= 4,
        Some(NameClass::Session) => is_random(value, 12) || crate::bytes::is_uuid(value),
        Some(NameClass::Random) => {
            let word = name.to_ascii_lowercase();
            matches!(word.as_str(), "key" | "auth") && is_random(value, 16)
        }
        Some(NameClass::Secret) => {
            let word = name.to_ascii_lowercase();
            matches!(word.as_str(), "sig" | "signature") && value.len() >= 8
        }
        _ => value.len() >= 24 && crate::mask::credential_kind(value) == SecretKind::Jwt,
    }
}

fn authorization(masker: &mut Masker, value: &str, jwt_max: usize) -> Option<Credential> {
    let Some((scheme, rest)) = value.split_once(char::is_whitespace) else {
        // No scheme: the token itself.
        return Some(simple(masker, CredentialKind::Bearer, "authorization", value, jwt_max));
    };
    let (scheme, rest) = (scheme.to_ascii_lowercase(), rest.trim());
    match scheme.as_str() {
        "bearer" | "token" | "jwt" | "oauth" | "dpop" | "apikey" | "api-key" | "key"
        | "session" | "access" | "privatetoken" | "genie key" | "ssws" => {
            let token = rest.strip_prefix("token=").unwrap_or(rest).trim_matches('"');
            Some(simple(masker, CredentialKind::Bearer, &scheme, token, jwt_max))
        }
        "basic" => Some(basic_credential(masker, rest)),
        _ => Some(other(masker, &scheme, rest)),
    }
}

fn basic_credential(masker: &mut Masker, encoded: &str) -> Credential {
    let pair = basic(encoded);
    let password = pair.as_ref().map(|(_, p)| masker.mark(SecretKind::Password, p));
    let user = pair.filter(|(user, _)| !user.is_empty()).map(|(user, _)| {
        // Keys are sent as user names as well.
        if is_random(&user, 24) && !crate::bytes::is_uuid(&user) && !user.contains('@') {
            masker.credential(&user).to_string()
        } else {
            jwt::user(masker, &user)
        }
    });
    Credential {
        kind: CredentialKind::Basic,
        name: "basic".to_owned(),
        mark: masker.mark(SecretKind::Secret, encoded),
        length: length(encoded.len()),
        user,
        password,
        jwt: None,
    }
}

/// Schemes with parameters (Digest, signatures): marked by what stays the same between requests.
fn other(masker: &mut Masker, scheme: &str, rest: &str) -> Credential {
    let user = parameter(rest, "username");
    let stable = ["credential", "keyid", "access_key", "id", "username"]
        .iter()
        .find_map(|name| parameter(rest, name))
        .map(|value| value.split('/').next().unwrap_or_default().to_owned());
    let known = scheme.len() <= 24
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && !is_random(scheme, 12)
        && !masker.holds_secret(scheme);
    let secret: Cow<'_, str> = match &stable {
        Some(stable) => Cow::Owned(format!("{scheme} {stable}")),
        None => Cow::Borrowed(rest),
    };
    Credential {
        kind: CredentialKind::Other,
        name: if known { prefix(scheme, 24).to_owned() } else { "authorization".to_owned() },
        mark: masker.mark(SecretKind::Secret, &secret),
        length: length(rest.len()),
        user: user.map(|user| jwt::user(masker, &user)),
        password: None,
        jwt: None,
    }
}

fn parameter(rest: &str, wanted: &str) -> Option<String> {
    rest.split(',').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case(wanted) && !value.is_empty()).then(|| value.to_owned())
    })
}
