//! Seeded hashes of object names: attackers choose ids.

use core::hash::{BuildHasher, Hasher};
use serde::{Deserialize, Serialize};
use stilt_inventory::{ObjectRef, Sighting};
use stilt_model::{EndpointId, LeafPath, saved::Keyed};

/// Makes the keys that ids, names and fields are remembered under.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Keys(Keyed);

/// Letters of a text id from which on it is drawn so that no other tenant has the same.
const DRAWN_MIN: usize = 12;

/// A service, as part of the keys of its objects, and the one of its tenants that numbers and words
/// belong to: each host of an application may count for itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServiceKey {
    service: u64,
    realm: u64,
}

/// A class of objects, as part of the keys of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClassKey(pub(super) u64);

impl Keys {
    fn bytes(&self, tag: u8, above: u64, bytes: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write_u8(tag);
        hasher.write_u64(above);
        hasher.write(bytes);
        hasher.finish()
    }

    fn words(&self, tag: u8, words: [u64; 3]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write_u8(tag);
        for word in words {
            hasher.write_u64(word);
        }
        hasher.finish()
    }

    pub(super) fn service(&self, sighting: &Sighting) -> ServiceKey {
        self.realm(&sighting.service, &sighting.realm)
    }

    pub(super) fn realm(&self, service: &str, realm: &str) -> ServiceKey {
        let service_key = self.bytes(1, 0, service.as_bytes());
        let own = service == realm;
        let realm = if own { service_key } else { self.bytes(1, 0, realm.as_bytes()) };
        ServiceKey { service: service_key, realm }
    }

    pub(super) fn class(&self, name: &str) -> ClassKey {
        ClassKey(self.bytes(2, 0, name.as_bytes()))
    }

    /// A class of objects of one service.
    pub(super) fn class_of(&self, service: ServiceKey, name: &str) -> u64 {
        self.words(9, [service.service, self.class(name).0, 0])
    }

    /// A whole number of one class.
    pub(super) fn number(&self, service: ServiceKey, class: ClassKey, number: i64) -> u64 {
        self.words(3, [service.realm, class.0, number.cast_unsigned()])
    }

    /// A whole number, whatever it names.
    pub(super) fn loose_number(&self, service: ServiceKey, number: i64) -> u64 {
        self.words(4, [service.realm, 0, number.cast_unsigned()])
    }

    /// A text, whatever it names.
    pub(super) fn text(&self, service: ServiceKey, text: &str) -> u64 {
        let drawn = text.len() >= DRAWN_MIN && text.bytes().any(|b| b.is_ascii_digit());
        let above = if drawn { service.service } else { service.realm };
        self.bytes(5, above, text.as_bytes())
    }

    /// A word of the application itself, whatever the tenant.
    pub(super) fn word(&self, service: ServiceKey, word: &str) -> u64 {
        self.bytes(5, service.service, word.as_bytes())
    }

    /// An id, whatever its class.
    pub(super) fn loose(&self, service: ServiceKey, id: &str) -> u64 {
        id.parse().map_or_else(|_| self.text(service, id), |id| self.loose_number(service, id))
    }

    /// The key of what a request asks for.
    pub(super) fn object(&self, service: ServiceKey, object: &ObjectRef) -> u64 {
        match object.number {
            Some(number) => self.number(service, self.class(&object.class), number),
            None => self.loose(service, &object.id),
        }
    }

    /// The key of a name somebody is called by, whatever the service.
    pub(super) fn name(&self, name: &str) -> u64 {
        self.bytes(6, 0, name.as_bytes())
    }

    /// The key of a right: of an object or a giver, and the name of who was let in.
    pub(super) fn pair(&self, above: u64, name: u64) -> u64 {
        self.words(8, [above, name, 0])
    }

    /// The key of a leaf of an endpoint's answers.
    pub(super) fn leaf(&self, endpoint: EndpointId, path: &LeafPath) -> u64 {
        self.words(7, [endpoint.0, path.key(), 0])
    }
}
