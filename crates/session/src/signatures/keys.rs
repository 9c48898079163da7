//! Keys as they are saved: those that services serve to everybody. A shared secret never is one,
//! and what is configured is configured again.

use super::Known;
use foldhash::fast::RandomState;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
use std::sync::Arc;
use stilt_model::KeyMaterial;

type Keys = HashMap<Option<String>, Vec<Known>, RandomState>;

/// A key id, the service that serves the key, and the key.
type Row = (Option<String>, Arc<str>, Public);

#[derive(Serialize, Deserialize)]
enum Public {
    Rsa(Vec<u8>, Vec<u8>),
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Public {
    fn of(material: &KeyMaterial) -> Option<Self> {
        Some(match material {
            KeyMaterial::Rsa { n, e } => Self::Rsa(n.clone(), e.clone()),
            KeyMaterial::P256(key) => Self::P256(key.clone()),
            KeyMaterial::P384(key) => Self::P384(key.clone()),
            KeyMaterial::Ed25519(key) => Self::Ed25519(key.clone()),
            KeyMaterial::Secret(_) => return None,
        })
    }

    fn material(self) -> KeyMaterial {
        match self {
            Self::Rsa(n, e) => KeyMaterial::Rsa { n, e },
            Self::P256(key) => KeyMaterial::P256(key),
            Self::P384(key) => KeyMaterial::P384(key),
            Self::Ed25519(key) => KeyMaterial::Ed25519(key),
        }
    }
}

pub(super) fn serialize<S: Serializer>(keys: &Keys, serializer: S) -> Result<S::Ok, S::Error> {
    let mut kids: Vec<_> = keys.iter().collect();
    kids.sort_unstable_by_key(|(kid, _)| *kid);
    let rows = kids.into_iter().flat_map(|(kid, known)| {
        known.iter().filter_map(|known| {
            let service = Arc::clone(known.service.as_ref()?);
            Some((kid.clone(), service, Public::of(&known.material)?))
        })
    });
    serializer.collect_seq(rows.collect::<Vec<Row>>())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Keys, D::Error> {
    let mut keys = Keys::default();
    for (kid, service, public) in Vec::<Row>::deserialize(deserializer)? {
        let known = Known { material: public.material(), service: Some(service) };
        keys.entry(kid).or_default().push(known);
    }
    Ok(keys)
}
