//! Signed tokens (RFC 7519): header and claims, decoded under caps. Signatures are checked where
//! keys are known, on the floor of sessions.

use crate::bytes::prefix;
use crate::mask::Masker;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use stilt_model::{Jwt, Sealed, SecretKind};

/// Longest token whose signature is checked.
const SEALED_MAX: usize = 8192;
const CLAIMS_MAX: usize = 32;
const ROLES_MAX: usize = 32;
const AUDIENCES_MAX: usize = 8;
const SUBJECTS: &[&str] = &[
    "sub",
    "preferred_username",
    "username",
    "user_name",
    "user_id",
    "userId",
    "uid",
    "email",
    "upn",
    "nameidentifier",
    "nameid",
    "unique_name",
    "userName",
    "login",
    "user",
    "id",
    "_id",
];
/// Claims that hold the bearer's own as an object.
const HOLDERS: &[&str] =
    &["data", "user", "identity", "userInfo", "user_info", "profile", "account", "claims"];
const TENANTS: &[&str] = &[
    "tenant",
    "tenant_id",
    "tenantId",
    "tid",
    "org",
    "org_id",
    "orgId",
    "organization",
    "organization_id",
    "company_id",
    "account_id",
    "workspace",
    "workspace_id",
];
const ROLES: &[&str] =
    &["role", "roles", "scope", "scopes", "scp", "groups", "permissions", "authorities"];

/// Whether `value` has a token's form: base64url parts parted by dots, the first a JSON object
/// with an algorithm (five parts where it is encrypted).
pub(crate) fn is_jwt(value: &str) -> bool {
    // The first six bits of `{` are `e`.
    if !value.starts_with('e') {
        return false;
    }
    let dots = value.bytes().filter(|byte| *byte == b'.').count();
    if !(dots == 2 || dots == 4) || value.len() < 16 {
        return false;
    }
    let plain =
        value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'='));
    let mut parts = value.split('.');
    let Some(head) = parts.next().filter(|head| plain && head.len() <= 4096) else {
        return false;
    };
    let claims = parts.next().unwrap_or_default();
    object(head).is_some_and(|head| head.contains_key("alg") || head.contains_key("typ"))
        && (dots == 4 || !claims.is_empty())
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
    // A quick look spares the parser what is no object.
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(&bytes).ok()
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        _ => None,
    }
}

fn seconds(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    #[expect(clippy::cast_possible_truncation, reason = "float casts saturate")]
    value.as_i64().or_else(|| value.as_f64().map(|number| number as i64))
}

/// Claims by their plain names: without the address that names of WS-Federation begin with, and
/// with those of an object that holds the bearer's beside them.
fn plain_claims(claims: Map<String, Value>) -> Map<String, Value> {
    let mut plain = Map::new();
    let mut held = Map::new();
    for (name, value) in claims.into_iter().take(CLAIMS_MAX * 2) {
        match value {
            Value::Object(inner) if HOLDERS.contains(&name.as_str()) => held = inner,
            value => {
                let web = name.starts_with("http://") || name.starts_with("https://");
                let short = name.rsplit('/').next().filter(|short| web && !short.is_empty());
                let short = short.map(str::to_owned).unwrap_or(name);
                plain.entry(short).or_insert(value);
            }
        }
    }
    for (name, value) in held.into_iter().take(CLAIMS_MAX) {
        plain.entry(name).or_insert(value);
    }
    plain
}

/// Header and claims of `value`, masked; `None` where it is no token that can be read.
pub(crate) fn decode(masker: &mut Masker, value: &str, max: usize) -> Option<Jwt> {
    if value.len() > max || !is_jwt(value) {
        return None;
    }
    let mut parts = value.split('.');
    let head = object(parts.next()?)?;
    let claims = plain_claims(object(parts.next()?).unwrap_or_default());
    let signature = parts.next().filter(|signature| !signature.is_empty());
    let own_key = ["jwk", "jku", "x5u", "x5c"].iter().any(|name| head.contains_key(*name));
    let signature = signature.map(|text| masker.mark(SecretKind::Token, text).digest[0]);
    let clean = |text: &str| masker.text_max(text, 128).into_owned();
    let mut jwt = Jwt {
        alg: head.get("alg").and_then(scalar).map(|alg| clean(&alg)).unwrap_or_default(),
        kid: head.get("kid").and_then(scalar).map(|kid| clean(&kid)),
        iss: claims.get("iss").and_then(scalar).map(|iss| clean(&iss)),
        iat: seconds(claims.get("iat")),
        exp: seconds(claims.get("exp")),
        nbf: seconds(claims.get("nbf")),
        sealed: signature.filter(|_| value.len() <= SEALED_MAX).map(|_| Sealed::new(value)),
        signature,
        own_key,
        ..Jwt::default()
    };
    let named = SUBJECTS.iter().find_map(|name| Some((*name, scalar(claims.get(*name)?)?)));
    jwt.sub = named.as_ref().map(|(_, sub)| user(masker, sub));
    jwt.sub_claim = named.as_ref().map_or("", |(name, _)| *name);
    let tenant = TENANTS.iter().find_map(|name| scalar(claims.get(*name)?));
    jwt.tenant = tenant.map(|tenant| masker.text_max(&tenant, 128).into_owned());
    for name in ROLES {
        roles(masker, claims.get(*name), &mut jwt.roles);
    }
    let realm = claims.get("realm_access").and_then(|access| access.get("roles"));
    roles(masker, realm, &mut jwt.roles);
    jwt.roles.sort();
    jwt.roles.dedup();
    jwt.aud = audiences(masker, claims.get("aud"));
    let known = |name: &str| {
        matches!(name, "iss" | "iat" | "exp")
            || ROLES.contains(&name)
            // An address of the bearer is shown by its mark in answers.
            || named.as_ref().is_some_and(|(found, _)| *found == name && name != "email")
    };
    for (name, value) in claims.iter().filter(|(name, _)| !known(name)) {
        let Some(text) = scalar(value) else { continue };
        if jwt.claims.len() >= CLAIMS_MAX {
            break;
        }
        let shown = masker
            .class(name)
            .and_then(|class| masker.by_name(class, &text, false))
            .map_or_else(|| masker.text_max(&text, 128).into_owned(), |(mark, _)| mark.to_string());
        jwt.claims.insert(masker.text_max(name, 64).into_owned(), shown);
    }
    Some(jwt)
}

/// A user name: in clear, e-mail addresses too, unless it is a secret of another sort.
pub(crate) fn user(masker: &Masker, name: &str) -> String {
    if masker.holds_secret(name) {
        masker.text_max(name, 128).into_owned()
    } else {
        prefix(name, 128).to_owned()
    }
}

/// Whom the token is for: one name or several (RFC 7519 §4.1.3).
fn audiences(masker: &Masker, value: Option<&Value>) -> Vec<String> {
    let list = match value {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one) => core::slice::from_ref(one),
        None => &[],
    };
    let names = list.iter().filter_map(scalar).take(AUDIENCES_MAX);
    let mut names: Vec<String> =
        names.map(|name| masker.text_max(&name, 128).into_owned()).collect();
    names.sort();
    names.dedup();
    names
}

fn roles(masker: &Masker, value: Option<&Value>, out: &mut Vec<String>) {
    let mut push = |text: &str| {
        for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
            if out.len() < ROLES_MAX {
                out.push(masker.text_max(word, 64).into_owned());
            }
        }
    };
    match value {
        Some(Value::Array(list)) => {
            for item in list.iter().take(ROLES_MAX) {
                let named = item.get("name").or(item.get("authority")).unwrap_or(item);
                if let Some(text) = scalar(named) {
                    push(&text);
                }
            }
        }
        Some(value) => {
            if let Some(text) = scalar(value) {
                push(&text);
            }
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::Key;

    fn token(head: &str, claims: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn claims_of_the_bearer_are_found_wherever_they_stand() {
        let mut masker = Masker::new(Key::new([1; 32]));
        for claims in [
            r#"{"status":"ok","data":{"id":7,"role":"customer"},"iat":5}"#,
            r#"{"user":{"_id":"7","roles":["customer"]}}"#,
            r#"{"id":7,"role":"customer"}"#,
            r#"{"http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier":"7",
                "http://schemas.microsoft.com/ws/2008/06/identity/claims/role":"customer"}"#,
        ] {
            let value = token(r#"{"alg":"HS256"}"#, claims);
            let jwt = decode(&mut masker, &value, 16_384).unwrap();
            assert_eq!(jwt.sub.as_deref(), Some("7"), "{claims}");
            assert_eq!(jwt.roles, ["customer"], "{claims}");
        }
        let value = token(r#"{"alg":"HS256"}"#, r#"{"sub":"ann","data":{"id":9}}"#);
        assert_eq!(decode(&mut masker, &value, 16_384).unwrap().sub.as_deref(), Some("ann"));
    }

    #[test]
    fn claims_are_read_and_personal_ones_masked() {
        let mut masker = Masker::new(Key::new([1; 32]));
        let value = token(
            r#"{"alg":"HS256","kid":"k1"}"#,
            r#"{"sub":"alice","iat":5,"exp":9.7,"nbf":4,"aud":["shop","api"],"role":"admin",
                "scope":"a b","tid":7,
                "mail":"a@example.com","realm_access":{"roles":["r"]}}"#,
        );
        let jwt = decode(&mut masker, &value, 16_384).unwrap();
        assert_eq!((jwt.alg.as_str(), jwt.kid.as_deref()), ("HS256", Some("k1")));
        assert_eq!((jwt.iat, jwt.exp), (Some(5), Some(9)));
        assert_eq!(
            (jwt.nbf, jwt.aud.as_slice()),
            (Some(4), &["api", "shop"].map(String::from)[..])
        );
        assert_eq!(jwt.sub.as_deref(), Some("alice"));
        assert_eq!(jwt.tenant.as_deref(), Some("7"));
        assert_eq!(jwt.roles, ["a", "admin", "b", "r"]);
        assert!(jwt.claims["mail"].starts_with("<email:"));
    }

    #[test]
    fn a_missing_signature_and_a_key_in_the_header_are_seen() {
        let mut masker = Masker::new(Key::new([1; 32]));
        let mut of = |head: &str, end: &str| {
            let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
            let value = format!("{}.{}.{end}", part(head), part(r#"{"sub":"alice"}"#));
            let jwt = decode(&mut masker, &value, 16_384).unwrap();
            (jwt.signature, jwt.own_key)
        };
        assert_eq!(of(r#"{"alg":"none"}"#, ""), (None, false));
        let signed = of(r#"{"alg":"RS256"}"#, "c2ln");
        assert_eq!(signed, of(r#"{"alg":"HS256"}"#, "c2ln"));
        assert!(signed.0.is_some() && of(r#"{"alg":"RS256","jku":"https://x"}"#, "c2ln").1);
    }

    #[test]
    fn dotted_words_and_versions_are_no_tokens() {
        for text in ["1.2.3", "www.example.com", "aaaaaaaaaaaa.bbbbbbbbbb.cccccccc", "a..b"] {
            assert!(!is_jwt(text), "{text}");
        }
        assert!(is_jwt(&token(r#"{"alg":"none"}"#, "{}")));
    }
}
