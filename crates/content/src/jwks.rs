//! Sets of keys that tokens are signed with (RFC 7517, RFC 8037).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use stilt_model::{KeyMaterial, SigningKey};

/// Longest set that is read, in bytes, and keys taken of one.
const SET_MAX: usize = 262_144;
const KEYS_MAX: usize = 64;

/// Whether a set of keys may be fetched under such a path.
pub(crate) fn may_be(path: &str) -> bool {
    let bytes = path.as_bytes();
    let holds = |word: &str| {
        bytes.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    };
    holds("jwk") || holds("certs") || holds("keys")
}

/// The keys of a set; secrets only where they are asked for, as no server hands them out.
#[must_use]
pub fn parse(body: &[u8], secrets: bool) -> Vec<SigningKey> {
    if body.len() > SET_MAX {
        return Vec::new();
    }
    let Ok(set) = serde_json::from_slice::<Value>(body) else { return Vec::new() };
    let keys = set.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    keys.iter().take(KEYS_MAX).filter_map(|key| one(key, secrets)).collect()
}

fn one(key: &Value, secrets: bool) -> Option<SigningKey> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?.trim_end_matches('=')).ok();
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let point = |size: usize| {
        let (x, y) = (bytes("x")?, bytes("y")?);
        (x.len() == size && y.len() == size).then(|| [&[4_u8][..], &x, &y].concat())
    };
    let material = match (text("kty")?, text("crv")) {
        ("RSA", _) => {
            let strip = |number: Vec<u8>| -> Vec<u8> {
                number.into_iter().skip_while(|byte| *byte == 0).collect()
            };
            KeyMaterial::Rsa { n: strip(bytes("n")?), e: strip(bytes("e")?) }
        }
        ("EC", Some("P-256")) => KeyMaterial::P256(point(32)?),
        ("EC", Some("P-384")) => KeyMaterial::P384(point(48)?),
        ("OKP", Some("Ed25519")) => KeyMaterial::Ed25519(bytes("x").filter(|x| x.len() == 32)?),
        ("oct", _) if secrets => KeyMaterial::Secret(bytes("k")?),
        _ => return None,
    };
    let kid = text("kid").filter(|kid| kid.len() <= 256).map(str::to_owned);
    Some(SigningKey { kid, material })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_for_signing_are_taken_and_secrets_only_from_configuration() {
        let set = br#"{"keys":[
            {"kty":"RSA","kid":"r","n":"AAECAw","e":"AQAB"},
            {"kty":"RSA","kid":"enc","use":"enc","n":"AQID","e":"AQAB"},
            {"kty":"EC","crv":"P-256","kid":"short","x":"AQ","y":"AQ"},
            {"kty":"oct","kid":"s","k":"c2VjcmV0"}]}"#;
        let served = parse(set, false);
        assert_eq!(served.len(), 1);
        assert!(matches!(&served[0].material, KeyMaterial::Rsa { n, .. } if n == &[1, 2, 3]));
        assert_eq!(parse(set, true).len(), 2);
        assert!(parse(b"[]", false).is_empty() && parse(b"{\"keys\":7}", false).is_empty());
        assert!(may_be("/.well-known/jwks.json") && !may_be("/orders/17"));
    }
}
