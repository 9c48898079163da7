//! Signatures of tokens, checked with the keys that were seen or configured.
//!
//! A signature is called bad only where it is known that its issuer signs with that key: the key
//! is configured, or another token of the same issuer and key id was verified with it. Each token
//! is checked once; one whose key is not known, again when keys were learned.

mod keys;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use foldhash::fast::RandomState;
use ring::{hmac, signature};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use stilt_model::{Jwt, KeyMaterial, Pseudonym, SigningKey, Timestamp, saved};

/// Key ids kept, keys kept of one id, tokens whose check is remembered, issuers known to use a key.
const KIDS_MAX: usize = 512;
const KEYS_OF_ONE_MAX: usize = 8;
const TOKENS_MAX: usize = 65_536;
const PROVEN_MAX: usize = 4096;
/// Paths of key sets that services named.
const PATHS_MAX: usize = 256;
/// Seconds by which clocks may differ.
const LEEWAY_SECS: i64 = 60;

/// What the signature of a token is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signature {
    /// It was made with a key of its issuer.
    Verified,
    /// It was, but the token had expired when it was sent.
    Expired,
    /// No key for it is known, or its algorithm is not.
    UnknownKey,
    /// There is none.
    Unsigned,
    /// It was not made with the key that it names and its issuer signs with.
    Forged,
}

/// What was found of the signature alone.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Check {
    Good,
    Bad,
    Unknown,
}

struct Known {
    material: KeyMaterial,
    /// The service that serves it; `None`: configured.
    service: Option<Arc<str>>,
}

/// Keys, and what they said of tokens.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Signatures {
    #[serde(with = "keys")]
    keys: HashMap<Option<String>, Vec<Known>, RandomState>,
    /// How often keys were learned.
    learned: u64,
    tokens: HashMap<[u64; 2], (Check, u64), RandomState>,
    #[serde(serialize_with = "saved::sorted")]
    proven: HashSet<(Option<String>, Option<String>), RandomState>,
    paths: BTreeSet<String>,
}

impl Signatures {
    /// Takes keys; `service` served them, `None`: they are configured.
    pub(crate) fn learn(&mut self, keys: &[SigningKey], service: Option<&Arc<str>>) {
        for key in keys {
            if self.keys.len() >= KIDS_MAX && !self.keys.contains_key(&key.kid) {
                continue;
            }
            let known = self.keys.entry(key.kid.clone()).or_default();
            let same =
                |one: &Known| one.material == key.material && one.service.as_ref() == service;
            if known.iter().any(same) {
                continue;
            }
            // Keys are changed under one id as well: the oldest that was served goes.
            if known.len() >= KEYS_OF_ONE_MAX
                && let Some(oldest) = known.iter().position(|one| one.service.is_some())
            {
                known.remove(oldest);
            }
            known.push(Known { material: key.material.clone(), service: service.cloned() });
            self.learned = self.learned.saturating_add(1);
        }
    }

    /// After what was remembered was read: keys that are configured now hold beside it, and tokens
    /// that no key was known for are looked at once more.
    pub(crate) fn keep_configured(&mut self, before: Self) {
        self.learned = self.learned.saturating_add(before.learned);
        for (kid, known) in before.keys {
            self.keys.entry(kid).or_default().extend(known);
        }
    }

    /// A service names where its keys are (`jwks_uri`, OpenID Connect Discovery §3).
    pub(crate) fn names_path(&mut self, uri: &str) {
        let path = uri.split_once("://").map_or(uri, |(_, rest)| {
            rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default()
        });
        if self.paths.len() < PATHS_MAX && path.len() > 1 && path.len() <= 256 {
            self.paths.insert(path.to_owned());
        }
    }

    /// Whether keys under `path` are a service's own: where they usually are, or where it said.
    pub(crate) fn is_set(&self, path: &str) -> bool {
        let usual = path.strip_prefix("/.well-known/");
        usual.is_some_and(|name| matches!(name, "jwks.json" | "jwks")) || self.paths.contains(path)
    }

    /// What the signature of a token that is sent to `service` at `now` is worth.
    pub(crate) fn of(
        &mut self,
        mark: Pseudonym,
        jwt: &Jwt,
        service: &str,
        now: Timestamp,
    ) -> Signature {
        if jwt.signature.is_none() || jwt.alg.trim().eq_ignore_ascii_case("none") {
            return Signature::Unsigned;
        }
        let found = match self.tokens.get(&mark.digest) {
            Some((check, learned)) if *check == Check::Good || *learned == self.learned => *check,
            _ => {
                let check = self.check(jwt, service);
                if self.tokens.len() >= TOKENS_MAX {
                    self.tokens.clear();
                }
                self.tokens.insert(mark.digest, (check, self.learned));
                check
            }
        };
        let expired = jwt.exp.is_some_and(|exp| exp.saturating_add(LEEWAY_SECS) < now.secs());
        match found {
            Check::Good if expired => Signature::Expired,
            Check::Good => Signature::Verified,
            Check::Bad => Signature::Forged,
            Check::Unknown => Signature::UnknownKey,
        }
    }

    /// A token that `service` itself hands out: where the keys that are known don't fit, they are
    /// old, and nothing is called forged by them any more.
    pub(crate) fn handed_out(&mut self, jwt: &Jwt, service: &str) {
        if jwt.signature.is_some() && self.check(jwt, service) == Check::Bad {
            self.proven.remove(&(jwt.iss.clone(), jwt.kid.clone()));
            self.learned = self.learned.saturating_add(1);
        }
    }

    fn check(&mut self, jwt: &Jwt, service: &str) -> Check {
        let Some(known) = self.keys.get(&jwt.kid) else { return Check::Unknown };
        let Some((message, signature)) = jwt.sealed.as_ref().and_then(|token| {
            let (message, signature) = token.open().rsplit_once('.')?;
            let signature = URL_SAFE_NO_PAD.decode(signature.trim_end_matches('=')).ok()?;
            Some((message.as_bytes(), signature))
        }) else {
            return Check::Unknown;
        };
        // A host of somebody else's that serves keys under the same id says nothing of this token.
        let own = |key: &&Known| match &key.service {
            None => true,
            Some(from) => **from == *service || is_host_of(jwt.iss.as_deref(), from),
        };
        let mut configured = false;
        let mut any = false;
        for key in known.iter().filter(own) {
            any = true;
            configured |= key.service.is_none() && jwt.kid.is_some();
            if verifies(&key.material, &jwt.alg, message, &signature) {
                if self.proven.len() < PROVEN_MAX {
                    self.proven.insert((jwt.iss.clone(), jwt.kid.clone()));
                }
                return Check::Good;
            }
        }
        let proven = self.proven.contains(&(jwt.iss.clone(), jwt.kid.clone()));
        if any && (configured || proven) { Check::Bad } else { Check::Unknown }
    }
}

/// Whether an issuer is a URL of that host.
fn is_host_of(issuer: Option<&str>, service: &str) -> bool {
    let Some((_, rest)) = issuer.and_then(|issuer| issuer.split_once("://")) else { return false };
    rest.split('/').next().is_some_and(|host| host.eq_ignore_ascii_case(service))
}

/// The algorithm must be one for that sort of key (RFC 8725 §3.1).
fn verifies(material: &KeyMaterial, alg: &str, message: &[u8], sent: &[u8]) -> bool {
    let public = |algorithm: &'static dyn signature::VerificationAlgorithm, key: &[u8]| {
        signature::UnparsedPublicKey::new(algorithm, key).verify(message, sent).is_ok()
    };
    match material {
        KeyMaterial::Rsa { n, e } => {
            let algorithm = match alg {
                "RS256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                "RS512" => &signature::RSA_PKCS1_2048_8192_SHA512,
                "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
                "PS384" => &signature::RSA_PSS_2048_8192_SHA384,
                "PS512" => &signature::RSA_PSS_2048_8192_SHA512,
                _ => return false,
            };
            let key = signature::RsaPublicKeyComponents { n, e };
            key.verify(algorithm, message, sent).is_ok()
        }
        KeyMaterial::P256(key) => {
            alg == "ES256" && public(&signature::ECDSA_P256_SHA256_FIXED, key)
        }
        KeyMaterial::P384(key) => {
            alg == "ES384" && public(&signature::ECDSA_P384_SHA384_FIXED, key)
        }
        KeyMaterial::Ed25519(key) => {
            matches!(alg, "EdDSA" | "Ed25519") && public(&signature::ED25519, key)
        }
        KeyMaterial::Secret(secret) => {
            let algorithm = match alg {
                "HS256" => hmac::HMAC_SHA256,
                "HS384" => hmac::HMAC_SHA384,
                "HS512" => hmac::HMAC_SHA512,
                _ => return false,
            };
            hmac::verify(&hmac::Key::new(algorithm, secret), message, sent).is_ok()
        }
    }
}

#[cfg(test)]
mod tests;
