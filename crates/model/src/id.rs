//! Ids: derived from what they name, never drawn, so that a replay gives the same ones.

use crate::saved::hexadecimal;
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                hexadecimal::serialize(self, self.0, serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                hexadecimal::deserialize(deserializer).map(Self)
            }
        }
    };
}

id!(
    /// One transport flow: both addresses, ports, VLAN and the time it was first seen.
    FlowId
);
id!(
    /// One request with its response.
    TransactionId
);
id!(
    /// One session of one actor.
    SessionId
);
id!(
    /// One endpoint (service, method, template); derived from those words.
    EndpointId
);

/// Derives a 64-bit id from parts, in order, each part length-prefixed.
///
/// BLAKE3, unkeyed: ids name public facts and must not depend on the installation.
pub struct IdBuilder(blake3::Hasher);

impl IdBuilder {
    /// Starts an id of the kind `domain`; different domains never collide by construction.
    #[must_use]
    pub fn new(domain: &str) -> Self {
        Self(blake3::Hasher::new()).bytes(domain.as_bytes())
    }

    /// Adds bytes.
    #[must_use]
    pub fn bytes(mut self, part: &[u8]) -> Self {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// Adds text.
    #[must_use]
    pub fn text(self, part: &str) -> Self {
        self.bytes(part.as_bytes())
    }

    /// Adds a number.
    #[must_use]
    pub fn number(self, part: u64) -> Self {
        self.bytes(&part.to_le_bytes())
    }

    /// The id.
    #[must_use]
    pub fn finish(&self) -> u64 {
        let mut first = [0_u8; 8];
        self.0.finalize_xof().fill(&mut first);
        u64::from_le_bytes(first)
    }
}
